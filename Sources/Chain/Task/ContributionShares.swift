public import Wire

/// From scores to shares of a reward, in integers, the same on every node.
///
/// Per scored round u = clip(s / m, -1.5, 1.5), m the median of the positive scores, in units of 2^-16, rounded down. A
/// member of the set that opened nothing has -1.5: otherwise who sends noise would open what is positive and keep the rest.
/// A round with fewer than three positive scores does not count: its median would say nothing.
/// Per task a member's weight is max(0, t - M / 4), t the sum of its u and M the median of the positive sums. Signs are
/// summed before the cut: that keeps noise at nothing; the cap keeps scaling from paying.
public enum ContributionShares {
    public static let leastPositive = 3
    /// 1.5 in units of 2^-16.
    public static let cap: Int64 = 98_304

    /// u of every member of a round's set; nil when the round does not count.
    public static func units(_ scores: [Int64?]) -> [Int64]? {
        let positive = scores.compactMap { $0 }.filter { $0 > 0 }.sorted()
        guard positive.count >= leastPositive else { return nil }
        let median = twiceMedian(positive)
        return scores.map { score in
            guard let score else { return -cap }
            // Twice the score over twice the median, rounded towards minus infinity.
            let (quotient, rest) = (Int128(score) << 17).quotientAndRemainder(dividingBy: median)
            return Int64(min(Int128(cap), max(-Int128(cap), rest < 0 ? quotient - 1 : quotient)))
        }
    }

    /// Weights of members from their sums of u; all 0 when nobody is above the cut.
    public static func weights(_ sums: [Int64]) -> [UInt64] {
        let positive = sums.filter { $0 > 0 }.sorted()
        guard !positive.isEmpty else { return [UInt64](repeating: 0, count: sums.count) }
        // Eight times t - M / 4.
        let cut = twiceMedian(positive)
        return sums.map { UInt64(max(Int128(0), 8 * Int128($0) - cut)) }
    }

    /// Weights after rounds of the same members, in one order; all 0 when nobody is above the cut.
    public static func weights(rounds: [[Int64?]]) -> [UInt64] {
        let units = rounds.compactMap(units)
        return weights((rounds.first ?? []).indices.map { index in units.reduce(0) { $0 + $1[index] } })
    }

    /// The sum of u of each of `nodes` over the rounds that count, and how many of these there are.
    public static func sums(_ rounds: [ScoreBook.Round], of nodes: [NodeID]) -> (sums: [Int64], counted: Int) {
        var sums: [NodeID: Int64] = [:]
        var counted = 0
        for round in rounds {
            guard let units = units(round.entries.map(\.score)) else { continue }
            counted += 1
            for (entry, unit) in zip(round.entries, units) { sums[entry.node, default: 0] += unit }
        }
        return (nodes.map { sums[$0] ?? 0 }, counted)
    }

    private static func twiceMedian(_ ascending: [Int64]) -> Int128 {
        Int128(ascending[(ascending.count - 1) / 2]) + Int128(ascending[ascending.count / 2])
    }
}

extension TaskState {
    /// Whether some member's scores are above the cut.
    public var isPaidByScore: Bool {
        ContributionShares.weights(contributionSums).contains { $0 > 0 }
    }

    private var contributionSums: [Int64] {
        ContributionShares.sums(scores.rounds, of: payouts.entries.map(\.node)).sums
    }

    /// What the members' part goes by under `contribution`: scores, or rows times rounds while nobody is above the cut, so
    /// that a publisher whose directions score nobody saves nothing.
    public var contributionWeights: [NodeID: UInt64] {
        var weights = ContributionShares.weights(contributionSums)
        if weights.allSatisfy({ $0 == 0 }) {
            weights = payouts.entries.map { entry in
                UInt64(entry.rounds) * UInt64(genesis.member(entry.node)?.enrolment.rows ?? 0)
            }
        }
        return Dictionary(zip(payouts.entries.map(\.node), weights)) { first, _ in first }
    }

    /// What each member would be paid if the task ended with this block: the tenths of the rounds that it aggregated, and
    /// its part of the rest by the scores decided so far.
    mutating func shareByContribution() {
        guard spec.reward.rule == .contribution else { return }
        let entries = payouts.entries
        let weights = contributionWeights
        let shares = Payouts.shares(
            aggregators: zip(entries, scores.authored).filter { $0.1 > 0 }.map { (node: $0.0.node, budget: $0.1) },
            members: entries.compactMap { entry in
                weights[entry.node].flatMap { $0 > 0 ? (node: entry.node, weight: $0) : nil }
            })
        for index in payouts.entries.indices { payouts.entries[index].credits = shares[entries[index].node] ?? 0 }
    }
}
