internal import Wire

/// What this node believes of another.
public enum MemberStatus: String, Sendable, CaseIterable {
    case alive
    case suspect
    case dead
}

/// One known node.
public struct Member: Sendable, Equatable {
    public internal(set) var record: NodeRecord
    public internal(set) var status: MemberStatus
    /// When the status last changed.
    public internal(set) var since: Duration
    /// Smoothed round trip of probes (EWMA, weight 1/8).
    public internal(set) var roundTrip: Duration?
    public internal(set) var isLinked = false
    var accusers: [NodeID] = []
}
