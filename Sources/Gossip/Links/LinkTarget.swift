internal import Wire

/// Something to dial: an address given by the operator, or a node whose record is known.
struct LinkTarget: Sendable {
    enum Key: Hashable, Sendable {
        case address(PeerAddress)
        case node(NodeID)
    }

    let key: Key
    var addresses: [PeerAddress]
    let expected: NodeID?
    /// It was linked with this node, now or in an earlier run.
    var wasLinked = false
    /// Who answered at a bootstrap address last.
    var resolved: NodeID?
    var attempts = 0
    var nextAttempt: Duration
    var inProgress: ConnectionID?
    /// The address leads back to this very node.
    var isOwn = false

    var isBootstrap: Bool {
        if case .address = key { true } else { false }
    }
}
