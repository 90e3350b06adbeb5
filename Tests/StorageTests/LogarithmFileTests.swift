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
        func table() -> BoundedLogarithm {
            LogarithmFile.table(bound: bound, maximumTable: bound, directory: directory)
        }
        let built = table()
        let file = try #require(try FileManager.default.contentsOfDirectory(atPath: directory).first)
        let path = directory + "/" + file
        let bytes = try Data(contentsOf: URL(filePath: path))
        #expect(bytes.elementsEqual(built.cacheBytes))
        #expect(table().cacheBytes == built.cacheBytes)
        // One flipped bit: not believed, and replaced by what is right.
        var damaged = bytes
        damaged[bytes.count / 2] ^= 4
        try damaged.write(to: URL(filePath: path))
        #expect(table().cacheBytes == built.cacheBytes)
        #expect(try Data(contentsOf: URL(filePath: path)) == bytes)
        // A directory that cannot be made does not stop a round.
        let elsewhere = LogarithmFile.table(bound: bound, maximumTable: bound, directory: "/dev/null/tables")
        #expect(elsewhere.tableRange == bound)
    }

    @Test func smallTablesLeaveNoFile() {
        let directory = NSTemporaryDirectory() + "logarithms-\(UUID().uuidString)"
        _ = LogarithmFile.table(bound: 1000, maximumTable: 1 << 22, directory: directory)
        #expect(!FileManager.default.fileExists(atPath: directory))
    }
}
