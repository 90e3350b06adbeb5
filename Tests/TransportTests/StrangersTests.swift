import Gossip
import NIOCore
import Testing
import Wire

@testable import MeshNode

/// The budget of strangers, over real links: that the transport charges it at all, to whom, and for what.
@Suite("What strangers send", .serialized)
struct StrangersTests {
    enum Sender: CaseIterable { case stranger, askedStranger, member }

    /// A megabyte at once: more than a link's own share and what all strangers together have, which is little more than one
    /// share.
    @Test(
        "a stranger's flood pauses its link; a member's, and what was asked for, does not", arguments: Sender.allCases)
    func floods(_ sender: Sender) async throws {
        let first = try await TestNode()
        let second = try await TestNode { $0.links.strangersBytesPerSecond = 130 << 10 }
        let other = try await TestNode()
        await second.transport.stand(Standing(members: [sender == .member ? first.id : other.id]))
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        let frames = 32
        if sender == .askedStranger {
            await second.transport.send([
                OutboundFrame(to: [first.id], bytes: [1], lane: .bulk, asksForChunks: frames)
            ])
        }
        let chunk = [UInt8](repeating: 5, count: ContentLimits.chunkBytes)
        await first.transport.send((0..<frames).map { _ in OutboundFrame(to: [second.id], bytes: chunk, lane: .bulk) })
        switch sender {
        case .stranger:
            #expect(await eventually { await second.transport.counters().strangersPaused > 0 })
        case .askedStranger, .member:
            #expect(await eventually { second.frames.count { $0.lane == .bulk } == frames })
            #expect(await second.transport.counters().strangersPaused == 0)
        }
        for node in [first, second, other] { await node.stop() }
    }

    /// Who links once with each of many accounts.
    @Test("a peer cache full of accounts keeps the members, however long ago they were seen")
    func membersAreRemembered() {
        func node(_ number: Int) -> NodeID {
            NodeID((0..<32).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> (8 * $0) : 0) })
        }
        let members = (0..<10).map(node)
        let accounts = (1_000..<1_500).map(node)
        let strangers = (2_000..<2_100).map(node)
        let standing = Standing(members: Set(members), accounts: Set(members + accounts))
        let forgotten = Node.beyondPlaces(strangers + accounts + members, standing)
        let places = Node.peersRemembered - members.count
        #expect(forgotten == Array(accounts.dropFirst(places) + strangers.dropFirst(Node.strangersRemembered)))
    }

    /// A seal says who wrote a datagram, and nothing about where it came from.
    @Test("a stranger's datagram from another host than its link's moves no route; a member's does")
    func routes() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.stand(Standing(members: [second.id]))
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        let record = try #require(await second.transport.nodeRecord())
        #expect(await eventually { await second.transport.membership?.members[first.id]?.status == .alive })
        let elsewhere = try SocketAddress(ipAddress: "127.0.0.9", port: 9)
        func come() async throws -> SocketAddress? {
            let bytes = try #require(await first.transport.sealedPing(to: record))
            return await second.transport.route(of: first.id, after: bytes, from: elsewhere)
        }
        #expect(try await come() != elsewhere)
        await second.transport.stand(Standing(members: [second.id, first.id]))
        #expect(try await come() == elsewhere)
        for node in [first, second] { await node.stop() }
    }
}

extension MeshTransport {
    fileprivate func sealedPing(to record: NodeRecord) -> [UInt8]? {
        gate.seal(MembershipMessage(sequence: 1, body: .ping), to: record)
    }

    /// In one step: an answer from the node's own address would move it back.
    fileprivate func route(of node: NodeID, after bytes: [UInt8], from source: SocketAddress) -> SocketAddress? {
        datagramReceived(bytes, from: source)
        return routes[node]
    }
}
