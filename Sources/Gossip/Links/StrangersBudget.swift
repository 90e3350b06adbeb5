/// How much strangers may send. A key costs nothing, so what each of them may do is small, and what all of them may do
/// together is bounded: their number gains them nothing.
///
/// Each has a share of its own, enough to join and to follow the registry whatever others do. Beyond it all strangers take
/// from one rate. Whoever is over both is read no further until its own share has paid; nothing is lost.
public struct StrangersBudget: Sendable {
    /// The work of one frame, as bytes of a long one.
    public static let frameCost = 4_096
    /// Bytes a second, frames counted at their cost, that a stranger has for itself.
    public static let shareRate = 64 << 10
    public static let shareBurst = 128 << 10
    /// Longest pause of one link: then it is read again, and pays again.
    public static let pauseMax: Duration = .seconds(10)

    private var together: TokenBucket

    /// - Parameter bytesPerSecond: of all strangers together.
    public init(bytesPerSecond: Int, now: Duration) { together = TokenBucket(rate: bytesPerSecond, now: now) }

    /// A fresh share, for a link that begins.
    public static func share(now: Duration) -> TokenBucket {
        TokenBucket(rate: shareRate, burst: shareBurst, now: now)
    }

    /// What a stranger sent.
    ///
    /// - Parameters:
    ///   - share: of its link.
    ///   - bytes: read from its socket, at most some hundred KiB.
    /// - Returns: for how long its link is not read; zero while there is something left.
    public mutating func charge(
        _ share: inout TokenBucket, frames: Int, bytes: Int, now: Duration
    ) -> Duration {
        let cost = bytes + frames * Self.frameCost
        if share.take(cost, now: now) || together.take(cost, now: now) { return .zero }
        return min(share.charge(cost, now: now), Self.pauseMax)
    }
}
