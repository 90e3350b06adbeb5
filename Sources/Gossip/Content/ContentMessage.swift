public import Wire

/// What two nodes say about content; each message fits a link frame of 64 KiB.
public enum ContentMessage: WireCodable, Equatable {
    /// Chunks of the content, or of its encoded manifest where that is longer than one chunk.
    public enum Tier: UInt8, Sendable {
        case content = 0
        case manifest = 1
    }

    public enum Refusal: UInt8, Sendable {
        /// Not stored here.
        case absent = 0
        /// Too much was asked for at once; ask again later.
        case busy = 1
    }

    case getManifest(ContentID)
    /// The encoded root manifest.
    case manifest(ContentID, [UInt8])
    /// Asks for the chunks `first + i` whose bit `i` is set.
    case getChunks(ContentID, Tier, first: UInt32, bitmap: [UInt8])
    case chunk(ContentID, Tier, index: UInt32, [UInt8])
    /// Which of the chunks from `first` on the sender has; those beyond the bitmap are not told.
    case have(ContentID, first: UInt32, bitmap: [UInt8])
    case notFound(ContentID, Refusal)
    /// The receiver has no use for what it asked for.
    case cancel(ContentID)

    /// How many chunks it asks for; a manifest counts as one.
    public var chunksAskedFor: Int {
        switch self {
        case .getManifest: 1
        case .getChunks(_, _, _, let bitmap): bitmap.reduce(0) { $0 + $1.nonzeroBitCount }
        case .manifest, .chunk, .have, .notFound, .cancel: 0
        }
    }

    /// Asks for something, rather than answering.
    public var isQuestion: Bool {
        switch self {
        case .getManifest, .getChunks, .cancel: true
        case .manifest, .chunk, .have, .notFound: false
        }
    }

    public var content: ContentID {
        switch self {
        case .getManifest(let id), .manifest(let id, _), .getChunks(let id, _, _, _), .chunk(let id, _, _, _),
            .have(let id, _, _), .notFound(let id, _), .cancel(let id):
            id
        }
    }

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .getManifest(let id):
            encoder.u8(1)
            encoder.value(id)
        case .manifest(let id, let bytes):
            encoder.u8(2)
            encoder.value(id)
            encoder.data(bytes)
        case .getChunks(let id, let tier, let first, let bitmap):
            encoder.u8(3)
            encoder.value(id)
            encoder.u8(tier.rawValue)
            encoder.u32(first)
            encoder.data(bitmap)
        case .chunk(let id, let tier, let index, let bytes):
            encoder.u8(4)
            encoder.value(id)
            encoder.u8(tier.rawValue)
            encoder.u32(index)
            encoder.data(bytes)
        case .have(let id, let first, let bitmap):
            encoder.u8(5)
            encoder.value(id)
            encoder.u32(first)
            encoder.data(bitmap)
        case .notFound(let id, let refusal):
            encoder.u8(6)
            encoder.value(id)
            encoder.u8(refusal.rawValue)
        case .cancel(let id):
            encoder.u8(7)
            encoder.value(id)
        }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        let tag = try decoder.u8("content message")
        let id = try decoder.value(of: ContentID.self)
        switch tag {
        case 1: self = .getManifest(id)
        case 2: self = .manifest(id, try decoder.data(limit: ContentLimits.chunkBytes, "manifest"))
        case 3:
            let tier = try Self.tier(&decoder)
            let first = try decoder.u32("first chunk")
            self = .getChunks(
                id, tier, first: first, bitmap: try decoder.data(limit: ContentLimits.requestBitmapBytes, "bitmap"))
        case 4:
            let tier = try Self.tier(&decoder)
            let index = try decoder.u32("chunk index")
            self = .chunk(id, tier, index: index, try decoder.data(limit: ContentLimits.chunkBytes, "chunk"))
        case 5:
            let first = try decoder.u32("first chunk")
            self = .have(id, first: first, bitmap: try decoder.data(limit: ContentLimits.haveBitmapBytes, "bitmap"))
        case 6:
            let number = try decoder.u8("refusal")
            guard let refusal = Refusal(rawValue: number) else {
                throw .invalid(field: "refusal", reason: "0 absent or 1 busy, found \(number)")
            }
            self = .notFound(id, refusal)
        case 7: self = .cancel(id)
        default: throw .invalid(field: "content message", reason: "unknown tag \(tag)")
        }
    }

    private static func tier(_ decoder: inout WireDecoder) throws(WireError) -> Tier {
        let number = try decoder.u8("tier")
        guard let tier = Tier(rawValue: number) else {
            throw .invalid(field: "tier", reason: "0 content or 1 manifest, found \(number)")
        }
        return tier
    }
}
