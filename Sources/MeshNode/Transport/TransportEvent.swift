public import Gossip
public import Wire

/// What the transport tells the node.
public enum TransportEvent: Sendable {
    /// - outbound: this node dialled it.
    case linkUp(NodeID, PeerAddress, outbound: Bool)
    /// Payloads that came before may still follow, as they wait in another queue.
    case linkDown(NodeID, LinkEnd)
    case frame(from: NodeID, lane: Lane, bytes: [UInt8])
    /// The verified record of a linked node, or a newer one: for the peer cache.
    case record(NodeRecord)
    case status(NodeID, MemberStatus)
    /// A connection that did not become a link, and who refused why.
    case refused(LinkEnd, PeerAddress)
    /// Frames of a linked node that decrypted and mean nothing, since the last such event.
    case malformed(NodeID, count: Int)
    /// A bulk lane that refused a frame has room again.
    case drained(NodeID)
}

/// One line of the peer list.
public struct PeerInfo: Sendable {
    public enum State: String, Sendable {
        case linked
        case dialling
        case known
    }

    public let node: NodeID
    /// Of the link, else the first that its record names.
    public let address: PeerAddress?
    public let state: State
    /// Nil if only a link is known so far.
    public let status: MemberStatus?
    public let direction: LinkTable.Direction?
    /// Of the last ping on the link, else of the datagram probes.
    public let roundTrip: Duration?
    /// How long the link is up.
    public let linkedFor: Duration?
    public let traffic: LinkTraffic
    /// Gossip frames dropped because the peer did not keep up.
    public let droppedFrames: UInt64
    /// Frames that decrypted but meant nothing.
    public var malformedFrames: UInt64 { traffic.malformed }
    public let queuedFrames: [Lane: Int]
    public let record: NodeRecord?
    public let isBanned: Bool
}

/// Sums since the start.
public struct TransportCounters: Sendable {
    public internal(set) var traffic = LinkTraffic()
    public internal(set) var datagramsReceived = LinkTraffic.Count()
    public internal(set) var datagramsSent = LinkTraffic.Count()
    public internal(set) var datagramDrops: [DatagramGate.Drop: UInt64] = [:]
    /// Connections refused here by the table (full, busy, banned, duplicate).
    public internal(set) var refusals: UInt64 = 0
    /// Dials that reached nobody.
    public internal(set) var failedDials: UInt64 = 0
    /// Connections that ended before they were links, here or at the peer.
    public internal(set) var failedHandshakes: UInt64 = 0
    /// How often a stranger's link was not read for a while, because it or all of them had sent too much.
    public internal(set) var strangersPaused: UInt64 = 0
    public internal(set) var rejectedRecords: UInt64 = 0
    /// Events that nobody took in time; never payloads and never link states.
    public internal(set) var droppedEvents: UInt64 = 0

    package init() {}
}

/// One payload for some linked nodes.
public struct OutboundFrame: Sendable {
    /// Nil: every linked node.
    public let nodes: [NodeID]?
    public let bytes: [UInt8]
    public let lane: Lane
    /// Chunks that it asks for: what is asked for is not charged to a stranger (``StrangersBudget``).
    public let asksForChunks: Int

    public init(to nodes: [NodeID]?, bytes: [UInt8], lane: Lane, asksForChunks: Int = 0) {
        self.nodes = nodes
        self.bytes = bytes
        self.lane = lane
        self.asksForChunks = asksForChunks
    }
}
