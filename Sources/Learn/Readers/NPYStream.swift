/// The start of an NPY file, its elements still to come: they go from the stream into numbers without being held.
struct NPYStream {
    let shape: [Int]
    let type: NPYArray.ElementType
    /// Elements.
    let count: Int
    let stream: ByteStream

    var file: String { stream.file }

    init(_ stream: ByteStream) throws(LearnError) {
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: stream.file, expected: expected, found: found))
        }
        guard try stream.take(6) == [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59], let version = try stream.take(2) else {
            throw refuse("an NPY file", "other bytes at the start")
        }
        guard (1...3).contains(version[0]) else { throw refuse("NPY version 1, 2 or 3", "version \(version[0])") }
        guard let size = try stream.take(version[0] == 1 ? 2 : 4) else {
            throw refuse("a complete NPY header", "a truncated one")
        }
        let length = size.reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= 1 << 20, let raw = try stream.take(length) else {
            throw refuse("a complete NPY header", "a truncated one")
        }
        guard let header = NPYHeader(raw) else { throw refuse("a NumPy header dictionary", "something else") }
        guard !header.isFortranOrder else {
            throw refuse("C order", "Fortran order (convert with numpy.ascontiguousarray)")
        }
        guard let type = NPYArray.ElementType(rawValue: header.descriptor) else {
            throw refuse(
                "one of \(NPYArray.ElementType.allCases.map(\.rawValue).joined(separator: " "))",
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
        guard stream.mostRemaining >= count * type.size else {
            throw refuse("\(count * type.size) bytes for shape \(header.shape)", "fewer")
        }
        shape = header.shape
        self.type = type
        self.count = count
        self.stream = stream
    }

    /// All elements as binary32, finite.
    /// - Throws: `.badData` with the outermost index (from 1) of the first NaN or infinity.
    func floats() throws(LearnError) -> [Float] {
        var result: [Float] = []
        result.reserveCapacity(count)
        let isWhole = try stream.elements(count, size: type.size) { (bytes, run) throws(LearnError) in
            let first = result.count
            switch type {
            case .uint8:
                for index in 0..<run { result.append(Float(bytes.load(fromByteOffset: index, as: UInt8.self))) }
            case .float32:
                for index in 0..<run {
                    let word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
                    result.append(Float(bitPattern: word))
                }
            case .float64:
                for index in 0..<run {
                    let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
                    result.append(Float(Double(bitPattern: word)))
                }
            default:
                for index in 0..<run {
                    result.append(NPYArray.float(Self.word(bytes + index * type.size, type.size), type))
                }
            }
            if let bad = result[first...].firstIndex(where: { !$0.isFinite }) {
                let inner = max(1, shape.dropFirst().reduce(1, *))
                throw .badData(
                    DataFault(
                        file: file, row: bad / inner + 1, field: "element \(bad % inner)", expected: "a finite number",
                        found: "\(result[bad])"))
            }
        }
        try checkEnd(isWhole)
        return result
    }

    /// All elements as whole numbers; a float type must hold whole numbers.
    func integers() throws(LearnError) -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(count)
        let isWhole = try stream.elements(count, size: type.size) { (bytes, run) throws(LearnError) in
            for index in 0..<run {
                let word = Self.word(bytes + index * type.size, type.size)
                guard let value = NPYArray.integer(word, type) else {
                    throw .badData(
                        DataFault(
                            file: file, row: result.count + 1, expected: "a whole number",
                            found: "\(NPYArray.float(word, type))"))
                }
                result.append(value)
            }
        }
        try checkEnd(isWhole)
        return result
    }

    /// The elements as they are, for an array that is kept.
    func raw() throws(LearnError) -> [UInt8] {
        let bytes = try stream.take(count * type.size)
        try checkEnd(bytes != nil)
        return bytes ?? []
    }

    private func checkEnd(_ isWhole: Bool) throws(LearnError) {
        guard isWhole, try stream.peek() == nil else {
            throw .badData(
                DataFault(
                    file: file, expected: "\(count * type.size) bytes for shape \(shape)",
                    found: isWhole ? "more" : "fewer"))
        }
    }

    private static func word(_ bytes: UnsafeRawPointer, _ size: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in (0..<size).reversed() {
            word = word << 8 | UInt64(bytes.load(fromByteOffset: offset, as: UInt8.self))
        }
        return word
    }
}
