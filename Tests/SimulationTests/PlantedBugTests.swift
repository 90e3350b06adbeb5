import MeshSim
import Testing

/// Every invariant is seen to catch a bug that is there on purpose. A gate that cannot fail is none.
@Suite("Planted bugs are caught")
struct PlantedBugTests {
    /// The first of these seeds in which a violation is found, and the violations.
    private func first(
        _ bug: PlantedBug, seeds: ClosedRange<UInt64> = 1...60
    ) -> (seed: UInt64, violations: [Violation])? {
        for seed in seeds {
            var configuration = SimulationConfiguration(seed: seed, rounds: 2)
            bug.prepare(&configuration)
            let violations = Simulation.run(configuration).violations
            if !violations.isEmpty { return (seed, violations) }
        }
        return nil
    }

    /// The invariant that the bug breaks is the one that catches it, and without the bug the same run is clean.
    @Test(arguments: PlantedBug.allCases)
    func isCaught(bug: PlantedBug) throws {
        let found = try #require(first(bug), "\(bug.rawValue) is not caught in 60 seeds")
        #expect(Set(found.violations.map(\.invariant)) == [bug.caughtBy], "\(bug.rawValue): \(found.violations)")
        var configuration = SimulationConfiguration(seed: found.seed, rounds: 2)
        bug.prepare(&configuration)
        configuration.planted = nil
        let clean = Simulation.run(configuration)
        #expect(clean.violations.isEmpty, "seed \(found.seed) without \(bug.rawValue): \(clean.violations)")
    }

    /// There is a bug for every invariant.
    @Test func everyInvariantHasItsBug() {
        let caught = Set(PlantedBug.allCases.map(\.caughtBy))
        for invariant in Violation.Invariant.allCases { #expect(caught.contains(invariant), "\(invariant.rawValue)") }
    }
}
