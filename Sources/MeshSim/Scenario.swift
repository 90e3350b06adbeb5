/// A named run: a configuration and what must come of it.
public struct Scenario: Sendable {
    public var configuration: SimulationConfiguration
    public var expectation = Expectation()

    public init(configuration: SimulationConfiguration) { self.configuration = configuration }

    /// What a report must show beside the absence of violations. Absent: anything.
    public struct Expectation: Sendable, Equatable {
        /// "completed" or "failed(reason)".
        public var outcome: String?
        /// Decided sets of at least this size in every round.
        public var smallestMembers: Int?
        public var atLeastVoids: Int?
        public var atMostVoids: Int?
        /// A view at least this high decided something.
        public var atLeastView: Int?
        public var atLeastConflicts: Int?
        /// Two blocks are decided at a height, and every honest node finds out: it stops with an alarm and holds evidence
        /// against a third of the nodes or more, hostile ones all of them.
        public var loudFork = false

        public init() {}

        /// Whether a violation is what the scenario is about.
        public func isMeant(_ violation: Violation) -> Bool {
            loudFork && [.oneBlockPerHeight, .noHalt].contains(violation.invariant)
        }

        /// What of it the report of a seed that nobody has chosen does not show: which view decides, how many VOID blocks
        /// there are and whether colluders get their fork are matters of the seed; the outcome is not, and no fork is silent.
        public func freshFaults(of report: SimulationReport) -> [String] {
            var asked = Expectation()
            asked.outcome = outcome
            asked.loudFork = loudFork && report.violations.contains { $0.invariant == .oneBlockPerHeight }
            return asked.faults(of: report)
        }

        /// What of it the report does not show.
        public func faults(of report: SimulationReport) -> [String] {
            var faults: [String] = []
            if let outcome, report.outcome.description != outcome {
                faults.append("expected outcome \(outcome), found \(report.outcome)")
            }
            let members = report.blocks.filter { $0.kind == "manifest" }.map(\.members.count).min() ?? 0
            if let smallestMembers, members < smallestMembers {
                faults.append("expected sets of \(smallestMembers) or more, found \(members)")
            }
            if let atLeastVoids, report.voids < atLeastVoids {
                faults.append("expected \(atLeastVoids) VOID blocks or more, found \(report.voids)")
            }
            if let atMostVoids, report.voids > atMostVoids {
                faults.append("expected \(atMostVoids) VOID blocks or fewer, found \(report.voids)")
            }
            if let atLeastView, Int(report.highestView) < atLeastView {
                faults.append("expected a decision in view \(atLeastView) or higher, found \(report.highestView)")
            }
            if let atLeastConflicts, report.conflictsSeen < atLeastConflicts {
                faults.append("expected \(atLeastConflicts) conflicts seen or more, found \(report.conflictsSeen)")
            }
            if loudFork {
                if !report.violations.contains(where: { $0.invariant == .oneBlockPerHeight }) {
                    faults.append("expected two blocks at one height, found none")
                }
                for node in report.honest where !report.alarms.contains(where: { $0.node == node }) {
                    faults.append("expected an alarm of every honest node, found none of node \(node)")
                }
                for alarm in report.alarms
                where 3 * alarm.accused.count < report.nodes || alarm.accused.contains(where: report.honest.contains) {
                    faults.append(
                        "expected evidence against a third of the nodes, all of them hostile, found at node \(alarm.node) "
                            + "against \(alarm.accused)")
                }
            }
            return faults
        }
    }
}

extension SimulationConfiguration {
    /// Chooses random faults and, if none was chosen before, a time at which they end.
    public mutating func setFaults(_ profile: FaultProfile) {
        faults = profile
        if profile == .none { healAt = 0 } else if healAt == 0 { healAt = 12_000_000 }
    }
}
