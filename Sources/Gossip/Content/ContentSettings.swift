/// Limits and times of a ``ContentExchange``.
public struct ContentSettings: Sendable, Equatable {
    /// Chunks asked of one peer and not yet there: 32 of 32 KiB are 1 MiB.
    public var window = 32
    /// Chunks that a busy peer is asked for at a time: one by one, each chunk would cost a request and an answer.
    public var requestBatch = 8
    /// Contents that are fetched at the same time; later wants wait.
    public var activeWants = 64
    public var mostWants = 4096
    public var mostProviders = 128
    /// A peer that owes something and sends nothing for so long is passed over.
    public var stall: Duration = .seconds(3)
    /// First pause of a provider that stalled, was busy or had nothing, for one content; doubles up to `longestRetry`.
    public var pause: Duration = .milliseconds(500)
    public var longestRetry: Duration = .seconds(4)
    /// For so long whoever stalled is asked last, whatever is wanted; doubles.
    public var longestPause: Duration = .seconds(30)
    /// A request older than this is sent again even while other chunks arrive.
    public var oldestRequest: Duration = .seconds(30)
    /// Chunks that one peer may have waiting to be served.
    public var serveQueue = 64
    /// Bytes that one peer may draw, by what the chains say of it; where they say nothing yet, as a member.
    public var serveBytesPerSecond = 64 << 20
    public var serveBurstBytes = 4 << 20
    public var accountBytesPerSecond = 8 << 20
    /// A new key costs nothing, so keys that nobody knows have a share together beside the one of each.
    public var strangerBytesPerSecond = 1 << 20
    public var strangersBytesPerSecond = 4 << 20
    public var mostServedPeers = 256

    public init() {}

    /// What a peer may draw.
    func allowance(_ rank: Standing.Rank) -> AnswerBudget.Allowance {
        let perSecond =
            switch rank {
            case .stranger: min(strangerBytesPerSecond, serveBytesPerSecond)
            case .account: min(accountBytesPerSecond, serveBytesPerSecond)
            case .member: serveBytesPerSecond
            }
        return AnswerBudget.Allowance(burst: serveBurstBytes, perSecond: perSecond)
    }

    /// For nodes on one machine.
    public static var loopback: ContentSettings {
        var settings = ContentSettings()
        settings.stall = .seconds(1)
        settings.pause = .milliseconds(100)
        settings.longestRetry = .seconds(1)
        settings.longestPause = .seconds(5)
        settings.serveBytesPerSecond = 256 << 20
        settings.accountBytesPerSecond = 64 << 20
        settings.strangerBytesPerSecond = 4 << 20
        settings.strangersBytesPerSecond = 16 << 20
        return settings
    }
}
