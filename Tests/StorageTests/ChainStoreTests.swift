import Foundation
import MeshNode
import Testing
import Wire

@Suite struct ChainStoreTests {
    private func open(_ scratch: Scratch) throws -> ChainStore {
        try ChainStore(path: scratch.file("chain.sqlite"), opening: .createIfMissing)
    }

    private func block(_ height: UInt64, body: BlockBodyBytes = .inline([1, 2]), mark: UInt8 = 0) -> StoredBlock {
        StoredBlock(
            chain: testChain, height: height, id: BlockID([UInt8](repeating: UInt8(height % 200) &+ mark, count: 32)),
            header: [3, UInt8(truncatingIfNeeded: height)], body: body, certificate: [4], timeStored: 1_800_000_000_000)
    }

    @Test func blocksAndDerivedRowsSurvive() throws {
        let scratch = Scratch()
        let task = ChainRecord(id: .zero, kind: 1, parent: testChain, parentHeight: 2, info: [8])
        do {
            let store = try open(scratch)
            try store.storeGenesis([1, 2, 3])
            try store.storeGenesis([1, 2, 3])
            try store.store([.chain(ChainRecord(id: testChain, kind: 0))])
            #expect(try store.head(chain: testChain) == nil)
            try store.append(block: block(1))
            try store.append(
                block: block(2, body: .content(.zero)),
                derived: [
                    .chain(task), .roundMetrics(chain: testChain, round: 1, attempt: 0, json: "{}"),
                    .event(time: 5, kind: "block", json: "{\"h\":2}"), .nodeValue(key: "k", bytes: [1]),
                    .peer(testNode, record: [6], lastSeen: 77),
                ])
        }
        for store in [
            try ChainStore(path: scratch.file("chain.sqlite")),
            try ChainStore.openReadOnly(path: scratch.file("chain.sqlite")),
        ] {
            #expect(try store.genesis() == [1, 2, 3])
            #expect(try store.chains() == [ChainRecord(id: testChain, kind: 0), task])
            #expect(try store.chain(.zero) == task)
            #expect(try store.head(chain: testChain)?.height == 2)
            #expect(try store.block(chain: testChain, height: 1) == block(1))
            #expect(try store.block(chain: testChain, height: 2) == block(2, body: .content(.zero)))
            #expect(try store.block(chain: testChain, height: 3) == nil)
            #expect(try store.block(chain: testChain, height: 0) == nil)
            #expect(try store.blocks(chain: testChain, from: 0, limit: 9).map(\.height) == [1, 2])
            #expect(try store.blocks(chain: testChain, from: .max, limit: 9).isEmpty)
            #expect(try store.roundMetrics(chain: testChain).map(\.json) == ["{}"])
            #expect(try store.events(limit: 10).map(\.kind) == ["block"])
            #expect(try store.nodeValue(key: "k") == [1])
            #expect(try store.peers().map(\.node) == [testNode])
        }
    }

    @Test func onlyTheNextBlockIsAppended() throws {
        let store = try open(Scratch())
        #expect(throws: StorageError.unknownChain(testChain)) { try store.append(block: block(1)) }
        try store.store([.chain(ChainRecord(id: testChain, kind: 0))])
        #expect(throws: StorageError.blockGap(chain: testChain, expected: 1, height: 0)) {
            try store.append(block: block(0))
        }
        #expect(try store.append(block: block(1)))
        #expect(try !store.append(block: block(1), derived: [.event(time: 1, kind: "again", json: "")]))
        #expect(throws: StorageError.blockGap(chain: testChain, expected: 2, height: 3)) {
            try store.append(block: block(3))
        }
        #expect(
            throws: StorageError.blockConflict(
                chain: testChain, height: 1, stored: block(1).id, given: block(1, mark: 9).id)
        ) { try store.append(block: block(1, mark: 9)) }
        #expect(try store.events(limit: 5).isEmpty)
        // A refusal is no failure of the store.
        #expect(try store.append(block: block(2)))
    }

    @Test func aRefusedDerivedRowTakesTheBlockWithIt() throws {
        let store = try open(Scratch())
        try store.store([.chain(ChainRecord(id: testChain, kind: 0))])
        #expect(throws: StorageError.self) {
            try store.append(block: block(1), derived: [.event(time: .max, kind: "late", json: "")])
        }
        #expect(try store.head(chain: testChain) == nil)
        let long = [UInt8](repeating: 0, count: ChainStore.longestInlineBody + 1)
        #expect(
            throws: StorageError.tooLarge(
                field: "body", length: UInt64(long.count), limit: UInt64(ChainStore.longestInlineBody))
        ) { try store.append(block: block(1, body: .inline(long))) }
        #expect(try store.append(block: block(1, body: .inline(Array(long.dropLast())))))
    }

    @Test func eventsContinueAndAreNeverRenumbered() throws {
        let scratch = Scratch()
        do {
            let store = try open(scratch)
            for index in 0..<10 as Range<UInt64> { try store.store([.event(time: index, kind: "e", json: "\(index)")]) }
            #expect(try store.latestEvents(limit: 3).map(\.json) == ["7", "8", "9"])
            #expect(try store.events(after: 4, limit: 2).map(\.id) == [5, 6])
            try store.pruneEvents(keeping: 0)
            #expect(try store.events(limit: 100).isEmpty)
        }
        let store = try open(scratch)
        try store.store([.event(time: 1, kind: "e", json: "next")])
        #expect(try store.events(limit: 1).map(\.id) == [11])
    }

    @Test func anotherGenesisIsRefused() throws {
        let store = try open(Scratch())
        try store.storeGenesis([1])
        #expect(throws: StorageError.self) { try store.storeGenesis([2]) }
        #expect(try store.genesis() == [1])
    }

    @Test func readOnlyNeverWrites() throws {
        let scratch = Scratch()
        let writer = try open(scratch)
        try writer.store([.chain(ChainRecord(id: testChain, kind: 0))])
        let reader = try ChainStore.openReadOnly(path: writer.path)
        #expect(throws: StorageError.readOnly(path: writer.path)) { try reader.append(block: block(1)) }
        // A reader follows a writer that is still running.
        try writer.append(block: block(1))
        #expect(try reader.head(chain: testChain)?.height == 1)
        #expect(throws: StorageError.self) { try ChainStore.openReadOnly(path: scratch.file("none.sqlite")) }
    }

    @Test func storesAreNotMixedUp() throws {
        let scratch = Scratch()
        _ = try open(scratch)
        let error = #expect(throws: StorageError.self) {
            try DurableStore(path: scratch.file("chain.sqlite"), owner: testNode, opening: .createIfMissing)
        }
        guard case .wrongFile? = error else { return #expect(Bool(false), "\(String(describing: error))") }
    }
}
