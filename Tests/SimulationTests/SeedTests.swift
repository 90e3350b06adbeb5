import MeshSim
import Testing

/// The simulator over two thousand seeds: sizes, faults and bonds differ from seed to seed.
@Suite("Two thousand seeds")
struct SeedTests {
    static func configuration(_ seed: UInt64) -> SimulationConfiguration {
        let profiles: [FaultProfile] = [.all, .loss, .crash, .partition, .all, .none]
        let sizes = [4, 5, 5, 6, 4, 7, 5, 4, 8, 5, 4, 9]
        return SimulationConfiguration(
            seed: seed, nodes: sizes[Int(seed / 6 % 12)], rounds: 2, faults: profiles[Int(seed % 6)])
    }

    /// Twenty parts, which run beside one another.
    @Test(arguments: Array(0..<20) as [UInt64])
    func seeds(part: UInt64) {
        for seed in stride(from: part + 1, through: SimulationSettings.seeds, by: 20) {
            let configuration = Self.configuration(seed)
            let report = Simulation.run(configuration)
            // Faults end at twelve seconds and the task expires at 240: what has not ended by then has hung.
            guard !report.violations.isEmpty || report.outcome != .completed else { continue }
            Issue.record(
                """
                \(report.violations) \(report.outcome); repeat: meshnode-sim --seeds \(seed) --nodes \
                \(configuration.nodes) --rounds 2 --faults \(configuration.faults.rawValue) --trace
                """)
        }
    }

    /// With every node checking every signature itself the same things happen.
    @Test func sharedSignatureChecksChangeNothing() {
        var configuration = SimulationConfiguration(seed: 31, nodes: 5, rounds: 2, faults: .all)
        let shared = Simulation.run(configuration)
        configuration.remembersSignatures = false
        #expect(Simulation.run(configuration) == shared)
    }

    /// One run of every fault profile twice: the same events in the same order.
    @Test(arguments: FaultProfile.allCases)
    func oneSeedOneTrace(faults: FaultProfile) {
        let configuration = SimulationConfiguration(seed: 77, nodes: 5, rounds: 2, faults: faults)
        let first = Simulation.run(configuration)
        let second = Simulation.run(configuration)
        #expect(first == second)
        #expect(first.events > 500)
        var other = configuration
        other.seed = 78
        #expect(Simulation.run(other).traceHash != first.traceHash)
    }
}
