import Foundation
import MeshNode
import Testing
import Wire

/// The stores' own code on a disk that loses and tears whatever was not synced.
@Suite(.serialized) struct PowerCutTests {
    /// More cuts for a long run: `MESHNODE_POWER_CUTS=10000`.
    private static var cuts: Int {
        ProcessInfo.processInfo.environment["MESHNODE_POWER_CUTS"].flatMap { Int($0) } ?? 250
    }

    @Test func acknowledgedSignaturesSurvivePowerCuts() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let found = try PowerCutTests.cutDurableStore(weakened: false)
            #expect(
                found.lost == 0 && found.damaged == 0 && found.signedTwice == 0,
                "\(found): acknowledged records were lost or signed anew")
            print("power cuts: \(found)")
        }
        Self.show(result)
    }

    /// The figures of a run in a process of its own.
    private static func show(_ result: ExitTest.Result?) {
        print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self))
    }

    /// The check above can fail: with the level that GRDB's pool would set, most cuts lose records.
    @Test func weakerSynchronousLosesAcknowledgedSignatures() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let found = try PowerCutTests.cutDurableStore(weakened: true)
            #expect(found.lost > found.cuts / 4 && found.signedTwice > found.cuts / 4, "\(found)")
            print("power cuts, synchronous=NORMAL: \(found)")
        }
        Self.show(result)
    }

    @Test func acknowledgedBlocksSurvivePowerCuts() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            let found = try PowerCutTests.cutChainStore(weakened: false)
            #expect(found.lost == 0 && found.damaged == 0, "\(found): acknowledged blocks were lost")
            print("power cuts of blocks: \(found)")
        }
        Self.show(result)
    }

    @Test func weakerSynchronousLosesAcknowledgedBlocks() async {
        await #expect(processExitsWith: .success) {
            let found = try PowerCutTests.cutChainStore(weakened: true)
            #expect(found.lost > found.cuts / 4, "\(found)")
        }
    }

    @Test func bothStoresWriteWithFullSync() throws {
        let scratch = Scratch()
        let durable = try DurableStore(path: scratch.file("d.sqlite"), owner: testNode, opening: .createIfMissing)
        let chain = try ChainStore(path: scratch.file("c.sqlite"), opening: .createIfMissing)
        #expect(try durable.file.synchronousLevel() == 2)
        #expect(try chain.file.synchronousLevel() == 2)
    }

    /// What all cuts of a run left behind.
    fileprivate struct Found: CustomStringConvertible {
        var cuts = 0
        /// Cuts after which something acknowledged was missing, or could be signed anew in a used slot.
        var lost = 0
        var signedTwice = 0
        var damaged = 0

        var description: String {
            "\(cuts) cuts, \(lost) lost records, \(signedTwice) slots signed twice, \(damaged) damaged"
        }
    }

    fileprivate static func cutDurableStore(weakened: Bool) throws -> Found {
        let disk = PowerCutDisk.install()
        let scratch = FastScratch()
        let store = try DurableStore(path: scratch.file("a.sqlite"), owner: testNode, opening: .createIfMissing)
        if weakened { try store.file.insecure_setSynchronousNormal() }
        for number in 1...120 {
            try store.commit([
                .slot(
                    kind: UInt8(number % 3), chain: testChain, major: UInt64(number), minor: 0,
                    message: pattern(40 + number * 37 % 3000, seed: UInt64(number))),
                .voteState(chain: testChain, bytes: pattern(90, seed: UInt64(number))),
            ])
            disk.acknowledge(number)
            if number % 40 == 0 { store.file.checkpoint() }
        }
        return try cut(disk.finish(), scratch, name: "a.sqlite") { path, acknowledged in
            let store = try DurableStore(path: path, owner: testNode)
            let found = try store.slotMessages(chain: testChain)
            let state = try store.voteState(chain: testChain)
            #expect(state == (found.isEmpty ? nil : pattern(90, seed: UInt64(found.count))))
            return (found.count >= acknowledged, acknowledged > 0 ? signsAnew(store, acknowledged) : false)
        }
    }

    /// Whether a node that comes back could put another message into a slot whose message it has already sent.
    private static func signsAnew(_ store: DurableStore, _ number: Int) -> Bool {
        do throws(StorageError) {
            try store.commit([
                .slot(
                    kind: UInt8(number % 3), chain: testChain, major: UInt64(number), minor: 0, message: [0xFF, 0xFE])
            ])
            return true
        } catch {
            if case .slotUsed = error { return false }
            Issue.record("\(error)")
            return false
        }
    }

    fileprivate static func cutChainStore(weakened: Bool) throws -> Found {
        let disk = PowerCutDisk.install()
        let scratch = FastScratch()
        let store = try ChainStore(path: scratch.file("a.sqlite"), opening: .createIfMissing)
        if weakened { try store.file.insecure_setSynchronousNormal() }
        try store.store([.chain(ChainRecord(id: testChain, kind: 0))])
        for number in 1...80 as ClosedRange<UInt64> {
            try store.append(
                block: StoredBlock(
                    chain: testChain, height: number, id: BlockID([UInt8](repeating: UInt8(number), count: 32)),
                    header: pattern(200, seed: number), body: .inline(pattern(Int(number) * 411 % 9000, seed: number)),
                    certificate: pattern(300, seed: number), timeStored: 1),
                derived: [.event(time: 1, kind: "block", json: "{}")])
            disk.acknowledge(Int(number))
            if number % 30 == 0 { store.file.checkpoint() }
        }
        return try cut(disk.finish(), scratch, name: "a.sqlite") { path, acknowledged in
            let store = try ChainStore(path: path)
            let height = Int(try store.head(chain: testChain)?.height ?? 0)
            let events = try store.events(limit: .max).count
            #expect(events == height, "block and derived rows differ")
            #expect(try store.blocks(chain: testChain, from: 1, limit: .max).count == height)
            return (height >= acknowledged, false)
        }
    }

    /// Cuts the recorded run at many places and opens what is left with the real code.
    private static func cut(
        _ log: PowerCutDisk.Log, _ scratch: FastScratch, name: String,
        _ check: (String, Int) throws -> (isKept: Bool, isSignedTwice: Bool)
    ) throws -> Found {
        var found = Found(cuts: cuts)
        var random = CutRandom(seed: 20_261_121)
        let path = scratch.file("cut-" + name)
        for _ in 0..<cuts {
            let position = 1 + random.below(log.events.count)
            let (files, acknowledged) = log.files(cutAt: position, random: &random)
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            for suffix in ["", "-wal"] {
                if let bytes = files[scratch.file(name) + suffix] { overwrite(path + suffix, bytes) }
            }
            do {
                let (isKept, isSignedTwice) = try check(path, acknowledged)
                found.lost += isKept ? 0 : 1
                found.signedTwice += isSignedTwice ? 1 : 0
            } catch let error as StorageError {
                found.damaged += 1
                print("cut at event \(position): \(error)")
            }
        }
        return found
    }
}
