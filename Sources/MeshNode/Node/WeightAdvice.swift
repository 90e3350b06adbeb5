internal import Chain

/// Weight is the bond and nothing caps it, so one voter may matter alone. People are told before they join and while they wait.
enum WeightAdvice {
    /// Who decides alone, or can stop what the others decide; nil where nobody can, and for one or two voters, who have a third
    /// each, whatever they bond.
    ///
    /// - Parameter what: what the electorate decides, as the object of "decide".
    private static func text(_ electorate: Electorate, of what: String) -> String? {
        guard electorate.members.count > 2 else { return nil }
        return electorate.dominant.map { strongest, decides in
            "\(strongest.node.short) has \(strongest.weight) of \(electorate.totalWeight) of the bonds, "
                + (decides
                    ? "a quorum alone: it can decide \(what) without the others"
                    : "more than a third: without it, nothing of \(what) is decided")
        }
    }

    static func text(registry validators: Electorate) -> String? {
        text(validators, of: "the registry")
            .map { $0 + "; the others bond more: `meshnode ledger bond CREDITS`" }
    }

    /// Of a task that may still start or go on.
    static func text(_ record: RegistryState.TaskRecord, electorate: Electorate?) -> String? {
        let voters =
            electorate ?? Electorate(bonds: record.enrolments.map { .init(node: $0.node, weight: $0.enrolment.bond) })
        return text(voters, of: "the task").map {
            $0 + (record.spec.reward.credits > 0 ? ", and whoever decides a task decides whom its reward pays" : "")
        }
    }
}
