public import Gossip
public import Wire

/// How one node listens and links.
public struct TransportConfiguration: Sendable {
    /// Address to listen on, for links (TCP) and datagrams (UDP) alike: `127.0.0.1`, `0.0.0.0`, `::`.
    public var listenHost: String
    /// 0 takes any free port.
    public var listenPort: UInt16
    public var network: NetworkID
    /// What other nodes are told to dial, if not the listening address: a public name or address.
    public var advertisedHost: String?
    public var profile: LinkProfile
    public var links: LinkSettings
    public var membership: MembershipSettings
    /// One bit a capability, passed on in the node record.
    public var capabilities: UInt64
    /// Records from an earlier run; they are verified again.
    public var knownRecords: [NodeRecord]
    /// If not nil: only these nodes may link with this one or send it datagrams.
    public var allowed: Set<NodeID>?
    /// Bytes of one peer's undelivered payloads in `events` after which reading from it pauses.
    public var inboundBytesMax: Int
    /// Open files that links may take; nil where nobody needs to count.
    public var descriptors: Int?

    public init(
        listenHost: String, listenPort: UInt16, network: NetworkID, advertisedHost: String? = nil,
        profile: LinkProfile = .wan, capabilities: UInt64 = 0, knownRecords: [NodeRecord] = []
    ) {
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.network = network
        self.advertisedHost = advertisedHost
        self.profile = profile
        links = LinkSettings(profile: profile)
        membership = MembershipSettings(profile: profile)
        self.capabilities = capabilities
        self.knownRecords = knownRecords
        inboundBytesMax = 1 << 20
    }
}

/// Why the transport could not start.
public enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    case portInUse(host: String, port: UInt16, kind: String)
    case cannotListen(host: String, port: UInt16, reason: String)
    case invalid(field: String, reason: String)
    case alreadyStarted
    case stopped

    /// Whether somebody else has what is wanted: later it may be free.
    public var isTaken: Bool { if case .portInUse = self { true } else { false } }

    public var description: String {
        switch self {
        case .portInUse(let host, let port, let kind):
            "listen port: \(kind) port \(port) on \(host) is taken by another process; "
                + "stop that process, choose another port, or use port 0 for any free one"
        case .cannotListen(let host, let port, let reason):
            "listen address: cannot listen on \(host), port \(port): \(reason); choose an address of this machine"
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .alreadyStarted: "transport: it was started before; make a new one to start again"
        case .stopped: "transport: it was shut down; make a new one to start again"
        }
    }
}
