import Foundation
import Testing

@testable import Learn

/// What a person has is theirs until the new file is whole.
@Suite struct OutputFileTests {
    private struct Broken: Error {}

    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("meshnode-out-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func names(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    private func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func whatFailsLeavesWhatWasThere() throws {
        try inFolder { folder in
            let path = folder + "/a"
            func fail() throws {
                try OutputFile.write(to: path) { file in
                    try file.write(Array("half".utf8))
                    throw Broken()
                }
            }
            #expect(throws: Broken.self) { try fail() }
            #expect(try names(folder).isEmpty)
            try OutputFile.write([(path, Array("old".utf8))])
            #expect(throws: Broken.self) { try fail() }
            #expect(text(path) == "old")
            #expect(try names(folder) == ["a"])
        }
    }

    /// A command with several files leaves all of them old where it cannot write one.
    @Test func severalFilesAreOneStep() throws {
        try inFolder { folder in
            try OutputFile.write([(folder + "/a", Array("old".utf8))])
            try FileManager.default.createDirectory(atPath: folder + "/b", withIntermediateDirectories: true)
            let error = #expect(throws: OutputError.self) {
                try OutputFile.write([(folder + "/a", Array("new".utf8)), (folder + "/b", [1])])
            }
            #expect(error == OutputError(path: folder + "/b", reason: "it is a directory"))
            #expect(text(folder + "/a") == "old")
            let data = Digits.split.test
            do { _ = try DatasetWriter.draft(data, of: folder + "/c.csv") }
            #expect(try names(folder) == ["a", "b"])
            try OutputFile.publish([try DatasetWriter.draft(data, of: folder + "/c.csv")])
            #expect(try names(folder) == ["a", "b", "c.csv"])
        }
    }

    @Test func aLinkStandsForItsFile() throws {
        try inFolder { folder in
            let manager = FileManager.default
            try OutputFile.write([(folder + "/a", [1])])
            try manager.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder + "/a")
            try manager.createSymbolicLink(atPath: folder + "/link", withDestinationPath: folder + "/a")
            try OutputFile.write([(folder + "/link", Array("new".utf8))])
            #expect(text(folder + "/a") == "new")
            #expect(try manager.destinationOfSymbolicLink(atPath: folder + "/link") == folder + "/a")
            #expect(try manager.attributesOfItem(atPath: folder + "/a")[.posixPermissions] as? Int == 0o640)
            try manager.createSymbolicLink(atPath: folder + "/dead", withDestinationPath: folder + "/gone/x")
            #expect(throws: OutputError(path: folder + "/dead", reason: "it is a link that leads nowhere")) {
                try OutputFile.write([(folder + "/dead", [1])])
            }
            try OutputFile.write([("/dev/null", [1])])
        }
    }

    /// What comes while a file is being written is nobody's to replace who did not say so.
    @Test func whatAppearsMeanwhileStays() throws {
        try inFolder { folder in
            let path = folder + "/a"
            do {
                let file = try OutputFile(path, replaces: false)
                try file.write(Array("new".utf8))
                try Data("theirs".utf8).write(to: URL(fileURLWithPath: path))
                #expect(throws: OutputError.taken(path)) { try OutputFile.publish([file]) }
            }
            #expect(text(path) == "theirs")
            #expect(throws: OutputError.taken(path)) { try OutputFile(path, replaces: false) }
            #expect(try names(folder) == ["a"])
            try OutputFile.write([(folder + "/b", Array("new".utf8))], replaces: false)
            #expect(text(folder + "/b") == "new")
            #expect(try names(folder) == ["a", "b"])
        }
    }

    /// All or none also where the last of them finds its place taken.
    @Test(arguments: [true, false]) func aStepThatFailsIsTakenBack(replaces: Bool) throws {
        try inFolder { folder in
            if replaces { try OutputFile.write([(folder + "/a", Array("old".utf8))]) }
            do {
                let files = try ["a", "b", "c"].map { name in
                    let file = try OutputFile("\(folder)/\(name)", replaces: replaces)
                    try file.write(Array("new".utf8))
                    return file
                }
                try FileManager.default.createDirectory(atPath: folder + "/c", withIntermediateDirectories: true)
                #expect(throws: OutputError.self) { try OutputFile.publish(files) }
            }
            #expect(text(folder + "/a") == (replaces ? "old" : nil))
            #expect(try names(folder) == (replaces ? ["a", "c"] : ["c"]))
        }
    }

    /// A killed process leaves its draft, and the next writer of the folder removes it; drafts of those that run stay, and those
    /// of elsewhere, where the same number is another process, until they are old.
    @Test func draftsOfEndedProcessesAreRemoved() throws {
        try inFolder { folder in
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/true")
            try process.run()
            process.waitUntilExit()
            let (ended, running) = (process.processIdentifier, getppid())
            let left = ".unfinished-\(DraftName.place)-\(ended)-0"
            let kept = [
                ".unfinished-\(DraftName.place)-\(running)-0", ".unfinished-00000000.1-\(ended)-0",
                ".unfinished-\(ended)-0",
            ]
            let old = ".unfinished-00000000.1-\(ended)-1"
            for name in kept + [left, old] {
                try Data("x".utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
            }
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_000_000)], ofItemAtPath: folder + "/" + old)
            try OutputFile.write([(folder + "/a", [1])])
            #expect(try names(folder) == (kept + ["a"]).sorted())
        }
    }
}
