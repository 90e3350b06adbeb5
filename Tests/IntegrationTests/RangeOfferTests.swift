import Gossip
import MeshCrypto
import Synchronization
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// Contents that peers offer as decided blocks.
@Suite("Offered ranges of blocks", .timeLimit(.minutes(2)))
struct RangeOfferTests {
    private let strangers = (1...4).map { NodeID([UInt8](repeating: UInt8($0), count: 32)) }

    /// A node of four voters, its disk's worker in the test's hand.
    private static func node(_ folder: Folder, _ gate: GatedWorker) async throws -> (Node, RegistryHistory) {
        let history = try RegistryHistory(voters: 4, heights: 4)
        let home = folder.path + "/home"
        try history.makeHome(home, heights: 2)
        let process = NodeEnvironment.process
        let node = try await UnsupportedTaskTests.start(
            HomeDirectory(path: home),
            NodeEnvironment(
                executor: process.executor,
                worker: { $0.hasSuffix(".disk") ? gate : process.worker($0) }, links: process.links))
        return (node, history)
    }

    private static func reference(_ bytes: [UInt8]) -> ContentReference {
        ContentReference(id: ContentManifest(of: bytes, kind: .other).contentID, length: UInt64(bytes.count))
    }

    /// Nothing is read for a few bytes that name a large content of this node's with another length.
    @Test func aStoredContentOfAnotherLengthIsNotRead() async throws {
        let folder = try Folder()
        let gate = GatedWorker(isOpen: true)
        let (node, _) = try await Self.node(folder, gate)
        let id = try await node.contentStore.put(randomBytes(3 << 20), kind: .other)
        await node.join(strangers[0])
        for _ in 0..<10 { await node.offer(ContentReference(id: id, length: 1_000_000), from: strangers[0]) }
        #expect(await node.drops["wrong length"] == 10)
        #expect(gate.runs == 0)
        #expect(await node.contentStore.has(id))
        #expect(await node.ranges.isEmpty)
        // Whoever says so is charged for it.
        await node.join(strangers[1])
        await node.meet(strangers[1])
        await node.offer(ContentReference(id: id, length: 1_000_000), from: strangers[1])
        let score = await node.topics.score(of: strangers[1])
        #expect(score.map { $0 < 0 } == true, "\(String(describing: score))")
        await node.stop()
    }

    /// Two lengths are named before the content is here: whoever named the wrong one is told, and runs nothing.
    @Test func whatComesWithAnotherLengthIsRefuted() async throws {
        let folder = try Folder()
        let (node, _) = try await Self.node(folder, GatedWorker(isOpen: true))
        let bytes = randomBytes(50_000)
        let right = Self.reference(bytes)
        let outcomes = Outcomes()
        await node.join(strangers[0])
        await node.wait(for: ContentReference(id: right.id, length: right.length - 1), "short", outcomes)
        await node.wait(for: right, "right", outcomes)
        await node.deliver(bytes, from: strangers[0])
        await settled { outcomes.told.withLock { $0.count } == 2 }
        #expect(outcomes.told.withLock { Set($0) } == ["short refuted", "right stored"])
        // And one that comes after it.
        await node.wait(for: ContentReference(id: right.id, length: right.length + 1), "long", outcomes)
        #expect(outcomes.told.withLock { $0.last } == "long refuted")
        await node.stop()
    }

    /// A stored content of the right length is read beside the queue, once, whoever tells of it meanwhile.
    @Test func anOfferIsReadOnceAtATime() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let (node, history) = try await Self.node(folder, gate)
        let bytes = randomBytes(100_000)
        try await node.contentStore.put(bytes, kind: .other)
        let known = history.keys.map(\.nodeID).filter { $0 != node.nodeID }
        for peer in known { await node.join(peer) }
        for peer in known + known { await node.offer(Self.reference(bytes), from: peer) }
        var arrivals = gate.arrivals.makeAsyncIterator()
        await arrivals.next()
        #expect(gate.runs == 1)
        gate.open()
        await settled { await node.drops["malformed"] != nil }
        #expect(gate.runs == 1)
        #expect(await node.drops["malformed"] == 1)
        #expect(await node.ranges.isEmpty)
        #expect(await node.contentStore.has(Self.reference(bytes).id), "it was here before")
        await node.stop()
    }

    /// A known node's offer takes a stranger's place, but not while that one is being read: it would be read again.
    @Test func anOfferThatIsBeingReadKeepsItsPlace() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let (node, history) = try await Self.node(folder, gate)
        let known = try #require(history.keys.map(\.nodeID).first { $0 != node.nodeID })
        let bytes = randomBytes(100_000)
        try await node.contentStore.put(bytes, kind: .other)
        for peer in [strangers[0], known] { await node.join(peer) }
        let right = Self.reference(bytes)
        await node.offer(right, from: strangers[0])
        var arrivals = gate.arrivals.makeAsyncIterator()
        await arrivals.next()
        await node.offer(ContentReference(id: right.id, length: right.length - 1), from: known)
        #expect(await node.ranges.ordered.map(\.value.node) == [strangers[0]])
        await node.offer(right, from: known)
        gate.open()
        await settled { await node.drops["malformed"] != nil }
        #expect(gate.runs == 1)
        #expect(await node.drops["wrong length"] == nil)
        await node.stop()
    }

    /// What was fetched as a range alone goes again; what something else wants, or a pin keeps, stays.
    @Test func fetchedRangesAreRemoved() async throws {
        let folder = try Folder()
        let (node, history) = try await Self.node(folder, GatedWorker(isOpen: true))
        let store = await node.contentStore
        await node.join(strangers[0])
        let noise = (0..<3).map { _ in randomBytes(50_000) }
        await node.offer(Self.reference(noise[0]), from: strangers[0])
        await node.deliver(noise[0], from: strangers[0])
        await settled { await node.drops["malformed"] == 1 }
        #expect(store.list().isEmpty)
        await node.leave(strangers[0])

        let outcomes = Outcomes()
        await node.join(strangers[1])
        await node.offer(Self.reference(noise[1]), from: strangers[1])
        await node.wait(for: Self.reference(noise[1]), "body", outcomes)
        await node.deliver(noise[1], from: strangers[1])
        await settled { await node.drops["malformed"] == 2 }
        #expect(store.has(Self.reference(noise[1]).id), "somebody waited for it")
        #expect(outcomes.told.withLock { $0 } == ["body stored"])

        await node.leave(strangers[1])

        // Given up half-way.
        await node.join(strangers[2])
        await node.offer(Self.reference(noise[2]), from: strangers[2])
        await node.deliver(noise[2], from: strangers[2], chunks: 1)
        #expect(store.list().contains { !$0.isComplete })
        await node.content(.cancel(Self.reference(noise[2]).id))
        #expect(await node.ranges.isEmpty)
        #expect(!store.list().contains { !$0.isComplete })
        await node.leave(strangers[2])

        // Blocks are taken from a stranger, and their content goes as well.
        let range = BlockRange(Array(history.blocks[2...])).wireBytes
        await node.join(strangers[3])
        await node.offer(Self.reference(range), from: strangers[3])
        await node.deliver(range, from: strangers[3])
        await settled { await node.registry.height == 5 }
        await settled { await node.ranges.isEmpty }
        #expect(!store.has(Self.reference(range).id))
        await node.stop()
    }

    @Test func strangersRangesComeAfterThoseOfKnownNodes() async throws {
        let folder = try Folder()
        let (node, history) = try await Self.node(folder, GatedWorker(isOpen: true))
        let known = try #require(history.keys.map(\.nodeID).first { $0 != node.nodeID })
        for peer in strangers + [known] { await node.join(peer) }
        func offered() async -> [NodeID] { await node.ranges.ordered.map(\.value.node).sorted() }
        let contents = (0..<4).map { Self.reference([UInt8](repeating: UInt8($0), count: 60_000)) }
        // A known node that is ahead is waited for.
        await node.tell(known, isAhead: 9)
        await node.offer(contents[0], from: strangers[0])
        #expect(await offered().isEmpty)
        await node.leave(known)
        await node.offer(contents[0], from: strangers[0])
        await node.offer(contents[1], from: strangers[1])
        #expect(await offered() == [strangers[0]], "one of all strangers at a time")
        // A known node's offer of the same content takes its place, with its own length.
        await node.join(known)
        await node.offer(ContentReference(id: contents[0].id, length: 59_999), from: known)
        #expect(await offered() == [known])
        // No stranger's takes its, whatever length it names.
        await node.offer(ContentReference(id: contents[0].id, length: 59_998), from: strangers[1])
        #expect(await offered() == [known])
        await node.offer(contents[2], from: strangers[1])
        #expect(await offered() == [known], "a known node offers")
        await node.offer(contents[3], from: known)
        #expect(await offered() == [known, known])
        await node.stop()
    }

    /// The budget is charged with what arrives, and a stranger that goes silent makes way for the next one.
    @Test func promisesOfStrangersCostNothing() async throws {
        let folder = try Folder()
        let (node, _) = try await Self.node(folder, GatedWorker(isOpen: true))
        for peer in strangers { await node.join(peer) }
        func asked() async -> [NodeID] { await node.ranges.ordered.map(\.value.node) }
        let noise = (0..<5).map { _ in randomBytes(100_000) }
        await node.offer(Self.reference(noise[0]), from: strangers[0])
        await node.offer(Self.reference(noise[1]), from: strangers[1])
        #expect(await asked() == [strangers[0]])
        await node.goOn(by: StrangersRanges.silence)
        #expect(await asked() == [strangers[1]], "the silent one has lost its place")
        #expect(await node.drops["ranges given up"] == 1)
        // Chunks that come are waited for, and are what it costs; whoever broke a promise is asked last.
        await node.offer(Self.reference(noise[2]), from: strangers[0])
        await node.offer(Self.reference(noise[3]), from: strangers[2])
        await node.deliver(noise[1], from: strangers[1], chunks: 2)
        #expect(await node.strangersRanges.used == 2 * UInt64(ContentLimits.chunkBytes))
        await node.goOn(by: StrangersRanges.silence)
        #expect(await asked() == [strangers[2]], "who has broken no promise comes first")
        await node.deliver(noise[3], from: strangers[2])
        #expect(await node.strangersRanges.used == 2 * UInt64(ContentLimits.chunkBytes) + 100_000)
        await settled { await node.drops["malformed"] == 1 }
        // Nobody else is left: the next heartbeat asks it.
        await settled { await asked() == [strangers[0]] }
        await node.stop()
    }
}

extension Node {
    fileprivate func join(_ peer: NodeID) {
        linked = (linked + [peer]).sorted()
        content(.peerLinked(peer))
    }

    /// Gossip keeps a score of it.
    fileprivate func meet(_ peer: NodeID) { gossip(.linked(peer, outbound: false)) }

    fileprivate func leave(_ peer: NodeID) {
        linked.removeAll { $0 == peer }
        content(.peerGone(peer))
    }

    fileprivate func offer(_ reference: ContentReference, from peer: NodeID) {
        receiveRange(of: registry.chain, from: registry.height, reference, from: peer)
    }

    /// What a heartbeat does so much later.
    fileprivate func goOn(by time: Duration) { watchStrangersRange(now: elapsed + time) }

    fileprivate func tell(_ peer: NodeID, isAhead height: UInt64) { noteHeight(height, of: registry.chain, from: peer) }

    fileprivate func wait(for reference: ContentReference, _ name: String, _ outcomes: Outcomes) {
        whenStored(
            [reference], from: nil, otherwise: { _ in outcomes.told.withLock { $0.append(name + " refuted") } }
        ) { _ in outcomes.told.withLock { $0.append(name + " stored") } }
    }

    /// What a peer that has a content answers, one chunk after another.
    fileprivate func deliver(_ bytes: [UInt8], from peer: NodeID, chunks: Int = .max) {
        let manifest = ContentManifest(of: bytes, kind: .other)
        let id = manifest.contentID
        content(.frame(from: peer, .manifest(id, manifest.root.wireBytes)))
        for index in manifest.chunks.indices.prefix(chunks) {
            let start = index * ContentLimits.chunkBytes
            let chunk = Array(bytes[start..<min(start + ContentLimits.chunkBytes, bytes.count)])
            content(.frame(from: peer, .chunk(id, .content, index: UInt32(index), chunk)))
        }
    }
}

/// Asks again whenever others have had their turn; the suite's limit ends it where it never comes true.
private func settled(_ condition: () async -> Bool) async {
    while !(await condition()) { await Task.yield() }
}

private final class Outcomes: Sendable {
    let told = Mutex<[String]>([])
}
