internal import Wire

/// A content with decided blocks that a peer has offered.
struct RangeOffer: Sendable {
    let chain: ChainID
    let first: UInt64
    let reference: ContentReference
    /// Who offers it.
    let node: NodeID
    /// Nothing that the chains here say speaks for its sender.
    let isStrangers: Bool
    /// Nothing of it was here before: it is removed when it was read or given up.
    let isFetched: Bool
    /// It is being read; told of again, it costs nothing.
    var isRead = false
    /// Something else wants the same content, so it stays.
    var isUsedOtherwise = false

    func isSame(as other: RangeOffer) -> Bool {
        chain == other.chain && first == other.first && reference == other.reference
    }
}

/// What a range was found to be.
enum RangeReading: Sendable {
    case range(BlockRange)
    case malformed
    case unread([Node.Lost])
}

/// What ranges of strangers may cost: their bytes are asked for, and so not within the rate that their links share.
struct StrangersRanges: Sendable {
    /// Bytes of a period, of all strangers together.
    static let most: UInt64 = 64 << 20
    static let period = Duration.seconds(3_600)
    /// For so long a known node that is ahead is waited for.
    static let patience = Duration.seconds(60)

    private var used: UInt64 = 0
    private var since = Duration.zero

    mutating func take(_ bytes: UInt64, now: Duration) -> Bool {
        if now - since >= Self.period { (used, since) = (0, now) }
        guard bytes <= Self.most - used else { return false }
        used += bytes
        return true
    }
}

/// A known node that says that it has more of a chain than this one.
struct KnownAhead: Sendable {
    let node: NodeID
    let height: UInt64
    /// This node's height when it said so.
    let own: UInt64
    let since: Duration
}
