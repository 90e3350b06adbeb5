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

    /// Where all want everything, questions are most of what comes.
    @Test func aQuestionLooksThroughNoWants() {
        let content = ContentID([UInt8](repeating: 8, count: 32))
        let other = ContentID([UInt8](repeating: 9, count: 32))
        var exchange = ContentExchange()
        _ = exchange.handle(.want(content, expectedLength: 9, providers: [node(1)], deadline: nil), now: .zero)
        let before = exchange.passes
        for question: ContentMessage in [
            .getManifest(other), .getChunks(other, .content, first: 0, bitmap: [1]), .cancel(other),
        ] {
            let answer = exchange.handle(.frame(from: node(2), question), now: .zero)
            #expect(answer.isEmpty == (question == .cancel(other)), "\(answer)")
        }
        _ = exchange.handle(.finished(other, failure: nil), now: .zero)
        #expect(exchange.passes == before)
        _ = exchange.handle(.frame(from: node(1), .notFound(content, .absent)), now: .zero)
        #expect(exchange.passes == before + 1)
    }

    /// Three peers that answer that they do not have it, and ten heartbeats: the doubling pause holds.
    @Test func whatNobodyHasIsNotAskedForAtEachHeartbeat() {
        let content = ContentID([UInt8](repeating: 8, count: 32))
        let peers = (1...3).map { node($0) }
        var exchange = ContentExchange()
        var questions: [NodeID: Int] = [:]
        func give(_ input: ContentInput, _ now: Duration) {
            var pending = exchange.handle(input, now: now)[...]
            while let directive = pending.popFirst() {
                guard case .send(let peer, .getManifest(content)) = directive else { continue }
                questions[peer, default: 0] += 1
                pending += exchange.handle(.frame(from: peer, .notFound(content, .absent)), now: now)
            }
        }
        give(.want(content, expectedLength: 9, providers: peers, deadline: nil), .zero)
        for tenth in 1..<100 {
            let now = Duration.milliseconds(tenth * 100)
            give(tenth % 10 == 0 ? .linked(peers) : .timer, now)
            // Whatever waits for it wants it once more.
            if tenth % 10 == 5 { give(.want(content, expectedLength: 9, providers: peers, deadline: nil), now) }
        }
        // At 0, 0.5, 1.5, 3.5 and 7.5 seconds.
        #expect(questions.count == 3 && questions.values.allSatisfy { (4...5).contains($0) }, "\(questions)")
        // Who says that it has it, and who has just linked, is asked at once.
        let before = questions
        give(.providers(content, [peers[0]]), .seconds(10))
        give(.peerGone(peers[1]), .seconds(10))
        give(.linked([peers[0], peers[2]]), .seconds(10))
        give(.linked(peers), .seconds(11))
        #expect(questions[peers[0]]! == before[peers[0]]! + 1)
        #expect(questions[peers[1]]! == before[peers[1]]! + 1)
        #expect(questions[peers[2]]! == before[peers[2]]!)
        // And who has linked since is asked, too.
        give(.linked(peers + [node(4)]), .seconds(11))
        #expect(questions[node(4)] == 1)
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
