import MeshSim
import Testing

/// The small simulator over two hundred seeds: sizes, faults and bonds differ from seed to seed.
@Suite("Two hundred seeds")
struct SeedTests {
    static func configuration(_ seed: UInt64) -> SimulationConfiguration {
        let profiles: [FaultProfile] = [.all, .loss, .crash, .partition, .all, .none]
        let sizes = [4, 5, 5, 6, 4, 7]
        return SimulationConfiguration(
            seed: seed, nodes: sizes[Int(seed / 6 % 6)], rounds: 2, faults: profiles[Int(seed % 6)])
    }

    @Test(arguments: Array(1...200) as [UInt64])
    func seed(_ seed: UInt64) {
        let configuration = Self.configuration(seed)
        let report = Simulation.run(configuration)
        #expect(
            report.violations.isEmpty,
            """
            repeat: meshnode-sim --seeds \(seed) --nodes \(configuration.nodes) --rounds 2 \
            --faults \(configuration.faults.rawValue) --trace
            """)
        // Faults end at twelve seconds and the task expires at 240: what is not complete by then has hung.
        #expect(report.outcome == .completed, "seed \(seed)")
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
