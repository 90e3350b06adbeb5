internal import Zlib

/// Untrusted bytes from first to last through one buffer of 64 KiB, decompressed on the way; however long the file is,
/// nothing more of it is held.
final class ByteStream {
    enum Container { case stored, gzip, deflate }

    /// Bytes of the buffer, the most that is held at once.
    static let capacity = 1 << 16

    let file: String
    private let source: ByteSource
    private var next: Int
    private let end: Int
    private let limit: Int
    private var inflater: Inflater?
    private let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    private var position = 0
    private var filled = 0
    /// Bytes that came out so far, buffered ones included.
    private(set) var produced = 0
    /// CRC-32 of them.
    private(set) var checksum: UInt32 = 0

    /// - Parameters:
    ///   - range: of the source; nil takes all of it.
    ///   - container: nil decompresses where the bytes start with the gzip magic.
    ///   - limit: most bytes that may come out; a bomb ends there.
    ///   - file: the name that errors carry; nil takes the source's.
    init(
        _ source: ByteSource, range: Range<Int>? = nil, container: Container? = nil,
        limit: Int = DataLimits.streamedBytes, file: String? = nil
    ) throws(LearnError) {
        self.source = source
        self.file = file ?? source.file
        self.limit = limit
        next = range?.lowerBound ?? 0
        end = min(range?.upperBound ?? source.size, source.size)
        let start = try source.bytes(at: next, count: 2)
        let isZipped = container == .gzip || (container == nil && start == [0x1f, 0x8b])
        if isZipped || container == .deflate {
            inflater = try Inflater(isZipped ? .gzip : .deflate, file: self.file)
        }
    }

    convenience init(bytes: [UInt8], file: String) throws(LearnError) {
        try self.init(ByteSource(bytes: bytes, file: file))
    }

    deinit { buffer.deallocate() }

    /// Most bytes that can still come, for a decision before anything is allocated; deflate expands at most 1032 fold.
    var mostRemaining: Int {
        let raw = end - next + (filled - position)
        return inflater == nil ? raw : min(limit, raw.multipliedReportingOverflow(by: 1040).partialValue + 1 << 16)
    }

    var isCompressed: Bool { inflater != nil }

    /// The next byte, left in place; nil at the end.
    @inline(__always)
    func peek() throws(LearnError) -> UInt8? {
        if position < filled { return buffer[position] }
        return try refill() ? buffer[position] : nil
    }

    /// Drops the byte that `peek` gave.
    @inline(__always)
    func skip() { position += 1 }

    /// Appends bytes up to the first that `isEnd` names, at most `most`; that one stays.
    func append(to target: inout [UInt8], most: Int, until isEnd: (UInt8) -> Bool) throws(LearnError) {
        var room = most
        while room > 0 {
            if position == filled, try !refill() { return }
            var index = position
            let stop = min(filled, position + room)
            while index < stop, !isEnd(buffer[index]) { index += 1 }
            target.append(contentsOf: UnsafeBufferPointer(start: buffer + position, count: index - position))
            room -= index - position
            position = index
            if index < filled { return }
        }
    }

    /// Exactly `count` bytes; nil when fewer are left.
    func take(_ count: Int) throws(LearnError) -> [UInt8]? {
        guard count >= 0, count <= mostRemaining else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        while result.count < count {
            if position == filled, try !refill() { return nil }
            let part = min(count - result.count, filled - position)
            result.append(contentsOf: UnsafeBufferPointer(start: buffer + position, count: part))
            position += part
        }
        return result
    }

    /// Hands out `count` elements of `size` bytes in runs of whole elements.
    /// - Returns: false when the stream ends before.
    func elements(
        _ count: Int, size: Int, _ body: (UnsafeRawPointer, Int) throws(LearnError) -> Void
    ) throws(LearnError) -> Bool {
        var left = count
        while left > 0 {
            if filled - position < size {
                if try !refill() { return false }
                continue
            }
            let run = min(left, (filled - position) / size)
            try body(UnsafeRawPointer(buffer + position), run)
            position += run * size
            left -= run
        }
        return true
    }

    /// Everything that is left.
    func rest() throws(LearnError) -> [UInt8] {
        var result: [UInt8] = []
        try append(to: &result, most: .max) { _ in false }
        return result
    }

    /// Keeps what is unread and fills up behind it; false at the end.
    private func refill() throws(LearnError) -> Bool {
        let kept = filled - position
        if kept > 0 { buffer.update(from: buffer + position, count: kept) }
        position = 0
        filled = kept
        let room = UnsafeMutableRawBufferPointer(start: buffer + kept, count: Self.capacity - kept)
        let count: Int
        if let inflater {
            count = try inflater.inflate(into: room) { (target) throws(LearnError) in try self.raw(into: target) }
        } else {
            count = try raw(into: room)
        }
        guard produced + count <= limit else {
            throw .badData(DataFault(file: file, expected: "at most \(limit) bytes", found: "more"))
        }
        checksum = UInt32(truncatingIfNeeded: crc32(UInt(checksum), buffer + kept, UInt32(count)))
        produced += count
        filled += count
        return count > 0
    }

    private func raw(into target: UnsafeMutableRawBufferPointer) throws(LearnError) -> Int {
        let part = UnsafeMutableRawBufferPointer(start: target.baseAddress, count: min(target.count, end - next))
        let count = try source.read(at: next, into: part)
        next += count
        return count
    }
}
