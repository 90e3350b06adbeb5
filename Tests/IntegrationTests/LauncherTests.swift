import Foundation
#if canImport(Glibc)
    import Glibc
#endif
import Testing

/// What `meshnode testnet` leaves behind, however it ends: no node outlives it, and nothing of anybody else is removed.
@Suite("Launcher", .serialized)
struct LauncherTests {
    /// What a launcher says beside its results.
    private func errors(_ out: String) -> String {
        (try? String(contentsOfFile: out + "-errors", encoding: .utf8)) ?? ""
    }

    /// A testnet that has started its five nodes; it would train for a long time.
    private func launch(_ out: String) throws -> (process: Process, output: FileHandle) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path)
        process.arguments = ["testnet", "--rounds", "1000", "--out", out]
        var environment = ProcessInfo.processInfo.environment
        environment["MESHNODE_DATA"] = Program.repository + "/data"
        environment["SWIFT_BACKTRACE"] = "enable=no"
        process.environment = environment
        let pipe = Pipe()
        process.standardOutput = pipe
        // A file beside its folder: nobody has to read it, and what is said there is looked at.
        _ = FileManager.default.createFile(atPath: out + "-errors", contents: nil)
        process.standardError = FileHandle(forWritingAtPath: out + "-errors")
        process.standardInput = FileHandle.nullDevice
        try process.run()
        var text = ""
        while !text.contains("linked through one ticket") {
            let data = pipe.fileHandleForReading.availableData
            try #require(!data.isEmpty, "the testnet ended by itself: \(text)\(errors(out))")
            text += String(decoding: data, as: UTF8.self)
        }
        return (process, pipe.fileHandleForReading)
    }

    /// Processes with a home in `out`.
    private func nodes(_ out: String) -> [Int32] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        return numbers.filter { number in
            let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
            let arguments = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return arguments.dropFirst().first == "run" && arguments.contains { $0.hasPrefix(out + "/nodes/") }
        }
    }

    /// Nobody tells when a process of somebody else has ended, so it is looked for.
    private func waitForNone(_ out: String) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !nodes(out).isEmpty {
            try #require(ContinuousClock.now < end, "still running: \(nodes(out))")
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func aSignalEndsTheNodesAndSaysWhatIsLeft(_ signal: Int32) async throws {
        let folder = try Folder()
        defer { try? FileManager.default.removeItem(atPath: folder.path + "-errors") }
        // Its output stays open: a reader that ends would end it first.
        let (process, output) = try launch(folder.path)
        defer { try? output.close() }
        #expect(nodes(folder.path).count == 5)
        kill(process.processIdentifier, signal)
        process.waitForEnd()
        #expect(process.terminationStatus == 128 + signal)
        #expect(nodes(folder.path).isEmpty)
        let said = errors(folder.path)
        #expect(
            said.contains("interrupted: its nodes have ended; homes and logs are left in \(folder.path)\n"), "\(said)")
        #expect(FileManager.default.fileExists(atPath: folder.path + "/nodes/node5/keys/identity.key"))
    }

    /// Nodes that were left running are named with the command that ends them, and nothing of theirs is touched.
    @Test func nodesOfAnEarlierRunAreNamed() async throws {
        let folder = try Folder()
        let kept = try Program.run("testnet", "--rounds", "1", "--keep", "--out", folder.path)
        let left = nodes(folder.path).sorted()
        // Each by its number, whatever fails above it.
        defer { for number in left { kill(number, SIGKILL) } }
        #expect(kept.code == 0 && left.count == 5, "\(kept.errors)")
        let refused = try Program.run("testnet", "--rounds", "1", "--out", folder.path)
        let command = "kill " + left.map { "\($0)" }.joined(separator: " ")
        #expect(
            refused.code == 78 && refused.errors.contains("still run; end them with: \(command)"), "\(refused.errors)")
        #expect(nodes(folder.path).sorted() == left)
        let ended = Process()
        ended.executableURL = URL(fileURLWithPath: "/bin/sh")
        ended.arguments = ["-c", command]
        try ended.run()
        ended.waitUntilExit()
        try await waitForNone(folder.path)
        let again = try Program.run("testnet", "--rounds", "1", "--out", folder.path)
        #expect(again.code == 0, "\(again.errors)")
    }

    @Test func nodesEndWithALauncherThatIsKilled() async throws {
        let folder = try Folder()
        defer { try? FileManager.default.removeItem(atPath: folder.path + "-errors") }
        let (process, output) = try launch(folder.path)
        defer { try? output.close() }
        #expect(nodes(folder.path).count == 5)
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try await waitForNone(folder.path)
        // The same folder serves again.
        let again = try Program.run("testnet", "--rounds", "1", "--out", folder.path)
        #expect(again.code == 0, "\(again.errors)")
    }

    @Test func whatNoTestnetMadeIsKept() throws {
        let folder = try Folder()
        let own = folder.path + "/nodes/clinic"
        #expect(try Program.run("init", "--home", own, "-q").code == 0)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: folder.path + "/genesis"))
        let key = FileManager.default.contents(atPath: own + "/keys/identity.key")
        let refused = try Program.run("testnet", "--rounds", "1", "--out", folder.path)
        #expect(refused.code == 78)
        #expect(refused.errors.contains("nothing was touched"))
        #expect(key != nil && FileManager.default.contents(atPath: own + "/keys/identity.key") == key)
        #expect(FileManager.default.contents(atPath: folder.path + "/genesis") == Data("mine".utf8))
    }
}
