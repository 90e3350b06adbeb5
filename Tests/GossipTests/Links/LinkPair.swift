import Gossip
import MeshCrypto
import Wire

/// Fixed key of a test party.
func testKey(_ number: UInt8) -> SigningKey {
    try! SigningKey(seed: SecretBytes([UInt8](repeating: number, count: 32)))
}

func testNetwork(_ number: UInt8 = 1) -> NetworkID { NetworkID([UInt8](repeating: number, count: 32)) }

/// One side of a connection in memory.
final class LinkSide {
    var machine: LinkMachine
    /// Bytes written and not yet delivered.
    var outbox: [[UInt8]] = []
    var seen: [LinkMachine.Directive] = []
    /// What to do when the peer is identified.
    var answer: LinkMachine.Input = .admit

    init(
        _ role: LinkMachine.Role, identity: SigningKey, network: NetworkID = testNetwork(), instance: UInt64 = 1,
        settings: LinkSettings = LinkSettings(profile: .loopback), rekeyBytes: UInt64 = LinkLimits.rekeyBytes,
        rules: UInt16 = RulesNumber.current
    ) {
        machine = LinkMachine(
            role: role, network: network, identity: identity, instance: instance, ephemeral: ExchangeKey(),
            settings: settings, rekeyBytes: rekeyBytes, rules: rules, now: .zero)
    }

    func feed(_ input: LinkMachine.Input, now: Duration = .zero) {
        for directive in machine.handle(input, now: now) {
            seen.append(directive)
            switch directive {
            case .write(let bytes): outbox.append(bytes)
            case .identified: feed(answer, now: now)
            default: break
            }
        }
    }

    /// Seals a payload of an open link into the outbox.
    func send(_ lane: Lane, _ bytes: [UInt8], now: Duration = .zero) {
        outbox.append(machine.seal(frame: LinkFrame.payload(lane, bytes).bytes, now: now)!)
    }

    func service(now: Duration = .zero) {
        while let packet = machine.nextServicePacket(now: now) { outbox.append(packet) }
    }

    var isOpen: Bool { machine.isOpen }

    var end: LinkEnd? {
        for directive in seen { if case .finish(let end) = directive { return end } }
        return nil
    }

    var payloads: [[UInt8]] {
        seen.compactMap { if case .payload(_, let bytes) = $0 { bytes } else { nil } }
    }

    var identified: NodeID? {
        for directive in seen { if case .identified(let node, _) = directive { return node } }
        return nil
    }
}

/// A dialler and an acceptor and the wire between them.
final class LinkPair {
    let dialler: LinkSide
    let acceptor: LinkSide
    /// May change or drop (nil) what passes; the count runs over both directions.
    var tamper: ((_ index: Int, _ fromDialler: Bool, _ bytes: [UInt8]) -> [UInt8]?)?
    /// Bytes a delivery, to try every way that TCP may cut.
    var pieces = Int.max
    private(set) var passed = 0

    init(_ dialler: LinkSide, _ acceptor: LinkSide) {
        self.dialler = dialler
        self.acceptor = acceptor
    }

    static func standard(
        settings: LinkSettings = LinkSettings(profile: .loopback), rekeyBytes: UInt64 = LinkLimits.rekeyBytes
    ) -> LinkPair {
        LinkPair(
            LinkSide(.dialler(expected: nil), identity: testKey(1), settings: settings, rekeyBytes: rekeyBytes),
            LinkSide(.acceptor, identity: testKey(2), settings: settings, rekeyBytes: rekeyBytes))
    }

    func open(now: Duration = .zero) {
        dialler.feed(.opened, now: now)
        acceptor.feed(.opened, now: now)
        settle(now: now)
    }

    /// Passes bytes to and fro until nobody has any left.
    func settle(now: Duration = .zero) {
        while !dialler.outbox.isEmpty || !acceptor.outbox.isEmpty {
            deliver(from: dialler, to: acceptor, true, now)
            deliver(from: acceptor, to: dialler, false, now)
        }
    }

    private func deliver(from: LinkSide, to: LinkSide, _ fromDialler: Bool, _ now: Duration) {
        let packets = from.outbox
        from.outbox = []
        for packet in packets {
            let bytes = tamper.map { $0(passed, fromDialler, packet) } ?? packet
            passed += 1
            guard let bytes else { continue }
            var offset = 0
            while offset < bytes.count {
                let next = min(bytes.count, pieces < bytes.count ? offset + pieces : bytes.count)
                to.feed(.bytes(Array(bytes[offset..<next])), now: now)
                offset = next
            }
        }
    }
}
