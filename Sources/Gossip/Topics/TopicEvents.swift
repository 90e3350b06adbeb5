public import Wire

/// One gossiped message: its name is the hash of its bytes.
public struct TopicMessage: Sendable, Equatable {
    public let id: MessageID
    public let topic: ChainID
    public let bytes: [UInt8]
    /// Votes and the like: ahead of everything that is not.
    public let isUrgent: Bool

    public init(id: MessageID, topic: ChainID, bytes: [UInt8], isUrgent: Bool) {
        self.id = id
        self.topic = topic
        self.bytes = bytes
        self.isUrgent = isUrgent
    }
}

/// What the shell found out about a message.
public enum TopicVerdict: Sendable, Equatable {
    /// Valid and new: remembered and passed on.
    case accept
    /// Provably wrong: remembered apart, and its senders are penalised.
    case reject
    /// Early, old or not for this node: neither remembered nor passed on; it may come again.
    case ignore
}

public enum TopicInput: Sendable {
    case join(ChainID)
    case leave(ChainID)
    /// - outbound: this node dialled the link.
    case linked(NodeID, outbound: Bool)
    case gone(NodeID)
    /// A message of this node.
    case publish(TopicMessage)
    /// A message of another node that was ignored when it came and counts now: it goes to the mesh alone.
    case relay(TopicMessage)
    case message(TopicMessage, from: NodeID)
    case verdict(MessageID, TopicVerdict)
    case control(TopicControl, from: NodeID)
    /// What the chains say of nodes now.
    case standing(Standing)
    /// This node is behind or busy: what comes late until then is its own fault, and breaks nobody's promise.
    case busy(until: Duration)
    /// Frames that mean nothing, wrong content and the like, found elsewhere.
    case misbehaved(NodeID, count: Int)
    case tick
}

public enum TopicDirective: Sendable, Equatable {
    /// Judge the message and answer with ``TopicInput/verdict(_:_:)``.
    case judge(TopicMessage, from: NodeID)
    case send(TopicMessage, to: [NodeID])
    case control(TopicControl, to: NodeID)
    /// Close the link and refuse new ones until `readmit`.
    case cutOff(NodeID)
    case readmit(NodeID)
    /// Call with `tick` at this time.
    case wake(at: Duration)
}

/// Sums since the start.
public struct TopicCounters: Sendable, Equatable {
    public internal(set) var published: UInt64 = 0
    public internal(set) var accepted: UInt64 = 0
    public internal(set) var duplicates: UInt64 = 0
    public internal(set) var rejected: UInt64 = 0
    public internal(set) var ignored: UInt64 = 0
    /// Dropped unjudged: over a peer's rate, unknown topic, cut off, or too many waiting.
    public internal(set) var dropped: UInt64 = 0
    public internal(set) var sent: UInt64 = 0
    public internal(set) var controlSent: UInt64 = 0
    public internal(set) var brokenPromises: UInt64 = 0
    /// Requests that were not answered because the peer has drawn enough.
    public internal(set) var overBudget: UInt64 = 0
    public internal(set) var cutOffs: UInt64 = 0

    public init() {}
}
