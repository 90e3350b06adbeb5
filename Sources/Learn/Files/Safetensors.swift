/// The safetensors format (Hugging Face): u64 little-endian header length, JSON header, raw little-endian tensors.
///
/// Reading is bounded and strict: tensors must tile the data section without gap or overlap. Writing is canonical:
/// names sorted by their UTF-8 bytes, no spaces inside the header, padded with spaces to a multiple of 8, so equal
/// content gives equal bytes. Pickles are refused unread: loading one runs code of its author.
public struct Safetensors: Sendable {
    public struct Tensor: Sendable, Equatable {
        public let name: String
        /// "F32", "F64", "F16", "BF16", "I64", ...
        public let dtype: String
        public let shape: [Int]
        let range: Range<Int>
    }

    /// Bytes of the longest header that is read.
    public static let headerLimit = 16 << 20

    /// In rising order of the name's UTF-8 bytes.
    public let tensors: [Tensor]
    /// Sorted by key.
    public let metadata: [(key: String, value: String)]
    private let bytes: [UInt8]
    private let file: String

    private static let elementSizes = [
        "F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8,
        "U64": 8, "BOOL": 1,
    ]

    /// - Parameter file: the name that errors carry.
    public init(bytes: [UInt8], file: String = "safetensors") throws(LearnError) {
        if bytes.starts(with: [0x50, 0x4b, 0x03, 0x04]) || Self.isPickle(bytes) {
            throw .badTensors(file: file, reason: "is a pickle or an archive of one, which is never loaded")
        }
        var reader = ByteReader(bytes)
        guard let declared = reader.u64(), declared <= UInt64(Self.headerLimit), let raw = reader.take(Int(declared))
        else {
            throw .badTensors(file: file, reason: "is no safetensors file: the header length does not fit")
        }
        let start = reader.position
        var fault = ""
        guard let header = SafetensorsHeader.parse(Array(raw), fault: &fault) else {
            throw .badTensors(file: file, reason: fault)
        }
        var expected = 0
        let ordered = header.records.sorted { ($0.begin, $0.end, $0.name) < ($1.begin, $1.end, $1.name) }
        var tensors: [Tensor] = []
        for record in ordered {
            let shown = "tensor \"\(record.name.prefix(80))\""
            guard let size = Self.elementSizes[record.dtype] else {
                throw .badTensors(file: file, reason: "\(shown) has the unknown type \"\(record.dtype.prefix(20))\"")
            }
            guard let count = Self.elements(of: record.shape) else {
                throw .badTensors(file: file, reason: "\(shown) is too large")
            }
            guard record.begin == expected, record.end >= record.begin,
                record.end - record.begin == count * size, record.end <= bytes.count - start
            else {
                throw .badTensors(file: file, reason: "\(shown) does not lie where its shape says")
            }
            expected = record.end
            tensors.append(
                Tensor(
                    name: record.name, dtype: record.dtype, shape: record.shape,
                    range: start + record.begin..<start + record.end))
        }
        guard expected == bytes.count - start else {
            throw .badTensors(file: file, reason: "\(bytes.count - start - expected) bytes belong to no tensor")
        }
        self.tensors = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        metadata = header.metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        self.bytes = bytes
        self.file = file
    }

    /// 0x80 and a protocol number. A header of 128 to 1535 bytes can begin with the same two bytes; then zeros and a brace
    /// follow, which no pickle has.
    private static func isPickle(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > 1, bytes[0] == 0x80, bytes[1] <= 5 else { return false }
        return !(bytes.count > 8 && bytes[2..<8].allSatisfy { $0 == 0 } && bytes[8] == 0x7b)
    }

    private static func elements(of shape: [Int]) -> Int? {
        Extents.elements(of: shape, atMost: ParameterManifest.Limits.values)
    }

    public func tensor(named name: String) -> Tensor? { tensors.first { $0.name == name } }

    /// The values as binary32; F64 is rounded, F16 and BF16 are widened, whole numbers converted.
    public func floats(_ tensor: Tensor) throws(LearnError) -> [Float] {
        var none: RoundingTally?
        return try floats(tensor, &none)
    }

    /// - Parameter tally: as wide as one sample.
    func floats(_ tensor: Tensor, _ tally: inout RoundingTally?) throws(LearnError) -> [Float] {
        let size = Self.elementSizes[tensor.dtype] ?? 1
        var result: [Float] = []
        result.reserveCapacity(tensor.range.count / size)
        for start in stride(from: tensor.range.lowerBound, to: tensor.range.upperBound, by: size) {
            var word: UInt64 = 0
            for offset in (0..<size).reversed() { word = word << 8 | UInt64(bytes[start + offset]) }
            guard let value = Self.float(word, dtype: tensor.dtype) else {
                throw .badTensors(file: file, reason: "tensor \"\(tensor.name.prefix(80))\" is not numeric")
            }
            if let width = tally?.width {
                let (row, place) = (result.count / width, result.count % width)
                switch tensor.dtype {
                case "F64": tally?.add(Double(bitPattern: word), value, row: row, place: place)
                case "I32": tally?.add(text: "\(Int32(truncatingIfNeeded: word))", value, row: row, place: place)
                case "I64": tally?.add(text: "\(Int64(truncatingIfNeeded: word))", value, row: row, place: place)
                case "U32", "U64": tally?.add(text: "\(word)", value, row: row, place: place)
                default: break
                }
            }
            result.append(value)
        }
        return result
    }

    private static func float(_ word: UInt64, dtype: String) -> Float? {
        switch dtype {
        case "F32": Float(bitPattern: UInt32(truncatingIfNeeded: word))
        case "F64": Float(Double(bitPattern: word))
        case "F16": HalfPrecision.float(UInt16(truncatingIfNeeded: word))
        case "BF16": Float(bitPattern: UInt32(truncatingIfNeeded: word) << 16)
        case "I8": Float(Int8(truncatingIfNeeded: word))
        case "U8": Float(UInt8(truncatingIfNeeded: word))
        case "BOOL": word <= 1 ? Float(word) : nil
        case "I16": Float(Int16(truncatingIfNeeded: word))
        case "U16": Float(UInt16(truncatingIfNeeded: word))
        case "I32": Float(Int32(truncatingIfNeeded: word))
        case "U32": Float(UInt32(truncatingIfNeeded: word))
        case "I64": Float(Int64(truncatingIfNeeded: word))
        case "U64": Float(word)
        default: nil
        }
    }

    /// The flat vector of a manifest: exactly its tensors, all binary32, all finite.
    public static func parameters(
        from bytes: [UInt8], manifest: ParameterManifest, file: String = "model"
    ) throws(LearnError) -> [Float] {
        let content = try Safetensors(bytes: bytes, file: file)
        var result: [Float] = []
        result.reserveCapacity(manifest.count)
        let found = Set(content.tensors.map(\.name))
        let missing = manifest.entries.map(\.name).filter { !found.contains($0) }
        guard missing.isEmpty, content.tensors.count == manifest.entries.count else {
            let wanted = Set(manifest.entries.map(\.name))
            let others = content.tensors.map(\.name).filter { !wanted.contains($0) }
            let parts = [
                missing.isEmpty ? nil : "lacks \(TitleText.list(missing, most: 4))",
                others.isEmpty ? nil : "holds \(TitleText.list(others, most: 4)) beside the model's",
            ].compactMap { $0 }
            throw .badTensors(
                file: file,
                reason: "holds \(content.tensors.count) tensors, the model \(manifest.entries.count): "
                    + parts.joined(separator: ", "))
        }
        for (tensor, entry) in zip(content.tensors, manifest.entries) {
            guard tensor.name == entry.name, tensor.shape == entry.shape, tensor.dtype == "F32" else {
                throw .badTensors(
                    file: file,
                    reason: "expected \"\(entry.name)\" F32 \(entry.shape), found \"\(tensor.name.prefix(80))\" "
                        + "\(tensor.dtype) \(tensor.shape)")
            }
            let values = try content.floats(tensor)
            if let bad = values.firstIndex(where: { !$0.isFinite }) {
                throw .notFinite(field: "\(file), tensor \(entry.name)", index: bad)
            }
            result += values
        }
        return result
    }

    /// Canonical file of a flat vector in manifest order.
    public static func encode(
        parameters: [Float], manifest: ParameterManifest, metadata: [(key: String, value: String)] = []
    ) throws(LearnError) -> [UInt8] {
        guard parameters.count == manifest.count else {
            throw .mismatch(field: "parameters", expected: manifest.count, found: parameters.count)
        }
        return try encode(
            manifest.entries.map { ($0.name, $0.shape, Array(parameters[$0.range])) }, metadata: metadata)
    }

    /// Canonical file of named binary32 tensors.
    /// - Throws: `.mismatch` when a shape does not hold its values, `.badTensors` for a repeated name or key.
    public static func encode(
        _ tensors: [(name: String, shape: [Int], values: [Float])], metadata: [(key: String, value: String)] = []
    ) throws(LearnError) -> [UInt8] {
        let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let notes = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        guard Set(sorted.map(\.name)).count == sorted.count, Set(notes.map(\.key)).count == notes.count,
            !sorted.contains(where: { $0.name == "__metadata__" })
        else { throw .badTensors(file: "safetensors", reason: "a name appears twice or is reserved") }
        var records: [String] = []
        if !notes.isEmpty {
            let pairs = notes.map { "\(JSONText.quote($0.key)):\(JSONText.quote($0.value))" }
            records.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in sorted {
            guard elements(of: tensor.shape) == tensor.values.count else {
                throw .mismatch(
                    field: "tensor \(tensor.name)", expected: elements(of: tensor.shape) ?? -1,
                    found: tensor.values.count)
            }
            let end = offset + 4 * tensor.values.count
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            records.append(
                "\(JSONText.quote(tensor.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
            )
            offset = end
        }
        var header = Array("{\(records.joined(separator: ","))}".utf8)
        while !header.count.isMultiple(of: 8) { header.append(0x20) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + header.count + offset)
        bytes.appendLittleEndian(UInt64(header.count))
        bytes += header
        for tensor in sorted {
            for value in tensor.values { bytes.appendLittleEndian(value.bitPattern) }
        }
        return bytes
    }

    /// Reads a file of at most `limit` bytes.
    public static func read(path: String, limit: Int = 8 << 30) throws(LearnError) -> Safetensors {
        try Safetensors(bytes: try FileBytes.read(path, limit: limit), file: path)
    }

    /// Writes the canonical file of a flat vector, atomically.
    public static func write(
        parameters: [Float], manifest: ParameterManifest, metadata: [(key: String, value: String)] = [], path: String
    ) throws(LearnError) {
        try FileBytes.write(try encode(parameters: parameters, manifest: manifest, metadata: metadata), to: path)
    }
}
