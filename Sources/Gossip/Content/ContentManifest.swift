internal import MeshCrypto
public import Wire

/// The list of chunk hashes that names a content.
///
/// cid = BLAKE2b-256 of the encoded manifest. A manifest longer than one chunk is content itself: then the cid is
/// that of its ``root``, a manifest of kind ``Kind/manifest`` over the encoded manifest. One such step reaches
/// ``ContentLimits/longestContent``, so deeper nesting does not exist.
public struct ContentManifest: WireMessage, Equatable {
    /// What the bytes are. Unknown numbers are carried, not refused.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// An encoded manifest: only in a root.
        public static let manifest = Kind(rawValue: 0)
        public static let submission = Kind(rawValue: 1)
        public static let model = Kind(rawValue: 2)
        public static let blockBody = Kind(rawValue: 3)
        /// The decrypted sum of a round.
        public static let aggregate = Kind(rawValue: 4)
        public static let data = Kind(rawValue: 5)
        public static let task = Kind(rawValue: 6)
        public static let direction = Kind(rawValue: 7)
        public static let other = Kind(rawValue: 255)
    }

    public enum Codec: UInt8, Sendable {
        case none = 0
        case zstd = 1
    }

    public let kind: Kind
    /// Bytes that travel and are stored.
    public let length: UInt64
    public let codec: Codec
    /// Bytes after decoding; equal to `length` without a codec.
    public let rawLength: UInt64
    public let chunks: [Digest]

    /// Hashes `bytes` chunk by chunk.
    /// - Precondition: `bytes.count <= ContentLimits.longestContent`, and `rawLength` only with a codec.
    public init(of bytes: [UInt8], kind: Kind, codec: Codec = .none, rawLength: UInt64? = nil) {
        precondition(bytes.count <= ContentLimits.longestContent, "content is too long to be named")
        precondition(codec != .none || rawLength ?? UInt64(bytes.count) == UInt64(bytes.count))
        self.kind = kind
        self.length = UInt64(bytes.count)
        self.codec = codec
        self.rawLength = rawLength ?? UInt64(bytes.count)
        chunks = stride(from: 0, to: bytes.count, by: ContentLimits.chunkBytes).map { start in
            Self.hash(chunk: Array(bytes[start..<min(start + ContentLimits.chunkBytes, bytes.count)]))
        }
    }

    public static var domain: WireDomain { .contentManifest }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.u8(kind.rawValue)
        encoder.u64(length)
        encoder.u8(codec.rawValue)
        encoder.u64(rawLength)
        encoder.list(chunks)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        kind = Kind(rawValue: try decoder.u8("kind"))
        length = try decoder.u64("length")
        let codecNumber = try decoder.u8("codec")
        guard let codec = Codec(rawValue: codecNumber) else {
            throw .invalid(field: "codec", reason: "0 none or 1 zstd, found \(codecNumber)")
        }
        self.codec = codec
        rawLength = try decoder.u64("raw length")
        guard length <= ContentLimits.longestContent, rawLength <= ContentLimits.longestContent else {
            throw .invalid(field: "length", reason: "\(max(length, rawLength)) exceeds \(ContentLimits.longestContent)")
        }
        guard codec != .none || rawLength == length else {
            throw .invalid(field: "raw length", reason: "\(rawLength) differs from length \(length) without a codec")
        }
        guard kind != .manifest || codec == .none else {
            throw .invalid(field: "codec", reason: "an encoded manifest is not compressed")
        }
        chunks = try decoder.list(limit: ContentLimits.mostChunks, "chunk hashes")
        guard chunks.count == Self.chunkCount(length: length) else {
            throw .invalid(field: "chunk hashes", reason: "\(chunks.count) for a length of \(length)")
        }
    }

    /// The manifest whose hash is the cid: this one, or the one over it.
    public var root: ContentManifest {
        Self.isNested(length: length) ? ContentManifest(of: wireBytes, kind: .manifest) : self
    }

    public var contentID: ContentID { Self.contentID(rootBytes: root.wireBytes) }

    public static func contentID(rootBytes: [UInt8]) -> ContentID { ContentID(blake2b(rootBytes)) }

    /// Bytes of the chunk at `index`.
    /// - Precondition: `index` is one of `chunks`.
    public func chunkLength(_ index: Int) -> Int {
        precondition(chunks.indices.contains(index))
        let start = UInt64(index) * UInt64(ContentLimits.chunkBytes)
        return Int(min(UInt64(ContentLimits.chunkBytes), length - start))
    }

    /// Whether `bytes` are the chunk at `index`; false for an index beyond the end.
    public func matches(_ bytes: [UInt8], chunk index: Int) -> Bool {
        chunks.indices.contains(index) && bytes.count == chunkLength(index) && Self.hash(chunk: bytes) == chunks[index]
    }

    public static func chunkCount(length: UInt64) -> Int {
        let chunk = UInt64(ContentLimits.chunkBytes)
        return Int(length / chunk + (length % chunk == 0 ? 0 : 1))
    }

    /// Bytes of an encoded manifest over `length` bytes of content.
    public static func encodedLength(length: UInt64) -> Int { 25 + Digest.byteCount * chunkCount(length: length) }

    /// Whether the manifest of a content of `length` bytes is content itself.
    public static func isNested(length: UInt64) -> Bool { encodedLength(length: length) > ContentLimits.chunkBytes }

    private static func hash(chunk: [UInt8]) -> Digest { Digest(Transcript.hash("content chunk", chunk)) }
}
