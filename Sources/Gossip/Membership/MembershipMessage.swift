public import Wire

/// What one node says about another's life (SWIM §4.2); rides on probes.
public enum MembershipUpdate: WireCodable, Hashable {
    /// Signed by its subject, so it cannot be forged; also the only refutation.
    case alive(NodeRecord)
    /// Said by `accuser`, unsigned: moves only local opinions, never a vote.
    case suspect(NodeID, incarnation: UInt64, accuser: NodeID)
    case dead(NodeID, incarnation: UInt64, accuser: NodeID)

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .alive(let record):
            encoder.u8(0)
            encoder.value(record)
        case .suspect(let node, let incarnation, let accuser):
            encoder.u8(1)
            Self.encode(node, incarnation, accuser, into: &encoder)
        case .dead(let node, let incarnation, let accuser):
            encoder.u8(2)
            Self.encode(node, incarnation, accuser, into: &encoder)
        }
    }

    private static func encode(
        _ node: NodeID, _ incarnation: UInt64, _ accuser: NodeID, into encoder: inout WireEncoder
    ) {
        encoder.value(node)
        encoder.u64(incarnation)
        encoder.value(accuser)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        let kind = try decoder.u8("update kind")
        switch kind {
        case 0: self = .alive(try decoder.value())
        case 1, 2:
            let node: NodeID = try decoder.value()
            let incarnation = try decoder.u64("incarnation")
            let accuser: NodeID = try decoder.value()
            self =
                kind == 1
                ? .suspect(node, incarnation: incarnation, accuser: accuser)
                : .dead(node, incarnation: incarnation, accuser: accuser)
        default: throw .invalid(field: "update kind", reason: "unknown kind \(kind)")
        }
    }

    public var subject: NodeID {
        switch self {
        case .alive(let record): record.node
        case .suspect(let node, _, _), .dead(let node, _, _): node
        }
    }
}

/// One authenticated membership datagram: a probe or its answer, with updates riding along.
public struct MembershipMessage: WireCodable, Hashable {
    public enum Body: Hashable, Sendable {
        case ping
        case ack
        /// Asks the receiver to ping `target` and to pass the answer on.
        case pingRequest(target: NodeID)
        /// The asked target did not answer the receiver's ping in time (Lifeguard §IV-A).
        case nack
        /// Carries updates alone and wants no answer.
        case rumours
    }

    public static var updatesMax: Int { 32 }

    public let sequence: UInt32
    public let body: Body
    public let updates: [MembershipUpdate]

    public init(sequence: UInt32, body: Body, updates: [MembershipUpdate] = []) {
        self.sequence = sequence
        self.body = body
        self.updates = updates
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.u32(sequence)
        switch body {
        case .ping: encoder.u8(0)
        case .ack: encoder.u8(1)
        case .pingRequest(let target):
            encoder.u8(2)
            encoder.value(target)
        case .nack: encoder.u8(3)
        case .rumours: encoder.u8(4)
        }
        encoder.list(updates)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        sequence = try decoder.u32("sequence")
        let kind = try decoder.u8("message kind")
        switch kind {
        case 0: body = .ping
        case 1: body = .ack
        case 2: body = .pingRequest(target: try decoder.value())
        case 3: body = .nack
        case 4: body = .rumours
        default: throw .invalid(field: "message kind", reason: "unknown kind \(kind)")
        }
        updates = try decoder.list(limit: Self.updatesMax, "updates")
    }
}
