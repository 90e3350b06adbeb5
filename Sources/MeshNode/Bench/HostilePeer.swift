internal import Foundation
package import Gossip
package import MeshCrypto
package import Wire

/// A TCP socket of the operating system, for peers that do what no node does.
package final class RawSocket {
    let file: Int32

    /// - Parameter source: address to come from: all of 127.0.0.0/8 is this machine, so that one machine can be many hosts.
    package init?(port: UInt16, from source: String, waits: Bool) {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | (waits ? 0 : Int32(SOCK_NONBLOCK.rawValue)), 0)
        guard file >= 0 else { return nil }
        self.file = file
        var own = Self.address(source, 0)
        var target = Self.address("127.0.0.1", port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, size) }
        }
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, size) }
        }
        guard bound == 0, connected == 0 || errno == EINPROGRESS else { return nil }
        guard waits else { return }
        var step = timeval(tv_sec: 0, tv_usec: 100_000)
        setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &step, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &step, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(file) }

    private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    /// False where the other side is gone, or takes nothing for `patience` (a non-blocking socket: nothing now).
    @discardableResult
    package func write(_ bytes: [UInt8], patience: Duration = .seconds(10)) -> Bool {
        let end = ContinuousClock.now + patience
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                send(file, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno != EAGAIN || fcntl(file, F_GETFL) & Int32(O_NONBLOCK) != 0 || ContinuousClock.now >= end {
                return false
            }
        }
        return true
    }

    /// Nil at the end of the stream; empty when nothing is there: now, or for a tenth of a second if it waits.
    package func read(waits: Bool = true) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(file, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
        if count > 0 { return Array(buffer[..<count]) }
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN) ? [] : nil
    }
}

/// Connections that begin and never finish a handshake: one byte now and then, and a new one for each that is closed.
package final class SlowPeers: @unchecked Sendable {
    private let lock = NSLock()
    private var goesOn = true
    private var closedCount = 0
    private let ended = DispatchSemaphore(value: 0)

    /// Connections that the node closed.
    package var closed: Int { lock.withLock { closedCount } }

    package init(count: Int, port: UInt16, from source: String) {
        Thread.detachNewThread { [self] in
            var sockets: [RawSocket] = []
            while lock.withLock({ goesOn }) {
                while sockets.count < count, let next = RawSocket(port: port, from: source, waits: false) {
                    sockets.append(next)
                }
                // The length of a hello that never comes.
                let alive = sockets.filter {
                    $0.write([0]) || errno == EAGAIN || errno == ENOTCONN || errno == EINPROGRESS
                }
                .filter { $0.read(waits: false) != nil }
                lock.withLock { closedCount += sockets.count - alive.count }
                sockets = alive
                usleep(100_000)
            }
            ended.signal()
        }
    }

    package func end() {
        lock.withLock { goesOn = false }
        ended.wait()
    }
}

/// A peer with a key of its own that shakes hands as it should, and then says whatever it is told to.
package final class HostilePeer {
    private let socket: RawSocket
    private var machine: LinkMachine
    private let began = ContinuousClock.now
    package private(set) var end: LinkEnd?
    package var isOpen: Bool { machine.isOpen && end == nil }

    /// Returns when the link is open, or refused, or after ten seconds.
    /// - Parameter instance: another one of the same key is another process of the same node.
    package init?(
        key: SigningKey, network: NetworkID, port: UInt16, from source: String = "127.0.0.3", instance: UInt64 = 1
    ) {
        guard let socket = RawSocket(port: port, from: source, waits: true) else { return nil }
        self.socket = socket
        machine = LinkMachine(
            role: .dialler(expected: nil), network: network, identity: key, instance: instance,
            ephemeral: ExchangeKey(), settings: LinkSettings(profile: .loopback), now: .zero)
        feed(.opened)
        while end == nil, !machine.isOpen, now < .seconds(10) {
            guard let bytes = socket.read() else {
                feed(.ended)
                break
            }
            if !bytes.isEmpty { feed(.bytes(bytes)) }
        }
    }

    /// Whose node it has linked to.
    package var peer: NodeID? { machine.peer }

    private var now: Duration { ContinuousClock.now - began }

    private func feed(_ input: LinkMachine.Input) {
        for directive in machine.handle(input, now: now) {
            switch directive {
            case .write(let bytes): socket.write(bytes)
            case .identified: feed(.admit)
            case .finish(let reason): end = reason
            default: break
            }
        }
    }

    /// False where nothing can be said any more.
    @discardableResult
    package func say(_ payload: [UInt8], lane: Lane = .gossip) -> Bool {
        guard let packet = machine.seal(frame: LinkFrame.payload(lane, payload).bytes, now: now) else { return false }
        return socket.write(packet)
    }

    /// Records of other nodes, in as many frames as they need.
    package func tell(_ records: [NodeRecord]) {
        for frame in LinkFrame.packing(records) {
            guard let packet = machine.seal(frame: frame.bytes, now: now) else { return }
            socket.write(packet)
        }
    }

    /// Says `payload` of 0, 1, … for some seconds and answers the node's pings; nil says nothing.
    /// - Parameter perSecond: messages; nil: as fast as the node takes them.
    /// - Returns: bytes that went to the node, and that came from it.
    package func flood(
        seconds: Double, lane: Lane = .gossip, perSecond: Int? = nil, _ payload: (Int) -> [UInt8]?
    ) -> (sent: Int, received: Int) {
        let start = ContinuousClock.now
        let end = start + .seconds(seconds)
        var (sent, received, number) = (0, 0, 0)
        var goesOn = true
        while goesOn, ContinuousClock.now < end, self.end == nil {
            let due = perSecond.map { Int(Double($0) * ((ContinuousClock.now - start) / .seconds(1))) } ?? number + 100
            var says = false
            for _ in 0..<min(100, max(0, due - number)) {
                guard let bytes = payload(number) else { break }
                number += 1
                sent += bytes.count
                says = true
                guard say(bytes, lane: lane) else {
                    goesOn = false
                    break
                }
            }
            while true {
                guard let bytes = socket.read(waits: false) else {
                    goesOn = false
                    break
                }
                if bytes.isEmpty { break }
                received += bytes.count
                feed(.bytes(bytes))
            }
            while let packet = machine.nextServicePacket(now: now) { socket.write(packet) }
            if !says { usleep(2_000) }
        }
        return (sent, received)
    }

    /// Bytes as they are, behind the handshake.
    package func write(_ bytes: [UInt8]) { socket.write(bytes) }

    /// Reads until the node ends the connection.
    package func readToEnd() {
        while end == nil {
            guard let bytes = socket.read() else { return feed(.ended) }
            if !bytes.isEmpty { feed(.bytes(bytes)) }
        }
    }
}
