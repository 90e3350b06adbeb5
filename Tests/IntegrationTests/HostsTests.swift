import Foundation
import Testing

/// Five hosts in network namespaces, with loss, a cut and its healing. Needs root, `ip` and `nft`: without them it is
/// skipped with that word, and fails in CI, where they have to be there.
@Suite(.serialized) struct HostsTests {
    static let isCI = ProcessInfo.processInfo.environment["CI"] != nil
    static let canRun: Bool = {
        guard getuid() == 0 else { return false }
        let folders = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
        return ["ip", "nft"].allSatisfy { tool in
            folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
        }
    }()

    private func run(_ arguments: String...) throws -> (code: Int32, errors: String) {
        let folder = try Folder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments =
            [Program.repository + "/testnet/hosts.sh", "--binary", Program.path, "--out", folder.path + "/hosts"]
            + arguments
        let log = folder.path + "/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: log)
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, (try? String(contentsOfFile: log, encoding: .utf8)) ?? "")
    }

    @Test(.enabled(if: canRun || isCI, "network namespaces need root, iproute2 and nftables"))
    func aTaskSurvivesLossAndACut() throws {
        let before = Self.leftovers()
        let outcome = try run("--rounds", "3", "--loss", "5", "--cut", "8")
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("PASSED"))
        #expect(Set(Self.leftovers()).subtracting(before).isEmpty)
    }

    @Test func wrongOptionsAreNamed() throws {
        let outcome = try run("--loss", "99")
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("--loss 99"))
    }

    /// What an unset variable names, and a folder of somebody's, are left as they are.
    @Test func whatNoRunMadeIsLeftAlone() throws {
        let folder = try Folder()
        try "mine".write(toFile: folder.path + "/hosts.txt", atomically: true, encoding: .utf8)
        for out in [folder.path, ""] {
            let outcome = try run("--out", out)
            #expect(outcome.code == 64 && outcome.errors.contains(out.isEmpty ? "empty path" : "nothing was touched"))
        }
        #expect(try String(contentsOfFile: folder.path + "/hosts.txt", encoding: .utf8) == "mine")
    }

    /// Namespaces of runs that have ended.
    private static func leftovers() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/var/run/netns")) ?? []
        return names.filter { name in
            guard name.hasPrefix("mn"),
                let number = name.dropFirst(2).split(separator: "-").first.flatMap({ Int32($0) })
            else { return false }
            return kill(number, 0) != 0
        }
    }
}
