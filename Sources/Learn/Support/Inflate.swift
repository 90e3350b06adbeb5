internal import Zlib

/// Bounded decompression through zlib.
enum Inflate {
    enum Container { case gzip, raw }

    /// - Parameters:
    ///   - limit: most bytes that may come out; a bomb ends there.
    ///   - file: the name that errors carry.
    static func inflate(
        _ input: [UInt8], container: Container, limit: Int, file: String
    ) throws(LearnError) -> [UInt8] {
        guard input.count <= Int(UInt32.max) else {
            throw .badData(DataFault(file: file, expected: "less than 4 GiB", found: "\(input.count) bytes"))
        }
        var stream = z_stream()
        let windowBits: Int32 = container == .gzip ? 15 + 16 : -15
        guard inflateInit2_(&stream, windowBits, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .unreadable(path: file, reason: "zlib could not be started")
        }
        defer { inflateEnd(&stream) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var source = input
        let status: Int32 = source.withUnsafeMutableBufferPointer { source in
            stream.next_in = source.baseAddress
            stream.avail_in = UInt32(source.count)
            while true {
                let code = chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(chunk.count)
                    return Zlib.inflate(&stream, Z_NO_FLUSH)
                }
                let produced = chunk.count - Int(stream.avail_out)
                if output.count + produced > limit { return Z_MEM_ERROR }
                output.append(contentsOf: chunk[..<produced])
                if code == Z_STREAM_END {
                    // A gzip file may hold several members one after the other.
                    if container == .gzip && stream.avail_in > 0 {
                        if inflateReset(&stream) != Z_OK { return Z_DATA_ERROR }
                        continue
                    }
                    return Z_STREAM_END
                }
                if code != Z_OK { return code }
                if produced == 0 && stream.avail_in == 0 { return Z_BUF_ERROR }
            }
        }
        switch status {
        case Z_STREAM_END:
            return output
        case Z_MEM_ERROR:
            throw .badData(
                DataFault(file: file, expected: "at most \(limit) bytes after decompression", found: "more"))
        case Z_BUF_ERROR:
            throw .badData(DataFault(file: file, expected: "a complete compressed stream", found: "a truncated one"))
        default:
            throw .badData(DataFault(file: file, expected: "a valid compressed stream", found: "corrupt bytes"))
        }
    }

    /// Decompresses when the bytes start with the gzip magic, else returns them unchanged.
    static func gunzipIfNeeded(_ bytes: [UInt8], limit: Int, file: String) throws(LearnError) -> [UInt8] {
        guard bytes.count >= 2, bytes[0] == 0x1f, bytes[1] == 0x8b else { return bytes }
        return try inflate(bytes, container: .gzip, limit: limit, file: file)
    }

    /// CRC-32 as gzip and ZIP use it.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { buffer in
            var value = crc32(0, nil, 0)
            var start = 0
            while start < buffer.count {
                let length = min(buffer.count - start, 1 << 30)
                value = crc32(value, buffer.baseAddress! + start, UInt32(length))
                start += length
            }
            return UInt32(truncatingIfNeeded: value)
        }
    }
}
