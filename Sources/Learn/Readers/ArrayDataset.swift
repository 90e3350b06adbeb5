/// Shared steps from arrays to a data set.
enum ArrayDataset {
    /// - Parameters:
    ///   - images: rows first, still unread; (n, h, w, c) with c of 1, 3 or 4 becomes channels first.
    ///   - labels: of shape (n) or (n, 1), each a class, in the file `labelsFile`.
    ///   - classCount: the task's; nil counts from the labels.
    static func make(
        name: String, images: NPYStream, labels: [Int64], labelShape: [Int], labelsFile: String, classCount: Int?
    ) throws(LearnError) -> Dataset {
        guard let rows = images.shape.first, rows > 0, images.count > 0, images.shape.count >= 2 else {
            throw .badData(
                DataFault(
                    file: images.file, expected: "a shape (rows, ...) with at least one row", found: "\(images.shape)"))
        }
        guard labelShape == [rows] || labelShape == [rows, 1] else {
            throw .badData(
                DataFault(file: labelsFile, expected: "\(rows) labels, one a row", found: "shape \(labelShape)"))
        }
        let classes = try classes(of: labels, file: labelsFile)
        var values = try images.floats()
        var shape = Array(images.shape.dropFirst())
        if shape.count == 3, [1, 3, 4].contains(shape[2]) {
            channelsFirst(&values, rows: rows, pixels: shape[0] * shape[1], channels: shape[2])
            shape = [shape[2], shape[0], shape[1]]
        }
        let count = classCount ?? max(2, (classes.max().map { Int($0) } ?? 0) + 1)
        return try Dataset(
            name: name, features: values, labels: classes, featureCount: shape.reduce(1, *), classCount: count,
            sampleShape: shape)
    }

    static func classes(of values: [Int64], file: String) throws(LearnError) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(values.count)
        for (row, value) in values.enumerated() {
            guard value >= 0, value < DataLimits.classes else {
                throw .badData(
                    DataFault(
                        file: file, row: row + 1, field: "label", expected: "a class in 0..<\(DataLimits.classes)",
                        found: "\(value)"))
            }
            result.append(Int32(value))
        }
        return result
    }

    /// Row by row in place, so that the pictures are in memory once.
    private static func channelsFirst(_ values: inout [Float], rows: Int, pixels: Int, channels: Int) {
        guard channels > 1 else { return }
        let width = pixels * channels
        for row in 0..<rows {
            let picture = Array(values[row * width..<(row + 1) * width])
            for pixel in 0..<pixels {
                for channel in 0..<channels {
                    values[row * width + channel * pixels + pixel] = picture[pixel * channels + channel]
                }
            }
        }
    }
}

/// A data set as its files divide it.
public struct DataSplits: Sendable, Equatable {
    public let train: Dataset
    public let validation: Dataset?
    public let test: Dataset?

    public init(train: Dataset, validation: Dataset? = nil, test: Dataset? = nil) {
        self.train = train
        self.validation = validation
        self.test = test
    }

    /// Every part with its name, in order.
    public var all: [(name: String, data: Dataset)] {
        [("train", train)] + (validation.map { [("validation", $0)] } ?? []) + (test.map { [("test", $0)] } ?? [])
    }
}
