@testable import Gossip
import Testing
import Wire

/// ACCEPT, REJECT and IGNORE; scores; bounds against hostile peers.
@Suite("Topic verdicts and scores")
struct TopicVerdictTests {
    @Test func ignoredMessagesMayComeAgain() {
        var world = TopicWorld(3)
        world.link(1, 2)
        world.link(2, 3)
        world.verdict = { _, _ in .ignore }
        let message = world.message(1)
        world.feed(node(2), .message(message, from: node(1)))
        #expect(!world.meshes[node(2)]!.hasSeen(message.id))
        #expect(world.meshes[node(2)]!.score(of: node(1)) == 0)
        world.verdict = { _, _ in .accept }
        world.feed(node(2), .message(message, from: node(1)))
        world.settle()
        #expect(world.delivered[node(2)] == [message.id])
        #expect(world.delivered[node(3)] == [message.id])
    }

    /// A forged copy that was rejected must not keep the real message out: names are of bytes, so they differ; and a
    /// message is remembered as seen only after it was accepted.
    @Test func rejectedMessagesAreNotPassedOnAndCost() {
        var world = TopicWorld(3)
        world.link(1, 2)
        world.link(2, 3)
        world.verdict = { _, _ in .reject }
        let message = world.message(1)
        world.feed(node(2), .message(message, from: node(1)))
        world.settle()
        #expect(world.meshes[node(2)]!.score(of: node(1)) == -1)
        // Known to be wrong: not judged again, and it costs again.
        world.feed(node(2), .message(message, from: node(1)))
        #expect(world.meshes[node(2)]!.score(of: node(1)) == -4)
        #expect(world.delivered.isEmpty)
        #expect(world.meshes[node(2)]!.counters.accepted == 0)
    }

    @Test func thresholdsPruneThenSilenceThenCutOff() {
        var world = TopicWorld(4)
        world.link(1, 2)
        world.link(1, 3)
        world.link(1, 4)
        world.verdict = { _, _ in .reject }
        func attack(_ number: UInt8) { world.feed(node(1), .message(world.message(number), from: node(2))) }
        #expect(world.meshes[node(1)]!.mesh(of: world.topic).contains(node(2)))
        attack(10)
        world.run(for: .seconds(2))
        #expect(!world.meshes[node(1)]!.mesh(of: world.topic).contains(node(2)), "below 0: out of the mesh")
        for number in UInt8(11)...14 { attack(number) }
        let told = MessageID([UInt8](repeating: 99, count: 32))
        world.sent = []
        world.feed(node(1), .control(.have(world.topic, [told]), from: node(2)))
        #expect(world.sent.isEmpty, "below -20: not asked")
        for number in UInt8(15)...17 { attack(number) }
        #expect(world.cut.map(\.node) == [node(2)])
        #expect(world.meshes[node(1)]!.isCutOff == [node(2)])
        // A new link washes nothing away.
        world.feed(node(1), .linked(node(2), outbound: false))
        let judged = world.meshes[node(1)]!.counters.rejected
        attack(20)
        #expect(world.meshes[node(1)]!.counters.rejected == judged)
        world.run(for: .seconds(100))
        #expect(world.readmitted == [node(2)])
    }

    /// Good service buys little: ten first deliveries do not pay for eight forgeries.
    @Test func firstDeliveriesAreCapped() {
        var world = TopicWorld(2)
        world.link(1, 2)
        for number in UInt8(1)...100 { world.feed(node(1), .message(world.message(number), from: node(2))) }
        #expect(world.meshes[node(1)]!.score(of: node(2)) == 10)
        world.verdict = { _, _ in .reject }
        for number in UInt8(101)...108 { world.feed(node(1), .message(world.message(number), from: node(2))) }
        #expect(world.cut.count == 1)
    }

    @Test func floodsAreBounded() {
        var world = TopicWorld(2) {
            $0.validationsPerSecond = 50
            $0.cacheBytesMax = 10_000
        }
        world.link(1, 2)
        func id(_ number: Int) -> MessageID {
            MessageID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 3) })
        }
        for number in 0..<2_000 {
            let message = TopicMessage(
                id: id(number), topic: world.topic, bytes: [UInt8](repeating: 1, count: 500), isUrgent: true)
            world.feed(node(1), .message(message, from: node(2)))
        }
        let load = world.meshes[node(1)]!.load
        #expect(load.cachedBytes <= 10_000)
        #expect(world.meshes[node(1)]!.counters.accepted == 50)
        for batch in 0..<100 {
            let ids = (0..<500).map { id(1_000_000 + batch * 500 + $0) }
            world.feed(node(1), .control(.have(world.topic, ids), from: node(2)))
        }
        #expect(world.meshes[node(1)]!.load.pulls == 1_024, "the quota of one who tells")
        // Requests for what nobody was told of: dropped, and they cost.
        for _ in 0..<40 {
            world.feed(node(1), .control(.want((0..<500).map { id($0) }), from: node(2)))
        }
        #expect(world.cut.map(\.node).contains(node(2)))
    }

    /// One message is delivered to one peer on request three times at most.
    @Test func requestsForOneMessageAreLimited() {
        var world = TopicWorld(2)
        world.link(1, 2)
        let message = world.message(1)
        world.feed(node(1), .publish(message))
        world.sent = []
        for _ in 0..<10 { world.feed(node(1), .control(.want([message.id]), from: node(2))) }
        #expect(world.sent.count == 3)
    }

    @Test func waitingMessagesAreBoundedAndJudgedOnce() {
        var mesh = TopicMesh(own: node(1), settings: TopicSettings(profile: .wan), seed: 1, now: .zero)
        let topic = ChainID([UInt8](repeating: 9, count: 32))
        _ = mesh.handle(.join(topic), now: .zero)
        _ = mesh.handle(.linked(node(2), outbound: true), now: .zero)
        _ = mesh.handle(.linked(node(3), outbound: true), now: .zero)
        let message = TopicWorld.message(1, topic: topic)
        let first = mesh.handle(.message(message, from: node(2)), now: .zero)
        #expect(first.contains(.judge(message, from: node(2))))
        #expect(!mesh.handle(.message(message, from: node(3)), now: .zero).contains(.judge(message, from: node(3))))
        for number in 0..<5_000 {
            let id = MessageID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 3) })
            _ = mesh.handle(
                .message(TopicMessage(id: id, topic: topic, bytes: [1], isUrgent: false), from: node(2)), now: .zero)
        }
        #expect(mesh.load.pending <= 1_024)
        // Both senders of a forgery pay for it.
        _ = mesh.handle(.verdict(message.id, .reject), now: .zero)
        #expect(mesh.score(of: node(2)) == -1)
        #expect(mesh.score(of: node(3)) == -1)
    }
}
