import MeshSim
import Testing

/// Every invariant is seen to catch a bug that is there on purpose. A gate that cannot fail is none.
@Suite("Planted bugs are caught")
struct PlantedBugTests {
    /// The invariants that the first hundred seeds violate with the bug; the same seeds are clean without it.
    private func caught(
        _ bug: PlantedBug?, seeds: ClosedRange<UInt64> = 1...30, until wanted: Violation.Invariant,
        _ prepare: (inout SimulationConfiguration) -> Void = { _ in }
    ) -> Set<Violation.Invariant> {
        var found: Set<Violation.Invariant> = []
        for seed in seeds {
            var configuration = SimulationConfiguration(seed: seed, nodes: 4, rounds: 2, faults: .all)
            configuration.planted = bug
            prepare(&configuration)
            for violation in Simulation.run(configuration).violations { found.insert(violation.invariant) }
            if found.contains(wanted) { break }
        }
        return found
    }

    @Test func messagesSentBeforeTheyAreDurable() {
        #expect(caught(.noDurableSlots, seeds: 1...2, until: .durableBeforeSent).contains(.durableBeforeSent))
    }

    @Test func amnesia() {
        #expect(caught(.amnesia, until: .oneMessagePerSlot).contains(.oneMessagePerSlot))
    }

    @Test func secondKeyStatement() {
        let found = caught(.doubleKeyStatement, until: .oneMessagePerSlot) { configuration in
            configuration.nodes = 5
            configuration.faults = .none
            configuration.healAt = 0
            configuration.script = [.init(.stage(.afterKeys, round: 1), .crash(node: 0, restartAfter: 50_000))]
            for node in 1..<5 {
                configuration.script.append(
                    .init(.stage(.afterKeys, round: 1), .crash(node: node, restartAfter: 50_000)))
            }
        }
        #expect(found.contains(.oneMessagePerSlot))
    }

    @Test func listsOfWhatIsNotStored() {
        #expect(caught(.listsUnstored, until: .storedBeforeListed).contains(.storedBeforeListed))
    }

    /// The seeds above are clean without a bug: what is caught is the bug.
    @Test func theSameSeedsAreCleanWithoutABug() {
        #expect(caught(nil, until: .ending).isEmpty)
    }
}
