/// The IDX format of MNIST, plain or gzip: images (rows, ...) and labels (rows) in two files.
public enum IDXReader {
    /// - Parameter classCount: the task's; nil takes the largest label plus one.
    public static func read(
        images: String, labels: String, classCount: Int? = nil, name: String? = nil
    ) throws(LearnError) -> Dataset {
        let pictures = try array(bytes: try FileBytes.read(images, limit: DataLimits.fileBytes), file: images)
        let classes = try array(bytes: try FileBytes.read(labels, limit: DataLimits.fileBytes), file: labels)
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
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: file, expected: expected, found: found))
        }
        let plain = try Inflate.gunzipIfNeeded(bytes, limit: DataLimits.fileBytes, file: file)
        var reader = ByteReader(plain)
        guard reader.u8() == 0, reader.u8() == 0, let type = reader.u8(), let rank = reader.u8() else {
            throw refuse("an IDX file", "other bytes at the start")
        }
        let sizes: [UInt8: Int] = [0x08: 1, 0x09: 1, 0x0b: 2, 0x0c: 4, 0x0d: 4, 0x0e: 8]
        guard let size = sizes[type], (1...8).contains(rank) else {
            throw refuse("a known IDX type and 1 to 8 axes", "type \(type), \(rank) axes")
        }
        var shape: [Int] = []
        var count = 1
        for _ in 0..<rank {
            guard let raw = reader.u32() else { throw refuse("a complete header", "a truncated one") }
            let extent = Int(raw.byteSwapped)
            let (next, overflow) = count.multipliedReportingOverflow(by: extent)
            guard !overflow, next <= DataLimits.values else {
                throw refuse("at most \(DataLimits.values) values", "more")
            }
            shape.append(extent)
            count = next
        }
        guard reader.remaining == count * size, let body = reader.take(count * size) else {
            throw refuse("\(count * size) bytes for shape \(shape)", "\(reader.remaining)")
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        var word: UInt64 = 0
        var taken = 0
        for byte in body {
            word = word << 8 | UInt64(byte)
            taken += 1
            guard taken == size else { continue }
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
                    DataFault(file: file, row: values.count / inner + 1, expected: "a finite number", found: "\(value)")
                )
            }
            values.append(value)
            (word, taken) = (0, 0)
        }
        return Content(shape: shape, values: values)
    }
}
