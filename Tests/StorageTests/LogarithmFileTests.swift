import Foundation
import MeshCrypto
import Testing

@testable import MeshNode

@Suite("Tables of logarithms on disk")
struct LogarithmFileTests {
    @Test func largeTablesAreKeptVerifiedAndRebuilt() throws {
        let directory = NSTemporaryDirectory() + "logarithms-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let bound = LogarithmFile.smallestKept
        func table() throws -> BoundedLogarithm {
            try LogarithmFile.table(bound: bound, maximumTable: bound, directory: directory) { _, _ in true }
        }
        let built = try table()
        let file = try #require(try FileManager.default.contentsOfDirectory(atPath: directory).first)
        let path = directory + "/" + file
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(bytes.elementsEqual(built.cacheBytes))
        #expect(try table().cacheBytes == built.cacheBytes)
        // One flipped bit: not believed, and replaced by what is right.
        var damaged = bytes
        damaged[bytes.count / 2] ^= 4
        try damaged.write(to: URL(filePath: path))
        #expect(try table().cacheBytes == built.cacheBytes)
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        // A directory that cannot be made does not stop a round.
        let elsewhere = try LogarithmFile.table(bound: bound, maximumTable: bound, directory: "/dev/null/tables") {
            _, _ in true
        }
        #expect(elsewhere.tableRange == bound)
    }

    @Test func smallTablesLeaveNoFile() throws {
        let directory = NSTemporaryDirectory() + "logarithms-\(UUID().uuidString)"
        _ = try LogarithmFile.table(bound: 1000, maximumTable: 1 << 22, directory: directory) { _, _ in true }
        #expect(!FileManager.default.fileExists(atPath: directory))
    }

    /// Whoever ends the work leaves nothing behind, and the words say how far it is.
    @Test func anEndedTableLeavesNoFile() throws {
        let directory = NSTemporaryDirectory() + "logarithms-\(UUID().uuidString)"
        let progress = RecoveryProgress { _ in }
        let meter = progress.begin("builds its table of logarithms", total: 100)
        #expect(throws: NDDFEError.cancelled) {
            try LogarithmFile.table(
                bound: LogarithmFile.smallestKept, maximumTable: LogarithmFile.smallestKept, directory: directory
            ) { done, total in
                if 2 * done >= total { progress.cancel() }
                return meter.reach(100 * done / total)
            }
        }
        #expect(!FileManager.default.fileExists(atPath: directory))
        let text = try #require(progress.text)
        #expect(text.hasPrefix("builds its table of logarithms: 5") && text.hasSuffix("s left"), "\(text)")
        // What begins after the end ends at once.
        #expect(!progress.begin("recovers the sum", total: 10).reach(1))
    }
}
