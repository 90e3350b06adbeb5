/// One NumPy array, read from or written as NPY (versions 1.0 to 3.0, C order, little-endian).
///
/// Object arrays are pickles and refused; so are Fortran order and big-endian files, with the line that converts them.
public struct NPYArray: Sendable, Equatable {
    public enum ElementType: String, Sendable, CaseIterable {
        case float32 = "<f4", float64 = "<f8", float16 = "<f2"
        case uint8 = "|u1", int8 = "|i1", bool = "|b1"
        case int16 = "<i2", uint16 = "<u2", int32 = "<i4", uint32 = "<u4", int64 = "<i8", uint64 = "<u8"

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
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, expected: expected, found: found))
        }
        var reader = ByteReader(bytes)
        guard reader.take(6).map(Array.init) == [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], let major = reader.u8(),
            reader.u8() != nil
        else { throw refuse("an NPY file", "other bytes at the start") }
        let length: Int?
        switch major {
        case 1: length = reader.u16().map { Int($0) }
        case 2, 3: length = reader.u32().map { Int($0) }
        default: throw refuse("NPY version 1, 2 or 3", "version \(major)")
        }
        guard let length, length <= 1 << 20, let raw = reader.take(length) else {
            throw refuse("a complete NPY header", "a truncated one")
        }
        guard let header = NPYHeader(Array(raw)) else { throw refuse("a NumPy header dictionary", "something else") }
        guard !header.isFortranOrder else {
            throw refuse("C order", "Fortran order (convert with numpy.ascontiguousarray)")
        }
        guard let type = ElementType(rawValue: header.descriptor) else {
            throw refuse(
                "one of \(ElementType.allCases.map(\.rawValue).joined(separator: " "))",
                "\"\(header.descriptor.prefix(20))\"")
        }
        var count = 1
        for extent in header.shape {
            let (next, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, next <= DataLimits.values else {
                throw refuse("at most \(DataLimits.values) values", "\(header.shape)")
            }
            count = next
        }
        guard reader.remaining == count * type.size, let body = reader.take(count * type.size) else {
            throw refuse("\(count * type.size) bytes for shape \(header.shape)", "\(reader.remaining)")
        }
        shape = header.shape
        self.type = type
        self.bytes = Array(body)
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
        var product = 1
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { throw .mismatch(field: "array", expected: count, found: -1) }
            product = next
        }
        guard product == count else { throw .mismatch(field: "array", expected: product, found: count) }
    }

    private func word(_ index: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in (0..<type.size).reversed() { word = word << 8 | UInt64(bytes[index * type.size + offset]) }
        return word
    }

    /// All elements as binary32, finite.
    /// - Throws: `.badData` with the outermost index (from 1) of the first NaN or infinity.
    public func floats() throws(LearnError) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(count)
        for index in 0..<count {
            let value = Self.float(word(index), type)
            guard value.isFinite else {
                let inner = max(1, shape.dropFirst().reduce(1, *))
                throw .badData(
                    DataFault(
                        file: file, row: index / inner + 1, field: "element \(index % inner)",
                        expected: "a finite number", found: "\(value)"))
            }
            result.append(value)
        }
        return result
    }

    /// All elements as whole numbers; a float type must hold whole numbers.
    public func integers() throws(LearnError) -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(count)
        for index in 0..<count {
            guard let value = Self.integer(word(index), type) else {
                throw .badData(
                    DataFault(
                        file: file, row: index + 1, expected: "a whole number",
                        found: "\(Self.float(word(index), type))"))
            }
            result.append(value)
        }
        return result
    }

    private static func float(_ word: UInt64, _ type: ElementType) -> Float {
        switch type {
        case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: word))
        case .float64: Float(Double(bitPattern: word))
        case .float16: HalfPrecision.float(UInt16(truncatingIfNeeded: word))
        case .uint64: Float(word)
        default: Float(integer(word, type) ?? 0)
        }
    }

    private static func integer(_ word: UInt64, _ type: ElementType) -> Int64? {
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
