public import Wire

/// Why a side refused or closed a link; it is told to the peer before closing, so that both sides can log it.
/// Numbers are part of the protocol and never reused.
public enum LinkCode: UInt8, CaseIterable, Sendable, WireCodable, CustomStringConvertible {
    case shutdown = 1
    case wrongNetwork = 2
    case wrongVersion = 3
    case unexpectedKey = 4
    case ownKey = 5
    case badProof = 6
    case duplicate = 7
    case banned = 8
    case full = 9
    case busy = 10
    case handshakeTimeout = 11
    case idle = 12
    case slowConsumer = 13
    case malformed = 14
    case oversize = 15

    public var description: String {
        switch self {
        case .shutdown: "the node is shutting down"
        case .wrongNetwork: "the other side belongs to another network"
        case .wrongVersion: "the other side follows other rules"
        case .unexpectedKey: "another key than the expected one answered"
        case .ownKey: "both sides have the same key"
        case .badProof: "the identity proof does not verify"
        case .duplicate: "another connection between the same two nodes stays"
        case .banned: "the node is banned here"
        case .full: "no free place for another link"
        case .busy: "too many handshakes at once; try again later"
        case .handshakeTimeout: "the handshake was not finished in time"
        case .idle: "nothing was heard for too long"
        case .slowConsumer: "the receiver does not keep up"
        case .malformed: "bytes that are not part of the protocol"
        case .oversize: "a frame longer than the limit"
        }
    }

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        let raw = try decoder.u8("code")
        guard let code = LinkCode(rawValue: raw) else {
            throw .invalid(field: "code", reason: "unknown code \(raw)")
        }
        self = code
    }
}

/// How a connection ended.
public enum LinkEnd: Hashable, Sendable, CustomStringConvertible {
    /// This side closed it.
    case here(LinkCode)
    /// The peer said why and ended its stream with the final tag (or refused before there was a stream).
    case peer(LinkCode)
    /// The two sides follow different rules; each knows both numbers.
    case otherRules(own: UInt16, peer: UInt16)
    /// The connection broke without a final tag: a crash, a cut or an attacker.
    case lost
    /// The connection never came up.
    case unreachable(String)

    public var description: String {
        switch self {
        case .here(let code): "closed here: \(code)"
        case .peer(let code): "closed by the peer: \(code)"
        case .otherRules(let own, let peer): "no link to this peer: \(RulesNumber.refusal(peer, own: own))"
        case .lost: "the connection broke without a goodbye"
        case .unreachable(let reason): "not reachable: \(reason)"
        }
    }

    /// This side closed it for what the peer sent, or will hear nothing more of it.
    public var isForItsBytes: Bool {
        switch self {
        case .here(.banned), .here(.malformed), .here(.oversize): true
        case .here, .peer, .otherRules, .lost, .unreachable: false
        }
    }

    public var code: LinkCode? {
        switch self {
        case .here(let code), .peer(let code): code
        case .otherRules: .wrongVersion
        case .lost, .unreachable: nil
        }
    }
}
