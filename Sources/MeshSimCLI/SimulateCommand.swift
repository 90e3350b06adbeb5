public import ArgumentParser
import Foundation
public import MeshSim

@main
struct SimulateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meshnode-sim",
        abstract:
            "Runs the chains of a mesh under virtual time, with faults, and checks every invariant after every event.",
        discussion: """
            A run is fixed by its seed and options: the same command gives the same trace hash. Exit code 2 means that \
            an invariant did not hold; the line of the failure holds the command that repeats it.
            """)

    @Option(help: "Seeds to run: one number or A..B, both included.")
    var seeds: SeedRange = SeedRange(first: 1, last: 20)

    @Option(help: "Nodes of the mesh, 4 to 10; up to 10000 with a scenario of the network.")
    var nodes: Int?

    @Option(help: "Rounds of the task, 1 to 100.")
    var rounds: Int?

    @Option(
        help: "Random faults until the healing time: \(FaultProfile.allCases.map(\.rawValue).joined(separator: ", ")).")
    var faults: FaultProfile?

    @Option(help: "A file that sets nodes, timing, scripted events and Byzantine nodes; options win over it.")
    var scenario: String?

    @Option(
        help: """
            A bug on purpose, to see its invariant fail. Chains: \
            \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")). Network scenarios: \
            \(NetworkBug.allCases.map(\.rawValue).joined(separator: ", ")).
            """)
    var planted: String?

    @Option(
        help: """
            a: the machines of the chains, thousands of runs in minutes. b: whole nodes with their databases, learning and \
            encryption; it takes --seeds, --nodes (5 to 9), --rounds, --json and --planted amnesia.
            """)
    var layer: Layer = .a

    @Option(
        help: """
            Runs with fresh seeds that follow from this word, the id of a commit for example: --count of them over all \
            files of --scenarios and over sizes and faults. Invariants are checked, not what a file says of chosen seeds.
            """)
    var fresh: String?

    @Option(help: "With --fresh: how many runs.")
    var count: Int?

    @Option(help: "With --fresh: the folder of scenario files.")
    var scenarios: String?

    @Flag(help: "One JSON object a seed, then a summary object.")
    var json = false

    @Flag(help: "Prints what happens in each run.")
    var trace = false

    func validate() throws {
        if let nodes, !(4...10).contains(nodes), scenario == nil {
            throw ValidationError("--nodes \(nodes): 4 to 10 are allowed")
        }
        if layer == .b {
            guard (5...9).contains(nodes ?? 5) else {
                throw ValidationError("--nodes \(nodes ?? 5): layer b takes 5 to 9")
            }
            guard scenario == nil, faults == nil, !trace, planted == nil || planted == "amnesia" else {
                throw ValidationError(
                    "--layer b takes --seeds, --nodes, --rounds, --json and --planted amnesia; leave the others out")
            }
        }
        if fresh != nil {
            guard scenario == nil, faults == nil, nodes == nil, rounds == nil, planted == nil, !trace, layer == .a
            else {
                throw ValidationError("--fresh takes --count, --scenarios and --json; leave the others out")
            }
            guard (1...1_000_000).contains(count ?? 1) else {
                throw ValidationError("--count \(count ?? 0): 1 to 1000000 are allowed")
            }
        } else if count != nil || scenarios != nil {
            throw ValidationError("--count and --scenarios go with --fresh WORD; add it, or use --seeds and --scenario")
        }
        if let rounds, !(1...100).contains(rounds) { throw ValidationError("--rounds \(rounds): 1 to 100 are allowed") }
    }

    func run() throws {
        if let fresh {
            return try FreshRun(word: fresh, count: count ?? 400, folder: scenarios ?? "simulations", json: json).run()
        }
        if layer == .b {
            let run = NodeRun(nodes: nodes ?? 5, rounds: UInt32(rounds ?? 2), planted: planted)
            return try run.run(seeds: seeds.first...seeds.last, json: json)
        }
        if let scenario,
            let network = try NetworkRun(
                scenario: scenario, nodes: nodes, planted: planted.flatMap { NetworkBug(rawValue: $0) })
        {
            if let planted, NetworkBug(rawValue: planted) == nil {
                throw ValidationError("--planted \(planted): no bug of the network")
            }
            return try network.run(seeds: seeds.first...seeds.last, json: json)
        }
        if let nodes, !(4...9).contains(nodes) { throw ValidationError("--nodes \(nodes): 4 to 9 are allowed") }
        var base = try baseConfiguration()
        if let planted {
            guard let bug = PlantedBug(rawValue: planted) else {
                throw ValidationError("--planted \(planted): no bug of the chains; see --help")
            }
            bug.prepare(&base.configuration)
            if let nodes { base.configuration.nodes = nodes }
        }
        var summary = Summary(nodes: base.configuration.nodes, rounds: Int(base.configuration.rounds))
        let start = ContinuousClock.now
        let (form, expectation, first, keepsTrace) = (base.configuration, base.expectation, seeds.first, trace)
        OrderedRuns.forEach(Int(clamping: seeds.last - seeds.first + 1)) { number in
            var configuration = form
            configuration.seed = first + UInt64(number)
            configuration.keepsTrace = keepsTrace
            return Simulation.run(configuration)
        } then: { outcome in
            var report = outcome
            let unmet = expectation.faults(of: report)
            report.violations.removeAll(where: expectation.isMeant)
            summary.add(report, unmet: unmet)
            for line in report.trace { print(line) }
            print(json ? report.json(unmet: unmet) : report.line)
            for problem in report.violations.map(\.description) + unmet {
                FileHandle.standardError.write(
                    Data("seed \(report.seed): \(problem)\nrepeat: \(replay(report.seed))\n".utf8))
            }
        }
        summary.seconds = Double((ContinuousClock.now - start) / .milliseconds(1)) / 1_000
        print(json ? summary.json : summary.line)
        if summary.failures > 0 { throw ExitCode(2) }
    }

    private func baseConfiguration() throws -> Scenario {
        var base = Scenario(configuration: SimulationConfiguration(seed: 1, faults: faults ?? .none))
        if let scenario {
            let text: String
            do { text = try String(contentsOfFile: scenario, encoding: .utf8) } catch {
                throw ValidationError("--scenario \(scenario): cannot be read (\(error.localizedDescription))")
            }
            do { base = try Scenario(toml: text) } catch { throw ValidationError("--scenario \(scenario): \(error)") }
        }
        if let nodes { base.configuration.nodes = nodes }
        if let rounds { base.configuration.rounds = UInt32(rounds) }
        if let faults { base.configuration.setFaults(faults) }
        return base
    }

    private func replay(_ seed: UInt64) -> String {
        var words = ["meshnode-sim", "--seeds", "\(seed)", "--trace"]
        if let nodes { words += ["--nodes", "\(nodes)"] }
        if let rounds { words += ["--rounds", "\(rounds)"] }
        if let faults { words += ["--faults", faults.rawValue] }
        if let scenario { words += ["--scenario", scenario] }
        if let planted { words += ["--planted", planted] }
        return words.joined(separator: " ")
    }
}

struct SeedRange: ExpressibleByArgument {
    var first: UInt64
    var last: UInt64

    init(first: UInt64, last: UInt64) {
        self.first = first
        self.last = last
    }

    init?(argument: String) {
        let parts = argument.components(separatedBy: "..").map { UInt64($0) }
        switch parts.count {
        case 1: self.init(first: parts[0] ?? .max, last: parts[0] ?? .max)
        case 2: self.init(first: parts[0] ?? .max, last: parts[1] ?? .max)
        default: return nil
        }
        guard !parts.contains(nil), first <= last, last < UInt64.max else { return nil }
    }

    var defaultValueDescription: String { first == last ? "\(first)" : "\(first)..\(last)" }
}

extension FaultProfile: ExpressibleByArgument {}

enum Layer: String, ExpressibleByArgument, CaseIterable {
    case a, b
}
