import Foundation
import MeshNode
import Testing

@Suite struct HomeCopyTests {
    /// What has its name in the new home is whole; what cannot be read is told, or refused where the new home must have it.
    @Test func aCopiedHomeHasWholeFilesOnly() throws {
        let scratch = Scratch()
        let old = try HomeDirectory.create(at: scratch.file("old"))
        let new = try HomeDirectory.create(at: scratch.file("new"))
        let manager = FileManager.default
        try manager.createDirectory(atPath: old.path + "/rows/deep", withIntermediateDirectories: true)
        let rows = pattern(3 << 20)
        overwrite(old.path + "/rows/a.csv", rows)
        overwrite(old.path + "/rows/deep/b.csv", [2])
        try #require(mkfifo(old.path + "/rows/z.csv", 0o600) == 0)
        try manager.createSymbolicLink(atPath: old.path + "/rows/gone.csv", withDestinationPath: "away.csv")
        // An interrupted copy has begun another one.
        try manager.createDirectory(atPath: new.path + "/.taking/x", withIntermediateDirectories: true)

        var strict = HomeCopy(from: old, to: new)
        #expect(throws: StorageError.self) { try strict.take("rows", isNeeded: true) }
        #expect(!manager.fileExists(atPath: new.path + "/rows") && !manager.fileExists(atPath: new.path + "/.taking"))

        var copy = HomeCopy(from: old, to: new)
        try copy.take("rows", isNeeded: false)
        try copy.take("nothing.csv", isNeeded: true)
        try copy.finish()
        #expect(digest(bytes(new.path + "/rows/a.csv")) == digest(rows) && bytes(new.path + "/rows/deep/b.csv") == [2])
        #expect(try manager.contentsOfDirectory(atPath: new.path + "/rows").sorted() == ["a.csv", "deep"])
        #expect(copy.left.count == 2 && copy.left[0].contains("gone.csv") && copy.left[1].contains("a pipe"))
        #expect(!manager.fileExists(atPath: new.path + "/.taking"))

        // What is there already stays.
        overwrite(old.path + "/rows/deep/b.csv", [3])
        try copy.take("rows", isNeeded: false)
        #expect(bytes(new.path + "/rows/deep/b.csv") == [2])
    }
}
