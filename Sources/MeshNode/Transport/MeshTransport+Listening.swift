internal import Gossip
internal import NIOCore
internal import NIOPosix
internal import Wire

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension MeshTransport {
    /// Takes the same port number for links and datagrams.
    func listen() async throws(TransportError) -> PeerAddress {
        let host = configuration.listenHost
        let wanted = configuration.listenPort
        // A free TCP port may be taken for UDP; then another is drawn.
        for attempt in 0..<8 {
            let server = try await listenForLinks(host, wanted)
            guard let bound = server.localAddress?.port, let port = UInt16(exactly: bound) else {
                throw .cannotListen(host: host, port: wanted, reason: "the socket has no port")
            }
            do {
                datagrams = try await listenForDatagrams(host, port)
                self.server = server
                return try peerAddress(host, port)
            } catch {
                try? await server.close().get()
                guard wanted == 0, attempt < 7, case .portInUse = error else { throw error }
            }
        }
        throw .cannotListen(host: host, port: wanted, reason: "no port is free for both TCP and UDP")
    }

    private func listenForLinks(_ host: String, _ port: UInt16) async throws(TransportError) -> any Channel {
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    let id = assumeIsolated { $0.registerAccepted(channel) }
                    try channel.pipeline.syncOperations.addHandler(ConnectionHandler(id: id, transport: self))
                }
            }
        do {
            return try await bootstrap.bind(host: host, port: Int(port)).get()
        } catch {
            throw Self.listenError(error, host, port, "TCP")
        }
    }

    private func listenForDatagrams(_ host: String, _ port: UInt16) async throws(TransportError) -> any Channel {
        let bootstrap = DatagramBootstrap(group: loop)
            // NIO's default cuts longer datagrams silently. Twice our limit shows an oversize one as oversize.
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 2 * DatagramGate.datagramBytesMax)
            )
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(transport: self))
                }
            }
        do {
            return try await bootstrap.bind(host: host, port: Int(port)).get()
        } catch {
            throw Self.listenError(error, host, port, "UDP")
        }
    }

    private static func listenError(
        _ error: any Error, _ host: String, _ port: UInt16, _ kind: String
    ) -> TransportError {
        if let failure = error as? IOError {
            if failure.errnoCode == EADDRINUSE { return .portInUse(host: host, port: port, kind: kind) }
            return .cannotListen(host: host, port: port, reason: String(cString: strerror(failure.errnoCode)))
        }
        let isUnknown = error is SocketAddressError.UnknownHost
        return .cannotListen(host: host, port: port, reason: isUnknown ? "no host has this name" : "\(error)")
    }

    /// What the node record names: the advertised host, else the listening one, else this machine's own addresses.
    func advertisedAddresses(_ listening: PeerAddress) throws(TransportError) -> [PeerAddress] {
        if let host = configuration.advertisedHost { return [try peerAddress(host, listening.port)] }
        guard ["0.0.0.0", "::"].contains(listening.host) else { return [listening] }
        var found: [PeerAddress] = []
        var loopback: [PeerAddress] = []
        for device in (try? System.enumerateDevices()) ?? [] {
            guard let socket = device.address, let host = socket.ipAddress,
                let address = try? PeerAddress(host: host, port: listening.port)
            else { continue }
            if socket.protocol == .inet6, listening.host == "0.0.0.0" { continue }
            // Link-local addresses mean nothing without an interface.
            if host.hasPrefix("fe80") || host.hasPrefix("169.254.") { continue }
            if host.hasPrefix("127.") || host == "::1" { loopback.append(address) } else { found.append(address) }
        }
        let all = found.isEmpty ? loopback : found
        return all.isEmpty ? [try peerAddress("127.0.0.1", listening.port)] : Array(all.prefix(LinkLimits.addressesMax))
    }

    private func peerAddress(_ host: String, _ port: UInt16) throws(TransportError) -> PeerAddress {
        do {
            return try PeerAddress(host: host, port: port)
        } catch {
            throw .invalid(field: "listen or advertised host", reason: error.description)
        }
    }

    /// The first incarnation of a run: grows from run to run as long as the clock does; where it does not, the node
    /// meets its own older record and goes above it.
    func wallMilliseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
