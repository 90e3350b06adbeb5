import Foundation

/// The IDX format of MNIST, plain or gzip: images (rows, ...) and labels (rows) in two files.
public enum IDXReader {
    /// - Parameter classCount: the task's; nil takes the largest label plus one.
    public static func read(
        images: String, labels: String, classCount: Int? = nil, name: String? = nil, form: PictureForm = PictureForm()
    ) throws(LearnError) -> Dataset {
        let classes = try array(ByteStream(ByteSource(path: labels)))
        let (pictures, tally) = try array(ByteStream(ByteSource(path: images)), counts: form.countsRounding)
        var result = try dataset(
            name: name ?? images, images: pictures, imagesFile: images, labels: classes, labelsFile: labels,
            classCount: classCount, form: form)
        result.rounded = tally?.result ?? Rounding()
        return result
    }

    /// Whether a file, plain or gzip, starts as IDX arrays of two or more axes do.
    static func isImages(path: String) -> Bool {
        guard let stream = try? ByteStream(ByteSource(path: path)), let start = try? stream.take(4) else {
            return false
        }
        return start[0] == 0 && start[1] == 0 && [8, 9, 11, 12, 13, 14].contains(start[2]) && (2...8).contains(start[3])
    }

    /// The label file beside an image file, and the files of held-out rows where the name is that of a training part.
    /// Only the file's own name is looked at, with a dot or a hyphen before "idx".
    static func siblings(of images: String) -> (labels: String, test: (images: String, labels: String)?) {
        let slash = images.lastIndex(of: "/").map { images.index(after: $0) } ?? images.startIndex
        let (folder, name) = (images[..<slash], String(images[slash...]))
        func labels(_ images: String) -> String {
            images.replacing("images", with: "labels").replacing("idx3", with: "idx1").replacing("idx4", with: "idx1")
        }
        var test: (images: String, labels: String)?
        for (train, other) in [("train-images", "t10k-images"), ("-train-", "-test-"), ("train-", "test-")] {
            let candidate = name.replacing(train, with: other)
            guard candidate != name, FileManager.default.fileExists(atPath: folder + candidate) else { continue }
            test = (folder + candidate, folder + labels(candidate))
            break
        }
        return (folder + labels(name), test)
    }

    package struct Content: Equatable {
        let shape: [Int]
        let values: [Float]
    }

    package static func dataset(
        name: String, images: Content, imagesFile: String, labels: Content, labelsFile: String, classCount: Int?,
        form: PictureForm = PictureForm()
    ) throws(LearnError) -> Dataset {
        guard images.shape.count >= 2, let rows = images.shape.first, rows > 0 else {
            throw .badData(
                DataFault(
                    file: imagesFile, expected: "a shape (rows, ...) with at least one row", found: "\(images.shape)"))
        }
        let whole = labels.values.map { Int64(exactly: $0) ?? -1 }
        let classes = try ArrayDataset.classes(of: whole, shape: labels.shape, rows: rows, file: labelsFile)
        var shape = Array(images.shape.dropFirst())
        var values = images.values
        if try form.isChannelsLast(shape, file: imagesFile) {
            shape = ArrayDataset.putChannelsFirst(&values, rows: rows, shape: shape)
        }
        return try Dataset(
            name: name, features: values, labels: classes, featureCount: shape.reduce(1, *),
            classCount: classCount ?? max(2, (classes.max().map { Int($0) } ?? 0) + 1),
            sampleShape: shape.count == 2 ? [1] + shape : shape)
    }

    package static func array(bytes: [UInt8], file: String) throws(LearnError) -> Content {
        try array(ByteStream(bytes: bytes, file: file))
    }

    private static func array(_ stream: ByteStream) throws(LearnError) -> Content {
        try array(stream, counts: false).content
    }

    /// - Parameter counts: the numbers that binary32 changes.
    private static func array(
        _ stream: ByteStream, counts: Bool
    ) throws(LearnError) -> (content: Content, tally: RoundingTally?) {
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
        for _ in 0..<rank {
            guard let raw = try stream.take(4) else { throw refuse("a complete header", "a truncated one") }
            shape.append(raw.reduce(0) { $0 << 8 | Int($1) })
        }
        guard let count = Extents.elements(of: shape, atMost: DataLimits.values) else {
            throw refuse("at most \(DataLimits.values) values", "shape \(shape)")
        }
        guard stream.mostRemaining >= count * size else {
            throw refuse("\(count * size) bytes for shape \(shape)", "fewer")
        }
        var values: [Float] = []
        values.reserveCapacity(count)
        let inner = max(1, shape.dropFirst().reduce(1, *))
        var tally = counts ? RoundingTally(width: inner) : nil
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
                    throw .badData(
                        DataFault(
                            file: file, row: values.count / inner + 1, expected: "a finite number", found: "\(value)"))
                }
                let (row, place) = (values.count / inner, values.count % inner)
                switch type {
                case 0x0c: tally?.add(Double(Int32(truncatingIfNeeded: word)), value, row: row, place: place)
                case 0x0e: tally?.add(Double(bitPattern: word), value, row: row, place: place)
                default: break
                }
                values.append(value)
            }
        }
        guard isWhole, try stream.peek() == nil else {
            throw refuse("\(count * size) bytes for shape \(shape)", isWhole ? "more" : "fewer")
        }
        return (Content(shape: shape, values: values), tally)
    }
}
