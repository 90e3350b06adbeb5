import Foundation
import Gossip
import MeshNode
import Synchronization
import Testing
import Wire

/// A disk that cannot read one place of one content's file.
private final class BadDisk: Sendable {
    private struct Place {
        let content: ContentID
        let offset: UInt64
        var times: Int
    }

    private let place = Mutex<Place?>(nil)

    func fail(_ content: ContentID, at offset: UInt64, times: Int = .max) {
        place.withLock { $0 = Place(content: content, offset: offset, times: times) }
    }

    func heal() { place.withLock { $0 = nil } }

    var fault: ReadFault {
        { path, offset in
            self.place.withLock { place in
                guard let bad = place, path.contains(bad.content.hex), bad.offset == offset, bad.times > 0 else {
                    return nil
                }
                place!.times -= 1
                return EIO
            }
        }
    }
}

/// Damage costs what is damaged, and no more: nothing is deleted, and whatever can still be read is used.
@Suite struct DamagedFilesTests {
    private let value = pattern(39 * ContentLimits.chunkBytes + 9)
    private var length: UInt64 { UInt64(value.count) }

    private func chunk(_ index: Int) -> [UInt8] {
        Array(value[index * ContentLimits.chunkBytes..<min((index + 1) * ContentLimits.chunkBytes, value.count)])
    }

    private func manifest() -> ContentManifest { ContentManifest(of: value, kind: .model) }

    /// Where a chunk lies in the file.
    private func offset(_ index: Int, _ scratch: Scratch, _ id: ContentID) -> UInt64 {
        UInt64(bytes(scratch.file("\(id.hex).data")).count - value.count + index * ContentLimits.chunkBytes)
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private func isDamage(_ error: StorageError?, of id: ContentID) -> Bool {
        if case .damagedContent(id, _)? = error { true } else { false }
    }

    private func missing(_ bitmap: ChunkBitmap) -> [Int] { (0..<bitmap.count).filter { !bitmap.contains($0) } }

    @Test func readThatFailsOnceLosesNothing() throws {
        let scratch = Scratch()
        let disk = BadDisk()
        let store = try ContentStore(directory: scratch.path, fault: disk.fault)
        let id = try store.put(value, kind: .model)
        for place in [0, offset(0, scratch, id), offset(7, scratch, id)] {
            disk.fail(id, at: place, times: 1)
            #expect(digest(try store.get(id)) == digest(value), "at \(place)")
            disk.fail(id, at: place, times: 1)
            #expect(try ContentStore(directory: scratch.path, fault: disk.fault).has(id), "at \(place)")
        }
    }

    @Test func oneBadChunkIsAllThatIsMissing() throws {
        let scratch = Scratch()
        let disk = BadDisk()
        let store = try ContentStore(directory: scratch.path, fault: disk.fault)
        let id = try store.put(value, kind: .model)
        try store.pin(id, label: "kept")
        let path = scratch.file("\(id.hex).data")
        // One flipped bit, then a place that the disk does not read.
        for isFlipped in [true, false] {
            let place = offset(7, scratch, id)
            if isFlipped {
                var file = bytes(path)
                file[Int(place) + 100] ^= 1
                overwrite(path, file)
            } else {
                disk.fail(id, at: place)
            }
            #expect(isDamage(#expect(throws: StorageError.self) { try store.get(id) }, of: id))
            #expect(store.discard(id) == ContentReference(id: id, length: length))
            #expect(!store.has(id) && store.isMissed(id) && store.discard(id) == nil)
            #expect(store.list().map(\.pins) == [["kept"]])
            #expect(!exists(path) && exists(scratch.file("\(id.hex).part")))
            // The same after a restart.
            let reopened = try ContentStore(directory: scratch.path, fault: disk.fault)
            #expect(reopened.isMissed(id) && reopened.missed().known.map(\.length) == [length])
            #expect(missing(try reopened.openPartial(id, manifest())) == [7])
            #expect(missing(try store.openPartial(id, manifest())) == [7])
            try store.store(id, chunk: 7, chunk(7))
            try store.finish(id)
            disk.heal()
            #expect(digest(try store.get(id)) == digest(value) && !store.isMissed(id))
            #expect(store.list().map(\.pins) == [["kept"]])
        }
        // A disk that reads again what it did not: nothing is missing at all.
        disk.fail(id, at: offset(3, scratch, id))
        #expect(isDamage(#expect(throws: StorageError.self) { try store.get(id) }, of: id))
        #expect(store.discard(id) != nil)
        disk.heal()
        #expect(try store.openPartial(id, manifest()).isComplete)
    }

    @Test func unreadableHeadDoesNotStopTheStart() throws {
        let scratch = Scratch()
        let disk = BadDisk()
        let id: ContentID
        let other: ContentID
        do {
            let store = try ContentStore(directory: scratch.path)
            id = try store.put(value, kind: .model)
            try store.pin(id, label: "kept")
            other = try store.put([1, 2], kind: .model)
        }
        for place in [0, 9] as [UInt64] {
            disk.fail(id, at: place)
            let store = try ContentStore(directory: scratch.path, fault: disk.fault)
            #expect(store.has(other) && !store.has(id) && store.isMissed(id))
            #expect(store.skippedFiles.count == 1 && store.skippedFiles[0].hasPrefix(id.hex))
            #expect(exists(scratch.file("\(id.hex).data")))
            // Its head comes from a peer; the chunks are all there.
            #expect(try store.openPartial(id, manifest()).isComplete)
            try store.finish(id)
            disk.heal()
            #expect(digest(try store.get(id)) == digest(value))
            #expect(store.list().first { $0.id == id }?.pins == ["kept"])
        }
    }

    @Test func headThatBecomesUnreadableIsDamage() throws {
        let scratch = Scratch()
        let disk = BadDisk()
        try ContentStore(directory: scratch.path).put(value, kind: .model)
        let id = manifest().contentID
        let store = try ContentStore(directory: scratch.path, fault: disk.fault)
        disk.fail(id, at: 0)
        #expect(isDamage(#expect(throws: StorageError.self) { try store.get(id) }, of: id))
        #expect(store.discard(id) != nil && !store.has(id))
        // Of an unfinished content it is written anew.
        #expect(try store.openPartial(id, manifest()).isComplete)
    }

    @Test func unreadableChunkOfAnUnfinishedContentIsMissing() throws {
        let scratch = Scratch()
        let disk = BadDisk()
        let id = manifest().contentID
        do {
            let store = try ContentStore(directory: scratch.path)
            _ = try store.openPartial(id, manifest())
            for index in 0..<40 where index != 5 { try store.store(id, chunk: index, chunk(index)) }
        }
        let head = UInt64(bytes(scratch.file("\(id.hex).part")).count - value.count)
        disk.fail(id, at: head + 3 * UInt64(ContentLimits.chunkBytes))
        let store = try ContentStore(directory: scratch.path, fault: disk.fault)
        #expect(missing(try store.openPartial(id, manifest())) == [3, 5])
    }

    /// Damage that was read of one file says nothing of the one that replaced it meanwhile.
    @Test func damageOfAFormerFileSparesTheNext() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let id = try store.put(value, kind: .model)
        let read = store.generation(id)
        #expect(store.discard(id, ifStill: read) != nil)
        try store.put(value, kind: .model)
        #expect(store.discard(id, ifStill: read) == nil && store.has(id))
        #expect(digest(try store.get(id)) == digest(value))
    }

    /// What nobody pinned and nobody fetches again makes room when it is needed.
    @Test func damagedContentThatNobodyNeedsIsCollected() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let id = try store.put(value, kind: .model)
        #expect(store.discard(id) != nil && store.usedBytes > length)
        #expect(try store.collect(downTo: 0) == [id])
        #expect(store.usedBytes == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["pins"])
    }

    @Test func pinTellsWhatToFetchAfterARestart() throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let id = try store.put(value, kind: .model)
        let older = try store.put([1], kind: .model)
        for content in [id, older] { try store.pin(content, label: "kept") }
        #expect(store.missed().known.isEmpty && store.missed().unknown.isEmpty)
        // As a former version wrote it.
        overwrite(scratch.file("pins/\(older.hex).kept"), [])
        for content in [id, older] {
            try FileManager.default.removeItem(atPath: scratch.file("\(content.hex).data"))
        }
        let reopened = try ContentStore(directory: scratch.path)
        #expect(reopened.missed().known == [ContentReference(id: id, length: length)])
        #expect(reopened.missed().unknown == [older])
    }

    /// What is no plain file in the place of a content is damage of that content alone: the store opens, the content is fetched
    /// anew, and what took its place is kept aside.
    @Test(arguments: [true, false]) func anythingInThePlaceOfAContentIsItsDamage(isPipe: Bool) throws {
        let scratch = Scratch()
        let store = try ContentStore(directory: scratch.path)
        let id = try store.put(value, kind: .model)
        let other = try store.put([1, 2, 3], kind: .model)
        for ending in ["data", "part"] {
            let path = scratch.file("\(id.hex).\(ending)")
            try? FileManager.default.removeItem(atPath: scratch.file("\(id.hex).data"))
            if isPipe { #expect(mkfifo(path, 0o600) == 0) } else { #expect(mkdir(path, 0o700) == 0) }
            if ending == "data" {
                #expect(isDamage(#expect(throws: StorageError.self) { try store.get(id) }, of: id))
            }
            let reopened = try ContentStore(directory: scratch.path)
            #expect(!reopened.has(id) && reopened.has(other))
            #expect(reopened.skippedFiles.count == 1 && reopened.skippedFiles[0].contains("in the place of its file"))
            #expect(exists(path + ".aside"))
            _ = try reopened.openPartial(id, manifest())
            try reopened.abandon(id)
            try reopened.put(value, kind: .model)
            #expect(digest(try ContentStore(directory: scratch.path).get(id)) == digest(value))
        }
    }
}
