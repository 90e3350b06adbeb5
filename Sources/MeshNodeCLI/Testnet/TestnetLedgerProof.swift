internal import MeshNode
internal import Wire

/// That the credits of a testnet run add up: from the homes alone, against shares worked out here as fractions.
struct TestnetLedgerProof {
    let plan: TestnetPlan
    let task: TaskID
    let decided: DecidedRounds

    /// Each member's part by score, as fractions worked out here from the decided scores alone; empty when nobody is above
    /// the cut.
    func scoreShares() -> [NodeID: Double] {
        func median(_ values: [Double]) -> Double {
            let ascending = values.sorted()
            return (ascending[(ascending.count - 1) / 2] + ascending[ascending.count / 2]) / 2
        }
        var sums: [NodeID: Double] = [:]
        for round in decided.scores {
            let positive = round.entries.compactMap { $0.score.map { Double($0) } }.filter { $0 > 0 }
            guard positive.count >= 3 else { continue }
            for entry in round.entries {
                sums[entry.node, default: 0] +=
                    entry.score.map { min(1.5, max(-1.5, Double($0) / median(positive))) } ?? -1.5
            }
        }
        let positive = sums.values.filter { $0 > 0 }
        guard !positive.isEmpty else { return [:] }
        let cut = median(Array(positive)) / 4
        let weights = sums.mapValues { max(0, $0 - cut) }
        let whole = weights.values.reduce(0, +)
        return whole > 0 ? weights.mapValues { $0 / whole } : [:]
    }

    /// - Returns: lines for people and whether everything held.
    func check() throws -> (lines: [String], holds: Bool) {
        let ledgers = try plan.members.map { try DecidedLedger(home: $0.home) }
        let first = ledgers[0]
        guard let paid = first.payouts[task] else { return (["the task was not paid out"], false) }
        let accepted = decided.rounds.filter { !$0.isRejected }
        let reward = decided.spec.reward.credits
        let due = reward * UInt64(accepted.count) / UInt64(decided.spec.rounds)
        var shares: [NodeID: Double] = [:]
        // Under contribution the members' part of all rounds goes by score at once.
        let byScore = decided.spec.reward.rule == .contribution ? scoreShares() : [:]
        let perRound = Double(reward) / Double(decided.spec.rounds)
        for round in accepted {
            let isEqual = decided.spec.reward.rule == .equal
            let weights: [Double] = round.set.map { isEqual ? 1 : Double(decided.rows[$0] ?? 0) }
            let whole: Double = weights.reduce(0, +)
            for (node, share) in byScore { shares[node, default: 0] += 0.9 * perRound * share }
            for (node, weight) in zip(round.set, weights) where byScore.isEmpty {
                let share: Double = 0.9 * perRound * weight / whole
                shares[node, default: 0] += share
            }
            shares[round.aggregator, default: 0] += 0.1 * perRound
        }
        var holds = ledgers.allSatisfy { $0.balances == first.balances && $0.total == $0.genesisTotal && $0.bound == 0 }
        holds = holds && paid.values.reduce(0, +) == due
        var lines: [String] = []
        for member in plan.members {
            let before = first.genesisBalances[member.node] ?? 0
            let after = first.balances[member.node] ?? 0
            let credits = paid[member.node] ?? 0
            // The first node published: its reward left, and what no round earned came back.
            let published = member.index == 0 ? due : 0
            let isExact = after + published == before + credits
            // A round's budget and its two shares are each rounded by less than one credit.
            let isFair = abs(Double(credits) - (shares[member.node] ?? 0)) < 3 * Double(max(1, accepted.count))
            holds = holds && isExact && isFair
            let spent = member.index == 0 ? ", \(due) spent as publisher" : ""
            lines.append(
                "node \(member.index + 1)  \(before) -> \(after) credits: paid \(credits)\(spent)"
                    + (isExact && isFair ? "" : ", which does not add up"))
        }
        lines.append(
            "\(due) of \(reward) credits paid for \(accepted.count) accepted rounds; the sum "
                + "of all credits is \(first.total), as in genesis (\(first.genesisTotal)), on each home")
        return (lines, holds)
    }
}
