/// One NumPy array, read from NPY (versions 1.0 to 3.0, either order of bytes and of axes) or written as it.
///
/// Object arrays are pickles and refused.
public struct NPYArray: Sendable, Equatable {
    public enum ElementType: String, Sendable, CaseIterable {
        case float32 = "<f4", float64 = "<f8", float16 = "<f2"
        case uint8 = "|u1", int8 = "|i1", bool = "|b1"
        case int16 = "<i2", uint16 = "<u2", int32 = "<i4", uint32 = "<u4", int64 = "<i8", uint64 = "<u8"

        /// By NumPy's word with any mark of the byte order in front.
        init?(descriptor: String) {
            guard let mark = descriptor.first, "<>|=".contains(mark) else { return nil }
            let word = descriptor.dropFirst()
            guard let known = Self.allCases.first(where: { $0.rawValue.dropFirst() == word }) else { return nil }
            self = known
        }

        var size: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .int16, .uint16, .float16: 2
            case .float32, .int32, .uint32: 4
            case .float64, .int64, .uint64: 8
            }
        }
    }

    public let shape: [Int]
    public let type: ElementType
    /// Little-endian elements in C order.
    let bytes: [UInt8]
    let file: String

    public var count: Int { bytes.count / type.size }

    /// - Parameter file: the name that errors carry.
    public init(bytes: [UInt8], file: String) throws(LearnError) {
        let stream = try NPYStream(try ByteStream(ByteSource(bytes: bytes, file: file), container: .stored))
        shape = stream.shape
        type = stream.type
        self.bytes = try stream.raw()
        self.file = file
    }

    private init(shape: [Int], type: ElementType, bytes: [UInt8]) {
        self.shape = shape
        self.type = type
        self.bytes = bytes
        file = "array"
    }

    public init(_ values: [Float], shape: [Int]) throws(LearnError) {
        try Self.check(values.count, shape)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(4 * values.count)
        for value in values { bytes.appendLittleEndian(value.bitPattern) }
        self.init(shape: shape, type: .float32, bytes: bytes)
    }

    public init(_ values: [Int64], shape: [Int]) throws(LearnError) {
        try Self.check(values.count, shape)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * values.count)
        for value in values { bytes.appendLittleEndian(value) }
        self.init(shape: shape, type: .int64, bytes: bytes)
    }

    private static func check(_ count: Int, _ shape: [Int]) throws(LearnError) {
        let product = Extents.elements(of: shape, atMost: .max)
        guard product == count else { throw .mismatch(field: "array", expected: product ?? -1, found: count) }
    }

    /// All elements as binary32, finite.
    /// - Throws: `.badData` with the outermost index (from 1) of the first NaN or infinity.
    public func floats() throws(LearnError) -> [Float] { try stream().floats() }
    func floats(_ tally: inout RoundingTally?) throws(LearnError) -> [Float] { try stream().floats(&tally) }

    /// All elements as whole numbers; a float type must hold whole numbers.
    public func integers() throws(LearnError) -> [Int64] { try stream().integers() }

    private func stream() throws(LearnError) -> NPYStream {
        try NPYStream(try ByteStream(ByteSource(bytes: encoded, file: file), container: .stored))
    }

    static func float(_ word: UInt64, _ type: ElementType) -> Float {
        switch type {
        case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: word))
        case .float64: Float(Double(bitPattern: word))
        case .float16: HalfPrecision.float(UInt16(truncatingIfNeeded: word))
        case .uint64: Float(word)
        default: Float(integer(word, type) ?? 0)
        }
    }

    static func double(_ word: UInt64, _ type: ElementType) -> Double {
        type == .float64 ? Double(bitPattern: word) : Double(float(word, type))
    }

    /// A whole number that binary64 may not hold either; nil for every other.
    static func wideInteger(_ word: UInt64, _ type: ElementType) -> String? {
        switch type {
        case .int32: "\(Int32(truncatingIfNeeded: word))"
        case .uint32: "\(UInt32(truncatingIfNeeded: word))"
        case .int64: "\(Int64(bitPattern: word))"
        case .uint64: "\(word)"
        default: nil
        }
    }

    static func integer(_ word: UInt64, _ type: ElementType) -> Int64? {
        switch type {
        case .uint8: Int64(word)
        case .bool: word <= 1 ? Int64(word) : nil
        case .int8: Int64(Int8(truncatingIfNeeded: word))
        case .int16: Int64(Int16(truncatingIfNeeded: word))
        case .uint16: Int64(UInt16(truncatingIfNeeded: word))
        case .int32: Int64(Int32(truncatingIfNeeded: word))
        case .uint32: Int64(UInt32(truncatingIfNeeded: word))
        case .int64: Int64(bitPattern: word)
        case .uint64: Int64(exactly: word)
        case .float32: Int64(exactly: Float(bitPattern: UInt32(truncatingIfNeeded: word)))
        case .float64: Int64(exactly: Double(bitPattern: word))
        case .float16: Int64(exactly: HalfPrecision.float(UInt16(truncatingIfNeeded: word)))
        }
    }

    /// The array as an NPY 1.0 file.
    public var encoded: [UInt8] {
        let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = "{'descr': '\(type.rawValue)', 'fortran_order': False, 'shape': (\(extents)), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        var result: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]
        result.appendLittleEndian(UInt16(header.utf8.count))
        return result + Array(header.utf8) + bytes
    }
}
