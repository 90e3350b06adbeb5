/// The start of an NPY file, its elements still to come: they go from the stream into numbers without being held.
struct NPYStream {
    let shape: [Int]
    let type: NPYArray.ElementType
    /// Elements lie big-endian.
    let isSwapped: Bool
    /// The first index runs fastest, as pandas and MATLAB write; results are in C order all the same.
    let isFortran: Bool
    /// Elements.
    let count: Int
    let stream: ByteStream

    var file: String { stream.file }

    /// The header at the start of a stream; the elements follow.
    static func header(_ stream: ByteStream) throws(LearnError) -> NPYHeader {
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
        guard let header = NPYHeader(raw) else {
            let text = String(decoding: raw.prefix(80), as: UTF8.self)
            guard text.contains("'descr': [") else { throw refuse("a NumPy header dictionary", "something else") }
            throw refuse("an array of numbers", "a structured array, one with named fields; save each field alone")
        }
        return header
    }

    init(_ stream: ByteStream) throws(LearnError) {
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: stream.file, expected: expected, found: found))
        }
        let header = try Self.header(stream)
        guard let type = NPYArray.ElementType(descriptor: header.descriptor) else {
            throw refuse(
                "one of \(NPYArray.ElementType.allCases.map(\.rawValue).joined(separator: " "))",
                "\"\(header.descriptor.prefix(20))\""
                    + (header.descriptor.contains("O") ? ", objects, which are pickles and never loaded" : "")
                    + (header.descriptor.contains("U") || header.descriptor.contains("S")
                        ? ", texts; write class numbers, and what they mean in an array `classes`" : ""))
        }
        isSwapped = header.descriptor.first == ">" && type.size > 1
        isFortran = header.isFortranOrder && header.shape.count > 1
        guard let count = Extents.elements(of: header.shape, atMost: DataLimits.values) else {
            throw refuse("at most \(DataLimits.values) values", "shape \(header.shape)")
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
        var none: RoundingTally?
        return try floats(&none)
    }

    /// - Parameter tally: as wide as one sample, in a file of which the samples lie behind each other on the first axis.
    func floats(_ tally: inout RoundingTally?) throws(LearnError) -> [Float] {
        let inner = max(1, shape.dropFirst().reduce(1, *))
        let rows = max(1, shape.first ?? 1)
        var result: [Float] = []
        result.reserveCapacity(count)
        let isWhole = try stream.elements(count, size: type.size) { (bytes, run) throws(LearnError) in
            let first = result.count
            switch type {
            case _ where isSwapped:
                for index in 0..<run {
                    result.append(NPYArray.float(word(bytes + index * type.size), type))
                }
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
                    result.append(NPYArray.float(word(bytes + index * type.size), type))
                }
            }
            if let bad = result[first...].firstIndex(where: { !$0.isFinite }) {
                throw .badData(notFinite(result[bad], bad, rows: rows, inner: inner))
            }
            guard let width = tally?.width else { return }
            let samples = max(1, count / width)
            for place in first..<result.count {
                let word = word(bytes + (place - first) * type.size)
                let (row, column) = isFortran ? (place % samples, place / samples) : (place / width, place % width)
                if let whole = NPYArray.wideInteger(word, type) {
                    tally?.add(text: whole, result[place], row: row, place: column)
                } else {
                    tally?.add(NPYArray.double(word, type), result[place], row: row, place: column)
                }
            }
        }
        try checkEnd(isWhole)
        return isFortran ? Self.inCOrder(result, shape: shape) : result
    }

    /// All elements as whole numbers; a float type must hold whole numbers.
    func integers() throws(LearnError) -> [Int64] {
        var result: [Int64] = []
        result.reserveCapacity(count)
        let isWhole = try stream.elements(count, size: type.size) { (bytes, run) throws(LearnError) in
            for index in 0..<run {
                let word = word(bytes + index * type.size)
                guard let value = NPYArray.integer(word, type) else {
                    throw .badData(notWhole(NPYArray.float(word, type), result.count))
                }
                result.append(value)
            }
        }
        try checkEnd(isWhole)
        return isFortran ? Self.inCOrder(result, shape: shape) : result
    }

    /// Every element at which a reader would end: one that is not finite, or a label that is no class. In the words of `floats`,
    /// `integers` and `ArrayDataset.classes`.
    func addFaults(ofLabels: Bool, to list: inout FaultList) throws(LearnError) {
        let inner = max(1, shape.dropFirst().reduce(1, *))
        let rows = max(1, shape.first ?? 1)
        var place = 0
        _ = try stream.elements(count, size: type.size) { (bytes, run) throws(LearnError) in
            for index in 0..<run {
                let word = word(bytes + index * type.size)
                let value = NPYArray.float(word, type)
                if !ofLabels {
                    if !value.isFinite { list.add(notFinite(value, place, rows: rows, inner: inner)) }
                } else if let label = NPYArray.integer(word, type) {
                    if inner == 1, let fault = ArrayDataset.fault(of: label, row: place, file: file) { list.add(fault) }
                } else {
                    list.add(notWhole(value, place))
                }
                place += 1
            }
        }
    }

    /// Rows and elements are counted from 1, as those of a table are.
    private func notFinite(_ value: Float, _ place: Int, rows: Int, inner: Int) -> DataFault {
        DataFault(
            file: file, row: (isFortran ? place % rows : place / inner) + 1,
            field: "element \((isFortran ? place / rows : place % inner) + 1)", expected: DataFault.number,
            found: "\(value)")
    }

    private func notWhole(_ value: Float, _ place: Int) -> DataFault {
        DataFault(file: file, row: place + 1, expected: "a whole number", found: "\(value)")
    }

    /// The elements little-endian in C order, for an array that is kept.
    func raw() throws(LearnError) -> [UInt8] {
        let taken = try stream.take(count * type.size)
        try checkEnd(taken != nil)
        guard var bytes = taken, isSwapped || isFortran else { return taken ?? [] }
        let size = type.size
        if isSwapped {
            for start in stride(from: 0, to: bytes.count, by: size) { bytes[start..<start + size].reverse() }
        }
        guard isFortran else { return bytes }
        let order = Self.inCOrder(Array(0..<count), shape: shape)
        return order.flatMap { bytes[$0 * size..<($0 + 1) * size] }
    }

    /// Elements whose first index runs fastest, put so that the last one does.
    static func inCOrder<Element>(_ values: [Element], shape: [Int]) -> [Element] {
        var strides: [Int] = []
        var step = 1
        for extent in shape {
            strides.append(step)
            step *= extent
        }
        guard values.count == step, step > 0 else { return values }
        var result: [Element] = []
        result.reserveCapacity(step)
        var place = [Int](repeating: 0, count: shape.count)
        var source = 0
        for _ in 0..<step {
            result.append(values[source])
            for axis in shape.indices.reversed() {
                place[axis] += 1
                source += strides[axis]
                if place[axis] < shape[axis] { break }
                source -= strides[axis] * shape[axis]
                place[axis] = 0
            }
        }
        return result
    }

    private func checkEnd(_ isWhole: Bool) throws(LearnError) {
        guard isWhole, try stream.peek() == nil else {
            throw .badData(
                DataFault(
                    file: file, expected: "\(count * type.size) bytes for shape \(shape)",
                    found: isWhole ? "more" : "fewer"))
        }
    }

    private func word(_ bytes: UnsafeRawPointer) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<type.size {
            let place = isSwapped ? offset : type.size - 1 - offset
            word = word << 8 | UInt64(bytes.load(fromByteOffset: place, as: UInt8.self))
        }
        return word
    }
}
