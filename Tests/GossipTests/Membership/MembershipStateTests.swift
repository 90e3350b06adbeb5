import MeshCrypto
import Testing
import Wire

@testable import Gossip

@Suite("Membership")
struct MembershipStateTests {
    private func world(_ count: Int, seed: UInt64 = 1, profile: LinkProfile = .wan) -> MembershipWorld {
        let world = MembershipWorld(seed: seed, profile: profile)
        for _ in 0..<count { world.add() }
        return world
    }

    @Test("records reach everybody through one common node")
    func spread() {
        let world = world(8)
        world.linked = { first, second in first == 0 || second == 0 }
        world.introduceAll()
        // Six of seven links are told of what is fresh; the seventh asks the common node in its next exchange.
        world.run(for: world.settings.pushPullInterval + .seconds(1))
        for node in 0..<8 { #expect(world.nodes[node].members.count == 7, "node \(node)") }
    }

    @Test("a mass start costs frames by the number of nodes and beats, not of nodes, records and links")
    func massStart() {
        let world = world(48, profile: .loopback)
        var frames = 0
        world.linked = { from, to in
            // Asked once for each frame of records.
            frames += 1
            return from != to
        }
        for node in 0..<48 { for other in 0..<48 where other != node { world.feed(node, .linkUp(world.id(other))) } }
        let atLinks = frames
        #expect(atLinks == 48 * 47)
        for beat in 0..<Int(Duration.seconds(3) / world.settings.gossipInterval) {
            let before = frames
            world.run(for: world.settings.gossipInterval)
            // All that is told in one beat, and what was told at the end of another.
            #expect(frames - before <= 2 * 48 * world.settings.recordFanout, "beat \(beat): \(frames - before) frames")
        }
        for node in 0..<48 { #expect(world.nodes[node].members.count == 47, "node \(node)") }
    }

    @Test("fresh records pass a chain of links without datagrams")
    func chainOfLinks() {
        let world = world(10)
        world.passes = { _, _ in false }
        world.linked = { abs($0 - $1) == 1 }
        for node in 0..<9 {
            world.feed(node, .linkUp(world.id(node + 1)))
            world.feed(node + 1, .linkUp(world.id(node)))
        }
        world.run(for: .seconds(5))
        for node in 0..<10 { #expect(world.nodes[node].members.count == 9, "node \(node)") }
    }

    @Test("who finds no place is told this node's own record and some of the living")
    func introduction() {
        let world = world(60)
        world.introduceAll()
        var state = world.nodes[0]
        let (first, second) = (state.introduction(), state.introduction())
        #expect(first.count == LinkLimits.introductionMax && first[0] == state.own)
        #expect(Set(first.map(\.node)).count == first.count && first != second)
        world.down = Set(1..<55)
        for node in 1..<55 { world.feed(0, .linkDown(world.id(node))) }
        world.run(for: .seconds(200))
        let living = world.nodes[0].members.filter { $0.value.status == .alive }.keys
        state = world.nodes[0]
        #expect(Set(state.introduction().dropFirst().map(\.node)).isSubset(of: living))
    }

    @Test("nothing is suspected while all answer, and each is probed in turn")
    func quiet() {
        let world = world(10)
        world.introduceAll()
        world.statusLog = []
        world.run(for: .seconds(60))
        #expect(world.statusLog.isEmpty)
        for node in world.nodes {
            #expect(node.members.values.allSatisfy { $0.roundTrip != nil })
            #expect(node.localHealth == 0)
        }
        // A ping and an ack for each node and second, and little more.
        #expect(world.datagrams < 10 * 61 * 3)
    }

    @Test("a crashed node is dead for everybody within ten seconds at N = 10", arguments: [UInt64(1), 2, 3, 4, 5])
    func detection(seed: UInt64) {
        let world = world(10, seed: seed)
        world.introduceAll()
        world.statusLog = []
        world.down = [4]
        world.linked = { first, second in first != 4 && second != 4 }
        for node in 0..<10 where node != 4 { world.feed(node, .linkDown(world.id(4))) }
        world.run(for: .seconds(10))
        for node in 0..<10 where node != 4 { #expect(world.status(node, of: 4) == .dead, "node \(node)") }
        #expect(world.statusLog.allSatisfy { $0.subject == world.id(4) })
    }

    /// By chance all of many datagrams may be lost: of sixty seeds four buried somebody for a moment within five minutes.
    @Test(
        "a fifth of all datagrams lost: hardly anybody alive is buried, nobody for long",
        arguments: [UInt64(1), 2, 3, 4])
    func lossy(seed: UInt64) {
        let world = world(10, seed: seed)
        world.linked = { _, _ in true }
        world.introduceAll()
        // Links stay out of it: only datagrams may save a node here.
        for node in 0..<10 { for other in 0..<10 where other != node { world.feed(node, .linkDown(world.id(other))) } }
        world.lossPercent = 20
        world.run(for: .seconds(300))
        #expect(Set(world.statusLog.filter { $0.status == .dead }.map(\.subject)).count <= 1)
        world.lossPercent = 0
        world.run(for: .seconds(30))
        for node in world.nodes { #expect(node.members.values.allSatisfy { $0.status == .alive }) }
    }

    @Test("indirect probes keep a node alive that one observer cannot reach")
    func indirect() {
        let world = world(6)
        world.introduceAll()
        for node in 0..<6 { for other in 0..<6 where other != node { world.feed(node, .linkDown(world.id(other))) } }
        world.passes = { from, to in !(from == 0 && to == 1) && !(from == 1 && to == 0) }
        world.statusLog = []
        world.run(for: .seconds(120))
        #expect(!world.statusLog.contains { $0.status == .dead })
        #expect(world.statusLog.count < 10)
        world.passes = { from, to in from != 1 && to != 1 }
        world.run(for: .seconds(40))
        #expect(world.status(0, of: 1) == .dead, "nobody reaches it any more")
    }

    @Test("a node whose datagrams are blocked but whose links answer stays alive")
    func linkFallback() {
        let world = world(5)
        world.introduceAll()
        world.passes = { from, to in from != 2 && to != 2 }
        world.statusLog = []
        world.run(for: .seconds(120))
        #expect(!world.statusLog.contains { $0.status == .dead })
        for node in 0..<5 where node != 2 { #expect(world.status(node, of: 2) == .alive) }
    }

    @Test("a suspected node refutes with a signed record of a higher incarnation")
    func refutation() {
        let world = world(5)
        world.introduceAll()
        let suspicion = MembershipMessage(
            sequence: 1, body: .ping,
            updates: [.suspect(world.id(3), incarnation: 1, accuser: world.id(0))])
        world.feed(1, .message(from: world.id(0), suspicion))
        #expect(world.status(1, of: 3) == .suspect)
        world.run(for: .seconds(5))
        #expect(world.nodes[3].own.incarnation == 2)
        for node in 0..<5 where node != 3 {
            #expect(world.status(node, of: 3) == .alive)
            #expect(world.nodes[node].members[world.id(3)]?.record.incarnation == 2)
        }
    }

    @Test("accusations with a made-up incarnation do not burn the counter")
    func incarnationAttack() {
        let world = world(3)
        world.introduceAll()
        for incarnation: UInt64 in [0, 2, .max - 1, .max] {
            let lie = MembershipMessage(
                sequence: 1, body: .ping,
                updates: [
                    .dead(world.id(0), incarnation: incarnation, accuser: world.id(1)),
                    .suspect(world.id(2), incarnation: incarnation, accuser: world.id(1)),
                ])
            world.feed(0, .message(from: world.id(1), lie))
        }
        #expect(world.nodes[0].own.incarnation == 1)
        #expect(world.status(0, of: 2) == .alive)
    }

    @Test("an incarnation at its end ends nothing, and keeps no linked node from living")
    func incarnationsAtTheirEnd() {
        let world = world(4)
        world.introduceAll()
        // Only its own key can have signed it: another run of it, or a thief.
        let last = NodeRecord(
            incarnation: .max, addresses: [], datagramKey: .zero, capabilities: 0, signedWith: world.identities[2])
        for node in 0..<4 { world.feed(node, .records(from: world.id(1), [last])) }
        for node in [0, 3] {
            let lie = MembershipMessage(
                sequence: 1, body: .ping,
                updates: [.dead(world.id(2), incarnation: .max, accuser: world.id(1))])
            world.feed(node, .message(from: world.id(1), lie))
            world.feed(2, .message(from: world.id(1), lie))
        }
        world.run(for: .seconds(30))
        for node in [0, 3] { #expect(world.status(node, of: 2) == .alive, "node \(node)") }
    }

    @Test("a forged record changes nothing")
    func forgedRecord() throws {
        let world = world(3)
        world.introduceAll()
        let good = world.nodes[0].members[world.id(2)]!.record
        var bytes = good.wireBytes
        bytes[35] = 9  // the incarnation
        let forged = try NodeRecord(wireBytes: bytes)
        #expect(forged.node == good.node && forged.incarnation == 9)
        world.feed(0, .records(from: world.id(1), [forged]))
        #expect(world.nodes[0].members[world.id(2)]!.record == good)
        #expect(world.nodes[0].rejected == 1)
    }

    @Test("a restarted node whose clock went back goes above its own older record")
    func reclaim() {
        let world = world(4)
        world.introduceAll()
        let older = NodeRecord(
            incarnation: 900, addresses: [], datagramKey: .zero, capabilities: 0, signedWith: world.identities[2])
        world.feed(0, .records(from: world.id(2), [older]))
        world.run(for: .seconds(40))
        #expect(world.nodes[2].own.incarnation == 901)
        for node in [0, 1, 3] { #expect(world.nodes[node].members[world.id(2)]?.record.incarnation == 901) }
    }

    @Test("a healed partition finds itself again, the dead included")
    func partition() {
        let world = world(6)
        world.introduceAll()
        let side = { (node: Int) in node < 3 }
        world.passes = { side($0) == side($1) }
        world.linked = { side($0) == side($1) }
        for node in 0..<6 {
            for other in 0..<6 where side(node) != side(other) { world.feed(node, .linkDown(world.id(other))) }
        }
        world.run(for: .seconds(40))
        #expect(world.status(0, of: 5) == .dead && world.status(5, of: 0) == .dead)
        world.passes = { _, _ in true }
        world.linked = { _, _ in true }
        world.feed(0, .linkUp(world.id(5)))
        world.feed(5, .linkUp(world.id(0)))
        for node in 0..<6 {
            for other in 0..<6 where side(node) != side(other) && (node, other) != (0, 5) && (node, other) != (5, 0) {
                world.feed(node, .linkUp(world.id(other)))
            }
        }
        world.run(for: .seconds(20))
        for node in 0..<6 {
            for other in 0..<6 where other != node { #expect(world.status(node, of: other) == .alive) }
        }
    }

    @Test("halves that buried each other find each other again although no link comes up anew")
    func partitionUnderLinks() {
        let world = world(12)
        world.introduceAll()
        let side = { (node: Int) in node < 6 }
        world.passes = { side($0) == side($1) }
        world.linked = { side($0) == side($1) }
        world.run(for: .seconds(40))
        for node in 0..<12 {
            for other in 0..<12 where side(node) != side(other) { #expect(world.status(node, of: other) == .dead) }
        }
        world.passes = { _, _ in true }
        // Few pairs are linked across: who is not has to learn that it was buried, and refute it.
        world.linked = { side($0) == side($1) || ($0 + $1) == 11 }
        world.run(for: .seconds(15))
        for node in 0..<12 {
            for other in 0..<12 where other != node {
                #expect(world.status(node, of: other) == .alive, "\(node) of \(other)")
            }
        }
    }

    @Test("the dead are called at a bounded rate, however many there are")
    func callsOfTheDead() {
        let world = world(40)
        world.introduceAll()
        world.down = Set(1..<40)
        world.run(for: .seconds(600))
        #expect(world.nodes[0].members.values.allSatisfy { $0.status == .dead })
        let before = world.datagrams
        world.run(for: .seconds(300))
        let calls = Int(Duration.seconds(300) / world.settings.callInterval)
        #expect((calls - 1...calls + 1).contains(world.datagrams - before), "\(world.datagrams - before) datagrams")
    }

    @Test("a slow observer blames itself before others")
    func slowObserver() {
        let world = world(8)
        world.introduceAll()
        for node in 0..<8 { for other in 0..<8 where other != node { world.feed(node, .linkDown(world.id(other))) } }
        // Everything reaches node 7 a second late, as where a process gets no processor.
        world.slow = [7: .seconds(1)]
        world.statusLog = []
        world.run(for: .seconds(180))
        #expect(world.nodes[7].localHealth > 0)
        #expect(!world.statusLog.contains { $0.status == .dead && $0.subject != world.id(7) })
    }

    private func invented(_ numbers: Range<Int>, incarnation: UInt64 = 1) -> [NodeRecord] {
        numbers.map { number in
            NodeRecord(
                incarnation: incarnation, addresses: [try! PeerAddress(host: "10.0.0.9", port: UInt16(number))],
                datagramKey: .zero, capabilities: 0, signedWith: MembershipWorld.identity(number))
        }
    }

    @Test("a thousand invented records take the places of who tells them, and are never alive")
    func inventedRecords() {
        let world = world(5)
        world.add(hasAccount: false)
        world.introduceAll()
        let stranger = world.id(5)
        for _ in 0..<8 {
            for node in 0..<5 { world.feed(node, .records(from: stranger, invented(1_000..<2_000))) }
            world.run(for: .seconds(1))
        }
        let real = Set((0..<6).map(world.id))
        for (index, node) in world.nodes.prefix(5).enumerated() {
            let others = node.members.filter { !real.contains($0.key) }
            #expect(others.count <= GossipTables.strangers.quota, "node \(index)")
            #expect(others.values.allSatisfy { $0.status == .unconfirmed }, "node \(index)")
            #expect(real.subtracting([world.id(index)]).allSatisfy { node.members[$0]?.status == .alive })
        }
        // They were told to nobody else, and are gone when they have stayed silent for long.
        world.linked = { first, second in first != 5 && second != 5 }
        world.down = [5]
        world.run(for: world.settings.patience + .seconds(10))
        for node in world.nodes.prefix(5) { #expect(Set(node.members.keys).isSubset(of: real)) }
    }

    @Test("invented nodes do not make a node slower in noticing that a real one has crashed")
    func probesDespiteInvented() {
        let world = world(10)
        world.introduceAll()
        for node in 0..<10 { world.feed(node, .records(from: world.id(9), invented(1_000..<1_500))) }
        world.statusLog = []
        world.down = [4]
        world.linked = { first, second in first != 4 && second != 4 }
        for node in 0..<10 where node != 4 { world.feed(node, .linkDown(world.id(4))) }
        world.run(for: .seconds(10))
        for node in 0..<10 where node != 4 {
            #expect(world.status(node, of: 4) == .dead, "node \(node)")
            #expect(world.nodes[node].localHealth == 0, "silent inventions are not this node's slowness")
        }
    }

    @Test("a stranger that answers is told of to others, and takes a place of its own")
    func newcomer() {
        let world = world(6)
        world.add(hasAccount: false)
        world.linked = { first, second in second != 6 && first != 6 || min(first, second) == 0 }
        world.introduceAll()
        world.run(for: .seconds(10))
        for node in 0..<6 { #expect(world.status(node, of: 6) == .alive, "node \(node)") }
    }

    @Test("what was linked with in an earlier run keeps its place whatever strangers tell")
    func remembered() {
        let world = world(2)
        world.add(hasAccount: false)
        let own = MembershipWorld.identity(0)
        var state = MembershipState(
            own: world.nodes[0].own, identity: own, settings: world.settings, seed: 1, now: .zero)
        _ = state.handle(.standing(world.standing), now: .zero)
        let met = invented(100..<104)
        _ = state.handle(.knownRecords(met), now: .zero)
        _ = state.handle(.linkUp(world.id(2)), now: .zero)
        _ = state.handle(.records(from: world.id(2), [world.nodes[2].own]), now: .zero)
        for round in 0..<20 {
            let now = Duration.seconds(round)
            let start = 1_000 + round * 250
            _ = state.handle(.records(from: world.id(2), invented(start..<start + 250)), now: now)
        }
        #expect(met.allSatisfy { state.members[$0.node] != nil })
        #expect(state.members[world.id(2)]?.status == .alive)
        #expect(state.members.count <= 4 + 1 + GossipTables.strangers.quota)
    }

    @Test("who signs newer records for a node that it invented does not bring it to life")
    func renewedInvention() {
        let world = world(3)
        world.introduceAll()
        let (first, second) = (invented(500..<501)[0], invented(500..<501, incarnation: 2)[0])
        world.feed(0, .records(from: world.id(1), [first]))
        world.feed(0, .records(from: world.id(1), [second]))
        #expect(world.nodes[0].members[first.node]?.record == second)
        #expect(world.nodes[0].members[first.node]?.status == .unconfirmed)
    }

    @Test("records of account holders are bounded by who tells them; the long dead give way")
    func bounded() {
        let world = world(3)
        world.introduceAll()
        let records = invented(1_000..<2_500)
        var state = world.nodes[0]
        let standing = Standing(accounts: Set(records.map(\.node)).union(world.standing.accounts))
        _ = state.handle(.standing(standing), now: world.now)
        for (number, record) in records.enumerated() {
            _ = state.handle(
                .records(from: world.id(1 + number % 2), [record]), now: world.now + .milliseconds(5 * number))
        }
        #expect(state.members.count <= 2 + 2 * GossipTables.known.quota + 2 * GossipTables.strangers.quota)
        #expect((1...2).allSatisfy { state.members[world.id($0)]?.status == .alive })
    }

    @Test(
        "a member that finds no place among the strangers is forgotten, and who has no place for its rate gets no answer"
    )
    func refused() {
        let own = MembershipWorld.identity(0)
        let record = NodeRecord(
            incarnation: 1, addresses: [], datagramKey: .zero, capabilities: 0, signedWith: own)
        var state = MembershipState(
            own: record, identity: own, settings: MembershipSettings(profile: .wan), seed: 1, now: .zero)
        let holder = invented(1..<2)[0]
        _ = state.handle(.standing(Standing(accounts: [holder.node])), now: .zero)
        _ = state.handle(.joined(holder), now: .zero)
        // As many strangers as there are places, each in its own name.
        for stranger in invented(1_000..<1_000 + GossipTables.strangers.total) {
            _ = state.handle(.linkUp(stranger.node), now: .zero)
            _ = state.handle(.records(from: stranger.node, [stranger]), now: .zero)
            _ = state.handle(.linkDown(stranger.node), now: .zero)
        }
        #expect(state.members.count == 1 + GossipTables.strangers.total)
        // The account ends, and then the link.
        _ = state.handle(.linkUp(holder.node), now: .zero)
        _ = state.handle(.standing(Standing(accounts: [own.nodeID])), now: .zero)
        let directives = state.handle(.linkDown(holder.node), now: .zero)
        #expect(state.members.count <= GossipTables.strangers.total && state.members[holder.node] == nil)
        #expect(directives.contains { if case .forgotten(holder.node) = $0 { true } else { false } })

        let peers = (5_000..<5_000 + GossipTables.recordAnswers.total).map { MembershipWorld.identity($0).nodeID }
        for peer in peers { #expect(state.handle(.recordsRequested(from: peer), now: .seconds(1)).count == 1) }
        #expect(state.handle(.recordsRequested(from: holder.node), now: .seconds(1)).isEmpty)
    }

    @Test("records of one peer are verified at a bounded rate")
    func verifyRate() {
        let world = world(1)
        var state = MembershipState(
            own: world.nodes[0].own, identity: world.identities[0], settings: world.settings, recordsPerSecond: 10,
            seed: 1, now: .zero)
        var record: NodeRecord?
        for number in 2..<2000 {
            let next = NodeRecord(
                incarnation: UInt64(number), addresses: [], datagramKey: .zero, capabilities: 0,
                signedWith: MembershipWorld.identity(1))
            record = next
            _ = state.handle(.records(from: MembershipWorld.identity(1).nodeID, [next]), now: .zero)
        }
        #expect(state.members[record!.node]?.record.incarnation == 2 + UInt64(LinkLimits.recordsMax) - 1)
        _ = state.handle(.records(from: record!.node, [record!]), now: .seconds(1))
        #expect(state.members[record!.node]?.record == record)
    }

    @Test("all records are sent on request, but not to one who asks again at once")
    func requestRate() {
        let world = world(LinkLimits.introductionMax + 8)
        world.introduceAll()
        var state = world.nodes[0]
        let peer = world.id(1)
        #expect(
            state.handle(.recordsRequested(from: peer), now: .seconds(2)) == [.sendRecords(state.allRecords, to: peer)])
        // Where accounts are known, a stranger gets as much as a newcomer.
        var other = state
        _ = other.handle(.standing(Standing(accounts: [world.id(0), world.id(2)])), now: .seconds(9))
        let answer = other.handle(.recordsRequested(from: peer), now: .seconds(10))
        guard case .sendRecords(let few, peer)? = answer.first else {
            Issue.record("\(answer)")
            return
        }
        #expect(state.allRecords.count > LinkLimits.introductionMax)
        #expect(few.count == LinkLimits.introductionMax && few.first == state.own)
        #expect(state.handle(.recordsRequested(from: peer), now: .seconds(3)).isEmpty)
        #expect(state.handle(.recordsRequested(from: world.id(2)), now: .seconds(3)).count == 1)
        #expect(state.handle(.recordsRequested(from: peer), now: .seconds(10)).count == 1)
    }

    @Test("the same seed gives the same run")
    func deterministic() {
        func log() -> [String] {
            let world = world(7, seed: 42)
            world.introduceAll()
            world.lossPercent = 40
            for node in 0..<7 {
                for other in 0..<7 where other != node { world.feed(node, .linkDown(world.id(other))) }
            }
            world.run(for: .seconds(60))
            return world.statusLog.map { "\($0.at) \($0.observer) \($0.subject.short) \($0.status)" }
        }
        let first = log()
        #expect(!first.isEmpty)
        #expect(first == log())
    }
}
