internal import ArgumentParser
import Foundation
import MeshSim

/// `meshnode-sim --fresh WORD`: runs whose seeds nobody has chosen, over every scenario of a folder and a sweep over
/// sizes and faults. What a scenario file promises of chosen seeds (a view reached, so many VOID blocks) is not asked
/// of these; invariants are, and its outcome, and that no fork is silent.
struct FreshRun: Sendable {
    let word: String
    let count: Int
    let folder: String
    let json: Bool

    /// Networks above this size are left to `--scenario`: one run of them takes as long as hundreds of the others.
    static let mostNodes = 200
    /// One run of so many is a network, and one of so many the sweep.
    static let networkShare = 40
    static let sweepShare = 4

    private enum Part: Sendable {
        case chains(path: String, Scenario)
        case network(path: String, NetworkScenario)
    }

    private struct Failure: Sendable {
        let seed: UInt64
        let problems: [String]
        let command: String
    }

    func run() throws {
        let start = ContinuousClock.now
        let (chains, networks, leftOut) = try parts()
        let seeds = FreshSeeds(word: word)
        var failures = 0
        var violations = 0
        var runs: [String: Int] = [:]
        var told = 0
        OrderedRuns.forEach(count) { number -> (name: String, failure: Failure?) in
            let seed = seeds.seed(UInt64(number))
            if number % Self.networkShare == Self.networkShare - 1, !networks.isEmpty {
                return run(networks[number / Self.networkShare % networks.count], seed)
            }
            if number % Self.sweepShare == 0 || chains.isEmpty { return sweep(seed) }
            return run(chains[(number - number / Self.sweepShare) % chains.count], seed)
        } then: { outcome in
            told += 1
            runs[outcome.name, default: 0] += 1
            if told.isMultiple(of: 1_000) { write("\(told) of \(count) runs, \(failures) failures\n") }
            guard let failure = outcome.failure else { return }
            failures += 1
            violations += failure.problems.count
            for problem in failure.problems {
                write("\(outcome.name), seed \(failure.seed): \(problem)\nrepeat: \(failure.command)\n")
            }
        }
        let seconds = ((ContinuousClock.now - start) / .milliseconds(1)).rounded() / 1_000
        print(
            json
                ? "{\"fresh\":\"\(word)\",\"runs\":\(count),\"violations\":\(violations),\"failures\":\(failures),"
                    + "\"scenarios\":\(runs.count),\"seconds\":\(seconds)}"
                : "\(count) fresh runs of \(word) over \(runs.count) scenarios: \(violations) violations, "
                    + "\(failures) failures, \(seconds) s"
                    + (leftOut.isEmpty
                        ? "" : "; too large for this, run with --scenario: \(leftOut.joined(separator: ", "))"))
        if failures > 0 { throw ExitCode(2) }
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    // MARK: Parts

    /// Every scenario file below the folder, by path; one whose hostile nodes play another strategy in each seed comes
    /// up as often as there are strategies, after each file came up once: few runs see every file, too.
    private func parts() throws -> (chains: [Part], networks: [Part], leftOut: [String]) {
        guard let found = FileManager.default.enumerator(atPath: folder) else {
            throw ValidationError("--scenarios \(folder): no such folder; give the one that holds the scenario files")
        }
        let paths = found.compactMap { $0 as? String }.filter { $0.hasSuffix(".toml") }.map { folder + "/" + $0 }
            .sorted()
        guard !paths.isEmpty else { throw ValidationError("--scenarios \(folder): holds no scenario file (.toml)") }
        var (chains, again, networks, leftOut): ([Part], [Part], [Part], [String]) = ([], [], [], [])
        for path in paths {
            do {
                let text = try String(contentsOfFile: path, encoding: .utf8)
                if NetworkScenario.isNetwork(toml: text) {
                    let scenario = try NetworkScenario(toml: text)
                    guard scenario.nodes <= Self.mostNodes else {
                        leftOut.append(path)
                        continue
                    }
                    networks.append(.network(path: path, scenario))
                } else {
                    let scenario = try Scenario(toml: text)
                    let isEvery = scenario.configuration.byzantine.contains { $0.strategy == .every }
                    chains.append(.chains(path: path, scenario))
                    guard isEvery else { continue }
                    again += Array(repeating: .chains(path: path, scenario), count: ByzantineStrategy.single.count - 1)
                }
            } catch { throw ValidationError("\(path): \(error)") }
        }
        return (chains + again, networks, leftOut)
    }

    // MARK: One run

    private func run(_ part: Part, _ seed: UInt64) -> (name: String, Failure?) {
        switch part {
        case .chains(let path, let scenario):
            var configuration = scenario.configuration
            configuration.seed = seed
            var report = Simulation.run(configuration)
            let unmet = scenario.expectation.freshFaults(of: report)
            report.violations.removeAll(where: scenario.expectation.isMeant)
            return (path, failure(report, unmet, "--scenario \(path) --seeds \(seed) --trace"))
        case .network(let path, var scenario):
            scenario.seed = seed
            let problems = NetworkSimulation.run(scenario).violations
            let command = "meshnode-sim --scenario \(path) --seeds \(seed)"
            return (path, problems.isEmpty ? nil : Failure(seed: seed, problems: problems, command: command))
        }
    }

    private func sweep(_ seed: UInt64) -> (name: String, Failure?) {
        let configuration = FreshSeeds.sweep(seed: seed)
        let report = Simulation.run(configuration)
        let unmet = report.outcome == .completed ? [] : ["expected outcome completed, found \(report.outcome)"]
        let command =
            "--seeds \(seed) --nodes \(configuration.nodes) --rounds \(configuration.rounds) "
            + "--faults \(configuration.faults.rawValue) --trace"
        return ("sweep", failure(report, unmet, command))
    }

    private func failure(_ report: SimulationReport, _ unmet: [String], _ command: String) -> Failure? {
        let problems = report.violations.map(\.description) + unmet
        return problems.isEmpty
            ? nil : Failure(seed: report.seed, problems: problems, command: "meshnode-sim \(command)")
    }
}
