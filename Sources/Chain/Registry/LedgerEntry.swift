public import Wire

/// One change of an account, for people: derived from decided blocks, the same on every node.
public struct LedgerEntry: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case sent, received, escrow, enrolled, bonded, unbonding, unbonded, payout, refund, slashed
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

/// What one key did for all tasks: from paid settlements and evidence alone.
public struct Contributor: Hashable, Sendable {
    public let node: NodeID
    /// Tasks in which it was in an accepted sum.
    public var tasks: UInt32 = 0
    public var rounds: UInt32 = 0
    public var aggregated: UInt32 = 0
    public var credits: UInt64 = 0
    /// Bonds that it lost by evidence.
    public var slashes: UInt32 = 0
}
