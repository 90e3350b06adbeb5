import MeshCrypto
import Testing
import Wire

@testable import Gossip

/// Who of the dead is called.
@Suite struct DeadCallTests {
    @Test("strangers that came and went make no call of a real dead node rarer")
    func callsDespiteDeadStrangers() {
        let world = MembershipWorld(seed: 7)
        for _ in 0..<3 { world.add() }
        world.introduceAll()
        world.down = [1, 2]
        world.run(for: .seconds(60))
        var state = world.nodes[0]
        #expect(world.status(0, of: 1) == .dead && world.status(0, of: 2) == .dead)
        // Each answers once, and never again; the last five were linked.
        let strangers = (1_000..<1_205).map { number in
            NodeRecord(
                incarnation: 1, addresses: [try! PeerAddress(host: "10.0.0.9", port: UInt16(number))],
                datagramKey: .zero, capabilities: 0, signedWith: MembershipWorld.identity(number))
        }
        for record in strangers.prefix(200) { _ = state.handle(.joined(record), now: world.now) }
        for record in strangers.prefix(200) { _ = state.handle(.linkAnswered(record.node), now: world.now) }
        for record in strangers.suffix(5) {
            _ = state.handle(.linkUp(record.node), now: world.now)
            _ = state.handle(.joined(record), now: world.now)
            _ = state.handle(.linkDown(record.node), now: world.now)
        }
        var now = world.now
        var calls: [NodeID] = []
        func pass(_ duration: Duration) {
            calls = []
            let end = now + duration
            while now < end {
                now = max(now + .milliseconds(10), state.nextDeadline)
                for case .send(let message, let to) in state.handle(.tick, now: now) where message.body == .ping {
                    if state.members[to]?.status == .dead { calls.append(to) }
                }
            }
        }
        pass(.seconds(2_800))
        let dead = state.members.filter { $0.value.status == .dead }
        #expect(dead.count > 100, "\(dead.count)")
        pass(.seconds(600))
        let turns = Int(Duration.seconds(600) / world.settings.callInterval)
        #expect(calls.count { [world.id(1), world.id(2)].contains($0) } >= turns - 1, "\(calls.count) calls")
        let linked = Set(strangers.suffix(5).map(\.node))
        #expect(calls.count { linked.contains($0) } >= turns - 1, "\(calls.count) calls")
    }
}
