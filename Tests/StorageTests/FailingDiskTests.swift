import Foundation
import GRDBSQLite
import MeshNode
import Testing
import Wire

/// The N-th write, truncation or sync fails, and all after it, for N = 1, 2, 3 … until a run has no failure: no
/// trap, one clear error, nothing signed after it, and everything acknowledged is there after a restart.
@Suite(.serialized) struct FailingDiskTests {
    @Test func everyOperationMayFail() async {
        await #expect(processExitsWith: .success) {
            // SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC and SQLITE_FULL.
            let disk = PowerCutDisk.install()
            for code in [10 | 3 << 8, 10 | 4 << 8, SQLITE_FULL] as [Int32] {
                try FailingDiskTests.failEachOperation(code, disk)
            }
        }
    }

    fileprivate static func failEachOperation(_ code: Int32, _ disk: PowerCutDisk) throws {
        var operation = 0
        var runs = 0
        while true {
            operation += 1
            runs += 1
            let scratch = FastScratch()
            let path = scratch.file("d.sqlite")
            disk.fail(at: operation, code: code)
            let (acknowledged, error) = commitUntilFailure(path, disk)
            if let error { checkKind(error, code) }
            let failures = disk.failures
            disk.heal()
            let store = try DurableStore(path: path, owner: testNode, opening: .createIfMissing)
            let found = try store.slotMessages(chain: testChain)
            // A commit that returned an error may be there nevertheless.
            #expect(found.count == acknowledged || found.count == acknowledged + 1)
            for message in found { #expect(digest(message.message) == digest(pattern(5000, seed: message.major))) }
            try store.commit([.slot(kind: 1, chain: testChain, major: 10, minor: 0, message: [10])])
            if failures == 0 && acknowledged == 6 { break }
        }
        #expect(runs > 20, "\(runs)")
    }

    /// Six commits on a disk that may fail on the way.
    private static func commitUntilFailure(_ path: String, _ disk: PowerCutDisk) -> (acknowledged: Int, StorageError?) {
        var acknowledged = 0
        do throws(StorageError) {
            let store = try DurableStore(path: path, owner: testNode, opening: .createIfMissing)
            for number in 1...6 as ClosedRange<UInt64> {
                if let failure = commit(number, store) {
                    // Nothing is signed on an unknown outcome, not even when the disk is well again.
                    disk.heal()
                    let halted = StorageError.halted(path: path, reason: failure.description)
                    #expect(commit(9, store) == halted)
                    return (acknowledged, failure)
                }
                acknowledged += 1
            }
            return (acknowledged, nil)
        } catch {
            return (acknowledged, error)
        }
    }

    private static func commit(_ number: UInt64, _ store: DurableStore) -> StorageError? {
        do throws(StorageError) {
            try store.commit([
                .slot(kind: 1, chain: testChain, major: number, minor: 0, message: pattern(5000, seed: number))
            ])
            return nil
        } catch {
            return error
        }
    }

    private static func checkKind(_ error: StorageError, _ code: Int32) {
        switch error {
        case .full: #expect(code == SQLITE_FULL)
        case .operation: #expect(code != SQLITE_FULL)
        default: Issue.record("\(error)")
        }
    }
}
