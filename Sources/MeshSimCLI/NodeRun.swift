public import ArgumentParser
import Foundation
internal import NodeSim

/// `meshnode-sim --layer b`: whole nodes.
struct NodeRun {
    let nodes: Int
    let rounds: UInt32
    let planted: String?

    func run(seeds: ClosedRange<UInt64>, json: Bool) throws {
        let start = ContinuousClock.now
        var failures = 0
        var violations = 0
        var completed = 0
        var count = 0
        var crashes = 0
        for seed in seeds {
            var simulation = NodeSimulation(seed: seed)
            simulation.nodes = nodes
            simulation.rounds = rounds
            simulation.plantsAmnesia = planted == "amnesia"
            let report = try simulation.run()
            count += 1
            crashes += report.crashes
            violations += report.violations.count
            if report.outcome == "completed" { completed += 1 }
            if !report.violations.isEmpty || report.outcome != "completed" { failures += 1 }
            print(json ? self.json(report) : line(report))
            for violation in report.violations {
                var words = "meshnode-sim --layer b --seeds \(seed) --nodes \(nodes) --rounds \(rounds)"
                if let planted { words += " --planted \(planted)" }
                FileHandle.standardError.write(Data("seed \(seed): \(violation)\nrepeat: \(words)\n".utf8))
            }
        }
        let seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1_000
        print(
            json
                ? "{\"layer\":\"b\",\"seeds\":\(count),\"violations\":\(violations),\"failures\":\(failures),"
                    + "\"completed\":\(completed),\"nodes\":\(nodes),\"rounds\":\(rounds),\"crashes\":\(crashes),"
                    + "\"seconds\":\(seconds)}"
                : "\(count) seeds of whole nodes, \(violations) violations, \(failures) failures; \(completed) completed, "
                    + "\(crashes) crashes, \(seconds) s")
        if failures > 0 { throw ExitCode(2) }
    }

    private func line(_ report: NodeSimulation.Report) -> String {
        "seed \(report.seed)  \(report.outcome)  registry \(report.registryHeight)  task \(report.taskHeight)  "
            + "\(report.results) results  \(report.voids) voids  \(report.crashes) crashes  \(report.lostFrames) of "
            + "\(report.frames) frames lost  \(report.virtualTime / 1_000) ms  \(report.steps) steps  "
            + "trace \(String(report.traceHash, radix: 16))"
            + (report.violations.isEmpty ? "" : "  \(report.violations.count) violations")
    }

    private func json(_ report: NodeSimulation.Report) -> String {
        // Outcomes and violations hold no quotation marks but those of errors.
        func quoted(_ text: String) -> String { "\"" + text.replacingOccurrences(of: "\"", with: "'") + "\"" }
        return "{\"layer\":\"b\",\"seed\":\(report.seed),\"outcome\":\(quoted(report.outcome)),\"violations\":["
            + report.violations.map { quoted($0.description) }.joined(separator: ",")
            + "],\"registry_height\":\(report.registryHeight),\"task_height\":\(report.taskHeight),"
            + "\"results\":\(report.results),\"voids\":\(report.voids),\"crashes\":\(report.crashes),"
            + "\"frames\":\(report.frames),\"lost_frames\":\(report.lostFrames),"
            + "\"virtual_ms\":\(report.virtualTime / 1_000),\"steps\":\(report.steps),"
            + "\"trace\":\"\(String(report.traceHash, radix: 16))\"}"
    }
}
