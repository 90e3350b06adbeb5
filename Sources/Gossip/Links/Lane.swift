/// Priority class of a payload on a link. Lower raw values leave first.
public enum Lane: UInt8, CaseIterable, Comparable, Sendable {
    /// Votes and other small messages that a decision waits for: ahead of the other lanes, up to three quarters of the bytes.
    case control = 0
    /// Announcements, digests, transactions: the oldest is dropped when a peer cannot keep up.
    case gossip = 1
    /// Content chunks: refused when the queue is full, so that the producer paces itself.
    case bulk = 2

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}
