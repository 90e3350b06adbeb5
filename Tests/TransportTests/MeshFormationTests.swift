import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

@Suite("Mesh formation over loopback", .serialized)
struct MeshFormationTests {
    @Test("five nodes that know one ticket become a full mesh", .timeLimit(.minutes(1)))
    func fullMesh() async throws {
        let first = try await TestNode()
        let ticket = try Ticket(text: try #require(await first.transport.ticket()).text)
        var nodes = [first]
        for _ in 0..<4 {
            let node = try await TestNode()
            try await node.transport.bootstrap(ticket: ticket)
            nodes.append(node)
        }
        let all = nodes
        #expect(await eventually { await isFullMesh(all) })
        // Every pair agrees on one connection, and it is the smaller id's.
        #expect(
            await eventually {
                for node in all {
                    for peer in await node.transport.peers() where peer.status != .alive || peer.roundTrip == nil {
                        return false
                    }
                }
                return true
            })
        let sent = await first.transport.broadcast(Array("hello".utf8), lane: .control)
        #expect(sent == 4)
        #expect(
            await eventually {
                all.dropFirst().allSatisfy { node in
                    node.frames.contains { $0.from == first.id && $0.bytes == Array("hello".utf8) }
                }
            })
        for node in nodes { await node.stop() }
    }
}
