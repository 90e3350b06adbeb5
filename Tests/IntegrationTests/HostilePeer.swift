import Foundation
import Gossip
import MeshCrypto
import Wire

/// A TCP socket of the operating system, for peers that do what no node does.
final class RawSocket {
    let file: Int32

    /// - Parameter source: address to come from: all of 127.0.0.0/8 is this machine, so that one test can be many hosts.
    init?(port: UInt16, from source: String, waits: Bool) {
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
    }

    deinit { close(file) }

    private static func address(_ host: String, _ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(host)
        return address
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool { send(file, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count }

    /// Nil at the end of the stream; empty when nothing is there now.
    func read(waits: Bool = true) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(file, &buffer, buffer.count, waits ? 0 : Int32(MSG_DONTWAIT))
        if count > 0 { return Array(buffer[..<count]) }
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN) ? [] : nil
    }
}

/// Connections that begin and never finish a handshake: one byte now and then, and a new one for each that is closed.
final class SlowPeers: @unchecked Sendable {
    private let lock = NSLock()
    private var goesOn = true
    private var closedCount = 0
    private let ended = DispatchSemaphore(value: 0)

    /// Connections that the node closed.
    var closed: Int { lock.withLock { closedCount } }

    init(count: Int, port: UInt16, from source: String) {
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
                .filter { $0.read() != nil }
                lock.withLock { closedCount += sockets.count - alive.count }
                sockets = alive
                usleep(100_000)
            }
            ended.signal()
        }
    }

    func end() {
        lock.withLock { goesOn = false }
        ended.wait()
    }
}

/// A peer with a key of its own that shakes hands as it should, and then says whatever the test wants.
final class HostilePeer {
    private let socket: RawSocket
    private var machine: LinkMachine
    private let began = ContinuousClock.now
    private(set) var end: LinkEnd?
    var isOpen: Bool { machine.isOpen }

    init?(key: SigningKey, network: NetworkID, port: UInt16, from source: String = "127.0.0.3") {
        guard let socket = RawSocket(port: port, from: source, waits: true) else { return nil }
        self.socket = socket
        machine = LinkMachine(
            role: .dialler(expected: nil), network: network, identity: key, instance: 1, ephemeral: ExchangeKey(),
            settings: LinkSettings(profile: .loopback), now: .zero)
        feed(.opened)
        while end == nil, !machine.isOpen {
            guard let bytes = socket.read() else {
                feed(.ended)
                break
            }
            feed(.bytes(bytes))
        }
    }

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

    func say(_ payload: [UInt8], lane: Lane = .gossip) {
        guard let packet = machine.seal(frame: LinkFrame.payload(lane, payload).bytes, now: now) else { return }
        socket.write(packet)
    }

    /// Records of other nodes, in as many frames as they need.
    func tell(_ records: [NodeRecord]) {
        for frame in LinkFrame.packing(records) {
            guard let packet = machine.seal(frame: frame.bytes, now: now) else { return }
            socket.write(packet)
        }
    }

    /// Says `payload` of 0, 1, … for some seconds, as fast as the node takes it, and answers its pings; nil says nothing.
    /// - Returns: bytes that went to the node, and that came from it.
    func flood(seconds: Double, lane: Lane = .gossip, _ payload: (Int) -> [UInt8]?) -> (sent: Int, received: Int) {
        let end = ContinuousClock.now + .seconds(seconds)
        var (sent, received, number) = (0, 0, 0)
        while ContinuousClock.now < end, self.end == nil {
            for _ in 0..<100 {
                guard let bytes = payload(number) else { break }
                number += 1
                sent += bytes.count
                say(bytes, lane: lane)
            }
            while let bytes = socket.read(waits: false), !bytes.isEmpty {
                received += bytes.count
                feed(.bytes(bytes))
            }
            while let packet = machine.nextServicePacket(now: now) { socket.write(packet) }
        }
        return (sent, received)
    }

    /// Bytes as they are, behind the handshake.
    func write(_ bytes: [UInt8]) { socket.write(bytes) }

    /// Reads until the node ends the connection.
    func readToEnd() {
        while end == nil {
            guard let bytes = socket.read() else { return feed(.ended) }
            feed(.bytes(bytes))
        }
    }
}
