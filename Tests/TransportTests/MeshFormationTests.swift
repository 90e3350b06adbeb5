import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

@Suite("Mesh over loopback", .serialized)
struct MeshFormationTests {
    @Test("five nodes that know one ticket become a full mesh", .timeLimit(.minutes(3)))
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
        // Probes pass too: every pair has measured a round trip by link and is alive.
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
        #expect(await first.transport.broadcast([1], except: [nodes[1].id]) == 3)
        #expect(await first.transport.knownRecords().map(\.node) == nodes.dropFirst().map(\.id).sorted())
        for node in nodes { await node.stop() }
    }

    @Test("two nodes that dial each other at once keep one link, the smaller id's", .timeLimit(.minutes(3)))
    func simultaneousDial() async throws {
        for _ in 0..<10 {
            let first = try await TestNode()
            let second = try await TestNode()
            async let one: Void = first.transport.bootstrap([second.address])
            async let two: Void = second.transport.bootstrap([first.address])
            _ = await (one, two)
            let (smaller, larger) = first.id < second.id ? (first, second) : (second, first)
            #expect(
                await eventually {
                    let seenBySmaller = await smaller.transport.peers().first
                    let seenByLarger = await larger.transport.peers().first
                    return seenBySmaller?.direction == .dialled && seenByLarger?.direction == .accepted
                })
            #expect(
                await eventually {
                    let open = await (smaller.transport.connectionCount, larger.transport.connectionCount)
                    return open == (1, 1)
                })
            #expect(!first.collected.contains { if case .linkDown = $0 { true } else { false } })
            #expect(await first.transport.send([1], to: second.id, lane: .control))
            #expect(await eventually { second.frames.count == 1 })
            await first.stop()
            await second.stop()
        }
    }

    @Test("frames sent while the link moves between connections all arrive", .timeLimit(.minutes(3)))
    func movingLink() async throws {
        for _ in 0..<10 {
            let first = try await TestNode()
            let second = try await TestNode()
            await first.transport.bootstrap([second.address])
            await second.transport.bootstrap([first.address])
            #expect(await eventually { await !first.transport.linkedNodes().isEmpty })
            var sent: [[UInt8]] = []
            for number: UInt8 in 0..<100 {
                if await first.transport.send([number], to: second.id, lane: .gossip) { sent.append([number]) }
            }
            let expected = sent
            #expect(expected.count == 100)
            #expect(await eventually { Set(second.frames.map(\.bytes)) == Set(expected) })
            #expect(second.frames.count == expected.count)
            await first.stop()
            await second.stop()
        }
    }

    @Test("a killed node is seen dead and linked again when it is back", .timeLimit(.minutes(3)))
    func killAndRedial() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        let third = try await TestNode()
        await second.transport.bootstrap([first.address])
        await third.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second, third]) })
        await third.transport.abort()
        #expect(
            await eventually {
                for node in [first, second] {
                    let seen = await node.transport.peers().first { $0.node == third.id }
                    if seen?.status != .dead || seen?.state == .linked { return false }
                }
                return true
            })
        #expect(
            first.collected.contains { if case .linkDown(third.id, .lost) = $0 { true } else { false } })
        // Back under the same key and port, knowing nobody: the others dial it.
        let back = try await TestNode(identity: third.identity, port: third.address.port)
        #expect(await eventually { await isFullMesh([first, second, back]) })
        #expect(
            await eventually {
                for node in [first, second] {
                    let seen = await node.transport.peers().first { $0.node == third.id }
                    if seen?.status != .alive { return false }
                }
                return true
            })
        for node in [first, second, back] { await node.stop() }
    }

    @Test("a bootstrap node that starts late is found", .timeLimit(.minutes(3)))
    func lateBootstrap() async throws {
        let placeholder = try await TestNode()
        let port = placeholder.address.port
        await placeholder.stop()
        let early = try await TestNode()
        await early.transport.bootstrap([try PeerAddress(host: "localhost", port: port)])
        #expect(await eventually { await early.transport.counters().failedDials >= 2 })
        let late = try await TestNode(port: port)
        #expect(await eventually { await isFullMesh([early, late]) })
        await early.stop()
        await late.stop()
    }

    @Test("two meshes that started apart merge over one address", .timeLimit(.minutes(3)))
    func merge() async throws {
        var nodes: [TestNode] = []
        for _ in 0..<4 { nodes.append(try await TestNode()) }
        await nodes[1].transport.bootstrap([nodes[0].address])
        await nodes[3].transport.bootstrap([nodes[2].address])
        let (left, right) = (Array(nodes[0...1]), Array(nodes[2...3]))
        #expect(await eventually { await isFullMesh(left) })
        #expect(await eventually { await isFullMesh(right) })
        await nodes[3].transport.bootstrap([nodes[0].address])
        let all = nodes
        #expect(await eventually { await isFullMesh(all) })
        for node in nodes { await node.stop() }
    }

    @Test("a node that knows only a full one is told of others and links with them", .timeLimit(.minutes(3)))
    func fullBootstrap() async throws {
        // Nobody inside has a dial to spare, so that the newcomer has to find its way alone.
        let first = try await TestNode {
            $0.links.acceptedMax = 2
            $0.links.dialledMax = 0
        }
        var inside: [TestNode] = []
        for _ in 0..<2 {
            let node = try await TestNode { $0.links.dialledMax = 1 }
            await node.transport.bootstrap([first.address])
            inside.append(node)
        }
        #expect(await eventually { await first.transport.linkedNodes().count == 2 })
        let newcomer = try await TestNode()
        await newcomer.transport.bootstrap([first.address])
        let expected = inside.map(\.id).sorted()
        #expect(await eventually(within: .seconds(20)) { await newcomer.transport.linkedNodes() == expected })
        #expect(newcomer.refusals.contains(.peer(.full)))
        #expect(!newcomer.collected.contains { if case .linkDown = $0 { true } else { false } })
        for node in [first, newcomer] + inside { await node.stop() }
    }

    @Test("records of an earlier run are enough to find the mesh again", .timeLimit(.minutes(3)))
    func peerCache() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        let cache = await second.transport.knownRecords()
        await second.stop()
        let again = try await TestNode(identity: second.identity) { $0.knownRecords = cache }
        #expect(await eventually { await isFullMesh([first, again]) })
        await first.stop()
        await again.stop()
    }

    @Test("shutdown says goodbye; a second one and later sends do nothing", .timeLimit(.minutes(3)))
    func shutdown() async throws {
        let first = try await TestNode()
        let second = try await TestNode()
        await second.transport.bootstrap([first.address])
        #expect(await eventually { await isFullMesh([first, second]) })
        await first.stop()
        #expect(
            await eventually {
                second.collected.contains { if case .linkDown(first.id, .peer(.shutdown)) = $0 { true } else { false } }
            })
        await first.stop()
        #expect(await !first.transport.send([1], to: second.id, lane: .control))
        await #expect(throws: TransportError.stopped) { _ = try await first.transport.start() }
        await #expect(throws: TransportError.alreadyStarted) { _ = try await second.transport.start() }
        await second.stop()
    }
}
