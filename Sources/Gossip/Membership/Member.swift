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
    var accusers: [Accusation] = []
    /// Its pings, and its requests for pings, that may still be answered.
    var questions: TokenBucket?

    /// One voice in a suspicion: who is said to accuse, and who said so.
    struct Accusation: Sendable, Equatable {
        var accuser: NodeID
        var sender: NodeID
    }

    /// Counts an accusation. A sender has one voice, whatever names it gives, and an accuser has one, however many pass it
    /// on: nobody shortens a suspicion alone, by whatever names. Whoever speaks for itself stands for itself, so that who
    /// passed its word on before has a voice left for another's.
    mutating func count(_ accusation: Accusation) -> Bool {
        let speaksForItself = accusation.accuser == accusation.sender
        if let own = accusers.firstIndex(where: { $0.accuser == accusation.accuser }) {
            if speaksForItself, !accusers.contains(where: { $0.sender == accusation.sender }) {
                accusers[own].sender = accusation.sender
            }
            return false
        }
        if let voice = accusers.firstIndex(where: { $0.sender == accusation.sender }) {
            if speaksForItself { accusers[voice].accuser = accusation.accuser }
            return false
        }
        accusers.append(accusation)
        return true
    }
}
