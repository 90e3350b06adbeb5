public import Gossip

/// One run of the mesh below the chains: membership, topics and content of many nodes over a simulated network.
public struct NetworkScenario: Sendable, Equatable {
    public var seed: UInt64
    public var nodes = 100
    /// Links of each node, on average: each dials half as many.
    public var links = 20
    public var profile = LinkProfile.wan
    /// One way, drawn once a pair, in microseconds; then jitter for each packet, in percent.
    public var latency: ClosedRange<UInt64> = 10_000...150_000
    public var jitterPercent: UInt64 = 10
    /// Chances in a million, for each packet.
    public var lossPpm: UInt64 = 0
    public var duplicatePpm: UInt64 = 0
    /// Packets that are late by up to three times the longest latency, so that others overtake them.
    public var reorderPpm: UInt64 = 0
    /// Bytes a second that a node can send; 0: no limit.
    public var bandwidth: UInt64 = 0
    public var runsMembership = true

    public var messages = 60
    public var sources = 5
    public var messageBytes = 400
    /// Between two messages, microseconds, and before the first.
    public var interval: UInt64 = 250_000
    public var start: UInt64 = 10_000_000
    /// After the last message.
    public var tail: UInt64 = 10_000_000

    /// Nodes that take messages and pass nothing on, in percent; no source is silent.
    public var silentPercent = 0
    /// Two halves that hear nothing of each other, microseconds.
    public var partition: Range<UInt64>?
    /// A node that ends without a word, and when.
    public var crashAt: UInt64?
    /// Nodes that get a processor only every `busyStall` microseconds.
    public var busy = 0
    public var busyStall: UInt64 = 0
    /// Bytes of a content that all nodes fetch from one; 0: none.
    public var contentBytes = 0

    /// Nodes that do not exist, of which one node tells all its peers, and when.
    public var invented = 0
    public var inventedAt: UInt64 = 5_000_000

    public var expectation = NetworkExpectation()
    public var planted: NetworkBug?

    public init(seed: UInt64) { self.seed = seed }
}

/// What has to hold at the end; nil is not looked at. Messages never delivered are always a violation.
public struct NetworkExpectation: Sendable, Equatable {
    public var p99Ms: Int?
    /// Copies of a message that a delivery costs, in thousandths.
    public var copiesMilli: Int?
    /// Deliveries later than two heartbeats after the sending; those of a partition do not count.
    public var lateMax: Int?
    /// From the end of a partition until everything is delivered and every node is alive to every other.
    public var healHeartbeats: Int?
    /// From a crash until every node holds the node for dead.
    public var detectMs: Int?
    public var contentMs: Int?
    /// Live nodes held for dead by somebody.
    public var falseDeadMax: Int? = 0

    public init() {}
}

/// Faults of the shell around the machines, planted to show that each expectation can fail.
public enum NetworkBug: String, Sendable, CaseIterable {
    /// Passes every message to every link.
    case floods
    /// Tells nobody outside the mesh what is there.
    case tellsNobody
    /// Never says what it has after a partition.
    case noDigests
    /// Both.
    case nothingHeals
    /// A failed probe is a death.
    case noSuspicion
    /// Membership has no clock: nobody is probed and no death is ever declared.
    case noProbes
    /// Tells nobody that it holds it for dead.
    case shunsTheDead
    /// Passes messages to one peer only.
    case stingy
    /// Messages take a second to be judged.
    case slowJudge
    /// Serves chunks of another content.
    case wrongChunks
    /// Holds whoever it is told of for heard.
    case believesRecords
    /// Draws from a generator that is not the seed's.
    case unseeded
}
