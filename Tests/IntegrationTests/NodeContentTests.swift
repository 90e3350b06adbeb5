import Foundation
import GRDB
import Gossip
import Synchronization
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// How a node's contents reach its disk, and what it does about those that it gave up.
@Suite("A node's contents", .timeLimit(.minutes(2)))
struct NodeContentTests {
    private static func node(_ folder: Folder, _ gate: GatedWorker) async throws -> Node {
        let history = try RegistryHistory(voters: 4, heights: 2)
        let home = folder.path + "/home"
        try history.makeHome(home, heights: 2)
        let process = NodeEnvironment.process
        return try await UnsupportedTaskTests.start(
            HomeDirectory(path: home),
            NodeEnvironment(
                executor: process.executor,
                worker: { $0.hasSuffix(".disk") ? gate : process.worker($0) }, links: process.links))
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
        let format = DatabaseFile.Format(name: "a store", mark: 1, version: 1, schema: "") { _ in "" }
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
        whenStored([ContentReference(id: urgent, length: 100)], from: nil, isForVote: true) { _ in }
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

private final class Told: Sendable {
    let count = Mutex(0)
}

/// Runs one computation each time it is told to; once it is open, all of them at once.
final class GatedWorker: NodeWorker {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var runs = 0
    }

    private let state = Mutex(State())
    private let isOpen: Bool
    let arrivals: AsyncStream<Void>
    private let arrived: AsyncStream<Void>.Continuation

    init(isOpen: Bool = false) {
        self.isOpen = isOpen
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
            if isOpen { runNext() }
        }
    }

    func runNext() {
        let next = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        next?()
    }
}
