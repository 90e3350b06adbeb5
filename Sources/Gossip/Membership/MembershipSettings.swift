/// Constants of SWIM with Lifeguard (arXiv 1707.00788), as memberlist's LAN profile has them where not said otherwise.
public struct MembershipSettings: Sendable, Equatable {
    /// One probe each interval, times the local health multiplier.
    public var probeInterval: Duration
    /// Direct answer awaited 3 · round trip, within these bounds.
    public var probeTimeoutMin: Duration = .milliseconds(100)
    public var probeTimeoutMax: Duration = .milliseconds(500)
    public var indirectProbes = 3
    /// Pings and ping requests of one sender that are answered: its own, and those that it makes for others.
    public var questionsPerInterval = 16
    /// Suspicion lasts multiplier · max(1, log10 N) · interval once confirmed, at most `suspicionMaxFactor` times that.
    public var suspicionMultiplier = 4
    public var suspicionMaxFactor = 6
    public var localHealthMax = 8
    /// An update is sent retransmitMultiplier · ⌈log10(N + 1)⌉ times.
    public var retransmitMultiplier = 4
    /// Rumours that wait go to `gossipFanout` nodes each interval.
    public var gossipInterval: Duration = .milliseconds(200)
    public var gossipFanout = 3
    /// Links that are told of fresh records, each interval.
    public var recordFanout = 6
    /// Full exchange of records with one linked node.
    public var pushPullInterval: Duration
    /// How long a dead node is still known, so that a healed partition can find itself again.
    public var tombstone: Duration
    /// Bytes of one message, at most: a datagram less ``DatagramGate/overhead``.
    public var messageBytesMax = 1_080

    /// How often, and how many times, one who never answered is pinged, and how long its record is kept: the last long
    /// enough for a dial that waits for others. One dead node of each kind is pinged as often, without an end.
    public var callInterval: Duration
    public var callsMax = 5
    public var patience: Duration

    public init(profile: LinkProfile) {
        switch profile {
        case .loopback:
            callInterval = .milliseconds(500)
            patience = .seconds(15)
            probeInterval = .milliseconds(200)
            pushPullInterval = .seconds(5)
            tombstone = .seconds(600)
        case .wan:
            callInterval = .seconds(3)
            patience = .seconds(60)
            probeInterval = .seconds(1)
            pushPullInterval = .seconds(30)
            tombstone = .seconds(3600)
        }
    }
}
