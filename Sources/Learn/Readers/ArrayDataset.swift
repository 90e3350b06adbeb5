/// Shared steps from arrays to a data set.
enum ArrayDataset {
    /// - Parameters:
    ///   - images: rows first; (n, h, w, c) with c of 1, 3 or 4 becomes channels first.
    ///   - labels: (n) or (n, 1), each a class.
    ///   - classNames: the task's classes; nil counts from the labels.
    static func make(
        name: String, images: NPYArray, labels: NPYArray, classCount: Int?
    ) throws(LearnError) -> Dataset {
        guard let rows = images.shape.first, rows > 0, images.count > 0, images.shape.count >= 2 else {
            throw .badData(
                DataFault(
                    file: images.file, expected: "a shape (rows, ...) with at least one row", found: "\(images.shape)"))
        }
        guard labels.shape == [rows] || labels.shape == [rows, 1] else {
            throw .badData(
                DataFault(file: labels.file, expected: "\(rows) labels, one a row", found: "shape \(labels.shape)"))
        }
        var values = try images.floats()
        var shape = Array(images.shape.dropFirst())
        if shape.count == 3, [1, 3, 4].contains(shape[2]) {
            values = channelsFirst(values, rows: rows, height: shape[0], width: shape[1], channels: shape[2])
            shape = [shape[2], shape[0], shape[1]]
        }
        let classes = try classes(of: try labels.integers(), file: labels.file)
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

    private static func channelsFirst(_ values: [Float], rows: Int, height: Int, width: Int, channels: Int) -> [Float] {
        guard channels > 1 else { return values }
        var result = [Float](repeating: 0, count: values.count)
        let pixels = height * width
        for row in 0..<rows {
            for pixel in 0..<pixels {
                for channel in 0..<channels {
                    result[(row * channels + channel) * pixels + pixel] =
                        values[(row * pixels + pixel) * channels + channel]
                }
            }
        }
        return result
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
