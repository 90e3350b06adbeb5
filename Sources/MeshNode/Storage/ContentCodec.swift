internal import Gossip
internal import Wire
internal import Zstd

/// zstd for contents that it makes smaller, and its bounds against bombs.
///
/// A manifest's raw length is a claim: it is held against both bounds before a byte is expanded, and expansion stops
/// at the first byte beyond it.
enum ContentCodec {
    /// Longest raw content that is expanded in memory.
    static let longestRaw: UInt64 = 1 << 30
    /// Raw bytes for each stored byte, at most: real contents of ours stay below 20.
    static let mostExpansion: UInt64 = 1_000
    /// Raw bytes that any stored content may become: repetitive logs shrink by more than the ratio, and a megabyte harms
    /// nobody.
    static let smallRaw: UInt64 = 1 << 20
    /// 8 MiB: what a decoder may have to hold beside its output.
    static let windowLog: Int32 = 23

    /// Nil when it would save less than a sixteenth: ciphertexts and weights do not shrink.
    /// Nil too where `expanded` would refuse it as a bomb.
    static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        guard let packed = packed(bytes), UInt64(bytes.count) <= mostRaw(packed.count) else { return nil }
        return packed
    }

    /// Raw bytes that this many stored bytes may become.
    private static func mostRaw(_ count: Int) -> UInt64 { min(longestRaw, UInt64(count) * mostExpansion + smallRaw) }

    static func packed(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 256 else { return nil }
        var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let count = output.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                // Level 3 keeps its window at 2 MiB.
                ZSTD_compress(target.baseAddress, target.count, source.baseAddress, source.count, 3)
            }
        }
        guard ZSTD_isError(count) == 0, count <= bytes.count - bytes.count / 16 else { return nil }
        return Array(output[..<count])
    }

    /// - Throws: `tooLarge` for a raw length over the bounds, `invalid` for bytes that are no such content.
    static func expanded(_ bytes: [UInt8], rawLength: UInt64) throws(StorageError) -> [UInt8] {
        let most = mostRaw(bytes.count)
        guard rawLength <= most else { throw .tooLarge(field: "raw length", length: rawLength, limit: most) }
        guard let context = ZSTD_createDCtx() else {
            throw .operation(path: "content", operation: "decompression", reason: "no memory for a decoder")
        }
        defer { ZSTD_freeDCtx(context) }
        guard ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, windowLog)) == 0 else {
            throw .operation(path: "content", operation: "decompression", reason: "this zstd knows no window limit")
        }
        // One byte more than was claimed: a longer content shows itself without being expanded.
        var output = [UInt8](repeating: 0, count: Int(rawLength) + 1)
        var status = 1
        let (read, written) = output.withUnsafeMutableBytes { target in
            bytes.withUnsafeBytes { source in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var result = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                while input.pos < input.size, result.pos < result.size {
                    let before = (input.pos, result.pos)
                    status = ZSTD_decompressStream(context, &result, &input)
                    if ZSTD_isError(status) != 0 || status == 0 || before == (input.pos, result.pos) { break }
                }
                return (input.pos, result.pos)
            }
        }
        guard ZSTD_isError(status) == 0 else {
            throw .invalid(field: "content", reason: String(cString: ZSTD_getErrorName(status)))
        }
        guard status == 0, read == bytes.count, written == Int(rawLength) else {
            throw .invalid(
                field: "raw length", reason: "it says \(rawLength) bytes, the content is not one frame of that length")
        }
        output.removeLast()
        return output
    }
}
