import Foundation
import MeshNode
import Testing

@Suite struct VectorFilesTests {
    @Test func writtenListedReadRemoved() throws {
        let scratch = Scratch()
        let home = try HomeDirectory.create(at: scratch.file("node"))
        let files = try VectorFiles(home)
        let long = pattern(3_000_000)
        try files.write(long, name: "round-7.1_key.vec")
        try files.write([], name: "empty")
        try files.write([1], name: "empty")
        #expect(try files.list() == ["empty", "round-7.1_key.vec"])
        #expect(digest(try VectorFiles(home).read(name: "round-7.1_key.vec")) == digest(long))
        #expect(try files.read(name: "empty") == [1])
        #expect(try files.read(name: "none") == nil)
        let path = home.secrets + "/empty"
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
        try files.remove(name: "empty")
        try files.remove(name: "empty")
        #expect(try files.list() == ["round-7.1_key.vec"])
    }

    @Test(arguments: [
        "", ".", "..", "../x", "a/b", ".hidden", "UPPER", "x.tmp", "a b", String(repeating: "a", count: 129), "ä",
    ])
    func namesThatCouldLeaveTheFolderAreRefused(name: String) throws {
        let scratch = Scratch()
        let files = try VectorFiles(directory: scratch.file("secrets"))
        #expect(throws: StorageError.self) { try files.write([1], name: name) }
        #expect(throws: StorageError.self) { try files.read(name: name) }
        #expect(throws: StorageError.self) { try files.remove(name: name) }
    }

    @Test func damageIsNamed() throws {
        let scratch = Scratch()
        let files = try VectorFiles(directory: scratch.file("secrets"))
        let path = scratch.file("secrets/v")
        try files.write(pattern(100), name: "v")
        let good = bytes(path)
        for index in good.indices {
            var bad = good
            bad[index] ^= 0x10
            overwrite(path, bad)
            chmod(path, 0o600)
            #expect(throws: StorageError.self) { try files.read(name: "v") }
        }
        for count in 0..<good.count {
            overwrite(path, Array(good[..<count]))
            chmod(path, 0o600)
            #expect(throws: StorageError.self) { try files.read(name: "v") }
        }
        overwrite(path, good)
        chmod(path, 0o644)
        let error = #expect(throws: StorageError.self) { try files.read(name: "v") }
        #expect(error?.description.contains("chmod 600 \(path)") == true)
        chmod(path, 0o600)
        #expect(try files.read(name: "v") == pattern(100))
    }

    @Test func leftoverOfACrashIsRemoved() throws {
        let scratch = Scratch()
        _ = try VectorFiles(directory: scratch.file("secrets"))
        overwrite(scratch.file("secrets/half.tmp"), [1])
        #expect(try VectorFiles(directory: scratch.file("secrets")).list() == [])
        #expect(!FileManager.default.fileExists(atPath: scratch.file("secrets/half.tmp")))
    }
}
