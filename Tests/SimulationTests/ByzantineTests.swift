import MeshSim
import Testing
import Wire

/// Nodes that break the protocol: below a third of the weight nothing bad is decided and the task ends; from a third on
/// the mesh halts or there is evidence, never silence.
@Suite("Hostile nodes")
struct ByzantineTests {
    /// MESHNODE_TEST_LARGE=1: twenty seeds of every strategy and size.
    private static let seeds: ClosedRange<UInt64> = 1...(SimulationSettings.large ? 20 : 1)

    private func run(
        _ strategy: ByzantineStrategy, nodes: Int, hostile: [Int], seed: UInt64, faults: FaultProfile,
        seconds: UInt64 = 600
    ) -> SimulationReport {
        var configuration = SimulationConfiguration(seed: seed, nodes: nodes, rounds: 2, faults: faults)
        configuration.horizon = seconds * 1_000_000
        configuration.byzantine = hostile.map { ByzantineNode(node: $0, strategy: strategy) }
        return Simulation.run(configuration)
    }

    private func line(_ strategy: ByzantineStrategy, _ nodes: Int, _ seed: UInt64) -> String {
        "\(strategy.rawValue), \(nodes) nodes, seed \(seed)"
    }

    @Test(arguments: ByzantineStrategy.single)
    func twoOfSeven(strategy: ByzantineStrategy) {
        for seed in Self.seeds {
            let report = run(strategy, nodes: 7, hostile: [2, 5], seed: seed, faults: seed % 2 == 0 ? .none : .loss)
            #expect(report.violations.isEmpty, "\(line(strategy, 7, seed)): \(report.violations)")
        }
    }

    @Test(arguments: ByzantineStrategy.single)
    func threeOfTen(strategy: ByzantineStrategy) {
        for seed in Self.seeds {
            let report = run(
                strategy, nodes: 10, hostile: [1, 4, 8], seed: seed, faults: seed % 2 == 0 ? .loss : .none)
            #expect(report.violations.isEmpty, "\(line(strategy, 10, seed)): \(report.violations)")
        }
    }

    /// Four of nine: above a third, below two thirds.
    @Test(arguments: ByzantineStrategy.single)
    func aThirdAndMoreIsNeverSilent(strategy: ByzantineStrategy) {
        for seed in Self.seeds {
            // Who stands still does so for ever: a minute shows it.
            let report = run(strategy, nodes: 9, hostile: [1, 3, 5, 7], seed: seed, faults: .none, seconds: 60)
            if has(report, .oneBlockPerHeight) {
                #expect(report.evidence > 0 || has(report, .noHalt), "\(line(strategy, 9, seed)): a silent fork")
            }
            // To stand still, or to halt with an alarm, is what is left; wrong sums and false credits are not.
            for violation in report.violations {
                #expect(
                    [.ending, .progress, .noHalt, .oneBlockPerHeight, .listedSubmissions].contains(violation.invariant),
                    "\(line(strategy, 9, seed)): \(violation)")
            }
        }
    }

    /// Two quorums of Q share 2Q - W of the weight: no fewer colluders than that decide two blocks at a height. Nine nodes
    /// have a quorum of seven, so that four of them, more than a third, cannot; see the next test.
    @Test(arguments: [(7, [1, 3, 5]), (10, [1, 3, 5, 7]), (9, [1, 3, 5, 7, 8])])
    func aForkIsNeverSilent(nodes: Int, hostile: [Int]) {
        let honest = (0..<nodes).filter { !hostile.contains($0) }
        let first = honest.indices.filter { $0.isMultiple(of: 2) }.map { honest[$0] }
        let halves = [first + hostile, honest.filter { !first.contains($0) } + hostile]
        var expectation = Scenario.Expectation()
        expectation.loudFork = true
        // The task's chain and the registry; halves that hear each other all the time, and halves that do not.
        for seed in (nodes == 7 ? [1, 2, 4, 5] : [1, 2]) as [UInt64] {
            var configuration = SimulationConfiguration(seed: seed, nodes: nodes, rounds: 6)
            configuration.byzantine = hostile.map { ByzantineNode(node: $0, strategy: .colluder) }
            if nodes > 7 || seed > 2 {
                configuration.script = [.init(.at(0), .partition(halves)), .init(.at(8_000_000), .heal)]
            }
            let report = Simulation.run(configuration)
            let faults =
                expectation.faults(of: report) + report.violations.filter { !expectation.isMeant($0) }.map { "\($0)" }
            #expect(faults.isEmpty, "\(line(.colluder, nodes, seed)): \(faults)")
            #expect(seed.isMultiple(of: 2) || !report.alarms.contains(where: \.isRegistry))
        }
    }

    /// Below a third the task ends as well; four of nine may keep it from ending, and are found out.
    @Test(arguments: [(7, [2, 5]), (10, [1, 4, 8]), (9, [1, 3, 5, 7])])
    func tooFewColludersDecideNothingTwice(nodes: Int, hostile: [Int]) {
        var evidence = 0
        for seed in 2...(SimulationSettings.large ? 40 : 3) as ClosedRange<UInt64> {
            let isBelow = 3 * hostile.count < nodes
            let report = run(
                .colluder, nodes: nodes, hostile: hostile, seed: seed, faults: .none, seconds: isBelow ? 600 : 60)
            let unmeant = report.violations.filter { isBelow || ![.ending, .progress].contains($0.invariant) }
            #expect(unmeant.isEmpty, "\(line(.colluder, nodes, seed)): \(unmeant)")
            #expect(report.slashed.allSatisfy(hostile.contains))
            evidence += report.evidence
        }
        #expect(evidence > 0)
    }

    private func has(_ report: SimulationReport, _ invariant: Violation.Invariant) -> Bool {
        report.violations.contains { $0.invariant == invariant }
    }

    /// Whoever signs two messages in a slot is found out and loses its bond on the registry.
    @Test(arguments: [ByzantineStrategy.doubleVoter, .equivocatingProposer, .doubleSubmitter])
    func equivocationCostsTheBond(strategy: ByzantineStrategy) {
        let report = run(strategy, nodes: 5, hostile: [2], seed: 5, faults: .none)
        #expect(report.violations.isEmpty, "\(report.violations)")
        #expect(report.evidence > 0 && report.slashed == [2], "\(strategy): \(report.slashed)")
    }

    /// Whose boxes are proven bad after a set with it was keyed leaves that set alone: the difference of the two sums
    /// shows the vector of the guilty one only.
    @Test func whoIsProvenGuiltyLeavesAlone() {
        var found: UInt64?
        for seed in 489_006_750...489_006_950 as ClosedRange<UInt64> where found == nil {
            let report = run(.badSeeds, nodes: 7, hostile: [2, 5], seed: seed, faults: .loss)
            #expect(report.violations.isEmpty, "\(line(.badSeeds, 7, seed)): \(report.violations)")
            let sets = report.blocks.filter { $0.kind == "manifest" }.map(\.members)
            let isSmallerByTheGuilty = zip(sets, sets.dropFirst()).contains { before, after in
                let gone = before.filter { !after.contains($0) }
                return !gone.isEmpty && gone.count < 4 && gone.allSatisfy { [2, 5].contains($0) }
            }
            if report.voids > 0 && isSmallerByTheGuilty { found = seed }
        }
        #expect(found != nil, "no seed in which a guilty member of a keyed set is evicted")
    }

    /// Where two of three that drop out hold keys, a keyed set of all ten ends in VOID. Seven are back then, and four of them
    /// would have to leave a second set on the same model: too few are left, so there is none until the task expires.
    @Test func whoDropsOutOfAKeyedSetTakesNobodyAlong() {
        var bitten = 0
        for seed in 1...12 as ClosedRange<UInt64> {
            let report = run(.dropOut, nodes: 10, hostile: [1, 4, 8], seed: seed, faults: .none)
            #expect(report.violations.isEmpty, "\(line(.dropOut, 10, seed)): \(report.violations)")
            guard report.outcome == .failed("expired") else { continue }
            bitten += 1
            let sets = report.blocks.filter { $0.kind == "manifest" }.map(\.members.count)
            #expect(sets == [10] && report.voids > 1, "\(line(.dropOut, 10, seed)): sets of \(sets)")
        }
        #expect(bitten > 0, "nobody who drops out holds keys")
    }

    /// The enrolments of two nodes that answer nobody are lost: five of the six members that the task needs are
    /// there. Nothing is left to decide until it expires, and then everything goes back.
    @Test func aTaskThatTooFewJoinExpires() {
        var found: UInt64?
        for seed in 700_000_620...700_000_820 as ClosedRange<UInt64> where found == nil {
            let report = run(.silent, nodes: 7, hostile: [2, 5], seed: seed, faults: .loss)
            #expect(report.violations.isEmpty, "\(line(.silent, 7, seed)): \(report.violations)")
            guard report.outcome == .failed("too few members") else { continue }
            #expect(report.taskHeight == 0 && report.paid == 0)
            found = seed
        }
        #expect(found != nil, "no seed in which too few members enrol")
    }

    /// A box that does not open evicts who sealed it; a complaint about a box that opens evicts nobody.
    @Test func complaintsEvictWhoIsGuilty() {
        var evicted = 0
        var complaints = 0
        for seed in 1...8 as ClosedRange<UInt64> {
            let guilty = run(.badSeeds, nodes: 7, hostile: [2, 5], seed: seed, faults: .none)
            #expect(guilty.violations.isEmpty, "\(line(.badSeeds, 7, seed)): \(guilty.violations)")
            #expect(
                guilty.evicted.allSatisfy { [2, 5].contains($0) }, "\(line(.badSeeds, 7, seed)): \(guilty.evicted)")
            evicted += guilty.evicted.count
            let lying = run(.falseComplaint, nodes: 7, hostile: [2, 5], seed: seed, faults: .none)
            #expect(lying.violations.isEmpty, "\(line(.falseComplaint, 7, seed)): \(lying.violations)")
            #expect(lying.evicted.isEmpty, "\(line(.falseComplaint, 7, seed)): \(lying.evicted)")
            complaints += lying.complaints
        }
        #expect(evicted > 0 && complaints > 0, "\(evicted) evicted, \(complaints) false complaints judged")
    }
}

/// The publisher's orders in the middle of a task.
@Suite("Pause, resume, stop")
struct OrderSimulationTests {
    private func run(
        _ seed: UInt64, faults: FaultProfile, rounds: UInt32 = 12, _ orders: [(UInt64, ScriptedEvent.Action)]
    ) -> SimulationReport {
        var configuration = SimulationConfiguration(seed: seed, nodes: 5, rounds: rounds, faults: faults)
        configuration.script = orders.map { ScriptedEvent(.at($0.0), $0.1) }
        return Simulation.run(configuration)
    }

    /// Also where the publisher's own Close has lost against somebody else's, and with every kind of fault.
    @Test(arguments: 1...6, [FaultProfile.none, .loss, .all])
    func aPausedTaskGoesOn(seed: UInt64, faults: FaultProfile) throws {
        let rounds: UInt32 = faults == .none ? 12 : 30
        let pause: UInt64 = faults == .none ? 3_000_000 : 8_000_000
        let report = run(
            seed, faults: faults, rounds: rounds, [(pause, .order(.pause)), (pause + 3_000_000, .order(.resume))])
        #expect(report.violations.isEmpty && report.outcome == .completed, "\(report.violations) \(report.outcome)")
        // Pause, resume, complete, and nothing between the first two.
        let kinds = report.blocks.map(\.kind)
        #expect(kinds.count { $0 == "control" } == 3)
        let place = try #require(kinds.firstIndex(of: "control"))
        #expect(kinds.dropFirst(place + 1).first == "control")
        #expect(report.paid == 100)
    }

    @Test func aStoppedTaskIsPaidForItsRounds() {
        let report = run(4, faults: .none, [(4_000_000, .order(.stop))])
        #expect(report.violations.isEmpty && report.outcome == .stopped, "\(report.violations) \(report.outcome)")
        #expect(report.results > 0 && report.results < 12 && report.paid == 100 * UInt64(report.results) / 12)
    }
}
