/// Bounds of content transfer. Every length in a message or file is checked against one of these.
public enum ContentLimits {
    /// Bytes of a chunk; the last one of a content may be shorter.
    public static let chunkBytes = 32 << 10
    /// Longest content, before and after decompression.
    public static let longestContent: UInt64 = 16 << 30
    public static let mostChunks = Int(longestContent / UInt64(chunkBytes))
    /// Bytes of the bitmap in a request: 1,024 chunks.
    public static let requestBitmapBytes = 128
    /// Bytes of the bitmap in a `have`: 32,768 chunks, 1 GiB.
    public static let haveBitmapBytes = 4 << 10
}
