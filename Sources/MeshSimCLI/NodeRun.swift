public import ArgumentParser
import Foundation
internal import NodeSim

/// `meshnode-sim --layer b`: whole nodes, each seed in a process of its own.
///
/// What a process has done before (caches filled, libraries set up) draws on the same random bytes as a run, so a seed would
/// have another trace behind other seeds than alone, and the command that repeats a failure would not repeat it.
struct NodeRun {
    let nodes: Int
    let rounds: UInt32
    let planted: String?

    /// What a run prints, for programs; the process of a seed hands it to the one that counts.
    private struct Outcome: Codable {
        var layer = "b"
        let seed: UInt64
        let outcome: String
        let violations: [String]
        let registryHeight, taskHeight: UInt64
        let results, voids, crashes, frames, lostFrames: Int
        let virtualMs: UInt64
        let steps: Int
        let trace: String

        init(_ report: NodeSimulation.Report) {
            seed = report.seed
            outcome = report.outcome
            violations = report.violations.map(\.description)
            registryHeight = report.registryHeight
            taskHeight = report.taskHeight
            results = report.results
            voids = report.voids
            crashes = report.crashes
            frames = report.frames
            lostFrames = report.lostFrames
            virtualMs = report.virtualTime / 1_000
            steps = report.steps
            trace = String(report.traceHash, radix: 16)
        }

        var isFailure: Bool { !violations.isEmpty || outcome != "completed" }

        var line: String {
            "seed \(seed)  \(outcome)  registry \(registryHeight)  task \(taskHeight)  \(results) results  "
                + "\(voids) voids  \(crashes) crashes  \(lostFrames) of \(frames) frames lost  \(virtualMs) ms  "
                + "\(steps) steps  trace \(trace)" + (violations.isEmpty ? "" : "  \(violations.count) violations")
        }
    }

    private struct Summary: Codable {
        var layer = "b"
        var seeds = 0, violations = 0, failures = 0, completed = 0
        let nodes: Int
        let rounds: UInt32
        var crashes = 0
        var seconds = 0.0
    }

    func run(seeds: ClosedRange<UInt64>, json: Bool) throws {
        let start = ContinuousClock.now
        var summary = Summary(nodes: nodes, rounds: rounds)
        for seed in seeds {
            let outcome = seeds.count == 1 ? Outcome(try simulation(seed).run()) : try child(seed)
            summary.seeds += 1
            summary.crashes += outcome.crashes
            summary.violations += outcome.violations.count
            summary.completed += outcome.outcome == "completed" ? 1 : 0
            summary.failures += outcome.isFailure ? 1 : 0
            print(json ? try Self.text(outcome) : outcome.line)
            guard outcome.isFailure else { continue }
            let causes = outcome.violations.isEmpty ? [outcome.outcome] : outcome.violations
            let words = (["meshnode-sim"] + arguments(seed)).joined(separator: " ")
            for cause in causes {
                FileHandle.standardError.write(Data("seed \(seed): \(cause)\nrepeat: \(words)\n".utf8))
            }
        }
        summary.seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1_000
        print(
            json
                ? try Self.text(summary)
                : "\(summary.seeds) seeds of whole nodes, \(summary.violations) violations, \(summary.failures) failures; "
                    + "\(summary.completed) completed, \(summary.crashes) crashes, \(summary.seconds) s")
        if summary.failures > 0 { throw ExitCode(2) }
    }

    private func simulation(_ seed: UInt64) -> NodeSimulation {
        var simulation = NodeSimulation(seed: seed)
        simulation.nodes = nodes
        simulation.rounds = rounds
        simulation.plantsAmnesia = planted == "amnesia"
        return simulation
    }

    private func arguments(_ seed: UInt64) -> [String] {
        ["--layer", "b", "--seeds", "\(seed)", "--nodes", "\(nodes)", "--rounds", "\(rounds)"]
            + (planted.map { ["--planted", $0] } ?? [])
    }

    private func child(_ seed: UInt64) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        process.arguments = arguments(seed) + ["--json"]
        let output = Pipe()
        process.standardOutput = output
        // Its violations come back as values; what else it says is for people.
        process.standardError = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard let line = bytes.split(separator: UInt8(ascii: "\n")).first,
            let outcome = try? Self.decoder.decode(Outcome.self, from: Data(line))
        else {
            throw ValidationError(
                "the process of seed \(seed) ended with \(process.terminationStatus) and no result; see it alone: "
                    + "meshnode-sim " + arguments(seed).joined(separator: " "))
        }
        return outcome
    }

    private static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }

    private static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
