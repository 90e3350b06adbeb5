internal import Glibc
internal import MeshCrypto
public import Gossip
public import Wire

/// One question over a plain socket, for `doctor`: nothing of it runs in a node.
public enum Reachability {
    /// Why a port cannot be taken, for TCP and UDP; nil where it can.
    public static func problems(binding host: String, port: UInt16) -> (tcp: String?, udp: String?) {
        func attempt(_ type: Int32) -> String? {
            withSocket(host, port, type) { file, address, length in
                var on: Int32 = 1
                setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
                guard bind(file, address, length) == 0 else { return String(cString: strerror(errno)) }
                return nil
            } ?? "the address cannot be resolved"
        }
        return (attempt(Int32(SOCK_STREAM.rawValue)), attempt(Int32(SOCK_DGRAM.rawValue)))
    }

    /// Whether somebody accepts TCP connections there within two seconds.
    public static func accepts(_ address: PeerAddress) -> Bool {
        withSocket(address.host, address.port, Int32(SOCK_STREAM.rawValue)) { file, target, length in
            limit(file)
            return connect(file, target, length) == 0
        } ?? false
    }

    /// Whether a node of the network answers a datagram there within two seconds: it is asked for a join cookie, and
    /// nothing more.
    public static func answersDatagrams(_ address: PeerAddress, network: NetworkID) -> Bool {
        guard let key = try? SigningKey(seed: SecretBytes(randomBytes(32))) else { return false }
        var gate = DatagramGate(
            own: key.nodeID, network: network, key: ExchangeKey(), cookieKey: randomBytes(32), now: .zero)
        let request = gate.joinRequest(nonce: randomBytes(16))
        return withSocket(address.host, address.port, Int32(SOCK_DGRAM.rawValue)) { file, target, length in
            limit(file)
            guard connect(file, target, length) == 0 else { return false }
            // A datagram may be lost on the way: three times.
            for _ in 0..<3 {
                guard send(file, request, request.count, 0) == request.count else { return false }
                var answer = [UInt8](repeating: 0, count: 2 * DatagramGate.datagramBytesMax)
                let count = recv(file, &answer, answer.count, 0)
                // Domain, version and kind of a cookie.
                if count > 6, answer[0] == 15, answer[1] == 0, answer[3] == 2 { return true }
            }
            return false
        } ?? false
    }

    private static func limit(_ file: Int32) {
        var time = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func withSocket<Value>(
        _ host: String, _ port: UInt16, _ type: Int32,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Value
    ) -> Value? {
        var hints = addrinfo()
        hints.ai_socktype = type
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, "\(port)", &hints, &found) == 0, let first = found else { return nil }
        defer { freeaddrinfo(found) }
        guard let address = first.pointee.ai_addr else { return nil }
        let file = socket(first.pointee.ai_family, type, 0)
        guard file >= 0 else { return nil }
        defer { close(file) }
        return body(file, address, first.pointee.ai_addrlen)
    }
}
