/// How much strangers may send. A key costs nothing, so what each of them may do is small, and what all of them may do is
/// bounded: `bytesPerSecond` together and ``shareRate`` a link, of which there are few.
///
/// Each link has a share of its own, enough to join and to follow the registry whatever others do. Beyond it all strangers
/// take from one rate, and so does the start of each new link: whoever comes back under another key gains nothing. Chunks that
/// this node asked for are free. Whoever is over both is read no further until its own share has paid.
public struct StrangersBudget: Sendable {
    /// What one link has left.
    public struct Share: Sendable {
        fileprivate var own: TokenBucket
        /// Cost of what was asked for and has not come.
        fileprivate var expected = 0

        /// What comes for it is not charged.
        public mutating func expect(chunks: Int) {
            let cost = min(max(0, chunks), 1 << 10) * (ContentLimits.chunkBytes + StrangersBudget.frameCost)
            expected = min(expected + cost, StrangersBudget.expectedMax)
        }
    }

    /// The work of one frame, as bytes of a long one.
    public static let frameCost = 2_048
    /// Bytes a second, frames counted at their cost, that a link has for itself.
    public static let shareRate = 32 << 10
    public static let shareBurst = 128 << 10
    /// Longest pause of one link: shorter than what makes its peer take this node for a slow one.
    public static let pauseMax: Duration = .seconds(5)
    /// Of what was asked for on one link.
    static let expectedMax = 64 << 20

    private var together: TokenBucket

    /// - Parameter bytesPerSecond: of all strangers together.
    public init(bytesPerSecond: Int, now: Duration) { together = TokenBucket(rate: bytesPerSecond, now: now) }

    /// Of a link that begins: full if all strangers together have that much left, else empty.
    public mutating func share(now: Duration) -> Share {
        var own = TokenBucket(rate: Self.shareRate, burst: Self.shareBurst, now: now)
        if !together.take(Self.shareBurst, now: now) { _ = own.charge(Self.shareBurst, now: now) }
        return Share(own: own)
    }

    /// What a stranger sent.
    ///
    /// - Parameters:
    ///   - share: of its link.
    ///   - bytes: read from its socket, at most some hundred KiB.
    /// - Returns: for how long its link is not read; zero while there is something left.
    public mutating func charge(_ share: inout Share, frames: Int, bytes: Int, now: Duration) -> Duration {
        var cost = bytes + frames * Self.frameCost
        let asked = min(cost, share.expected)
        share.expected -= asked
        cost -= asked
        if cost == 0 || share.own.take(cost, now: now) || together.take(cost, now: now) { return .zero }
        return min(share.own.charge(cost, now: now), Self.pauseMax)
    }
}
