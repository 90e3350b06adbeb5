import Gossip
import MeshCrypto
import Wire

/// The machines that peers talk to, with the bytes that pass the link's encryption.
extension FuzzTarget {
    private static let nodes: [NodeID] = (0..<5).map {
        NodeID([UInt8](repeating: 10 + $0, count: 32))
    }
    private static let chains: [ChainID] = (0..<3).map {
        ChainID([UInt8](repeating: 60 + $0, count: 32))
    }
    private static let network = NetworkID([UInt8](repeating: 7, count: 32))

    static let topics = FuzzTarget("topics", of: "Sources/Gossip/Topics/TopicMesh+Messages.swift") {
        input in
        var mesh = TopicMesh(
            own: nodes[0], settings: TopicSettings(profile: .loopback), seed: input.next(), now: .zero)
        var now = Duration.zero
        var judged: [MessageID] = []
        for _ in 0..<1 + input.pick(40) {
            now += .milliseconds(input.pick(3_000))
            let peer = nodes[1 + input.pick(4)]
            let message = TopicMessage(
                id: MessageID([UInt8](repeating: input.byte() & 15, count: 32)), topic: input.pick(chains),
                bytes: [UInt8](repeating: 1, count: input.pick(3_000)), isUrgent: input.bool())
            let step: TopicInput =
                switch input.pick(10) {
                case 0: .join(input.pick(chains))
                case 1: .leave(input.pick(chains))
                case 2: .linked(peer, outbound: input.bool())
                case 3: .gone(peer)
                case 4: .publish(message)
                case 5: .message(message, from: peer)
                case 6: .verdict(judged.last ?? message.id, input.pick([.accept, .reject, .ignore]))
                case 7: .misbehaved(peer, count: input.pick(100))
                case 8: .tick
                default: control(&input).map { .control($0, from: peer) } ?? .tick
                }
            for case .judge(let message, _) in mesh.handle(step, now: now) { judged.append(message.id) }
        }
        _ = mesh.neighbours(of: chains[0], others: input.pick(4))
    }

    private static func control(_ input: inout FuzzInput) -> TopicControl? {
        try? TopicControl(wireBytes: input.take(120))
    }

    static let content = FuzzTarget("content", of: "Sources/Gossip/Content/ContentFetching.swift") {
        input in
        let bytes = [UInt8](repeating: 3, count: 70_000)
        let manifest = ContentManifest(of: bytes, kind: .other)
        var exchange = ContentExchange(settings: .loopback)
        var now = Duration.zero
        let others = (0..<3).map { ContentID([UInt8](repeating: $0, count: 32)) }
        for _ in 0..<1 + input.pick(24) {
            now += .milliseconds(input.pick(4_000))
            let (id, peer) = (
                input.pick(others + [manifest.contentID, manifest.contentID]), input.pick(nodes)
            )
            let step: ContentInput =
                switch input.pick(11) {
                case 0:
                    .want(
                        id, expectedLength: input.bool() ? manifest.length : input.number(),
                        providers: [peer], deadline: input.bool() ? now + .seconds(5) : nil)
                case 1: .providers(id, [peer])
                case 2: .cancel(id)
                case 3: .peerGone(peer)
                case 4: .peerLinked(peer)
                case 5: .opened(id, ChunkBitmap(count: manifest.chunks.count))
                case 6: .timer
                case 7: .frame(from: peer, answer(manifest, bytes, &input))
                case 8: .finished(id, failure: input.bool() ? "" : nil)
                case 9: .reopen(id)
                default:
                    (try? ContentMessage(wireBytes: input.take(200))).map { .frame(from: peer, $0) } ?? .timer
                }
            _ = exchange.handle(step, now: now)
        }
    }

    /// What a provider says about the content that is there, with changes.
    private static func answer(
        _ manifest: ContentManifest, _ bytes: [UInt8], _ input: inout FuzzInput
    ) -> ContentMessage {
        switch input.pick(3) {
        case 0: .manifest(manifest.contentID, input.edited(manifest.wireBytes))
        case 1:
            .chunk(
                manifest.contentID, .content, index: input.number(near: 0),
                input.edited(Array(bytes.prefix(ContentLimits.chunkBytes))))
        default: .have(manifest.contentID, first: input.number(near: 0), bitmap: input.take(16))
        }
    }

    private static let identities: [SigningKey] = (0..<4).map { index in
        try! SigningKey(seed: SecretBytes(Transcript.hash("fuzz peer", [UInt8(index)])))
    }
    private static let exchangeKeys = (0..<4).map { _ in ExchangeKey() }

    private static func record(_ index: Int, incarnation: UInt64) -> NodeRecord {
        NodeRecord(
            incarnation: incarnation,
            addresses: [try! PeerAddress(host: "127.0.0.1", port: 4_000 + UInt16(index))],
            datagramKey: DatagramKey(exchangeKeys[index].publicKey), capabilities: 0,
            signedWith: identities[index])
    }
    private static let records = (0..<4).map { record($0, incarnation: 5) }

    static let membership = FuzzTarget(
        "membership", of: "Sources/Gossip/Membership/MembershipState+Probing.swift"
    ) { input in
        var state = MembershipState(
            own: records[0], identity: identities[0], settings: MembershipSettings(profile: .loopback),
            seed: input.next(), now: .zero)
        var now = Duration.zero
        _ = state.handle(.knownRecords(Array(records.dropFirst())), now: now)
        for _ in 0..<1 + input.pick(30) {
            now += .milliseconds(input.pick(2_000))
            let index = 1 + input.pick(3)
            let peer = identities[index].nodeID
            let step: MembershipState.Input =
                switch input.pick(8) {
                case 0: .linkUp(peer)
                case 1: .linkDown(peer)
                case 2: .linkAnswered(peer)
                case 3: .records(from: peer, [record(input.pick(4), incarnation: input.number(near: 5))])
                case 4: .recordsRequested(from: peer)
                case 5: .tick
                default: .message(from: peer, statement(&input))
                }
            _ = state.handle(step, now: now)
        }
        _ = state.introduction()
    }

    /// Statements about others and about the node itself; numbers are free.
    private static func statement(_ input: inout FuzzInput) -> MembershipMessage {
        let node = identities[input.pick(4)].nodeID
        let valid = MembershipMessage(
            sequence: input.number(near: 1), body: .ping,
            updates: [
                .suspect(node, incarnation: input.number(near: 5), accuser: identities[1].nodeID),
                .dead(node, incarnation: input.number(near: 5), accuser: node),
            ])
        return (try? MembershipMessage(wireBytes: input.edited(valid.wireBytes))) ?? valid
    }

    static let datagrams = FuzzTarget("datagrams", of: "Sources/Gossip/Membership/DatagramGate.swift") { input in
        var gates = (0..<2).map { index in
            DatagramGate(
                own: identities[index].nodeID, network: network, key: exchangeKeys[index],
                cookieKey: [UInt8](repeating: 1, count: 32), now: .zero)
        }
        func find(_ node: NodeID) -> NodeRecord? { records.first { $0.node == node } }
        var now = Duration.zero
        for _ in 0..<1 + input.pick(4) {
            now += .milliseconds(input.pick(60_000))
            let sent =
                input.bool()
                ? gates[1].joinRequest(nonce: [UInt8](repeating: 2, count: 16))
                : gates[1].seal(statement(&input), to: records[0]) ?? []
            if case .reply(let reply) = gates[0].open(
                input.edited(sent), from: "1.2.3.4:5", now: now, record: find)
            {
                if case .reply(let join) = gates[1].open(
                    input.edited(reply), from: "1.2.3.4:6", now: now, record: find)
                {
                    _ = gates[0].open(input.edited(join), from: "1.2.3.4:5", now: now, record: find)
                }
            }
        }
    }

    /// Dials, admissions, refusals and ends of connections, in any order.
    static let dials = FuzzTarget("dials", of: "Sources/Gossip/Links/LinkTable.swift") { input in
        var settings = LinkSettings(profile: input.bool() ? .loopback : .wan)
        _ = settings.fit(descriptors: input.pick(256))
        var table = LinkTable(own: identities[0].nodeID, settings: settings, seed: input.next(), now: .zero)
        var now = Duration.zero
        var open: [ConnectionID] = []
        var ups: Set<NodeID> = []
        for number in 1...1 + input.pick(80) {
            now += .milliseconds(input.pick(3_000))
            let peer = input.pick(nodes + identities.map(\.nodeID))
            let accepted = LinkTable.acceptedConnection(UInt64(number))
            let connection = open.isEmpty ? accepted : input.pick(open)
            let step: LinkTable.Input =
                switch input.pick(14) {
                case 0: .bootstrap(input.pick(records).addresses, expected: input.bool() ? peer : nil)
                case 1: .record(input.pick(records), isRemembered: input.bool())
                case 2: .standing(Standing(members: input.bool() ? [peer] : [], accounts: [input.pick(nodes)]))
                case 3: .forget(peer)
                case 4, 5: .accepted(accepted, host: "host \(input.pick(3))")
                case 6: .unreachable(connection, "no route")
                case 7, 8: .identified(connection, peer, instance: input.number(near: 1))
                case 9: .established(connection)
                case 10: .closed(connection, end(&input))
                case 11: input.bool() ? .ban(peer) : .allow(peer)
                case 12: .allowOnly(input.bool() ? nil : [peer])
                default: .tick
                }
            if case .accepted = step { open.append(accepted) }
            for directive in table.handle(step, now: now) {
                switch directive {
                case .dial(let id, _, _): open.append(id)
                case .linkUp(let node, _): law(ups.insert(node).inserted, "\(node.short) is up twice")
                case .linkDown(let node, _): law(ups.remove(node) != nil, "\(node.short) is down twice")
                default: break
                }
            }
            law(Set(table.links.keys) == ups, "links that nobody was told of")
        }
        _ = (table.nextDeadline, table.diallingNodes)
    }

    private static func end(_ input: inout FuzzInput) -> LinkEnd {
        switch input.pick(4) {
        case 0: .lost
        case 1: .here(input.pick(LinkCode.allCases))
        case 2: .peer(input.pick(LinkCode.allCases))
        default: .otherRules(own: 1, peer: input.number(near: 1))
        }
    }

    /// A machine holds secrets and cannot be copied.
    private final class Side {
        var machine: LinkMachine

        init(_ index: Int) {
            machine = LinkMachine(
                role: index == 0 ? .dialler(expected: identities[1].nodeID) : .acceptor, network: network,
                identity: identities[index], instance: UInt64(index), ephemeral: exchangeKeys[2 + index],
                settings: LinkSettings(profile: .loopback), now: .zero)
        }
    }

    /// Two ends of a link; what passes may be changed, and once it is open a side may seal any frame.
    static let links = FuzzTarget("links", of: "Sources/Gossip/Links/LinkMachine.swift") { input in
        let sides = (0..<2).map { Side($0) }
        var now = Duration.zero
        var queue: [(to: Int, bytes: [UInt8])] = []
        func take(_ directives: [LinkMachine.Directive], by side: Int) {
            for directive in directives {
                if case .write(let bytes) = directive { queue.append((1 - side, bytes)) }
                if case .identified = directive {
                    take(sides[side].machine.handle(.admit, now: now), by: side)
                }
            }
        }
        for side in 0..<2 { take(sides[side].machine.handle(.opened, now: now), by: side) }
        var passed = 0
        while passed < 24, !queue.isEmpty || !input.isAtEnd {
            passed += 1
            if queue.isEmpty {
                let side = input.pick(2)
                now += .milliseconds(input.pick(2_000))
                switch input.pick(4) {
                case 0:
                    take(
                        sides[side].machine.handle(
                            .tick(waiting: input.bool(), reading: input.bool()), now: now), by: side)
                case 1: take(sides[side].machine.handle(.ping, now: now), by: side)
                default:
                    if let packet = sides[side].machine.seal(frame: [input.byte()] + input.take(200), now: now) {
                        queue.append((1 - side, packet))
                    }
                }
                while let packet = sides[side].machine.nextServicePacket(now: now) {
                    queue.append((1 - side, packet))
                }
                continue
            }
            let (to, bytes) = queue.removeFirst()
            // Mostly as it was: the handshake has to succeed for anything behind it.
            let changed = input.pick(16) == 1 ? input.edited(bytes) : bytes
            take(sides[to].machine.handle(.bytes(changed), now: now), by: to)
        }
        _ = sides[0].machine.handle(.ended, now: now)
    }
}
