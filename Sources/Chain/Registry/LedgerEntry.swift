public import Wire

/// One change of an account, for people: derived from decided blocks, the same on every node.
public struct LedgerEntry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case sent, received, escrow, enrolled, bonded, unbonding, unbonded, payout, refund, slashed
        /// Locked up for a task's place in the registry, and back; for an account's place, for good.
        case deposit, reserve
    }

    public let height: UInt64
    public let timeMs: UInt64
    public let node: NodeID
    public let kind: Kind
    /// Change of the account's free balance; for `slashed` and `unbonding` of what was bonded.
    public let credits: Int64
    public let task: TaskID?
    public let other: NodeID?
}

/// What one key did for all tasks: from paid settlements, evidence and ratings alone.
public struct Contributor: Hashable, Sendable {
    public let node: NodeID
    /// Tasks in which it was in an accepted sum.
    public var tasks: UInt64 = 0
    public var rounds: UInt64 = 0
    /// Accepted rounds of the paid tasks that it was a member of, with it or without.
    public var offered: UInt64 = 0
    public var aggregated: UInt64 = 0
    public var credits: UInt64 = 0
    /// Bonds that it lost by evidence.
    public var slashes: UInt64 = 0
    /// Ratings by publishers of paid tasks, and the sum of their stars (1 to 5 each). They are shown, not weighed.
    public var ratings: UInt64 = 0
    public var stars: UInt64 = 0

    /// Sums stay at the largest number: no history of tasks, however long, may trap whoever asks.
    static func add(_ number: UInt64, to sum: inout UInt64) {
        let (next, overflow) = sum.addingReportingOverflow(number)
        sum = overflow ? .max : next
    }

    /// Reputation in millionths: the share of offered rounds that it was in, (rounds + 1) / (offered + 2), so that who is
    /// new starts at a half; halved for each bond that it lost by evidence.
    public var reputationPpm: UInt32 {
        let share = (UInt128(min(rounds, offered)) + 1) * 1_000_000 / (UInt128(offered) + 2)
        return slashes < 32 ? UInt32(share >> UInt128(slashes)) : 0
    }
}
