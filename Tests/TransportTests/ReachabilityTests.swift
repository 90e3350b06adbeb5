import Gossip
import Testing
import Wire

@testable import MeshNode

/// What `doctor` asks of ports and peers, over real sockets.
@Suite("Reachability", .serialized, .timeLimit(.minutes(1)))
struct ReachabilityTests {
    @Test func aNodeAnswersAndHoldsItsPorts() async throws {
        let node = try await TestNode()
        let address = node.address
        #expect(Reachability.accepts(address))
        #expect(Reachability.answersDatagrams(address, network: TestNode.network))
        let problems = Reachability.problems(binding: address.host, port: address.port)
        #expect(problems.tcp != nil && problems.udp != nil)
        await node.stop()
        #expect(!Reachability.accepts(address))
        // Port 0 is any free one; the node's own may be another test's by now.
        let free = Reachability.problems(binding: address.host, port: 0)
        #expect(free.tcp == nil && free.udp == nil)
    }

    /// Another network's node is not taken for ours.
    @Test func otherNetworksDoNotAnswer() async throws {
        let node = try await TestNode()
        let other = NetworkID([UInt8](repeating: 8, count: 32))
        #expect(!Reachability.answersDatagrams(node.address, network: other))
        await node.stop()
    }

    /// Only those on the list may link.
    @Test func allowListsRefuseOthers() async throws {
        let friend = try await TestNode()
        let stranger = try await TestNode()
        let node = try await TestNode { $0.allowed = [friend.id] }
        await friend.transport.bootstrap([node.address])
        await stranger.transport.bootstrap([node.address])
        let friendId = friend.id
        #expect(await eventually { await node.transport.linkedNodes() == [friendId] })
        #expect(await eventually { stranger.refusals.contains { $0 == .peer(.banned) } })
        #expect(await node.transport.linkedNodes() == [friendId])
        for each in [friend, stranger, node] { await each.stop() }
    }
}
