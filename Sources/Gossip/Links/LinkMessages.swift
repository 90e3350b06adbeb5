internal import MeshCrypto
public import Wire

/// The first message of each side, in the clear.
public struct LinkHello: WireMessage, Equatable {
    public static var domain: WireDomain { .link }
    static let kind: UInt8 = 1

    /// Which rules this side follows. The release before there were numbers sent 1 here.
    public let rules: UInt16
    public let network: NetworkID
    /// X25519 public key of this connection.
    public let ephemeral: DatagramKey

    public init(rules: UInt16 = RulesNumber.current, network: NetworkID, ephemeral: DatagramKey) {
        self.rules = rules
        self.network = network
        self.ephemeral = ephemeral
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u8(Self.kind)
        encoder.u16(rules)
        encoder.value(network)
        encoder.value(ephemeral)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        try decoder.expect(Self.kind, "link message")
        rules = try decoder.u16("rules")
        network = try decoder.value()
        ephemeral = try decoder.value()
    }
}

/// A refusal before there are keys, in the clear: good for a log line, never for a decision that lasts.
public struct LinkRefusal: WireMessage, Equatable {
    public static var domain: WireDomain { .link }
    static let kind: UInt8 = 2

    public let code: LinkCode

    public init(code: LinkCode) {
        self.code = code
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u8(Self.kind)
        encoder.value(code)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        try decoder.expect(Self.kind, "link message")
        code = try decoder.value()
    }
}

/// Who a side is, inside its encrypted stream.
public struct LinkProof: WireMessage, Equatable {
    public static var domain: WireDomain { .link }
    static let kind: UInt8 = 3

    public let node: NodeID
    /// Drawn at random when the process starts: tells a restarted node from a second connection of the same one.
    public let instance: UInt64
    /// Over ``LinkTranscript/signedByAcceptor(node:instance:header:)`` or its dialler's counterpart.
    public let signature: Signature

    public init(node: NodeID, instance: UInt64, signature: Signature) {
        self.node = node
        self.instance = instance
        self.signature = signature
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u8(Self.kind)
        encoder.value(node)
        encoder.u64(instance)
        encoder.value(signature)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        try decoder.expect(Self.kind, "link message")
        node = try decoder.value()
        instance = try decoder.u64("instance")
        signature = try decoder.value()
    }
}

extension WireDecoder {
    mutating func expect(_ kind: UInt8, _ field: String) throws(WireError) {
        let found = try u8(field)
        guard found == kind else { throw .invalid(field: field, reason: "expected kind \(kind), found \(found)") }
    }
}

/// What both sides sign: everything sent before, so that a changed byte anywhere is a failed proof.
///
/// Signing the ephemeral keys inside the stream that they made is the SIGMA pattern (Krawczyk 2003) with the stream's
/// authentication in the place of its MAC. The acceptor proves first; the dialler's signature covers that proof too,
/// so both identities are bound.
public struct LinkTranscript: Sendable {
    private let opening: [UInt8]
    private var acceptorProof: [UInt8] = []

    /// - Parameters: the two hellos as sent.
    public init(dialler: [UInt8], acceptor: [UInt8]) {
        opening = Transcript.hash("meshnode/link/1", dialler, acceptor)
    }

    public mutating func append(acceptorProof bytes: [UInt8]) { acceptorProof = bytes }

    /// - Parameter header: the stream header that precedes the proof.
    public func signedByAcceptor(node: NodeID, instance: UInt64, header: [UInt8]) -> [UInt8] {
        var transcript = Transcript("meshnode/link/1/acceptor")
        transcript.append(opening)
        transcript.append(header)
        transcript.append(node)
        transcript.append(instance)
        return transcript.hash()
    }

    public func signedByDialler(node: NodeID, instance: UInt64, header: [UInt8]) -> [UInt8] {
        var transcript = Transcript("meshnode/link/1/dialler")
        transcript.append(opening)
        transcript.append(acceptorProof)
        transcript.append(header)
        transcript.append(node)
        transcript.append(instance)
        return transcript.hash()
    }
}
