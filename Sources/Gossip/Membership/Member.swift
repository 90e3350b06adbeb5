internal import Wire

/// What this node believes of another.
public enum MemberStatus: String, Sendable, CaseIterable {
    /// Told of by somebody; it has never answered here.
    case unconfirmed
    /// It answered, directly or through a helper, and was not accused since.
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
    /// Linked with this node in an earlier run.
    public internal(set) var isRemembered = false
    /// Linked with this node in this run, now or before.
    var wasLinked = false
    /// Of one who never answered: pings that went out.
    var pings = 0
    var accusers: [NodeID] = []
}
