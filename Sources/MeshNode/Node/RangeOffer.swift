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
    var isFetched: Bool
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

/// A known node that says that it has more of a chain than this one.
struct KnownAhead: Sendable {
    let node: NodeID
    let height: UInt64
    /// This node's height when it said so.
    let own: UInt64
    let since: Duration
}
