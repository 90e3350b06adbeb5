import Foundation
import MeshNode
import Testing
import Wire

@Suite struct DurableStoreTests {
    private func open(_ scratch: Scratch, _ opening: StoreOpening = .createIfMissing) throws -> DurableStore {
        try DurableStore(path: scratch.file("durable.sqlite"), owner: testNode, opening: opening)
    }

    @Test func recordsSurviveReopening() throws {
        let scratch = Scratch()
        do {
            let store = try open(scratch)
            try store.commit([
                .slot(kind: 2, chain: testChain, major: 5, minor: 1, message: [1, 2, 3]),
                .slot(kind: 1, chain: testChain, major: 5, minor: 0, message: []),
                .voteState(chain: testChain, bytes: [9]),
                .voteState(chain: testChain, bytes: [10]),
                .value(space: "submission-secret", key: [1], bytes: [4, 4]),
                .value(space: "submission-secret", key: [0], bytes: [5]),
                .value(space: "other", key: [0], bytes: [6]),
            ])
            try store.commit([.removeValue(space: "other", key: [0])])
        }
        let store = try open(scratch, .existing)
        #expect(
            try store.slotMessages(chain: testChain) == [
                SlotMessage(kind: 1, major: 5, minor: 0, message: []),
                SlotMessage(kind: 2, major: 5, minor: 1, message: [1, 2, 3]),
            ])
        #expect(try store.slotMessage(kind: 2, chain: testChain, major: 5, minor: 1) == [1, 2, 3])
        #expect(try store.slotMessage(kind: 2, chain: testChain, major: 5, minor: 2) == nil)
        #expect(try store.voteState(chain: testChain) == [10])
        #expect(try store.voteState(chain: .zero) == nil)
        #expect(try store.value(space: "submission-secret", key: [1]) == [4, 4])
        #expect(try store.value(space: "other", key: [0]) == nil)
        #expect(try store.values(space: "submission-secret").map(\.key) == [[0], [1]])
        #expect(try store.chains() == [testChain])
    }

    @Test func secondMessageInASlotIsRefusedAndRollsBack() throws {
        let scratch = Scratch()
        let store = try open(scratch)
        try store.commit([.slot(kind: 3, chain: testChain, major: 7, minor: 2, message: [1])])
        #expect(throws: StorageError.slotUsed(kind: 3, chain: testChain, major: 7, minor: 2)) {
            try store.commit([
                .voteState(chain: testChain, bytes: [1]),
                .slot(kind: 3, chain: testChain, major: 8, minor: 0, message: [1]),
                .slot(kind: 3, chain: testChain, major: 7, minor: 2, message: [2]),
            ])
        }
        #expect(try store.slotMessages(chain: testChain).map(\.major) == [7])
        #expect(try store.voteState(chain: testChain) == nil)
        // The same bytes again, and the same slot of another chain, are fine.
        try store.commit([
            .slot(kind: 3, chain: testChain, major: 7, minor: 2, message: [1]),
            .slot(kind: 3, chain: .zero, major: 7, minor: 2, message: [2]),
        ])
    }

    @Test func twoMessagesOfOneSlotInOneCommitAreRefused() throws {
        let store = try open(Scratch())
        #expect(throws: StorageError.slotUsed(kind: 3, chain: testChain, major: 7, minor: 2)) {
            try store.commit([
                .slot(kind: 3, chain: testChain, major: 7, minor: 2, message: [1]),
                .slot(kind: 3, chain: testChain, major: 7, minor: 2, message: [2]),
            ])
        }
    }

    @Test func prunedSlotsAreNeverSignedAgain() throws {
        let scratch = Scratch()
        do {
            let store = try open(scratch)
            for height in 1...6 as ClosedRange<UInt64> {
                try store.commit([
                    .slot(kind: 1, chain: testChain, major: height, minor: 0, message: [UInt8(height)]),
                    .slot(kind: 9, chain: testChain, major: height, minor: 0, message: [UInt8(height)]),
                ])
            }
            // In one transaction with the next message, as a node does it.
            try store.commit([
                .prune(chain: testChain, kinds: [1], below: 4),
                .slot(kind: 1, chain: testChain, major: 7, minor: 0, message: [7]),
            ])
        }
        let store = try open(scratch, .existing)
        // Kind 9 counts rounds and was not named, so all of it stays.
        #expect(try store.slotMessages(chain: testChain).filter { $0.kind == 1 }.map(\.major) == [4, 5, 6, 7])
        #expect(try store.slotMessages(chain: testChain).filter { $0.kind == 9 }.count == 6)
        #expect(throws: StorageError.slotPruned(kind: 1, chain: testChain, major: 3, floor: 4)) {
            try store.commit([.slot(kind: 1, chain: testChain, major: 3, minor: 5, message: [3])])
        }
        // A lower mark takes nothing back.
        try store.commit([.prune(chain: testChain, kinds: [1], below: 2)])
        #expect(throws: StorageError.slotPruned(kind: 1, chain: testChain, major: 3, floor: 4)) {
            try store.commit([.slot(kind: 1, chain: testChain, major: 3, minor: 5, message: [3])])
        }
    }

    @Test func anotherIdentityIsRefused() throws {
        let scratch = Scratch()
        _ = try open(scratch)
        #expect(
            throws: StorageError.wrongOwner(path: scratch.file("durable.sqlite"), owner: testNode, identity: .zero)
        ) { try DurableStore(path: scratch.file("durable.sqlite"), owner: .zero) }
    }

    @Test func numbersThatSQLiteCannotHoldAreRefused() throws {
        let store = try open(Scratch())
        #expect(throws: StorageError.self) {
            try store.commit([.slot(kind: 1, chain: testChain, major: .max, minor: .max, message: [])])
        }
        try store.commit([.slot(kind: 255, chain: testChain, major: UInt64(Int64.max), minor: .max, message: [1])])
        #expect(
            try store.slotMessages(chain: testChain)
                == [SlotMessage(kind: 255, major: UInt64(Int64.max), minor: .max, message: [1])])
        #expect(throws: StorageError.self) {
            try store.commit([
                .value(space: "s", key: [], bytes: [UInt8](repeating: 0, count: DurableStore.longestRecord + 1))
            ])
        }
    }

    @Test func missingFileIsNotMadeSilently() {
        let scratch = Scratch()
        let error = #expect(throws: StorageError.self) { try open(scratch, .existing) }
        guard case .missing(let path, let next)? = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(path == scratch.file("durable.sqlite"))
        #expect(next.contains("sign twice"))
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func filesArePrivate() throws {
        let scratch = Scratch()
        let store = try open(scratch)
        try store.commit([.voteState(chain: testChain, bytes: [1])])
        for suffix in ["", "-wal", "-shm"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: store.path + suffix)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(suffix)")
        }
    }
}
