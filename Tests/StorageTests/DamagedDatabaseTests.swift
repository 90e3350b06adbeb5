import Foundation
import MeshNode
import Testing
import Wire

/// A damaged file gives one error that names the path, the reason and the next step: never a trap, never silence.
@Suite struct DamagedDatabaseTests {
    private func filledDurable(_ scratch: Scratch) throws -> String {
        let path = scratch.file("durable.sqlite")
        let store = try DurableStore(path: path, owner: testNode, opening: .createIfMissing)
        for height in 0..<40 as Range<UInt64> {
            try store.commit([
                .slot(kind: 1, chain: testChain, major: height, minor: 0, message: pattern(300, seed: height)),
                .voteState(chain: testChain, bytes: pattern(100, seed: height)),
            ])
        }
        return path
    }

    private func readAll(_ path: String) throws -> [SlotMessage] {
        let store = try DurableStore(path: path, owner: testNode)
        _ = try store.voteState(chain: testChain)
        return try store.slotMessages(chain: testChain)
    }

    @Test func truncationIsNoticed() throws {
        let scratch = Scratch()
        let path = try filledDurable(scratch)
        let good = bytes(path)
        #expect(try readAll(path).count == 40)
        let cuts = [0, 1, 15, 16, 99, 100, 4095, 4096, 5000, good.count / 2, good.count - 4096, good.count - 1]
        for count in cuts {
            overwrite(path, Array(good[..<count]))
            try? FileManager.default.removeItem(atPath: path + "-wal")
            try? FileManager.default.removeItem(atPath: path + "-shm")
            let error = #expect(throws: StorageError.self, "cut to \(count)") { try readAll(path) }
            guard case .damaged(path, let reason, let next)? = error else {
                Issue.record("cut to \(count): \(String(describing: error))")
                continue
            }
            #expect(!reason.isEmpty && next.contains("meshnode init --home"))
        }
    }

    /// Every page, several bits: either the bytes do not matter (free space), or an error is thrown; wrong data is
    /// never returned.
    @Test func flippedBitsNeverGiveWrongData() throws {
        let scratch = Scratch()
        let path = try filledDurable(scratch)
        let good = bytes(path)
        let expected = try readAll(path)
        var noticed = 0
        for trial in 0..<120 {
            let position = (trial * 7919 + 13) % good.count
            var bad = good
            bad[position] ^= 1 << UInt8(trial % 8)
            overwrite(path, bad)
            try? FileManager.default.removeItem(atPath: path + "-wal")
            try? FileManager.default.removeItem(atPath: path + "-shm")
            do {
                let found = try readAll(path)
                #expect(found == expected, "bit \(trial % 8) at \(position), \(found.count) messages")
            } catch let error as StorageError {
                noticed += 1
                #expect(error.description.contains(path), "\(error)")
            }
        }
        #expect(noticed > 40)
    }

    @Test func flippedBitInABlockIsNoticed() throws {
        let scratch = Scratch()
        let path = scratch.file("chain.sqlite")
        let body = pattern(20_000, seed: 77)
        do {
            let store = try ChainStore(path: path, opening: .createIfMissing)
            try store.store([.chain(ChainRecord(id: testChain, kind: 0))])
            try store.append(
                block: StoredBlock(
                    chain: testChain, height: 1, id: .zero, header: [1], body: .inline(body), certificate: [2],
                    timeStored: 3))
        }
        var file = bytes(path)
        let needle = Array(body[9000..<9016])
        let position = try #require(
            file.indices.dropLast(16).first { file[$0] == needle[0] && Array(file[$0..<$0 + 16]) == needle })
        file[position] ^= 4
        overwrite(path, file)
        // SQLite itself sees nothing wrong in a value.
        let store = try ChainStore.openReadOnly(path: path)
        let error = #expect(throws: StorageError.self) { try store.block(chain: testChain, height: 1) }
        guard case .damaged(path, let reason, let next)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("block 1"))
        #expect(next.contains("meshnode init --home") && next.contains("fetches the chain from its peers"))
    }

    /// A message whose chain changed by a bit is found by no lookup, and SQLite sees nothing wrong in it: without a
    /// walk over all rows its slot would look free.
    @Test func flippedKeyDoesNotFreeASlot() throws {
        let scratch = Scratch()
        let path = scratch.file("durable.sqlite")
        do {
            let store = try DurableStore(path: path, owner: testNode, opening: .createIfMissing)
            try store.commit([.slot(kind: 1, chain: testChain, major: 3, minor: 0, message: [1, 2, 3])])
        }
        var file = bytes(path)
        let position = try #require(
            file.indices.dropLast(32).first { file[$0] == 9 && Array(file[$0..<$0 + 32]) == testChain.bytes })
        file[position + 7] ^= 0x20
        overwrite(path, file)
        let error = #expect(throws: StorageError.self) { try DurableStore(path: path, owner: testNode) }
        guard case .damaged(path, _, _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// Who moves a database away as the advice says leaves its log: SQLite would play that into the new file.
    @Test func theLogOfAMovedDatabaseIsNotPlayedIntoTheNewOne() throws {
        let scratch = Scratch()
        let path = scratch.file("chain.sqlite")
        let log: [UInt8]
        do {
            let store = try ChainStore(path: path, opening: .createIfMissing)
            try store.storeGenesis([1, 2, 3])
            log = bytes(path + "-wal")
        }
        #expect(!log.isEmpty)
        try FileManager.default.removeItem(atPath: path)
        overwrite(path + "-wal", log)
        #expect(try ChainStore(path: path, opening: .createIfMissing).genesis() == nil)
        // What cannot be fetched again is lost, not new.
        let other = scratch.file("durable.sqlite")
        overwrite(other + "-wal", log)
        try FileManager.default.removeItem(atPath: path)
        let error = #expect(throws: StorageError.self) {
            try DurableStore(path: other, owner: testNode, opening: .createIfMissing)
        }
        #expect(error?.description.contains("does not exist; never restore an old copy") == true)
        #expect(!FileManager.default.fileExists(atPath: other))
    }

    @Test func otherFilesAreNotTouched() throws {
        let scratch = Scratch()
        let path = scratch.file("chain.sqlite")
        for content in [Array("not a database".utf8), pattern(10_000), [0]] {
            overwrite(path, content)
            #expect(throws: StorageError.self) { try ChainStore(path: path, opening: .createIfMissing) }
            #expect(bytes(path) == content)
        }
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(throws: StorageError.self) { try ChainStore(path: path, opening: .createIfMissing) }
    }

    @Test func emptyFileIsNeverFilledSilently() throws {
        let scratch = Scratch()
        let path = scratch.file("durable.sqlite")
        overwrite(path, [])
        #expect(throws: StorageError.self) { try DurableStore(path: path, owner: testNode) }
        // Nor to one who may create: a file cut to nothing held signatures once.
        #expect(throws: StorageError.self) { try DurableStore(path: path, owner: testNode, opening: .createIfMissing) }
        #expect(bytes(path).isEmpty)
    }
}
