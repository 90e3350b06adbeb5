/// What never varies between nodes of one rules number.
public enum LinkLimits {
    /// Bytes behind the length prefix of one packet, at most.
    public static let packetBytesMax = 65_536
    /// secretstream's overhead of one frame.
    public static let sealBytes = 17
    /// Bytes that `send` accepts at most: a packet less the seal and the kind byte.
    public static let payloadBytesMax = packetBytesMax - sealBytes - 1
    /// Bytes behind the length prefix of a packet before the peer is known, at most.
    public static let handshakePacketBytesMax = 512
    /// Plaintext bytes under one stream key, at most.
    public static let rekeyBytes: UInt64 = 1 << 30
    public static let rekeyInterval: Duration = .seconds(3600)
    public static let addressesMax = 8
    /// NodeRecords that a node keeps, and that it accepts in one frame.
    public static let recordsMax = 1024
    public static let recordsPerFrameMax = 256
    /// Records that a node without a free place tells a newcomer, at most.
    public static let introductionMax = 32
}

/// Which constants a mesh runs with.
public enum LinkProfile: String, Sendable, CaseIterable {
    /// All nodes on one machine: short intervals.
    case loopback
    case wan
}

/// What an operator or a test may tune. Every count is a hard limit.
public struct LinkSettings: Sendable, Equatable {
    public var dialledMax = 16
    public var acceptedMax = 64
    /// Connections in the middle of a handshake, inbound.
    public var halfOpenMax = 32
    public var dialsInProgressMax = 8
    public var handshakesPerSecond = 20
    /// Of one host: it must not use up the rate of all.
    public var handshakesPerHost: Int
    public var handshakeLimit: Duration = .seconds(5)
    /// While no half-open place is left, a handshake that takes longer than this makes room for a newer one.
    public var handshakePatience: Duration = .seconds(1)
    /// Ended connections whose last bytes are still on their way; beyond it they are closed at once.
    public var lingeringMax = 16
    public var pingInterval: Duration
    /// Silence after which a link is dead; at least two ping intervals.
    public var idleLimit: Duration
    /// A peer that takes no byte for this long while bytes wait is a slow consumer.
    public var stallLimit: Duration = .seconds(10)
    /// Retry of a dial: base · 2^attempts up to the limit, times a factor drawn from [0.5, 1).
    public var retryBase: Duration
    public var retryMax: Duration
    /// Inbound, for each peer. Reading pauses while a bucket is empty; nothing is lost.
    public var framesPerSecond: Int
    public var bytesPerSecond: Int
    /// Inbound, of all strangers together (``StrangersBudget``).
    public var strangersBytesPerSecond: Int
    /// Records from one peer that are verified, a second; further ones are dropped and come again with the next pull.
    public var recordsPerSecond = 256
    public var queues = QueueLimits()

    public init(profile: LinkProfile) {
        switch profile {
        case .loopback:
            // Every pair of the 32 nodes that a testnet may have.
            dialledMax = 32
            pingInterval = .seconds(2)
            idleLimit = .seconds(10)
            retryBase = .milliseconds(200)
            retryMax = .seconds(2)
            // Nodes of one machine share its processor and its address.
            handshakesPerSecond = 200
            handshakesPerHost = 100
            framesPerSecond = 50_000
            bytesPerSecond = 1 << 30
            strangersBytesPerSecond = 2 << 20
        case .wan:
            handshakesPerHost = handshakesPerSecond / 2
            pingInterval = .seconds(10)
            idleLimit = .seconds(30)
            retryBase = .seconds(1)
            retryMax = .seconds(60)
            framesPerSecond = 10_000
            bytesPerSecond = 128 << 20
            strangersBytesPerSecond = 1 << 20
        }
    }
}

extension LinkSettings {
    /// Connections that may be open at the same time.
    public var connectionsMax: Int { dialledMax + acceptedMax + halfOpenMax + lingeringMax }

    /// Shrinks the counts in proportion, so that all connections fit into `descriptors` open files. A node that ran into
    /// the system's limit could neither dial nor write a block; one that refuses a stranger in time can.
    ///
    /// - Returns: whether anything had to shrink.
    public mutating func fit(descriptors: Int) -> Bool {
        let wanted = connectionsMax
        guard wanted > descriptors else { return false }
        // Rounded down, and never below the least: the sum stays within what there is.
        let spare = max(0, descriptors - Self.leastConnections)
        func share(_ count: Int, _ least: Int) -> Int {
            least + max(0, count - least) * spare / max(1, wanted - Self.leastConnections)
        }
        dialledMax = share(dialledMax, 4)
        acceptedMax = share(acceptedMax, 4)
        halfOpenMax = share(halfOpenMax, 4)
        lingeringMax = share(lingeringMax, 2)
        return true
    }

    /// The fewest connections that a node works with: what `fit` leaves at least.
    public static let leastConnections = 14
}

/// Bounds of one peer's outbound queues.
public struct QueueLimits: Sendable, Equatable {
    public var controlFrames = 1024
    public var controlBytes = 4 << 20
    public var gossipFrames = 1024
    public var gossipBytes = 4 << 20
    public var bulkFrames = 128
    public var bulkBytes = 4 << 20

    public init() {}

    public func frames(_ lane: Lane) -> Int {
        switch lane {
        case .control: controlFrames
        case .gossip: gossipFrames
        case .bulk: bulkFrames
        }
    }

    public func bytes(_ lane: Lane) -> Int {
        switch lane {
        case .control: controlBytes
        case .gossip: gossipBytes
        case .bulk: bulkBytes
        }
    }
}
