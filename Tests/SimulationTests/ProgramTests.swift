import Foundation
import Testing

/// The built `meshnode-sim`, run as people run it: traces do not depend on the process, and a failure can be repeated.
@Suite("Simulator as a program", .serialized, .timeLimit(.minutes(5)))
struct ProgramTests {
    struct Outcome {
        let code: Int32
        let lines: [String]
        let errors: String

        /// The last line, which is the summary.
        func summary() throws -> [String: Any] { try object(try #require(lines.last)) }

        func object(_ line: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }

        func traces() throws -> [String] {
            try lines.dropLast().map { try #require(try object($0)["trace"] as? String, "\($0)") }
        }
    }

    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private func run(_ arguments: [String], hashing: String? = nil) throws -> Outcome {
        let path = try #require(
            ([URL(fileURLWithPath: CommandLine.arguments[0])] + CommandLine.arguments.map { URL(fileURLWithPath: $0) })
                .flatMap { start in
                    (1...4).map { steps in
                        (0..<steps).reduce(start) { place, _ in place.deletingLastPathComponent() }
                            .appendingPathComponent("meshnode-sim").path
                    }
                }
                .first { FileManager.default.isExecutableFile(atPath: $0) }
                ?? [Self.repository + "/.build/release/meshnode-sim"].first {
                    FileManager.default.isExecutableFile(atPath: $0)
                }, "no meshnode-sim beside the tests; build the product meshnode-sim first")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: Self.repository)
        var environment = ProcessInfo.processInfo.environment
        environment["SWIFT_DETERMINISTIC_HASHING"] = hashing
        process.environment = environment
        let folder = NSTemporaryDirectory() + "meshnode-sim-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["out", "err"] { _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: folder + "/out")
        process.standardError = FileHandle(forWritingAtPath: folder + "/err")
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let output = try String(contentsOfFile: folder + "/out", encoding: .utf8)
        return Outcome(
            code: process.terminationStatus, lines: output.split(separator: "\n").map(String.init),
            errors: try String(contentsOfFile: folder + "/err", encoding: .utf8))
    }

    /// Swift's hashing draws a seed in each process, so an order taken from a Set or a Dictionary would differ.
    @Test(arguments: [
        ["--scenario", "simulations/network/loss-30-percent.toml", "--seeds", "5..6", "--nodes", "40"],
        ["--scenario", "simulations/network/content.toml", "--seeds", "5"],
        ["--scenario", "simulations/all-faults.toml", "--seeds", "5..8", "--nodes", "5"],
        ["--scenario", "simulations/byzantine.toml", "--seeds", "1..6"],
        ["--scenario", "simulations/colluders.toml", "--seeds", "1..2"],
        // Whole nodes: actors, databases, learning and encryption under one schedule.
        ["--layer", "b", "--seeds", "1..3", "--nodes", "5"],
    ])
    func oneSeedOneTraceInEveryProcess(arguments: [String]) throws {
        let first = try run(arguments + ["--json"])
        #expect(first.code == 0, "\(first.errors)")
        let traces = try first.traces()
        #expect(Set(traces).count == traces.count, "each seed has a trace of its own")
        #expect(try run(arguments + ["--json"]).traces() == traces)
        #expect(try run(arguments + ["--json"], hashing: "1").traces() == traces)
    }

    @Test(arguments: [
        (["--scenario", "simulations/network/broadcast-100.toml", "--seeds", "1..2", "--nodes", "30"], 30),
        (["--scenario", "simulations/drop-miner.toml", "--seeds", "1..2", "--nodes", "6"], 6),
    ])
    func aSummaryEndsTheOutput(arguments: [String], nodes: Int) throws {
        let outcome = try run(arguments + ["--json"])
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.lines.count == 3)
        let summary = try outcome.summary()
        #expect(summary["seeds"] as? Int == 2 && summary["violations"] as? Int == 0)
        #expect(summary["nodes"] as? Int == nodes && summary["failures"] as? Int == 0)
    }

    /// Seeds follow from the word alone, another word has others, and what fails is printed with its command.
    @Test func freshSeedsFollowFromTheWord() throws {
        let clean = try run(["--fresh", "one", "--count", "60", "--scenarios", "simulations", "--json"])
        #expect(clean.code == 0, "\(clean.errors)")
        #expect(try clean.summary()["runs"] as? Int == 60 && clean.summary()["failures"] as? Int == 0)
        #expect(try clean.summary()["scenarios"] as? Int ?? 0 > 20)

        let folder = NSTemporaryDirectory() + "meshnode-fresh-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // No task ends within a second.
        try "nodes = 4\nrounds = 1\nhorizon_ms = 1_000\n".write(
            toFile: folder + "/short.toml", atomically: true, encoding: .utf8)
        let words = ["--count", "5", "--scenarios", folder, "--json"]
        let first = try run(["--fresh", "one"] + words)
        #expect(first.code == 2 && first.errors.contains("every task ends"))
        #expect(try run(["--fresh", "one"] + words).errors == first.errors)
        #expect(try run(["--fresh", "two"] + words).errors != first.errors)
        let line = try #require(first.errors.split(separator: "\n").first { $0.hasPrefix("repeat: meshnode-sim ") })
        let again = try run(line.split(separator: " ").dropFirst(2).map(String.init))
        #expect(again.code == 2 && again.errors.contains("every task ends"))
    }

    @Test func aFailurePrintsItsSeedAndACommandThatRepeatsIt() throws {
        let hopeless = NSTemporaryDirectory() + "meshnode-hopeless-\(UUID().uuidString).toml"
        try "nodes = 5\nrounds = 1\n[expect]\nat_least_voids = 99\n".write(
            toFile: hopeless, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: hopeless) }
        // A whole node that forgets what it signed: whether it is started again at such a moment depends on the seed.
        func forgetful(_ seed: Int) -> [String] {
            ["--layer", "b", "--nodes", "5", "--seeds", "\(seed)", "--planted", "amnesia"]
        }
        let found = try #require(
            try (1...40).first { try run(forgetful($0)).code == 2 }, "amnesia is found in 40 seeds")
        for arguments in [
            ["--scenario", "simulations/network/broadcast-100.toml", "--seeds", "7", "--planted", "floods"],
            ["--scenario", hopeless, "--seeds", "7", "--nodes", "4"], forgetful(found),
        ] {
            let seed = try #require(arguments.firstIndex(of: "--seeds").map { arguments[$0 + 1] })
            let failed = try run(arguments + ["--json"])
            #expect(failed.code == 2)
            #expect(failed.errors.contains("seed \(seed): "))
            #expect(try failed.summary()["failures"] as? Int == 1)
            let line = try #require(
                failed.errors.split(separator: "\n").first { $0.hasPrefix("repeat: meshnode-sim ") }, "\(failed.errors)"
            )
            let words = line.split(separator: " ").dropFirst(2).map(String.init)
            let again = try run(words.filter { $0 != "--trace" } + ["--json"])
            #expect(again.code == 2)
            #expect(try again.traces() == failed.traces(), "the command repeats the run")
        }
    }
}
