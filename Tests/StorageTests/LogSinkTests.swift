import Foundation
import MeshNode
import Testing

/// What a node writes its log lines to: nothing that happens to the reader or the disk reaches whoever logs.
@Suite("Log sink")
struct LogSinkTests {
    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func scratch() throws -> String {
        let path = NSTemporaryDirectory() + "meshnode-log-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    @Test func linesComeInOrderIntoAFileOfTheOwner() throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let sink = try LogSink(path: folder + "/node.log")
        for number in 0..<100 { sink.write("line \(number)") }
        sink.flush()
        #expect(try lines(folder + "/node.log") == (0..<100).map { "line \($0)" })
        #expect(sink.lost == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: folder + "/node.log")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    /// `/dev/full` answers every write as a full disk does.
    @Test func aFullDiskLosesLinesAndNothingElse() throws {
        let sink = try LogSink(path: "/dev/full")
        for number in 0..<10 { sink.write("line \(number)") }
        sink.flush()
        #expect(sink.lost == 10)
    }

    @Test func aRotatedFileIsOpenedAnew() throws {
        let folder = try scratch()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/node.log"
        let sink = try LogSink(path: path)
        sink.write("before")
        sink.flush()
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        sink.write("still in the old file")
        sink.reopen()
        sink.write("after")
        sink.flush()
        #expect(try lines(path + ".1") == ["before", "still in the old file"])
        #expect(try lines(path) == ["after"])
    }

    @Test func aFileThatCannotBeOpenedIsSaidAtOnce() {
        #expect(throws: StorageError.self) { try LogSink(path: "/nowhere/at/all/node.log") }
    }
}
