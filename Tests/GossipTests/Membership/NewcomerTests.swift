import MeshCrypto
import Testing
import Wire

@testable import Gossip

/// Who is told of strangers, and when.
@Suite struct NewcomerTests {
    @Test("a stranger that is not linked is told of at the next beat once it has answered, and not before")
    func newcomerWithoutLink() {
        let world = MembershipWorld(seed: 1)
        for _ in 0..<6 { world.add() }
        world.introduceAll()
        var state = world.nodes[0]
        var now = world.now
        let stranger = NodeRecord(
            incarnation: 1, addresses: [], datagramKey: .zero, capabilities: 0,
            signedWith: MembershipWorld.identity(700))
        func beat() -> Set<NodeID> {
            now += world.settings.gossipInterval
            let told = state.handle(.tick, now: now).compactMap { directive -> NodeID? in
                guard case .sendRecords(let records, let node) = directive else { return nil }
                return records.contains(stranger) ? node : nil
            }
            return Set(told)
        }
        _ = state.handle(.joined(stranger), now: now)
        #expect(state.members[stranger.node]?.status == .unconfirmed)
        let unheard = beat()
        #expect(unheard.isEmpty)
        _ = state.handle(.linkAnswered(stranger.node), now: now)
        #expect(state.members[stranger.node]?.status == .alive)
        let (heard, later) = (beat(), beat())
        #expect(heard == Set((1..<6).map(world.id)))
        #expect(later.isEmpty)
    }
}
