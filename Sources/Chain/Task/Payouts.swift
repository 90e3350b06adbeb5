internal import MeshCrypto
public import Wire

extension PayoutTable {
    /// What the payout root of a task header is.
    public var root: Digest { Digest(Transcript.hash("meshnode/payout/1", wireBytes)) }
}

/// The commitment to a target accuracy.
public enum TargetCommitment {
    public static func of(targetPpm: UInt32, nonce: Digest) -> Digest {
        var transcript = Transcript("meshnode/target/1")
        transcript.append(UInt64(targetPpm))
        transcript.append(nonce)
        return transcript.identifier()
    }
}

/// How an escrow is shared. Integers only; nothing is lost and nothing is made.
public enum Payouts {
    /// Credits of the `number`-th accepted round, counted from 1, of a task of `rounds` rounds: what the first `number`
    /// rounds are worth less what the ones before are, so that all together are worth the reward exactly.
    public static func budget(reward: UInt64, round number: UInt32, of rounds: UInt32) -> UInt64 {
        precondition(number >= 1 && number <= rounds)
        func upTo(_ count: UInt32) -> UInt64 { UInt64(UInt128(reward) * UInt128(count) / UInt128(rounds)) }
        return upTo(number) - upTo(number - 1)
    }

    /// Shares of one round: a tenth to the aggregator, the rest by weight; what rounding leaves goes to the largest
    /// remainders, ties to the smaller id and to the aggregator's share first. The sum is `budget`.
    public static func shares(
        budget: UInt64, aggregator: NodeID, members: [(node: NodeID, weight: UInt64)]
    ) -> [NodeID: UInt64] { shares(aggregators: [(aggregator, budget)], members: members) }

    /// The same for several rounds at once: a tenth of what each aggregated to the aggregators, the rest by weight.
    public static func shares(
        aggregators: [(node: NodeID, budget: UInt64)], members: [(node: NodeID, weight: UInt64)]
    ) -> [NodeID: UInt64] {
        let budget = aggregators.reduce(0) { $0 + $1.budget }
        let total = members.reduce(UInt128(0)) { $0 + UInt128($1.weight) }
        guard total > 0 else {
            return Dictionary(aggregators.map { ($0.node, $0.budget) }, uniquingKeysWith: +)
        }
        let divisor = 10 * total
        var claims: [(node: NodeID, credits: UInt64, rest: UInt128)] = []
        func claim(_ node: NodeID, _ numerator: UInt128) {
            claims.append((node, UInt64(numerator / divisor), numerator % divisor))
        }
        for entry in aggregators { claim(entry.node, UInt128(entry.budget) * total) }
        for member in members.sorted(by: { $0.node < $1.node }) {
            claim(member.node, 9 * UInt128(budget) * UInt128(member.weight))
        }
        var left = budget - claims.reduce(0) { $0 + $1.credits }
        // A stable order: the aggregators' claims stand before the members', which are ascending.
        let order = claims.indices.sorted { one, other in
            (claims[other].rest, claims[one].node, one) < (claims[one].rest, claims[other].node, other)
        }
        for index in order where left > 0 {
            claims[index].credits += 1
            left -= 1
        }
        var shares: [NodeID: UInt64] = [:]
        for claim in claims { shares[claim.node, default: 0] += claim.credits }
        return shares
    }

    /// A member's weight under a rule.
    static func weight(_ enrolment: Enrolment, rule: TaskSpec.PayoutRule) -> UInt64 {
        switch rule {
        case .equal: 1
        // Self-declared rows; contribution weighs anew with every block (`shareByContribution`).
        case .rows, .contribution: UInt64(enrolment.rows)
        }
    }
}
