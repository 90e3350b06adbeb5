public import Wire

/// What one frame of an open link carries: a kind byte, then the body.
public enum LinkFrame: Equatable, Sendable {
    case payload(Lane, [UInt8])
    case ping(UInt64)
    case pong(UInt64)
    case records([NodeRecord])
    case recordsRequest
    case rekey
    case goodbye(LinkCode)
    case accept
    case proof(LinkProof)

    enum Kind: UInt8 {
        case control = 0
        case gossip = 1
        case bulk = 2
        case ping = 16
        case pong = 17
        case records = 18
        case recordsRequest = 19
        case rekey = 20
        case goodbye = 21
        case accept = 22
        case proof = 23
    }

    public var bytes: [UInt8] {
        var encoder = WireEncoder()
        switch self {
        case .payload(let lane, let payload):
            var bytes: [UInt8] = []
            bytes.reserveCapacity(payload.count + 1)
            bytes.append(lane.rawValue)
            bytes.append(contentsOf: payload)
            return bytes
        case .ping(let nonce):
            encoder.u8(Kind.ping.rawValue)
            encoder.u64(nonce)
        case .pong(let nonce):
            encoder.u8(Kind.pong.rawValue)
            encoder.u64(nonce)
        case .records(let records):
            encoder.u8(Kind.records.rawValue)
            encoder.list(records)
        case .recordsRequest:
            encoder.u8(Kind.recordsRequest.rawValue)
        case .rekey:
            encoder.u8(Kind.rekey.rawValue)
        case .goodbye(let code):
            encoder.u8(Kind.goodbye.rawValue)
            encoder.value(code)
        case .accept:
            encoder.u8(Kind.accept.rawValue)
        case .proof(let proof):
            encoder.u8(Kind.proof.rawValue)
            encoder.value(proof)
        }
        return encoder.bytes
    }

    public init(bytes: [UInt8]) throws(WireError) {
        guard let first = bytes.first else { throw .truncated(field: "frame kind") }
        guard let kind = Kind(rawValue: first) else {
            throw .invalid(field: "frame kind", reason: "unknown kind \(first)")
        }
        if let lane = Lane(rawValue: first) {
            self = .payload(lane, Array(bytes.dropFirst()))
            return
        }
        var decoder = WireDecoder(bytes)
        _ = try decoder.u8("frame kind")
        switch kind {
        case .ping: self = .ping(try decoder.u64("nonce"))
        case .pong: self = .pong(try decoder.u64("nonce"))
        case .records: self = .records(try decoder.list(limit: LinkLimits.recordsPerFrameMax, "records"))
        case .recordsRequest: self = .recordsRequest
        case .rekey: self = .rekey
        case .goodbye: self = .goodbye(try decoder.value())
        case .accept: self = .accept
        case .proof: self = .proof(try decoder.value())
        case .control, .gossip, .bulk: throw .invalid(field: "frame kind", reason: "a payload is read above")
        }
        try decoder.finish()
    }

    /// Frames that hold as many of `records` as fit, in order.
    public static func packing(_ records: [NodeRecord]) -> [LinkFrame] {
        var frames: [LinkFrame] = []
        var current: [NodeRecord] = []
        var size = 0
        for record in records {
            let bytes = record.encodedBytes
            let full = size + bytes > LinkLimits.payloadBytesMax - 8 || current.count == LinkLimits.recordsPerFrameMax
            if full {
                frames.append(.records(current))
                current = []
                size = 0
            }
            current.append(record)
            size += bytes
        }
        if !current.isEmpty { frames.append(.records(current)) }
        return frames
    }
}
