public import ArgumentParser
import Foundation
public import MeshSim

/// `meshnode-sim` with a scenario of the network below the chains.
struct NetworkRun {
    let path: String
    let nodes: Int?
    let planted: NetworkBug?
    let base: NetworkScenario

    /// Nil for a scenario of the chains.
    init?(scenario path: String, nodes: Int?, planted: NetworkBug?) throws {
        let text: String
        do { text = try String(contentsOfFile: path, encoding: .utf8) } catch {
            throw ValidationError("--scenario \(path): cannot be read (\(error.localizedDescription))")
        }
        guard NetworkScenario.isNetwork(toml: text) else { return nil }
        var base: NetworkScenario
        do { base = try NetworkScenario(toml: text) } catch { throw ValidationError("--scenario \(path): \(error)") }
        if let nodes {
            guard (2...10_000).contains(nodes) else {
                throw ValidationError("--nodes \(nodes): 2 to 10000 are allowed in a network")
            }
            base.nodes = nodes
        }
        base.planted = planted
        self.path = path
        self.nodes = nodes
        self.planted = planted
        self.base = base
    }

    func run(seeds: ClosedRange<UInt64>, json: Bool) throws {
        let start = ContinuousClock.now
        var reports: [NetworkReport] = []
        for seed in seeds {
            var scenario = base
            scenario.seed = seed
            let report = NetworkSimulation.run(scenario)
            reports.append(report)
            print(json ? report.json : report.line)
            for problem in report.violations {
                FileHandle.standardError.write(Data("seed \(seed): \(problem)\nrepeat: \(replay(seed))\n".utf8))
            }
        }
        let failures = reports.count { !$0.violations.isEmpty }
        print(json ? summary(reports, failures, start) : "\(reports.count) seeds, \(failures) failures")
        if failures > 0 { throw ExitCode(2) }
    }

    private func replay(_ seed: UInt64) -> String {
        var words = ["meshnode-sim", "--scenario", path, "--seeds", "\(seed)"]
        if let nodes { words += ["--nodes", "\(nodes)"] }
        if let planted { words += ["--planted", planted.rawValue] }
        return words.joined(separator: " ")
    }

    /// The worst of all seeds.
    private func summary(_ reports: [NetworkReport], _ failures: Int, _ start: ContinuousClock.Instant) -> String {
        func most(_ value: (NetworkReport) -> Double) -> String {
            "\((reports.map(value).max() ?? 0).formatted(.number.precision(.fractionLength(3)).grouping(.never)))"
        }
        let violations = reports.reduce(0) { $0 + $1.violations.count }
        return "{\"seeds\":\(reports.count),\"violations\":\(violations),\"failures\":\(failures),"
            + "\"nodes\":\(base.nodes),\"missed\":\(reports.reduce(0) { $0 + $1.missed }),"
            + "\"p50_ms\":\(most(\.p50Ms)),\"p99_ms\":\(most(\.p99Ms)),"
            + "\"copies_per_delivery\":\(most(\.copiesPerDelivery)),\"redundancy\":\(most(\.redundancy)),"
            + "\"last_delivery_hop\":\(most(\.lastDeliveryHop)),\"detect_ms\":\(most { $0.detectMs ?? 0 }),"
            + "\"heal_ms\":\(most { $0.healMs ?? 0 }),\"false_dead\":\(reports.reduce(0) { $0 + $1.falseDead }),"
            + "\"events\":\(reports.reduce(0) { $0 + $1.events }),"
            + "\"seconds\":\(((ContinuousClock.now - start) / .milliseconds(1)) / 1_000)}"
    }
}

extension NetworkBug: ExpressibleByArgument {}
