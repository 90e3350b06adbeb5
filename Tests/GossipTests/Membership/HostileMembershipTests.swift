import MeshCrypto
import Testing
import Wire

@testable import Gossip

/// What linked nodes that lie, and strangers in numbers, get out of membership.
@Suite("Hostile members")
struct HostileMembershipTests {
    private func world(_ count: Int) -> MembershipWorld {
        let world = MembershipWorld(seed: 1)
        for _ in 0..<count { world.add() }
        return world
    }

    private func invented(_ numbers: Range<Int>) -> [NodeRecord] {
        numbers.map { number in
            NodeRecord(
                incarnation: 1, addresses: [try! PeerAddress(host: "10.0.0.9", port: UInt16(number))],
                datagramKey: .zero, capabilities: 0, signedWith: MembershipWorld.identity(number))
        }
    }

    @Test("one sender is one voice against a linked node, whatever accusers it names; several senders are several")
    func madeUpAccusers() throws {
        let world = world(8)
        world.introduceAll()
        let subject = world.id(3)
        func tell(_ sender: Int, _ accusers: [NodeID], isDead: Bool = true) {
            let updates = accusers.map { accuser -> MembershipUpdate in
                isDead
                    ? .dead(subject, incarnation: 1, accuser: accuser)
                    : .suspect(subject, incarnation: 1, accuser: accuser)
            }
            let message = MembershipMessage(sequence: 1, body: .rumours, updates: updates)
            world.feed(1, .message(from: world.id(sender), message))
        }
        func member() throws -> Member { try #require(world.nodes[1].members[subject]) }
        let invented = (900..<903).map { MembershipWorld.identity($0).nodeID }
        // Three that do not exist, then three that live and said nothing.
        tell(0, invented)
        tell(0, [4, 5, 6].map(world.id), isDead: false)
        tell(0, [4, 5, 6].map(world.id))
        let alone = world.nodes[1].suspicionTimeout(try member())
        #expect(try member().status == .suspect && member().accusers.count == 1)
        // Who passes on what is counted adds nothing; others' words do, each with one.
        tell(2, [world.id(0)])
        #expect(try member().accusers.count == 1)
        tell(2, [world.id(4), world.id(5)])
        #expect(try member().accusers.count == 2)
        tell(4, [world.id(4)])
        #expect(try member().accusers.count == 2)
        tell(2, [world.id(5)])
        #expect(try member().accusers.count == 3)
        #expect(world.nodes[1].suspicionTimeout(try member()) < alone)
    }

    @Test("what is said of many takes the places of who says it, not of this node's own rumours")
    func rumoursOfBurials() {
        let count = GossipTables.rumours.quota + 2
        let own = MembershipWorld.identity(0)
        let record = NodeRecord(incarnation: 1, addresses: [], datagramKey: .zero, capabilities: 0, signedWith: own)
        var state = MembershipState(
            own: record, identity: own, settings: MembershipSettings(profile: .wan), seed: 1, now: .zero)
        let records = invented(1_000..<1_000 + count)
        let sender = records[0].node
        _ = state.handle(.standing(Standing(members: Set(records.map(\.node)))), now: .zero)
        _ = state.handle(.knownRecords(records), now: .zero)
        for record in records { _ = state.handle(.linkAnswered(record.node), now: .zero) }
        // Accused, and refuted for all to hear.
        let lie = MembershipUpdate.suspect(own.nodeID, incarnation: 1, accuser: sender)
        func tell(_ update: MembershipUpdate) {
            let message = MembershipMessage(sequence: 1, body: .rumours, updates: [update])
            _ = state.handle(.message(from: sender, message), now: .zero)
        }
        tell(lie)
        for record in records.dropFirst() { tell(.dead(record.node, incarnation: 1, accuser: sender)) }
        #expect(state.members.values.count { $0.status == .dead } == count - 1)
        var told: [MembershipUpdate] = []
        while !state.rumours.isEmpty { told += state.rumours.take(bytes: 1_000) }
        #expect(told.contains(.alive(state.own)), "its own refutation went")
    }

    @Test("signatures that strangers have checked are bounded for all of them together, and wrong ones cost more")
    func verifyRateOfStrangers() throws {
        let own = MembershipWorld.identity(0)
        let record = NodeRecord(incarnation: 1, addresses: [], datagramKey: .zero, capabilities: 0, signedWith: own)
        var fresh = MembershipState(
            own: record, identity: own, settings: MembershipSettings(profile: .wan), seed: 1, now: .zero)
        let member = MembershipWorld.identity(1).nodeID
        _ = fresh.handle(.standing(Standing(members: [member])), now: .zero)
        let pattern = invented(50..<51)[0].wireBytes
        // Other names under one signature, or this node's own name.
        func forged(_ number: Int, isOwn: Bool) throws -> NodeRecord {
            var bytes = pattern
            let name = isOwn ? own.nodeID.bytes : (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * ($0 % 4))) }
            bytes.replaceSubrange(3..<35, with: name)
            if isOwn { bytes[35] = 9 }  // the incarnation
            return try NodeRecord(wireBytes: bytes)
        }
        for isOwn in [false, true] {
            var state = fresh
            let strangers = (100..<148).map { MembershipWorld.identity($0).nodeID }
            for round in 0..<16 {
                for (index, stranger) in strangers.enumerated() {
                    let first = (round * 48 + index) * 16
                    let records = try (first..<first + 16).map { try forged($0, isOwn: isOwn) }
                    _ = state.handle(.records(from: stranger, records), now: .milliseconds(62 * round))
                }
            }
            #expect((48...512).contains(state.rejected), "\(state.rejected) checks")
            // One that comes meanwhile is known all the same, and members have their own rate.
            let newcomers = invented(200..<202)
            _ = state.handle(.records(from: newcomers[0].node, [newcomers[0]]), now: .milliseconds(930))
            _ = state.handle(.records(from: member, [newcomers[1]]), now: .milliseconds(930))
            #expect(newcomers.allSatisfy { state.members[$0.node] != nil })
        }
        var state = fresh
        let records = try (0..<256).map { try forged($0, isOwn: false) }
        _ = state.handle(.records(from: member, records), now: .zero)
        #expect(state.rejected <= 16, "\(state.rejected) of one sender")

        // Right ones count as well.
        state = MembershipState(
            own: record, identity: own, settings: MembershipSettings(profile: .wan), recordsPerSecond: 8, seed: 1,
            now: .zero)
        _ = state.handle(.standing(Standing(members: [member])), now: .zero)
        for stranger in 0..<10 {
            let (sender, first) = (MembershipWorld.identity(100 + stranger).nodeID, 1_000 + 5 * stranger)
            _ = state.handle(.records(from: sender, invented(first..<first + 5)), now: .zero)
        }
        #expect(state.members.count == 10 + 4)
    }

    @Test("a stranger's pings are answered by a rate, with no more bytes than they have, and use up no rumour")
    func pingFlood() throws {
        let world = world(4)
        world.add(hasAccount: false)
        world.introduceAll()
        world.run(for: .seconds(10))
        var state = world.nodes[0]
        let now = world.now
        let stranger = world.id(4)
        func sent(_ input: MembershipState.Input) -> [(message: MembershipMessage, to: NodeID)] {
            state.handle(input, now: now).compactMap {
                if case .send(let message, let to) = $0 { (message, to) } else { nil }
            }
        }
        let rumour = MembershipUpdate.suspect(world.id(2), incarnation: 1, accuser: world.id(1))
        let news = MembershipMessage(sequence: 1, body: .rumours, updates: [rumour])
        #expect(sent(.message(from: world.id(1), news)).isEmpty)
        let ping = MembershipMessage(sequence: 7, body: .ping)
        let acks = (0..<1_000).flatMap { _ in sent(.message(from: stranger, ping)) }
        #expect((1...state.settings.questionsPerInterval).contains(acks.count), "\(acks.count) answers")
        #expect(acks.allSatisfy { $0.to == stranger && $0.message.wireBytes.count <= ping.wireBytes.count })
        // Nor are those that it invents told anything.
        let pings = sent(.records(from: stranger, invented(1_000..<1_016)))
        #expect(pings.count == 16 && pings.allSatisfy { $0.message.updates.isEmpty })
        // One that may write from another's address is answered as shortly.
        let short = try #require(sent(.message(from: world.id(3), ping, isProven: false)).first)
        #expect(short.message == MembershipMessage(sequence: 7, body: .ack))
        let third = try #require(sent(.message(from: world.id(3), ping)).first)
        #expect(third.message.body == .ack && third.message.updates.contains(rumour), "\(third.message.updates)")
    }
}
