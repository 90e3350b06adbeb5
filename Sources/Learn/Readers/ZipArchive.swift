/// Just enough of ZIP (PKWARE APPNOTE) for NPZ files: stored and deflated entries, read through the central directory.
///
/// ZIP64 sizes are read, as an NPZ above 4 GiB has them. Refused: encryption, several disks, entries that decompress
/// beyond the limit.
struct ZipArchive {
    struct Entry {
        let name: String
        let method: UInt16
        let flags: UInt16
        let checksum: UInt32
        let compressedSize: Int
        let size: Int
        let offset: Int
    }

    let entries: [Entry]
    private let source: ByteSource

    init(_ source: ByteSource) throws(LearnError) {
        let file = source.file
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, expected: expected, found: found))
        }
        let tailStart = max(0, source.size - 22 - 65_535)
        let last = try source.bytes(at: tailStart, count: source.size - tailStart)
        guard let found = Self.endRecord(in: last) else { throw refuse("a ZIP archive", "no central directory") }
        let end = tailStart + found
        var tail = ByteReader(Array(last[found...].prefix(22)))
        guard tail.u32() == 0x0605_4b50, tail.u16() == 0, tail.u16() == 0, let here = tail.u16(),
            let narrowTotal = tail.u16(), here == narrowTotal, let narrowSize = tail.u32(),
            let narrowStart = tail.u32()
        else { throw refuse("a single-disk ZIP archive", "another layout") }
        var (total, size, start) = (Int(narrowTotal), Int(narrowSize), Int(narrowStart))
        if narrowTotal == .max || narrowSize == .max || narrowStart == .max {
            guard let wide = try Self.wideEnd(source, before: end) else {
                throw refuse("a ZIP64 archive on one disk", "another layout")
            }
            (total, size, start) = wide
        }
        guard start <= end, size <= end - start, total <= size / 46 else {
            throw refuse("a central directory inside the file", "another layout")
        }
        var directory = ByteReader(try source.bytes(at: start, count: size))
        var entries: [Entry] = []
        var names: Set<String> = []
        for _ in 0..<total {
            guard directory.u32() == 0x0201_4b50, directory.take(4) != nil, let flags = directory.u16(),
                let method = directory.u16(), directory.take(4) != nil, let checksum = directory.u32(),
                let compressed = directory.u32(), let plain = directory.u32(), let nameLength = directory.u16(),
                let extraLength = directory.u16(), let commentLength = directory.u16(), directory.take(8) != nil,
                let offset = directory.u32(), let name = directory.take(Int(nameLength)),
                let extra = directory.take(Int(extraLength)), directory.take(Int(commentLength)) != nil
            else { throw refuse("a complete central directory", "a truncated one") }
            guard let wide = Self.wideSizes(plain: plain, compressed: compressed, offset: offset, Array(extra)) else {
                throw refuse("the sizes of a ZIP64 entry", "none")
            }
            guard let text = String(validating: name, as: UTF8.self) else {
                throw refuse("UTF-8 entry names", "other bytes")
            }
            // NumPy takes the last of two, others the first: nobody would know which rows are trained on.
            guard names.insert(text).inserted else {
                throw refuse("each entry once", "\(NumberText.shown(text)) twice")
            }
            entries.append(
                Entry(
                    name: text, method: method, flags: flags, checksum: checksum, compressedSize: wide.compressed,
                    size: wide.plain, offset: wide.offset))
        }
        self.entries = entries
        self.source = source
    }

    /// Number of entries, bytes and start of the central directory by the ZIP64 records before the end record.
    private static func wideEnd(
        _ source: ByteSource, before end: Int
    ) throws(LearnError) -> (total: Int, size: Int, start: Int)? {
        var locator = ByteReader(try source.bytes(at: end - 20, count: end >= 20 ? 20 : 0))
        guard locator.u32() == 0x0706_4b50, locator.u32() == 0, let place = locator.u64().flatMap({ Int(exactly: $0) })
        else { return nil }
        var record = ByteReader(try source.bytes(at: place, count: 56))
        guard record.u32() == 0x0606_4b50, record.take(12) != nil, record.u32() == 0, record.u32() == 0,
            let here = record.u64(), let total = record.u64().flatMap({ Int(exactly: $0) }), here == UInt64(total),
            let size = record.u64().flatMap({ Int(exactly: $0) }),
            let start = record.u64().flatMap({ Int(exactly: $0) })
        else { return nil }
        return (total, size, start)
    }

    /// Sizes and offset of an entry; those that do not fit 32 bits stand in its extra field 1, in this order.
    private static func wideSizes(
        plain: UInt32, compressed: UInt32, offset: UInt32, _ extra: [UInt8]
    ) -> (plain: Int, compressed: Int, offset: Int)? {
        guard plain == .max || compressed == .max || offset == .max else {
            return (Int(plain), Int(compressed), Int(offset))
        }
        var reader = ByteReader(extra)
        while let kind = reader.u16(), let length = reader.u16(), let content = reader.take(Int(length)) {
            guard kind == 1 else { continue }
            var fields = ByteReader(Array(content))
            func field(_ narrow: UInt32) -> Int? {
                narrow == .max ? fields.u64().flatMap { Int(exactly: $0) } : Int(narrow)
            }
            guard let plain = field(plain), let compressed = field(compressed), let offset = field(offset) else {
                return nil
            }
            return (plain, compressed, offset)
        }
        return nil
    }

    private static func endRecord(in bytes: [UInt8]) -> Int? {
        guard bytes.count >= 22 else { return nil }
        let lowest = max(0, bytes.count - 22 - 65_535)
        for start in stride(from: bytes.count - 22, through: lowest, by: -1)
        where bytes[start] == 0x50 && bytes[start + 1] == 0x4b && bytes[start + 2] == 5 && bytes[start + 3] == 6 {
            return start
        }
        return nil
    }

    /// The content of one entry from its start; `verify` once it is read.
    /// - Parameter file: the name that errors carry.
    func stream(_ entry: Entry, file: String) throws(LearnError) -> ByteStream {
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, expected: expected, found: found))
        }
        guard entry.flags & 1 == 0 else { throw refuse("a plain entry", "an encrypted one") }
        guard entry.offset <= source.size else { throw refuse("a local header", "none") }
        var reader = ByteReader(try source.bytes(at: entry.offset, count: 30))
        guard reader.u32() == 0x0403_4b50, reader.take(22) != nil, let nameLength = reader.u16(),
            let extraLength = reader.u16()
        else { throw refuse("a local header", "other bytes") }
        let start = entry.offset + 30 + Int(nameLength) + Int(extraLength)
        guard start <= source.size, entry.compressedSize <= source.size - start, entry.size <= DataLimits.streamedBytes
        else {
            throw refuse("\(entry.compressedSize) bytes", "a truncated entry")
        }
        let container: ByteStream.Container
        switch entry.method {
        case 0: container = .stored
        case 8: container = .deflate
        default: throw refuse("a stored or deflated entry", "method \(entry.method)")
        }
        return try ByteStream(
            source, range: start..<start + entry.compressedSize, container: container, limit: entry.size, file: file)
    }

    /// Length and CRC-32 of an entry that was read to its end.
    func verify(_ stream: ByteStream, _ entry: Entry) throws(LearnError) {
        guard try stream.peek() == nil, stream.produced == entry.size, stream.checksum == entry.checksum else {
            throw .badData(
                DataFault(
                    file: stream.file, expected: "\(entry.size) bytes with CRC-32 \(entry.checksum)",
                    found: "other content"))
        }
    }

    /// An archive of stored entries, sorted by name, without times: equal content gives equal bytes.
    static func stored(_ entries: [(name: String, content: [UInt8])]) throws(LearnError) -> [UInt8] {
        var result: [UInt8] = []
        var directory: [UInt8] = []
        for entry in entries.sorted(by: { $0.name < $1.name }) {
            guard result.count + entry.content.count < Int(UInt32.max) - 1 << 20 else {
                throw .invalid(field: "npz", reason: "the archive would pass 4 GiB", next: "write safetensors instead")
            }
            let name = Array(entry.name.utf8)
            var common: [UInt8] = []
            common.appendLittleEndian(UInt16(20))
            common.appendLittleEndian(UInt16(0))
            common.appendLittleEndian(UInt16(0))
            common.appendLittleEndian(UInt16(0))
            common.appendLittleEndian(UInt16(0x21))
            common.appendLittleEndian(Inflate.checksum(entry.content))
            common.appendLittleEndian(UInt32(entry.content.count))
            common.appendLittleEndian(UInt32(entry.content.count))
            common.appendLittleEndian(UInt16(name.count))
            common.appendLittleEndian(UInt16(0))
            let offset = UInt32(result.count)
            result.appendLittleEndian(UInt32(0x0403_4b50))
            result += common + name + entry.content
            directory.appendLittleEndian(UInt32(0x0201_4b50))
            directory.appendLittleEndian(UInt16(20))
            directory += common
            directory += [UInt8](repeating: 0, count: 10)
            directory.appendLittleEndian(offset)
            directory += name
        }
        let start = UInt32(result.count)
        result += directory
        result.appendLittleEndian(UInt32(0x0605_4b50))
        result.appendLittleEndian(UInt32(0))
        result.appendLittleEndian(UInt16(entries.count))
        result.appendLittleEndian(UInt16(entries.count))
        result.appendLittleEndian(UInt32(directory.count))
        result.appendLittleEndian(start)
        result.appendLittleEndian(UInt16(0))
        return result
    }
}
