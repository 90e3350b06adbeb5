/// A content and the exact number of its bytes, known before the first byte is fetched.
public struct ContentReference: Hashable, Sendable, WireCodable {
    public let id: ContentID
    public let length: UInt64

    public init(id: ContentID, length: UInt64) {
        self.id = id
        self.length = length
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(id)
        encoder.u64(length)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        id = try decoder.value()
        length = try decoder.u64("content length")
        guard length <= Limits.content else {
            throw .tooLong(field: "content length", length: length, limit: Limits.content)
        }
    }
}
