/// The IDX format of MNIST, plain or gzip: images (rows, ...) and labels (rows) in two files.
public enum IDXReader {
    /// - Parameter classCount: the task's; nil takes the largest label plus one.
    public static func read(
        images: String, labels: String, classCount: Int? = nil, name: String? = nil
    ) throws(LearnError) -> Dataset {
        let classes = try array(ByteStream(ByteSource(path: labels)))
        let pictures = try array(ByteStream(ByteSource(path: images)))
        return try dataset(
            name: name ?? images, images: pictures, imagesFile: images, labels: classes, labelsFile: labels,
            classCount: classCount)
    }

    struct Content: Equatable {
        let shape: [Int]
        let values: [Float]
    }

    static func dataset(
        name: String, images: Content, imagesFile: String, labels: Content, labelsFile: String, classCount: Int?
    ) throws(LearnError) -> Dataset {
        guard images.shape.count >= 2, let rows = images.shape.first, rows > 0 else {
            throw .badData(
                DataFault(
                    file: imagesFile, expected: "a shape (rows, ...) with at least one row", found: "\(images.shape)"))
        }
        guard labels.shape == [rows] else {
            throw .badData(DataFault(file: labelsFile, expected: "\(rows) labels", found: "shape \(labels.shape)"))
        }
        let whole = labels.values.map { Int64(exactly: $0) ?? -1 }
        let classes = try ArrayDataset.classes(of: whole, file: labelsFile)
        let shape = Array(images.shape.dropFirst())
        return try Dataset(
            name: name, features: images.values, labels: classes, featureCount: shape.reduce(1, *),
            classCount: classCount ?? max(2, (classes.max().map { Int($0) } ?? 0) + 1),
            sampleShape: shape.count == 2 ? [1] + shape : shape)
    }

    static func array(bytes: [UInt8], file: String) throws(LearnError) -> Content {
        try array(ByteStream(bytes: bytes, file: file))
    }

    private static func array(_ stream: ByteStream) throws(LearnError) -> Content {
        let file = stream.file
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, expected: expected, found: found))
        }
        guard let start = try stream.take(4), start[0] == 0, start[1] == 0 else {
            throw refuse("an IDX file", "other bytes at the start")
        }
        let (type, rank) = (start[2], start[3])
        let sizes: [UInt8: Int] = [0x08: 1, 0x09: 1, 0x0b: 2, 0x0c: 4, 0x0d: 4, 0x0e: 8]
        guard let size = sizes[type], (1...8).contains(rank) else {
            throw refuse("a known IDX type and 1 to 8 axes", "type \(type), \(rank) axes")
        }
        var shape: [Int] = []
        var count = 1
        for _ in 0..<rank {
            guard let raw = try stream.take(4) else { throw refuse("a complete header", "a truncated one") }
            let extent = raw.reduce(0) { $0 << 8 | Int($1) }
            let (next, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, next <= DataLimits.values else {
                throw refuse("at most \(DataLimits.values) values", "more")
            }
            shape.append(extent)
            count = next
        }
        guard stream.mostRemaining >= count * size else {
            throw refuse("\(count * size) bytes for shape \(shape)", "fewer")
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        let isWhole = try stream.elements(count, size: size) { (bytes, run) throws(LearnError) in
            for index in 0..<run {
                var word: UInt64 = 0
                for offset in 0..<size {
                    word = word << 8 | UInt64(bytes.load(fromByteOffset: index * size + offset, as: UInt8.self))
                }
                let value: Float =
                    switch type {
                    case 0x08: Float(word)
                    case 0x09: Float(Int8(truncatingIfNeeded: word))
                    case 0x0b: Float(Int16(truncatingIfNeeded: word))
                    case 0x0c: Float(Int32(truncatingIfNeeded: word))
                    case 0x0d: Float(bitPattern: UInt32(truncatingIfNeeded: word))
                    default: Float(Double(bitPattern: word))
                    }
                guard value.isFinite else {
                    let inner = max(1, shape.dropFirst().reduce(1, *))
                    throw .badData(
                        DataFault(
                            file: file, row: values.count / inner + 1, expected: "a finite number", found: "\(value)"))
                }
                values.append(value)
            }
        }
        guard isWhole, try stream.peek() == nil else {
            throw refuse("\(count * size) bytes for shape \(shape)", isWhole ? "more" : "fewer")
        }
        return Content(shape: shape, values: values)
    }
}
