/// A value with exactly one binary form.
public protocol WireCodable: Sendable {
    func encode(into encoder: inout WireEncoder)
    init(from decoder: inout WireDecoder) throws(WireError)
}

extension WireCodable {
    /// The canonical bytes of this value alone.
    public var wireBytes: [UInt8] {
        var encoder = WireEncoder()
        encode(into: &encoder)
        return encoder.bytes
    }

    /// Decodes a whole message: nothing may follow the value.
    public init(wireBytes: [UInt8]) throws(WireError) {
        var decoder = WireDecoder(wireBytes)
        self = try Self(from: &decoder)
        try decoder.finish()
    }
}

/// A message that stands alone on the wire or on disk: it starts with a domain tag and a version, so that bytes
/// of one kind can never be read, or verified, as another.
public protocol WireMessage: WireCodable {
    static var domain: WireDomain { get }
    func encodeFields(into encoder: inout WireEncoder)
    init(fieldsFrom decoder: inout WireDecoder) throws(WireError)
}

extension WireMessage {
    public func encode(into encoder: inout WireEncoder) {
        encoder.u16(Self.domain.rawValue)
        encoder.u8(Self.domain.version)
        encodeFields(into: &encoder)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        let tag = try decoder.u16("domain")
        guard tag == Self.domain.rawValue else {
            throw .invalid(field: "domain", reason: "expected \(Self.domain), found tag \(tag)")
        }
        let version = try decoder.u8("version")
        guard version == Self.domain.version else {
            throw .invalid(field: "version", reason: "expected \(Self.domain.version), found \(version)")
        }
        self = try Self(fieldsFrom: &decoder)
    }
}

/// The tag of every stand-alone message. Numbers are never reused.
public enum WireDomain: UInt16, Sendable {
    case envelope = 1
    case blockHeader = 2
    case blockBody = 3
    case certificate = 4
    case genesis = 5
    case taskSpec = 6
    case submissionHeader = 7
    case submissionBody = 8
    case nodeRecord = 9
    case contentManifest = 10
    case taskState = 11
    case registryState = 12
    case ticket = 13
    case link = 14
    case datagram = 15
    case transaction = 16
    case digest = 17
    case voteState = 18
    case context = 19
    case policy = 20

    /// A genesis has a rules number from version 2 on; what comes behind it is free to change with the number.
    public var version: UInt8 { self == .genesis ? 2 : 1 }
}
