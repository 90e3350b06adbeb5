import Foundation
import Gossip
import MeshNode
import Testing
import Wire

/// Nodes with their contents on disk, connected in memory.
private struct TransferMesh {
    var nodes: [NodeID: ContentTransfer] = [:]
    var outcomes: [NodeID: [ContentOutcome]] = [:]
    /// Messages under way, oldest first.
    var mail: [(from: NodeID, to: NodeID, message: ContentMessage)] = []
    var timers: [NodeID: Duration] = [:]
    var now: Duration = .zero
    var chunks: [NodeID: Int] = [:]
    /// Disks that sync nothing until ``sync(_:)``, and the contents that wait for it.
    var slow: Set<NodeID> = []
    var unsynced: [NodeID: [ContentID]] = [:]

    mutating func give(_ input: ContentInput, to id: NodeID) {
        for outcome in nodes[id]?.handle(input, now: now) ?? [] {
            switch outcome {
            case .send(let to, let message): mail.append((id, to, message))
            case .schedule(let at): timers[id] = at
            case .finish(let content):
                unsynced[id, default: []].append(content)
                if !slow.contains(id) { sync(id) }
            default: outcomes[id, default: []].append(outcome)
            }
        }
    }

    /// What waits for the disk gets there.
    mutating func sync(_ id: NodeID) {
        for content in unsynced.removeValue(forKey: id) ?? [] {
            var failure: String?
            do throws(StorageError) { try nodes[id]?.store.finish(content) } catch { failure = error.description }
            give(.finished(content, failure: failure), to: id)
        }
    }

    /// Delivers one message, or lets the next timer fire.
    mutating func step() -> Bool {
        if !mail.isEmpty {
            let (from, to, message) = mail.removeFirst()
            if case .chunk = message { chunks[from, default: 0] += 1 }
            give(.frame(from: from, message), to: to)
            return true
        }
        guard let (id, at) = timers.min(by: { ($0.value, $0.key) < ($1.value, $1.key) }) else { return false }
        timers[id] = nil
        now = max(now, at)
        give(.timer, to: id)
        return true
    }

    mutating func run(_ limit: Int = 20_000, until done: (TransferMesh) -> Bool) -> Bool {
        for _ in 0..<limit {
            if done(self) { return true }
            if !step() { return done(self) }
        }
        return false
    }
}

@Suite struct ContentTransferTests {
    private let source = NodeID([UInt8](repeating: 1, count: 32))
    private let mirror = NodeID([UInt8](repeating: 2, count: 32))
    private let reader = NodeID([UInt8](repeating: 3, count: 32))
    private let value = pattern(40 * ContentLimits.chunkBytes + 5)

    private func store(_ scratch: Scratch, _ name: String, quota: UInt64 = 1 << 30) throws -> ContentStore {
        try ContentStore(directory: scratch.file(name), quota: quota)
    }

    @Test func contentArrivesOnDisk() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b"))
        let want = ContentInput.want(id, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.outcomes[reader] == [.completed(id)] })
        #expect(digest(try store(scratch, "b").get(id)) == digest(value))
        #expect(mesh.chunks[source] == 41)
        // What is here is not fetched again, and a lie about its length is told at once.
        mesh.give(want, to: reader)
        #expect(mesh.outcomes[reader] == [.completed(id), .completed(id)])
        mesh.give(.want(id, expectedLength: 3, providers: [source], deadline: nil), to: reader)
        #expect(
            mesh.outcomes[reader]?.last == .failed(id, .lengthMismatch(announced: 3, manifest: UInt64(value.count))))
        #expect(mesh.mail.isEmpty)
    }

    @Test func restartResumesWhereItStopped() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b"))
        let want = ContentInput.want(id, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.chunks[source] == 20 })
        // The process ends: its exchange, its open files and the mail are gone; the folder stays.
        mesh.nodes[reader] = nil
        mesh.mail = []
        mesh.timers = [:]
        mesh.give(.peerGone(reader), to: source)
        mesh.chunks = [:]
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b"))
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.outcomes[reader] == [.completed(id)] })
        #expect(mesh.chunks[source] == 21)
        #expect(digest(try store(scratch, "b").get(id)) == digest(value))
    }

    @Test func damageAtTheProviderIsItsOwnAlarmAndNoLie() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        try origin.pin(id, label: "kept")
        let second = try store(scratch, "c")
        try second.put(value, kind: .submission)
        let path = scratch.file("a/\(id.hex).data")
        var file = bytes(path)
        file[file.count - value.count] ^= 1
        overwrite(path, file)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[mirror] = ContentTransfer(store: second)
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b"))
        mesh.give(
            .want(id, expectedLength: UInt64(value.count), providers: [source, mirror], deadline: nil), to: reader)
        #expect(mesh.run { $0.outcomes[reader]?.contains(.completed(id)) == true })
        #expect(mesh.outcomes[reader] == [.completed(id)])
        guard case .damaged(let lost, _)? = mesh.outcomes[source]?.first else {
            Issue.record("\(String(describing: mesh.outcomes[source]))")
            return
        }
        #expect(lost == ContentReference(id: id, length: UInt64(value.count)) && !origin.has(id))
        // What it needs to have it again; the pins were not lost with it.
        #expect(origin.isMissed(id))
        mesh.mail = []
        let before = mesh.chunks[mirror, default: 0]
        mesh.give(.want(id, expectedLength: lost.length, providers: [mirror], deadline: nil), to: source)
        #expect(mesh.run { $0.outcomes[source]?.contains(.completed(id)) == true })
        #expect(digest(try origin.get(id)) == digest(value) && !origin.isMissed(id))
        #expect(origin.list().map(\.pins) == [["kept"]])
        // One bit, one chunk.
        #expect(mesh.chunks[mirror, default: 0] == before + 1)
    }

    /// Changes a byte of a chunk in the reader's unfinished file; a peer asks for that chunk.
    private func findDamage(_ id: ContentID, chunk index: Int, _ scratch: Scratch, _ mesh: inout TransferMesh) throws {
        let path = scratch.file("b/\(id.hex).part")
        let head = bytes(scratch.file("a/\(id.hex).data")).count - value.count
        let place = head + index * ContentLimits.chunkBytes + 5
        let byte = bytes(path)[place]
        // In the file that the store has open.
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: Data([byte ^ 1]))
        try file.close()
        mesh.give(.frame(from: mirror, .getChunks(id, .content, first: UInt32(index), bitmap: [1])), to: reader)
    }

    /// A peer comes upon a damaged chunk of a content that is still being fetched: the want goes on.
    @Test func damageInAnUnfinishedContentFailsNoWant() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        let own = try store(scratch, "b")
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: own)
        let want = ContentInput.want(id, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { _ in (own.arrived(id)?.present ?? 0) >= 20 })
        let arrived = try #require(own.arrived(id))
        let index = try #require((0..<arrived.count).first { arrived.contains($0) })
        try findDamage(id, chunk: index, scratch, &mesh)
        guard case .damaged(let lost, _)? = mesh.outcomes[reader]?.first else {
            Issue.record("\(String(describing: mesh.outcomes[reader]))")
            return
        }
        #expect(lost == ContentReference(id: id, length: UInt64(value.count)))
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.outcomes[reader]?.contains(.completed(id)) == true })
        #expect(mesh.outcomes[reader]?.dropFirst() == [.completed(id)])
        #expect(digest(try own.get(id)) == digest(value))
    }

    /// The same while the content is made durable: whoever waits for it is not told that it failed.
    @Test func damageUnderItsSyncIsFetchedOnceMore() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        let own = try store(scratch, "b")
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: own)
        mesh.slow = [reader]
        let want = ContentInput.want(id, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.unsynced[reader] == [id] })
        try findDamage(id, chunk: 3, scratch, &mesh)
        mesh.give(want, to: reader)
        #expect(mesh.outcomes[reader]?.count == 1)
        mesh.slow = []
        mesh.sync(reader)
        let lost = ContentReference(id: id, length: UInt64(value.count))
        #expect(mesh.outcomes[reader]?.dropFirst() == [.lost(lost)])
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.outcomes[reader]?.last == .completed(id) })
        #expect(mesh.chunks[source] == 42)
        #expect(digest(try own.get(id)) == digest(value))
    }

    /// A disk that needs long for a content holds up nothing else, and whoever wants the content meanwhile is told once.
    @Test func slowDiskHoldsUpNothing() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let large = try origin.put(value, kind: .submission)
        let small = try origin.put([1, 2, 3], kind: .submission)
        let own = try store(scratch, "b")
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: own)
        mesh.slow = [reader]
        let want = ContentInput.want(large, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.unsynced[reader] == [large] })
        // Whole and checked is not durable.
        #expect(mesh.outcomes[reader] == nil && !own.has(large))
        #expect(mesh.nodes[reader]?.exchange.finishing == [large])
        mesh.mail = []

        // Wanted again: nothing is sent, and the answer comes from the disk. A lie about its length is told at once.
        mesh.give(want, to: reader)
        mesh.give(.want(large, expectedLength: 3, providers: [mirror], deadline: nil), to: reader)
        #expect(mesh.outcomes[reader] == [.lengthRefuted(large, announced: 3)])
        #expect(mesh.mail.isEmpty && mesh.unsynced[reader] == [large])
        // It is served meanwhile.
        mesh.give(.frame(from: mirror, .getChunks(large, .content, first: 0, bitmap: [1])), to: reader)
        guard case .chunk(large, .content, index: 0, let served)? = mesh.mail.first?.message else {
            Issue.record("\(mesh.mail)")
            return
        }
        #expect(digest(served) == digest(Array(value[..<ContentLimits.chunkBytes])))
        mesh.mail = []
        // Other contents come, timers fire.
        mesh.give(.want(small, expectedLength: 3, providers: [source], deadline: nil), to: reader)
        #expect(mesh.run { $0.unsynced[reader] == [large, small] })
        mesh.give(.timer, to: reader)

        // A process that ends here finds all of it at its next start.
        let manifest = ContentManifest(of: value, kind: .submission)
        #expect(try store(scratch, "b").openPartial(large, manifest).isComplete)

        mesh.sync(reader)
        #expect(mesh.outcomes[reader]?.dropFirst() == [.completed(large), .completed(small)])
        #expect(digest(try own.get(large)) == digest(value))
        #expect(mesh.chunks[source] == 42)
        #expect(mesh.nodes[reader]?.exchange.finishing == [])
        mesh.give(.finished(large, failure: nil), to: reader)
        #expect(mesh.outcomes[reader]?.count == 3)
    }

    @Test func refusedSyncFailsTheWantAndKeepsTheBytes() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put(value, kind: .submission)
        let own = try store(scratch, "b")
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: own)
        mesh.slow = [reader]
        let want = ContentInput.want(id, expectedLength: UInt64(value.count), providers: [source], deadline: nil)
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.unsynced[reader] == [id] })
        mesh.unsynced = [:]
        mesh.give(.finished(id, failure: "full"), to: reader)
        #expect(mesh.outcomes[reader] == [.failed(id, .store("full"))])
        // Wanted again, it costs its manifest and no chunk.
        mesh.slow = []
        mesh.give(want, to: reader)
        #expect(mesh.run { $0.outcomes[reader]?.last == .completed(id) })
        #expect(mesh.chunks[source] == 41)
        #expect(digest(try own.get(id)) == digest(value))
    }

    @Test func fullDiskFailsTheWantAlone() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let large = try origin.put(value, kind: .submission)
        let small = try origin.put([1, 2, 3], kind: .submission)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b", quota: 100_000))
        mesh.give(.want(large, expectedLength: UInt64(value.count), providers: [source], deadline: nil), to: reader)
        mesh.give(.want(small, expectedLength: 3, providers: [source], deadline: nil), to: reader)
        #expect(mesh.run { $0.outcomes[reader]?.count == 2 })
        #expect(mesh.outcomes[reader]?.contains(.completed(small)) == true)
        guard case .failed(large, .store(let reason))? = mesh.outcomes[reader]?.first else {
            Issue.record("\(String(describing: mesh.outcomes[reader]))")
            return
        }
        #expect(reason.contains("quota"))
    }

    @Test func contentBeyondOneManifestIsServedFromDisk() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let long = [UInt8](repeating: 5, count: 1024 * ContentLimits.chunkBytes + 1)
        let id = try origin.put(long, kind: .model)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        mesh.nodes[reader] = ContentTransfer(store: try store(scratch, "b"))
        mesh.give(.want(id, expectedLength: UInt64(long.count), providers: [source], deadline: nil), to: reader)
        #expect(mesh.run { $0.outcomes[reader] == [.completed(id)] })
        #expect(digest(try store(scratch, "b").get(id)) == digest(long))
        #expect(mesh.chunks[source] == 1025 + 2)
    }

    /// Whoever asks for what is not here is charged with the work of the answer, not with a chunk that it did not get.
    @Test func whatIsNotHereCostsTheAskerLittle() throws {
        let scratch = Scratch()
        var settings = ContentSettings()
        settings.serveBytesPerSecond = 1 << 20
        settings.serveBurstBytes = 1 << 20
        var transfer = ContentTransfer(store: try store(scratch, "a"), settings: settings)
        var answers: [Int] = []
        for frame in 0..<12 {
            let name = ContentID([UInt8](repeating: UInt8(frame), count: 32))
            let bitmap = [UInt8](repeating: 255, count: 8)
            let sent = transfer.handle(
                .frame(from: reader, .getChunks(name, .content, first: 0, bitmap: bitmap)), now: .zero)
            answers.append(sent.count { if case .send(_, .notFound(_, .absent)) = $0 { true } else { false } })
        }
        #expect(answers.prefix(4) == [64, 64, 64, 64], "a chunk each would be 32 answers in all")
        #expect(answers.reduce(0, +) <= 1 << 20 / StrangersBudget.frameCost + 1, "\(answers)")
    }

    @Test func requestsBeyondTheEndAreAnswered() throws {
        let scratch = Scratch()
        let origin = try store(scratch, "a")
        let id = try origin.put([1, 2, 3], kind: .model)
        var mesh = TransferMesh()
        mesh.nodes[source] = ContentTransfer(store: origin)
        for (name, tier) in [(id, .content), (id, .manifest), (.zero, .content)] as [(ContentID, ContentMessage.Tier)] {
            for first in [1, 99, UInt32.max, UInt32.max - 3] {
                mesh.give(.frame(from: reader, .getChunks(name, tier, first: first, bitmap: [255])), to: source)
            }
        }
        #expect(mesh.outcomes[source] == nil)
        #expect(!mesh.mail.isEmpty)
        for (_, _, message) in mesh.mail {
            guard case .notFound(_, .absent) = message else {
                Issue.record("\(message)")
                continue
            }
        }
    }
}
