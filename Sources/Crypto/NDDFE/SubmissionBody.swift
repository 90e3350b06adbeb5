/// The Merkle tree over an encrypted vector, in chunks of 32 KiB (1024 ristretto255 or 512 affine elements).
public enum SubmissionBody {
    public static let chunkBytes = 32 * 1024
    static let domain = "meshnode/nddfe/v1/chunk"

    /// The number of chunks of a body of `byteCount` bytes.
    public static func chunkCount(byteCount: Int) -> Int { (byteCount + chunkBytes - 1) / chunkBytes }

    /// The tree of a non-empty body.
    public static func tree(_ body: [UInt8]) -> MerkleTree {
        MerkleTree(domain: domain, count: chunkCount(byteCount: body.count)) { index in
            body[index * chunkBytes..<min(body.count, (index + 1) * chunkBytes)]
        }
    }

    /// Whether `chunk` is chunk `index` of a body of `byteCount` bytes with this root.
    public static func verify(
        root: [UInt8], chunk: ArraySlice<UInt8>, index: Int, byteCount: Int, path: [[UInt8]]
    ) -> Bool {
        guard byteCount > 0, index >= 0, index < chunkCount(byteCount: byteCount) else { return false }
        guard chunk.count == min(chunkBytes, byteCount - index * chunkBytes) else { return false }
        return MerkleTree.verify(
            root: root, domain: domain, index: index, count: chunkCount(byteCount: byteCount), payload: chunk,
            path: path)
    }
}
