internal import Zlib

/// One compressed stream on its way through zlib.
final class Inflater {
    enum Container { case gzip, deflate }

    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    private let container: Container
    private let file: String
    private var isDone = false

    init(_ container: Container, file: String) throws(LearnError) {
        self.container = container
        self.file = file
        stream.initialize(to: z_stream())
        let windowBits: Int32 = container == .gzip ? 15 + 16 : -15
        guard inflateInit2_(stream, windowBits, zlibVersion(), Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .unreadable(path: file, reason: "zlib could not be started")
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    /// Fills `target` with plain bytes; returns 0 only behind the end of the stream.
    /// - Parameter more: writes the next compressed bytes, 0 at their end.
    func inflate(
        into target: UnsafeMutableRawBufferPointer,
        more: (UnsafeMutableRawBufferPointer) throws(LearnError) -> Int
    ) throws(LearnError) -> Int {
        guard !isDone, target.count > 0 else { return 0 }
        stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(target.count)
        while stream.pointee.avail_out > 0 {
            if stream.pointee.avail_in == 0 {
                stream.pointee.avail_in = UInt32(try more(input))
                stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
            }
            let isDry = stream.pointee.avail_in == 0
            switch Zlib.inflate(stream, Z_NO_FLUSH) {
            case Z_OK: continue
            case Z_STREAM_END:
                // A gzip file may hold several members one after the other, and zeros that fill its last block up.
                guard container == .gzip, try skipZeros(more), inflateReset(stream) == Z_OK else {
                    isDone = true
                    return target.count - Int(stream.pointee.avail_out)
                }
            case Z_BUF_ERROR where isDry:
                throw .badData(
                    DataFault(file: file, expected: "a complete compressed stream", found: "a truncated one"))
            default:
                throw .badData(DataFault(file: file, expected: "a valid compressed stream", found: "corrupt bytes"))
            }
        }
        return target.count
    }

    /// Goes on to the next byte that is not zero; false at the end.
    private func skipZeros(
        _ more: (UnsafeMutableRawBufferPointer) throws(LearnError) -> Int
    ) throws(LearnError) -> Bool {
        while true {
            if stream.pointee.avail_in == 0 {
                stream.pointee.avail_in = UInt32(try more(input))
                stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
                guard stream.pointee.avail_in > 0 else { return false }
            }
            guard stream.pointee.next_in?.pointee == 0 else { return true }
            stream.pointee.next_in = stream.pointee.next_in?.advanced(by: 1)
            stream.pointee.avail_in -= 1
        }
    }
}

/// Bounded decompression of what is in memory.
enum Inflate {
    /// Decompresses when the bytes start with the gzip magic, else returns them unchanged.
    /// - Parameter limit: most bytes that may come out.
    static func gunzipIfNeeded(_ bytes: [UInt8], limit: Int, file: String) throws(LearnError) -> [UInt8] {
        guard bytes.starts(with: [0x1f, 0x8b]) else { return bytes }
        return try ByteStream(ByteSource(bytes: bytes, file: file), container: .gzip, limit: limit).rest()
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
