import Foundation
import Gossip
import MeshNode
import Testing
import Wire

@Suite struct ContentStoreTests {
    private let length = 5 * ContentLimits.chunkBytes + 9

    private func chunk(_ bytes: [UInt8], _ index: Int) -> [UInt8] {
        Array(bytes[index * ContentLimits.chunkBytes..<min((index + 1) * ContentLimits.chunkBytes, bytes.count)])
    }

    @Test func contentsSurviveReopening() throws {
        let scratch = Scratch()
        let values = [[], [1], pattern(ContentLimits.chunkBytes), pattern(length, seed: 2)] as [[UInt8]]
        var ids: [ContentID] = []
        do {
            let store = try ContentStore(directory: scratch.path)
            for value in values { ids.append(try store.put(value, kind: .model)) }
            #expect(try store.put(values[3], kind: .model) == ids[3])
            try store.pin(ids[1], label: "task-1")
        }
        let store = try ContentStore(directory: scratch.path)
        for (id, value) in zip(ids, values) {
            #expect(store.has(id))
            #expect(digest(try store.get(id)) == digest(value))
            #expect(try store.manifest(id)?.contentID == id)
        }
        #expect(store.list().map(\.id) == ids.sorted())
        #expect(store.list().first { $0.id == ids[1] }?.pins == ["task-1"])
        #expect(!store.list().contains { !$0.isComplete })
        #expect(try store.get(.zero) == nil)
        let last = ids[3]
        #expect(throws: StorageError.tooLarge(field: "content \(last.short)", length: UInt64(length), limit: 10)) {
            try store.get(last, limit: 10)
        }
    }

    /// A content that is given up on damage is wanted again by whoever pinned it, also after a restart.
    @Test func pinsOutliveADamagedFile() throws {
        let scratch = Scratch()
        let value = pattern(length)
        let store = try ContentStore(directory: scratch.path)
        let id = try store.put(value, kind: .model)
        try store.pin(id, label: "task-1")
        try store.pin(id, label: "mine")
        let other = try store.put([1], kind: .model)
        #expect(store.discard(other) == ContentReference(id: other, length: 1) && !store.isMissed(other))
        #expect(store.discard(other) == nil)
        try store.remove(other)

        // The file was removed by hand while the store lists it: that is damage, not absence.
        try FileManager.default.removeItem(atPath: scratch.file("\(id.hex).data"))
        let error = #expect(throws: StorageError.self) { try store.get(id) }
        guard case .damagedContent(id, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(store.discard(id) == ContentReference(id: id, length: UInt64(value.count)))
        #expect(!store.has(id) && store.isMissed(id) && store.usedBytes == 0)
        #expect(try store.get(id) == nil)
        // A pin that ends meanwhile does not come back.
        try store.unpin(id, label: "mine")
        let reopened = try ContentStore(directory: scratch.path)
        for store in [store, reopened] {
            #expect(store.isMissed(id))
            #expect(try store.put(value, kind: .model) == id)
            #expect(store.list().map(\.pins) == [["task-1"]] && !store.isMissed(id))
            #expect(try store.collect(downTo: 0).isEmpty)
        }
        #expect(store.discard(id) != nil)
        try store.unpinAll(label: "task-1")
        #expect(!store.isMissed(id))
        #expect(!(try ContentStore(directory: scratch.path)).isMissed(id))
    }

    @Test func damageNamesTheContent() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let value = pattern(length)
        let id = try store.put(value, kind: .model)
        let path = scratch.file("\(id.hex).data")
        let good = bytes(path)
        for position in [0, 4, 8, 12, 40, 60, 200, good.count - 40_000, good.count - 1] {
            var bad = good
            bad[position] ^= 1
            overwrite(path, bad)
            let fresh = try ContentStore(directory: scratch.path)
            // A file whose head is damaged is not listed; one whose chunks are is refused on reading.
            if fresh.has(id) {
                let error = #expect(throws: StorageError.self) { try fresh.get(id) }
                guard case .damagedContent(id, _)? = error else {
                    Issue.record("\(String(describing: error))"); continue
                }
            }
            #expect((try? fresh.get(id)) != .some(value), "position \(position)")
        }
        for count in [0, 3, 8, 30, 100, good.count - 1] {
            overwrite(path, Array(good[..<count]))
            #expect(try !ContentStore(directory: scratch.path).has(id), "cut to \(count)")
        }
        // The way out works.
        let fresh = try ContentStore(directory: scratch.path)
        #expect(try fresh.put(value, kind: .model) == id)
        #expect(digest(try fresh.get(id)) == digest(value))
    }

    @Test func unfinishedContentResumesAfterReopening() throws {
        let scratch = Scratch()
        let value = pattern(length)
        let manifest = ContentManifest(of: value, kind: .submission)
        let id = manifest.contentID
        do {
            let store = try ContentStore(directory: scratch.path)
            #expect(try store.openPartial(id, manifest).present == 0)
            for index in [0, 3, 5] { try store.store(id, chunk: index, chunk(value, index)) }
            #expect(!store.has(id))
            #expect(try store.get(id) == nil)
            #expect(digest(try store.chunk(id, 3)) == digest(chunk(value, 3)))
            #expect(try store.chunk(id, 1) == nil)
            #expect(throws: StorageError.self) { try store.finish(id) }
            #expect(throws: StorageError.self) { try store.store(id, chunk: 1, chunk(value, 2)) }
            #expect(throws: StorageError.self) { try store.store(id, chunk: 6, []) }
        }
        // A chunk that was torn by the crash is fetched again.
        let path = scratch.file("\(id.hex).part")
        var file = bytes(path)
        file[file.count - 9 - ContentLimits.chunkBytes - 100] ^= 1
        overwrite(path, file)
        let store = try ContentStore(directory: scratch.path)
        #expect(store.list().map(\.isComplete) == [false])
        let arrived = try store.openPartial(id, manifest)
        #expect((0..<6).filter { arrived.contains($0) } == [0, 5])
        for index in [1, 2, 3, 4] { try store.store(id, chunk: index, chunk(value, index)) }
        try store.finish(id)
        #expect(digest(try store.get(id)) == digest(value))
        #expect(digest(try ContentStore(directory: scratch.path).get(id)) == digest(value))
    }

    /// A content whose chunks are all here, not yet durable.
    private func whole(_ value: [UInt8], in store: ContentStore) throws -> ContentID {
        let manifest = ContentManifest(of: value, kind: .submission)
        _ = try store.openPartial(manifest.contentID, manifest)
        for index in manifest.chunks.indices { try store.store(manifest.contentID, chunk: index, chunk(value, index)) }
        return manifest.contentID
    }

    /// Everything that a disk takes its time for is done without the lock of the store.
    @Test func syncOfAContentHoldsUpNoOther() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path, openFiles: 2)
        let value = pattern(length)
        let id = try whole(value, in: store)
        let other = try store.put(pattern(99), kind: .other)
        var seen: [String?] = []
        try store.finish(id) { (_, _) throws(StorageError) in
            // The first of these that waits for the sync waits for ever.
            seen = [
                digest(try store.chunk(id, 2)), digest(try store.get(other)), digest(try store.get(id)),
                "\(store.has(id))", try store.put([7], kind: .other).hex,
            ]
            // More unfinished files than are kept open: this one stays.
            for seed in 60..<63 as Range<UInt64> {
                let manifest = ContentManifest(of: pattern(50, seed: seed), kind: .other)
                _ = try store.openPartial(manifest.contentID, manifest)
            }
            seen.append(digest(try store.chunk(id, 1)))
            do throws(StorageError) { try store.finish(id) } catch { seen.append("refused") }
        }
        #expect(
            seen == [
                digest(chunk(value, 2)), digest(pattern(99)), nil, "false",
                ContentManifest(of: [7], kind: .other).contentID.hex, digest(chunk(value, 1)), "refused",
            ])
        #expect(store.has(id))
        #expect(digest(try store.get(id)) == digest(value))
        #expect(bytes(scratch.file("\(id.hex).part")).isEmpty)
    }

    /// The same bytes from several threads at once, as an operator and a round may bring them.
    @Test func sameContentIsWrittenByManyAtOnce() async throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        for seed in 0..<8 as Range<UInt64> {
            let value = pattern(length, seed: 90 + seed)
            let ids = try await withThrowingTaskGroup(of: ContentID.self) { group in
                for _ in 0..<4 { group.addTask { try store.put(value, kind: .other) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(digest(try store.get(try #require(ids.first))) == digest(value))
        }
        #expect(store.list().count == 8 && !store.list().contains { !$0.isComplete })
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).count == 9)
    }

    /// What happens to a content while it is made durable.
    @Test func contentThatChangesUnderItsSync() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let value = pattern(length)
        let id = try whole(value, in: store)
        // A sync that fails leaves it as it was.
        #expect(throws: StorageError.full(path: "p", reason: "r")) {
            try store.finish(id) { (_, _) throws(StorageError) in throw .full(path: "p", reason: "r") }
        }
        #expect(!store.has(id) && store.arrived(id)?.isComplete == true)
        // Removed: neither listed nor left behind.
        #expect(throws: StorageError.unknownContent(id)) {
            try store.finish(id) { (_, _) throws(StorageError) in try store.remove(id) }
        }
        #expect(!store.has(id) && store.list().isEmpty && store.usedBytes == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["pins"])
        // Removed and begun anew: the new one is not taken for it.
        _ = try whole(value, in: store)
        #expect(throws: StorageError.unknownContent(id)) {
            try store.finish(id) { (_, _) throws(StorageError) in
                try store.remove(id)
                let manifest = ContentManifest(of: value, kind: .submission)
                _ = try store.openPartial(id, manifest)
            }
        }
        #expect(!store.has(id) && store.arrived(id)?.present == 0)
        // Stored as a whole: it is here.
        _ = try whole(value, in: store)
        try store.finish(id) { (_, _) throws(StorageError) in try store.put(value, kind: .submission) }
        #expect(digest(try store.get(id)) == digest(value))
        #expect(digest(try ContentStore(directory: scratch.path).get(id)) == digest(value))
    }

    /// The unfinished file of a former run was looked at before the bytes came another way.
    @Test func wholeContentIsReadFromItsOwnFile() throws {
        let scratch = Scratch()
        let value = pattern(length)
        let manifest = ContentManifest(of: value, kind: .submission)
        let id = manifest.contentID
        do {
            let store = try ContentStore(directory: scratch.path)
            _ = try store.openPartial(id, manifest)
            try store.store(id, chunk: 0, chunk(value, 0))
        }
        let store = try ContentStore(directory: scratch.path)
        #expect(try store.manifest(id) == manifest)
        #expect(try store.chunk(id, 0) == nil)
        #expect(try store.put(value, kind: .submission) == id)
        for index in manifest.chunks.indices {
            #expect(digest(try store.chunk(id, index)) == digest(chunk(value, index)))
        }
    }

    /// More contents than files are kept open for, in turn; a removed one is gone although its file was open.
    @Test func manyContentsAreServedInTurn() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let values = (0..<40).map { pattern(2 * ContentLimits.chunkBytes, seed: UInt64(50 + $0)) }
        let ids = try values.map { try store.put($0, kind: .other) }
        let before = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        for index in 0..<2 {
            for (id, value) in zip(ids, values) {
                #expect(digest(try store.chunk(id, index)) == digest(chunk(value, index)))
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count < before + 30)
        try store.remove(ids[39])
        #expect(try store.chunk(ids[39], 0) == nil)
    }

    @Test func headTornByACrashStartsAgain() throws {
        let scratch = Scratch()
        let value = pattern(length)
        let manifest = ContentManifest(of: value, kind: .submission)
        overwrite(scratch.file("\(manifest.contentID.hex).part"), pattern(100))
        let store = try ContentStore(directory: scratch.path)
        #expect(try store.openPartial(manifest.contentID, manifest).present == 0)
        for index in manifest.chunks.indices { try store.store(manifest.contentID, chunk: index, chunk(value, index)) }
        try store.finish(manifest.contentID)
        #expect(digest(try store.get(manifest.contentID)) == digest(value))
    }

    @Test func quotaCollectsWhatIsUnusedAndUnpinned() throws {
        let scratch = Scratch()
        let size = 100_000
        let store = try ContentStore(directory: scratch.path, quota: 350_000)
        let first = try store.put(pattern(size, seed: 1), kind: .model)
        let second = try store.put(pattern(size, seed: 2), kind: .model)
        let third = try store.put(pattern(size, seed: 3), kind: .model)
        try store.pin(first, label: "keep")
        _ = try store.get(second)
        let fourth = try store.put(pattern(size, seed: 4), kind: .model)
        // The third was used longest ago of those without a pin.
        #expect([first, second, third, fourth].map { store.has($0) } == [true, true, false, true])
        try store.pin(second, label: "keep")
        try store.pin(fourth, label: "keep")
        let error = #expect(throws: StorageError.self) { try store.put(pattern(size, seed: 5), kind: .model) }
        guard case .full? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(throws: StorageError.self) { try store.put(pattern(400_000), kind: .model) }
        let manifest = ContentManifest(of: pattern(size, seed: 6), kind: .model)
        #expect(throws: StorageError.self) { try store.openPartial(manifest.contentID, manifest) }
        try store.unpinAll(label: "keep")
        #expect(try store.openPartial(manifest.contentID, manifest).present == 0)
        // What is being fetched is never collected.
        let whole = store.list().filter(\.isComplete).map(\.id)
        #expect(whole.count == 2)
        #expect(try store.collect(downTo: 0).sorted() == whole)
        #expect(store.list().map(\.id) == [manifest.contentID])
        try store.abandon(manifest.contentID)
        #expect(store.usedBytes == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["pins"])
    }

    /// What tasks pin leaves an eighth of the quota to what nothing pins, however much they name.
    @Test func pinsOfTasksLeaveAnEighth() throws {
        let scratch = Scratch()
        let size = 100_000
        let quota: UInt64 = 850_000
        func store() throws -> ContentStore { try ContentStore(directory: scratch.path, quota: quota) }
        let first = try store()
        var held: [ContentID] = []
        for seed in UInt64(1)...8 {
            let id = try first.put(pattern(size, seed: seed), kind: .submission)
            guard seed < 8 else {
                let error = #expect(throws: StorageError.self) { try first.hold(id, label: "b-task-8") }
                #expect(error?.description.contains("seven eighths of the quota of 850000 (storage.quota)") == true)
                continue
            }
            try first.hold(id, label: "b-task-\(seed)")
            try first.writePin(id, label: "b-task-\(seed)")
            held.append(id)
        }
        #expect(held.count == 7 && first.pinnedBytes <= first.pinQuota)
        for store in [first, try store()] {
            #expect(store.pinnedBytes == first.pinnedBytes)
            // Body after body of a running round finds its place.
            for seed in UInt64(20)...22 {
                let id = try store.put(pattern(size, seed: seed), kind: .blockBody)
                #expect(store.has(id))
            }
            #expect(held.allSatisfy { store.has($0) })
        }
        // A second label of what is pinned already costs nothing; what gave way may be collected.
        try first.hold(held[0], label: "c-task")
        try first.unpinAll(prefix: "b-task-")
        #expect(first.pinnedBytes * 6 < first.usedBytes)
        #expect(try first.collect(downTo: 0).count == 7)
        #expect(first.list().map(\.id) == [held[0]])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("pins")).isEmpty)
    }

    /// The label is there before the bytes: no other content can push them out in between.
    @Test func aContentIsPinnedBeforeItIsWhole() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        #expect(throws: StorageError.self) { try store.put(pattern(100), kind: .model, pinnedBy: "Not A Label") }
        #expect(store.list().isEmpty && store.usedBytes == 0)
        let id = try store.put(pattern(100), kind: .model, pinnedBy: "one")
        #expect(try store.put(pattern(100), kind: .model, pinnedBy: "two") == id)
        #expect(store.list().map(\.pins) == [["one", "two"]])
        #expect(try store.collect(downTo: 0).isEmpty)
        #expect(try ContentStore(directory: scratch.path).list().map { $0.pins.sorted() } == [["one", "two"]])
    }

    /// What reads a home beside its node leaves every file and every time as it was.
    @Test func aReaderChangesNothing() throws {
        let scratch = Scratch()
        let home = HomeDirectory(path: scratch.path)
        let value = pattern(1_000)
        let id = try ContentStore(home).put(value, kind: .model, pinnedBy: "kept")
        let unfinished = ContentManifest(of: pattern(900), kind: .model).contentID
        overwrite("\(home.content)/\(unfinished.hex).data.7.tmp", [1])
        let long = Date(timeIntervalSince1970: 1_000_000)
        let files = FileManager.default
        try files.setAttributes([.modificationDate: long], ofItemAtPath: "\(home.content)/\(id.hex).data")
        func state() throws -> [String] {
            try files.subpathsOfDirectory(atPath: home.path).sorted().map { name in
                let attributes = try files.attributesOfItem(atPath: home.path + "/" + name)
                return "\(name) \(attributes[.modificationDate] as? Date ?? .distantPast)"
            }
        }
        let before = try state()
        let reader = try ContentStore(reading: home)
        #expect(digest(try reader.get(id)) == digest(value))
        #expect(reader.list().map(\.pins) == [["kept"]])
        let refused: [() throws -> Void] = [
            { try reader.put([1], kind: .other) }, { try reader.pin(id, label: "mine") },
            { try reader.unpin(id, label: "kept") }, { try reader.remove(id) }, { try reader.collect(downTo: 0) },
        ]
        for change in refused { #expect(throws: StorageError.self) { try change() } }
        _ = reader.discard(id)
        #expect(try state() == before)
        let none = HomeDirectory(path: scratch.file("none"))
        #expect(try ContentStore(reading: none).list().isEmpty)
        #expect(!files.fileExists(atPath: none.path))
    }

    /// A pin counts from the moment it is asked for, and no file of it outlives its end.
    @Test func aHeldPinCountsBeforeItsFileIsThere() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let ids = try (1...3).map { try store.put(pattern(1_000, seed: UInt64($0)), kind: .submission) }
        for id in ids { try store.hold(id, label: "round-1") }
        #expect(throws: StorageError.unknownContent(.zero)) { try store.hold(.zero, label: "round-1") }
        #expect(try store.collect(downTo: 0) == [])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.file("pins")) == [])
        try store.unpin(ids[1], label: "round-1")
        try store.remove(ids[2])
        for id in ids { try store.writePin(id, label: "round-1") }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.file("pins")) == ["\(ids[0].hex).round-1"])
        let again = try ContentStore(directory: scratch.path)
        #expect(again.list().first { $0.id == ids[0] }?.pins == ["round-1"])
        #expect(again.list().first { $0.id == ids[1] }?.pins == [])
    }

    @Test func releasingALabelRemovesWhatNoOtherKeeps() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let ids = try (1...3).map { try store.put(pattern(1_000, seed: UInt64($0)), kind: .submission) }
        try store.pin(ids[0], label: "round-1")
        try store.pin(ids[1], label: "round-1")
        try store.pin(ids[1], label: "round-2")
        #expect(try store.release(label: "round-1") == [ids[0]])
        #expect(ids.map { store.has($0) } == [false, true, true])
        // The same after a restart, because pins are files.
        let again = try ContentStore(directory: scratch.path)
        #expect(try again.release(label: "round-2") == [ids[1]])
        #expect(again.list().map(\.id) == [ids[2]])
    }

    @Test func wrongUseIsRefused() throws {
        let store = try ContentStore(directory: Scratch().path)
        #expect(throws: StorageError.self) { try store.put([1], kind: .manifest) }
        #expect(throws: StorageError.self) { try store.put([1], kind: .model, codec: .none, rawLength: 2) }
        #expect(throws: StorageError.unknownContent(.zero)) { try store.pin(.zero, label: "x") }
        #expect(throws: StorageError.self) { try store.pin(.zero, label: "../x") }
        #expect(throws: StorageError.unknownContent(.zero)) { try store.store(.zero, chunk: 0, []) }
        let manifest = ContentManifest(of: [1], kind: .model)
        #expect(throws: StorageError.self) { try store.openPartial(.zero, manifest) }
        let id = try store.put([1, 2], kind: .model, codec: .zstd, rawLength: 90)
        #expect(try store.manifest(id)?.rawLength == 90)
    }
}
