/// Constants of a ``TopicMesh``; the defaults are gossipsub's where its specification names one.
public struct TopicSettings: Sendable, Equatable {
    /// Peers in the mesh of a topic: wanted, least, most.
    public var degree = 6
    public var degreeLow = 4
    public var degreeHigh = 10
    /// Kept by score when the mesh shrinks, and links dialled here that a mesh must hold: an attacker that dials us
    /// cannot fill it.
    public var keptByScore = 4
    public var outboundLeast = 2
    /// Places in a mesh for keys that nobody knows: enough to follow a chain, too few to push its members out.
    public var strangersMost = 2
    /// Peers outside the mesh that hear of recent messages, at least, and as a share of all (percent).
    public var lazyLeast = 6
    public var lazyPercent = 25
    public let profile: LinkProfile
    public var heartbeat: Duration
    /// Heartbeats for which a message can be delivered, and of which ids are told.
    public var windows = 5
    public var toldWindows = 3
    /// Longest message that is sent unasked.
    public var eagerBytesMax = 1_024
    public var pruneBackoff: Duration
    /// A pull that brought nothing is tried at the next peer after this.
    public var pullRetry: Duration
    /// A told message that never came by then breaks a promise: who told it loses its place in the mesh of the topic, if
    /// others are there to take it. A burst makes honest nodes late, so it costs nothing else.
    public var promiseLimit: Duration
    public var pullAttempts = 8
    /// The times of pulls lie a quarter of `pullRetry` apart, whatever times frames come at: each wake looks at every
    /// pull, so what peers send must not say how many wakes there are.
    func pullTime(_ time: Duration) -> Duration {
        let step = max(1, Self.nanoseconds(pullRetry) / 4)
        return .nanoseconds((Self.nanoseconds(time) + step - 1) / step * step)
    }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let parts = duration.components
        return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
    }

    /// A digest is not answered with a message that its sender was passed, or last answered with, less than this ago.
    public var passedWait: Duration { heartbeat * 2 }
    public var answeredWait: Duration { heartbeat * 5 }
    /// Deliveries of one message to one peer on request.
    public var deliveriesOnRequest = 3
    /// From one peer in one heartbeat.
    public var haveFramesMax = 128
    public var haveIDsMax = 5_000
    public var wantIDsMax = 5_000
    /// Messages of one peer that are judged, a second: a signature costs a tenth of a millisecond.
    public var validationsPerSecond: Int
    public var pendingMax = 1_024
    /// Bytes of messages kept for requests.
    public var cacheBytesMax = 32 << 20
    public var topicsPerPeerMax = 4_096
    public var seenMax = 16_384
    public var rejectedMax = 4_096
    /// Scores of peers that are gone or cut off.
    public var rememberedMax = 1_024
    public var score = TopicScoreSettings()

    public init(profile: LinkProfile) {
        self.profile = profile
        switch profile {
        case .loopback:
            heartbeat = .milliseconds(200)
            pruneBackoff = .seconds(10)
            pullRetry = .milliseconds(150)
            promiseLimit = .seconds(1)
            validationsPerSecond = 10_000
            score.decay = 0.998
        case .wan:
            heartbeat = .seconds(1)
            pruneBackoff = .seconds(60)
            pullRetry = .milliseconds(500)
            promiseLimit = .seconds(3)
            validationsPerSecond = 2_000
        }
    }
}

/// Weights of a ``TopicScore``.
public struct TopicScoreSettings: Sendable, Equatable {
    /// First deliveries beyond this earn nothing: good service must not pay for much harm.
    public var firstDeliveriesMax = 10.0
    public var firstDeliveriesDecay = 0.95
    /// A heartbeat's decay of what was done wrong; half is forgotten after 69 s.
    public var decay = 0.99
    public var wrongsMax = 100.0
    /// Below: no place in a mesh.
    public var meshThreshold = 0.0
    /// Below: told nothing, asked nothing, and sent no own messages.
    public var gossipThreshold = -20.0
    /// Below: cut off. Back when above `gossipThreshold`.
    public var cutOffThreshold = -40.0

    public init() {}
}
