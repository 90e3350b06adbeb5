import Gossip
import Testing
import Wire

/// Who is asked for a content, and who is asked first.
@Suite struct ContentProviderTests {
    private func contents(_ count: Int, in peers: inout [ContentPeer]) -> [(id: ContentID, length: UInt64)] {
        var random = TestRandom(seed: 5)
        return (0..<count).map { number in
            let bytes = random.bytes(3 * ContentLimits.chunkBytes + number)
            var id: ContentID?
            for place in peers.indices { id = peers[place].hold(bytes) }
            return (id!, UInt64(bytes.count))
        }
    }

    /// A link costs nothing: one that says nothing must not cost each content the wait for it.
    @Test func strangersAreNotAskedWhileSomebodyKnownCanBe() {
        var peers = [ContentPeer(1), ContentPeer(9)]
        let all = contents(5, in: &peers)
        peers[0].bend = { _ in nil }
        var network = ContentNetwork(peers + [ContentPeer(3)], seed: 1)
        network.give(.standing(Standing(members: [node(9)], accounts: [node(9)])), to: node(3))
        for (id, length) in all {
            network.give(
                .want(id, expectedLength: length, providers: [node(1), node(9)], deadline: nil), to: node(3))
        }
        #expect(network.run(until: .seconds(2)) { $0.peers[node(3)]!.completed.count == 5 }, "\(network.now)")
        #expect(network.served[node(1)] == nil)
    }

    @Test func aStrangerIsAskedForWhatNobodyElseHas() {
        var holders = [ContentPeer(1)]
        let (id, length) = contents(1, in: &holders)[0]
        var network = ContentNetwork(holders + [ContentPeer(9), ContentPeer(3)], seed: 2)
        network.give(.standing(Standing(members: [node(9)], accounts: [node(9)])), to: node(3))
        network.give(.want(id, expectedLength: length, providers: [node(9), node(1)], deadline: nil), to: node(3))
        #expect(network.run(until: .seconds(5)) { $0.peers[node(3)]!.completed == [id] })
    }

    /// A member that takes requests and answers none costs one wait, not one for each content.
    @Test func whoStalledOnceIsAskedLastForTheNext() {
        var peers = [ContentPeer(1), ContentPeer(2)]
        let all = contents(6, in: &peers)
        peers[0].bend = { _ in nil }
        var network = ContentNetwork(peers + [ContentPeer(3)], seed: 3)
        var waits: [Duration] = []
        for (id, length) in all {
            let began = network.now
            network.give(
                .want(id, expectedLength: length, providers: [node(1), node(2)], deadline: nil), to: node(3))
            #expect(network.run(until: .seconds(60)) { $0.peers[node(3)]!.completed.contains(id) })
            waits.append(network.now - began)
        }
        let stall = ContentSettings().stall
        #expect(waits.count { $0 >= stall } == 1, "\(waits)")
    }

    /// Keys cost nothing, so as many strangers as there are places must not keep out who has it.
    @Test func strangersKeepNobodyKnownOut() {
        var settings = ContentSettings()
        settings.mostProviders = 4
        var peers = [ContentPeer(9)]
        let (id, length) = contents(1, in: &peers)[0]
        var network = ContentNetwork(peers + [ContentPeer(3, settings)], seed: 4)
        network.give(.standing(Standing(members: [node(9)], accounts: [node(9)])), to: node(3))
        let strangers = (20..<40).map { node($0) }
        network.give(
            .want(id, expectedLength: length, providers: strangers + [node(9)], deadline: nil), to: node(3))
        #expect(network.run(until: .seconds(2)) { $0.peers[node(3)]!.completed == [id] })
    }
}
