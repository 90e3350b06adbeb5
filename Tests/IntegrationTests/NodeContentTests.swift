import Foundation
import GRDB
import Gossip
import MeshCrypto
import Synchronization
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// How a node's contents reach its disk, and what it does about those that it gave up.
@Suite("A node's contents", .timeLimit(.minutes(2)))
struct NodeContentTests {
    /// - Parameter worker: the one that the gate stands for, by the end of its name.
    private static func node(
        _ folder: Folder, _ gate: GatedWorker, worker: String = ".disk",
        prepare: (HomeDirectory) throws -> Void = { _ in }
    ) async throws -> Node {
        let history = try RegistryHistory(voters: 4, heights: 2)
        let home = folder.path + "/home"
        try history.makeHome(home, heights: 2)
        try prepare(HomeDirectory(path: home))
        let process = NodeEnvironment.process
        return try await UnsupportedTaskTests.start(
            HomeDirectory(path: home),
            NodeEnvironment(
                executor: process.executor,
                worker: { $0.hasSuffix(worker) ? gate : process.worker($0) }, links: process.links))
    }

    /// Whole, not yet durable.
    private static func fetched(_ count: Int, in store: ContentStore) throws -> [ContentID] {
        try (0..<count).map { number in
            let bytes = [UInt8](repeating: UInt8(number), count: 100 + number)
            let manifest = ContentManifest(of: bytes, kind: .other)
            _ = try store.openPartial(manifest.contentID, manifest)
            try store.store(manifest.contentID, chunk: 0, bytes)
            return manifest.contentID
        }
    }

    @Test func whatAVoteWaitsForIsMadeDurableFirst() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let node = try await Self.node(folder, gate)
        let store = await node.contentStore
        let ids = try Self.fetched(4, in: store)
        await node.finishAll(ids, forVote: ids[3])
        var arrivals = gate.arrivals.makeAsyncIterator()
        var order: [ContentID] = []
        for _ in ids {
            await arrivals.next()
            gate.runNext()
            order += ids.filter { store.has($0) && !order.contains($0) }
        }
        #expect(order == [ids[3], ids[0], ids[1], ids[2]])
        await node.stop()
    }

    @Test func whatAnOperatorStoresIsWrittenBesideFetchedContents() async throws {
        let folder = try Folder()
        let gate = GatedWorker(isOpen: true)
        let node = try await Self.node(folder, gate)
        let view = try await node.put([1, 2, 3], compresses: false, label: "mine")
        #expect(view.isComplete && view.pins == ["mine"])
        #expect(gate.runs == 0, "a vote would wait for it")
        await node.stop()
    }

    @Test func whoeverWaitsIsToldThatAContentIsGivenUp() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder, GatedWorker(isOpen: true))
        #expect(await node.isToldOfGivenUpContents())
        await node.stop()
    }

    @Test func aPinIsHeldAtOnceAndWrittenBesideTheQueue() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let node = try await Self.node(folder, gate, worker: ".background")
        let store = await node.contentStore
        let ids = try (0..<3).map { try store.put([UInt8($0)], kind: .other) }
        let task = ChainID([UInt8](repeating: 7, count: 32))
        await node.keepAll(ids, chain: task)
        #expect(store.list().allSatisfy { $0.pins == [Node.chainLabel(task)] })
        func files() throws -> Int {
            try FileManager.default.contentsOfDirectory(atPath: folder.path + "/home/content/pins").count
        }
        #expect(try files() == 0, "a vote waited for the disk")
        // Whoever stops the node gets all that was asked for.
        let stopped = Task { await node.stop() }
        var arrivals = gate.arrivals.makeAsyncIterator()
        while try files() < ids.count {
            await arrivals.next()
            gate.runNext()
        }
        gate.open()
        await stopped.value
        #expect(try files() == ids.count)
    }

    @Test func blocksForPeersAreReadBesideTheQueue() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let node = try await Self.node(folder, gate, worker: ".background")
        let peers = [5, 6].map { NodeID([UInt8](repeating: $0, count: 32)) }
        for peer in peers { await node.link(peer) }
        // One peer cannot have more read than its share, whatever it asks for, and nothing twice at a time.
        let asked = await node.answers(peers, from: [1, 2, 1, 2, 3, 4, 5, 6])
        #expect(asked.reading == 8 && asked.queued == 0, "\(asked)")
        var arrivals = gate.arrivals.makeAsyncIterator()
        for _ in 0..<8 {
            await arrivals.next()
            gate.runNext()
        }
        await untilDone { await node.readBlocks.isEmpty }
        gate.open()
        await node.stop()
    }

    /// Few neighbours get a digest at a time, and within as many heartbeats as it takes everybody does.
    @Test func everyNeighbourIsAskedInItsTurn() {
        for count in 0...14 {
            let nodes = (0..<count).map { NodeID([UInt8](repeating: UInt8($0), count: 32)) }
            let turns = Node.inTurn(nodes, beat: 0).turns
            var asked: [NodeID] = []
            for beat in 0..<turns {
                let chosen = Node.inTurn(nodes, beat: beat + 7 * turns).nodes
                #expect(chosen.count <= Node.askedAtOnce && (count == 0 || !chosen.isEmpty))
                asked += chosen
            }
            #expect(asked == nodes && turns == max(1, (count + Node.askedAtOnce - 1) / Node.askedAtOnce))
        }
    }

    /// A computation whose content is damaged does not see it, and runs again once it is whole.
    @Test func aComputationOverADamagedContentRunsAgain() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder, GatedWorker(isOpen: true))
        let store = await node.contentStore
        let bytes = randomBytes(50_000)
        let manifest = ContentManifest(of: bytes, kind: .other)
        let id = try store.put(bytes, kind: .other, pinnedBy: "kept")
        let path = folder.path + "/home/content/\(id.hex).data"
        var file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        file[file.count - 1] ^= 1
        try Data(file).write(to: URL(fileURLWithPath: path))
        let seen = Seen()
        let peer = NodeID([UInt8](repeating: 9, count: 32))
        await node.link(peer)
        await node.computeOver(ContentReference(id: id, length: UInt64(bytes.count)), seen)
        await untilDone { await node.transfer.exchange.isWanted(id) }
        #expect(seen.state.withLock { $0 } == .init(unread: 1))
        await node.serve(manifest, bytes, from: peer)
        await untilDone { seen.state.withLock { $0.results.count } == 1 }
        #expect(seen.state.withLock { $0 } == .init(unread: 1, results: [bytes]))
        await node.stop()
    }

    /// A peer finds a content damaged that is whole and not yet durable: what waits for it waits on, it is fetched anew.
    @Test func whatIsLostUnderItsSyncIsFetchedAgain() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let node = try await Self.node(folder, gate)
        let store = await node.contentStore
        let bytes = randomBytes(50_000)
        let manifest = ContentManifest(of: bytes, kind: .other)
        let id = manifest.contentID
        let peers = [8, 9].map { NodeID([UInt8](repeating: $0, count: 32)) }
        await node.link(peers[0])
        let told = Told()
        await node.waitFor(ContentReference(id: id, length: UInt64(bytes.count)), told)
        var arrivals = gate.arrivals.makeAsyncIterator()
        await node.serve(manifest, bytes, from: peers[0])
        await arrivals.next()
        let path = folder.path + "/home/content/\(id.hex).part"
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        let length = try handle.seekToEnd()
        try handle.seek(toOffset: length - 1)
        try handle.write(contentsOf: Data([bytes[bytes.count - 1] ^ 1]))
        try handle.close()
        await node.ask(for: id, chunk: UInt32(manifest.chunks.count - 1), as: peers[1])
        let checks = await node.health()
        #expect(!checks.contains { $0.name == "contents" }, "nothing pins it")
        gate.runNext()
        await untilDone { await node.transfer.exchange.isWanted(id) }
        #expect(!store.has(id) && told.count.withLock { $0 } == 0)
        await node.serve(manifest, bytes, from: peers[0])
        await arrivals.next()
        gate.runNext()
        await untilDone { told.count.withLock { $0 } == 1 }
        #expect(try store.get(id) == bytes)
        await node.stop()
    }

    /// What is pinned and was lost while the node did not run: it is said, and fetched where its length is known.
    @Test func whatIsMissedAtTheStartIsSaidAndFetched() async throws {
        let folder = try Folder()
        let contents = (0..<3).map { _ in randomBytes(50_000) }
        let manifests = contents.map { ContentManifest(of: $0, kind: .other) }
        let ids = manifests.map(\.contentID)
        let node = try await Self.node(folder, GatedWorker(isOpen: true)) { home in
            let store = try ContentStore(home)
            for bytes in contents { try store.put(bytes, kind: .other, pinnedBy: "kept") }
            // One is gone, of one the head is damaged, of one nobody wrote down the length.
            for index in [0, 2] { try FileManager.default.removeItem(atPath: home.content + "/\(ids[index].hex).data") }
            let head = try FileHandle(forUpdating: URL(fileURLWithPath: home.content + "/\(ids[1].hex).data"))
            try head.write(contentsOf: Data([0, 0, 0, 0]))
            try head.close()
            try Data().write(to: URL(fileURLWithPath: home.content + "/pins/\(ids[2].hex).kept"))
        }
        func line() async -> HealthCheck? { await node.health().first { $0.name == "contents" } }
        var said = try #require(await line())
        #expect(said.outcome == .warning && said.detail.hasPrefix("3 pinned contents are not whole on this disk: "))
        #expect(said.detail.hasSuffix("; 2 are fetched from the peers"), "\(said.detail)")
        for id in ids { #expect(said.detail.contains(id.short), "\(said.detail)") }
        #expect(said.next?.contains("`meshnode store get CONTENT:LENGTH --out FILE`") == true)
        let wanted = await node.transfer.exchange.wanted
        #expect(Set(wanted) == Set(ids.prefix(2)))

        let peer = NodeID([UInt8](repeating: 9, count: 32))
        await node.link(peer)
        await node.askAgain()
        for index in 0..<2 { await node.serve(manifests[index], contents[index], from: peer) }
        let store = await node.contentStore
        await untilDone { store.has(ids[0]) && store.has(ids[1]) }
        #expect(try store.get(ids[0]) == contents[0] && store.get(ids[1]) == contents[1])
        said = try #require(await line())
        #expect(said.detail == "1 pinned contents are not whole on this disk: \(ids[2].short)", "\(said.detail)")
        try store.unpin(ids[2], label: "kept")
        #expect(await line() == nil)
        await node.stop()
    }

    @Test func aSealedVectorThatIsGoneIsSealedAgain() throws {
        let folder = try Folder()
        let store = try ContentStore(directory: folder.path + "/content")
        let releases = try (0..<2).map { component in
            let bytes = [UInt8](repeating: UInt8(component), count: 64)
            return PeerMessage.KeyRelease(
                chain: ChainID([UInt8](repeating: 1, count: 32)), manifest: BlockID([UInt8](repeating: 2, count: 32)),
                component: UInt8(component),
                vector: ContentReference(id: try store.put(bytes, kind: .other), length: UInt64(bytes.count)))
        }
        #expect(Node.areOffered(releases, of: 2, in: store))
        #expect(!Node.areOffered(releases, of: 3, in: store), "one could not be sealed then")
        try store.remove(releases[1].vector.id)
        #expect(!Node.areOffered(releases, of: 2, in: store))
    }

    @Test func onlyADiskThatIsFullIsCalledFull() throws {
        let folder = try Folder()
        #expect(!FileSystem.isFull(folder.path, for: 1_000) && FileSystem.hasRoom(in: folder.path, for: 1_000))
        let gone = folder.path + "/gone"
        #expect(!FileSystem.isFull(gone, for: 1_000) && !FileSystem.hasRoom(in: gone, for: 1_000))
        let format = DatabaseFile.Format(name: "a store", mark: 1, version: 1, schema: "") { _, _ in "" }
        for isWritable in [true, false] {
            let error = DatabaseFile.translate(
                DatabaseError(resultCode: .SQLITE_IOERR), path: gone + "/a.sqlite", format: format,
                operation: "reading", isWritable: isWritable)
            guard case .operation = error else {
                Issue.record("\(error)")
                continue
            }
        }
    }
}

extension Node {
    fileprivate func finishAll(_ ids: [ContentID], forVote urgent: ContentID) {
        whenStored([ContentReference(id: urgent, length: 103)], from: nil, isForVote: true) { _ in }
        for id in ids { finish(id) }
    }

    /// Of one that cannot be had, and of one that only an attempt needs which has ended.
    fileprivate func isToldOfGivenUpContents() -> Bool {
        let told = Told()
        let references = [3, 4].map { ContentReference(id: ContentID([UInt8](repeating: $0, count: 32)), length: 9) }
        let task = ChainID([UInt8](repeating: 5, count: 32))
        whenStored([references[0]], from: nil, otherwise: { _ in told.count.withLock { $0 += 1 } }) { _ in }
        whenStored([references[1]], from: nil, attempt: task, otherwise: { _ in told.count.withLock { $0 += 10 } }) {
            _ in
        }
        content(.cancel(references[0].id))
        endAttempt(task)
        return told.count.withLock { $0 } == 11
    }
}

extension Node {
    fileprivate func keepAll(_ ids: [ContentID], chain: ChainID) {
        keepForever(ids.map { ContentReference(id: $0, length: 1) }, chain: chain)
    }

    fileprivate func link(_ peer: NodeID) {
        linked = (linked + [peer]).sorted()
        content(.peerLinked(peer))
    }

    /// - Returns: ranges that are being read, and frames for the peers.
    fileprivate func answers(_ peers: [NodeID], from heights: [UInt64]) -> (reading: Int, queued: Int) {
        for peer in peers { for height in heights { sendBlocks(registry.chain, from: height, to: peer) } }
        return (readBlocks.count, peers.reduce(0) { $0 + (outboxOf[$1] ?? 0) })
    }

    fileprivate func computeOver(_ reference: ContentReference, _ seen: Seen) {
        compute(
            reading: [reference], unread: { _ in seen.state.withLock { $0.unread += 1 } },
            again: { node in node.computeOver(reference, seen) }
        ) { contents in
            .success(contents[0])
        } _: { _, result in
            seen.state.withLock { $0.results.append((try? result.get()) ?? []) }
        }
    }

    fileprivate func waitFor(_ reference: ContentReference, _ told: Told) {
        whenStored([reference], from: nil) { _ in told.count.withLock { $0 += 1 } }
    }

    /// What a peer that has a content answers, one chunk after another.
    fileprivate func serve(_ manifest: ContentManifest, _ bytes: [UInt8], from peer: NodeID) {
        let id = manifest.contentID
        content(.frame(from: peer, .manifest(id, manifest.root.wireBytes)))
        for index in manifest.chunks.indices {
            let start = index * ContentLimits.chunkBytes
            let chunk = Array(bytes[start..<min(start + ContentLimits.chunkBytes, bytes.count)])
            content(.frame(from: peer, .chunk(id, .content, index: UInt32(index), chunk)))
        }
    }

    fileprivate func ask(for id: ContentID, chunk: UInt32, as peer: NodeID) {
        content(.frame(from: peer, .getChunks(id, .content, first: chunk, bitmap: [1])))
    }
}

/// Asks again whenever others have had their turn; the suite's limit ends it where it never comes true.
private func untilDone(_ condition: () async -> Bool) async {
    while !(await condition()) { await Task.yield() }
}

private final class Seen: Sendable {
    struct State: Equatable {
        var unread = 0
        var results: [[UInt8]] = []
    }

    let state = Mutex(State())
}

private final class Told: Sendable {
    let count = Mutex(0)
}

/// Runs one computation each time it is told to; once it is open, all of them at once.
final class GatedWorker: NodeWorker {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var runs = 0
        var isOpen: Bool
    }

    private let state: Mutex<State>
    let arrivals: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init(isOpen: Bool = false) {
        state = Mutex(State(isOpen: isOpen))
        (arrivals, arrived) = AsyncStream.makeStream()
    }

    var runs: Int { state.withLock { $0.runs } }

    func run<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, RoundError>
    ) async -> Result<Success, RoundError> {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                state.runs += 1
                state.waiting.append { continuation.resume(returning: body()) }
            }
            arrived.yield()
            if state.withLock({ $0.isOpen }) { runNext() }
        }
    }

    /// Now and from now on, all of them.
    func open() {
        let waiting = state.withLock { state in
            state.isOpen = true
            return state.waiting.count
        }
        for _ in 0..<waiting { runNext() }
    }

    func runNext() {
        let next = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        next?()
    }
}
