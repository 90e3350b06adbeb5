internal import Chain
internal import Wire

/// Decided blocks of one chain, header, body and certificate each, at consecutive heights.
struct BlockRange: WireCodable, Hashable {
    /// Heights between two places where ranges are cut. All nodes cut at the same heights, so a range behind its last
    /// block is the same content at each of them and can be fetched from several.
    static let stride: UInt64 = 64
    /// Bytes of a range that travels in one frame.
    static let inlineBytes = 48 << 10
    /// Bytes of a range that travels as content; one block that is longer goes alone.
    static let contentBytes = 4 << 20

    let blocks: [DecidedBlock]

    init(_ blocks: [DecidedBlock]) { self.blocks = blocks }

    func encode(into encoder: inout WireEncoder) { encoder.list(blocks) }

    init(from decoder: inout WireDecoder) throws(WireError) {
        blocks = try decoder.list(limit: Int(Self.stride), "blocks")
        guard let first = blocks.first?.header else { throw .invalid(field: "blocks", reason: "none") }
        for (offset, block) in blocks.enumerated() {
            guard block.header.chain == first.chain, block.header.height == first.height &+ UInt64(offset) else {
                throw .invalid(field: "blocks", reason: "not consecutive heights of one chain")
            }
        }
    }

    /// First height of the next stride.
    static func end(after height: UInt64) -> UInt64 { (height / stride + 1) * stride }
}
