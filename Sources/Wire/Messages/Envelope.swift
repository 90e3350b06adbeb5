/// What an envelope carries. Numbers are never reused.
public enum MessageKind: UInt8, Sendable, CaseIterable, WireCodable {
    case proposal = 1
    case prevote = 2
    case precommit = 3
    case submission = 4
    case received = 5
    case ready = 6
    case keyStatement = 7
    case candidate = 8
    case opinion = 9
    case transaction = 10
    case complaint = 11
    case absence = 12
    case claim = 13
    case disclosure = 14
    case opening = 15
    case direction = 16
    case reveal = 17
    case score = 18
    case scored = 19

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let number = try decoder.u8("kind")
        guard let kind = MessageKind(rawValue: number) else {
            throw .invalid(field: "kind", reason: "unknown message kind \(number)")
        }
        self = kind
    }
}

/// The place that a signer may fill once. Two different messages of one signer in one slot are evidence.
///
/// `major` and `minor` are height and view for votes, proposals, candidates, Received (view 0), opinions (view 0),
/// absences (view 0) and lists of scores (view 0); round and attempt for submissions, Readys, key statements, complaints,
/// claims, disclosures and openings; round and 0 for a direction, its reveal and scores; nonce and 0 for transactions.
public struct Slot: Hashable, Comparable, Sendable, WireCodable {
    public let kind: MessageKind
    public let chain: ChainID
    public let major: UInt64
    public let minor: UInt32

    public init(kind: MessageKind, chain: ChainID, major: UInt64, minor: UInt32) {
        self.kind = kind
        self.chain = chain
        self.major = major
        self.minor = minor
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(kind)
        encoder.value(chain)
        encoder.u64(major)
        encoder.u32(minor)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        kind = try decoder.value()
        chain = try decoder.value()
        major = try decoder.u64("slot major")
        minor = try decoder.u32("slot minor")
    }

    public static func < (lhs: Slot, rhs: Slot) -> Bool {
        (lhs.chain, lhs.major, lhs.minor, lhs.kind.rawValue) < (rhs.chain, rhs.major, rhs.minor, rhs.kind.rawValue)
    }
}

/// A signed message of the mesh. The signature covers every field before it, network and slot included, so that
/// nothing can be replayed elsewhere.
public struct Envelope: WireMessage, Hashable {
    public let network: NetworkID
    public let slot: Slot
    public let signer: NodeID
    public let payload: [UInt8]
    public let signature: Signature

    public init(network: NetworkID, slot: Slot, signer: NodeID, payload: [UInt8], signature: Signature) {
        self.network = network
        self.slot = slot
        self.signer = signer
        self.payload = payload
        self.signature = signature
    }

    public static var domain: WireDomain { .envelope }

    /// The bytes under the signature.
    public static func signedBytes(network: NetworkID, slot: Slot, signer: NodeID, payload: [UInt8]) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: payload.count + 128)
        encoder.u16(domain.rawValue)
        encoder.u8(domain.version)
        encoder.value(network)
        encoder.value(slot)
        encoder.value(signer)
        encoder.data(payload)
        return encoder.bytes
    }

    public var signedBytes: [UInt8] {
        Self.signedBytes(network: network, slot: slot, signer: signer, payload: payload)
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(network)
        encoder.value(slot)
        encoder.value(signer)
        encoder.data(payload)
        encoder.value(signature)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        network = try decoder.value()
        slot = try decoder.value()
        signer = try decoder.value()
        payload = try decoder.data(limit: Limits.envelopePayload, "payload")
        signature = try decoder.value()
    }
}
