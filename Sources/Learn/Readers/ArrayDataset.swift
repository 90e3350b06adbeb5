/// How pictures lie in an array of samples.
public enum PictureLayout: String, Sendable, CaseIterable {
    /// By the extents, and refused where they leave it open.
    case auto
    /// channels x height x width, as PyTorch has it.
    case channelsFirst = "channels_first"
    /// height x width x channels, as TensorFlow and most files have it.
    case channelsLast = "channels_last"
}

/// What is known about samples before their file is read.
public struct PictureForm: Sendable, Equatable {
    public var layout: PictureLayout
    /// One sample as the task says, channels first; nil without a task.
    public var shape: [Int]?
    /// Pictures of another size are resized: only the channels tell.
    public var resizes: Bool
    /// Archives of this form have their channels last: small pictures that can be nothing else need no second sign.
    var prefersChannelsLast = false
    /// Counts the numbers that binary32 changes (`Dataset.rounded`).
    var countsRounding = false

    public init(layout: PictureLayout = .auto, shape: [Int]? = nil, resizes: Bool = false) {
        self.layout = layout
        self.shape = shape
        self.resizes = resizes
    }

    /// Whether samples of `shape` have their channels last. The rule, which `docs/operating.md` tells people:
    ///
    /// `layout` decides; else the task's shape, where it fits one reading alone; else the reading whose channels can be
    /// channels: 1, 3 or 4 of them, or at most half as many as the picture's shorter side, or any number of square pictures.
    /// Where that holds for both readings or for none, nobody guesses, for what is read here is what `data partition` writes
    /// for good. Three equal extents that are no usual number of channels are a volume, which stays as it is.
    /// - Throws: `.invalid` where both readings are plausible, or none.
    func isChannelsLast(_ shape: [Int], file: String) throws(LearnError) -> Bool {
        guard shape.count == 3, layout != .channelsFirst else { return false }
        if layout == .channelsLast { return true }
        if let wanted = self.shape, wanted.count == 3 {
            let asLast = [shape[2], shape[0], shape[1]]
            let fitsFirst = resizes ? shape[0] == wanted[0] : shape == wanted
            let fitsLast = resizes ? asLast[0] == wanted[0] : asLast == wanted
            if fitsFirst != fitsLast { return fitsLast }
        }
        let usual = [1, 3, 4]
        func mayBe(_ channels: Int, of height: Int, _ width: Int) -> Bool {
            usual.contains(channels) || channels <= min(height, width) / 2 || height == width
        }
        // A width of one is no picture; a side of one, three or four may be either.
        if shape[2] == 1 { return true }
        if Set(shape).count == 1, !usual.contains(shape[0]) { return false }
        /// Short sides that differ may be channels themselves.
        func isClear(_ height: Int, _ width: Int) -> Bool { height == width || min(height, width) >= 8 }
        let last = mayBe(shape[2], of: shape[0], shape[1])
        // In an archive whose form has them last, only clear pictures speak for the other reading.
        let first =
            mayBe(shape[0], of: shape[1], shape[2]) && (!prefersChannelsLast || isClear(shape[1], shape[2]))
        if first != last, first || prefersChannelsLast || isClear(shape[0], shape[1]) { return last }
        throw .invalid(
            field: file,
            reason: "samples of shape \(shape.map(String.init).joined(separator: "x")) may have their channels first "
                + "or last",
            next: "say which: --layout channels_first or channels_last, [data] layout in a node's configuration")
    }
}

/// Shared steps from arrays to a data set.
enum ArrayDataset {
    /// - Parameters:
    ///   - images: rows first, still unread; pictures end up channels first.
    ///   - labels: one class a row in any shape, or one-hot rows, in the file `labelsFile`.
    ///   - classCount: the task's; nil counts from the labels.
    static func make(
        name: String, images: NPYStream, labels: [Int64], labelShape: [Int], labelsFile: String, classCount: Int?,
        form: PictureForm
    ) throws(LearnError) -> Dataset {
        guard let rows = images.shape.first, rows > 0, images.count > 0, images.shape.count >= 2 else {
            throw .badData(
                DataFault(
                    file: images.file, expected: "a shape (rows, ...) with at least one row", found: "\(images.shape)"))
        }
        let classes = try classes(of: labels, shape: labelShape, rows: rows, file: labelsFile)
        var shape = Array(images.shape.dropFirst())
        let isLast = try form.isChannelsLast(shape, file: images.file)
        var tally = form.countsRounding ? RoundingTally(width: shape.reduce(1, *)) : nil
        var values = try images.floats(&tally)
        if isLast { shape = putChannelsFirst(&values, rows: rows, shape: shape) }
        let width = oneHotWidth(labels, labelShape) ?? 2
        let count = classCount ?? max(width, (classes.max().map { Int($0) } ?? 0) + 1)
        var result = try Dataset(
            name: name, features: values, labels: classes, featureCount: shape.reduce(1, *), classCount: count,
            sampleShape: shape)
        result.rounded = tally?.result ?? Rounding()
        return result
    }

    /// - Returns: the shape afterwards.
    static func putChannelsFirst(_ values: inout [Float], rows: Int, shape: [Int]) -> [Int] {
        channelsFirst(&values, rows: rows, pixels: shape[0] * shape[1], channels: shape[2])
        return [shape[2], shape[0], shape[1]]
    }

    /// Columns of labels that are one-hot rows; nil for any others. The last classes may have no row in them.
    static func oneHotWidth(_ values: [Int64], _ shape: [Int]) -> Int? {
        guard shape.count == 2, shape[0] > 1, shape[1] >= 2, values.count == shape[0] * shape[1] else { return nil }
        let isOneHot = (0..<shape[0]).allSatisfy { row in
            let line = values[row * shape[1]..<(row + 1) * shape[1]]
            return line.allSatisfy { $0 == 0 || $0 == 1 } && line.reduce(0, +) == 1
        }
        return isOneHot ? shape[1] : nil
    }

    /// One class a row from labels of any shape: one number a row, or one-hot rows.
    static func classes(
        of values: [Int64], shape: [Int], rows: Int, file: String
    ) throws(LearnError) -> [Int32] {
        if values.count == rows { return try classes(of: values, file: file) }
        guard shape.count == 2, shape[0] == rows, shape[1] >= 2 else {
            throw .badData(DataFault(file: file, expected: "\(rows) labels, one a row", found: "shape \(shape)"))
        }
        var result: [Int64] = []
        result.reserveCapacity(rows)
        for row in 0..<rows {
            let line = values[row * shape[1]..<(row + 1) * shape[1]]
            guard line.allSatisfy({ $0 == 0 || $0 == 1 }), line.count(where: { $0 == 1 }) == 1,
                let place = line.firstIndex(of: 1)
            else {
                throw .badData(
                    DataFault(
                        file: file, row: row + 1, field: "label", expected: "one class a row, a single 1 among zeros",
                        found: "\(Array(line.prefix(20)))"))
            }
            result.append(Int64(place - line.startIndex))
        }
        return try classes(of: result, file: file)
    }

    static func classes(of values: [Int64], file: String) throws(LearnError) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(values.count)
        for (row, value) in values.enumerated() {
            if let fault = fault(of: value, row: row, file: file) { throw .badData(fault) }
            result.append(Int32(value))
        }
        return result
    }

    /// What is wrong with a label that is no class.
    static func fault(of label: Int64, row: Int, file: String) -> DataFault? {
        guard label < 0 || label >= DataLimits.classes else { return nil }
        return DataFault(
            file: file, row: row + 1, field: "label", expected: "a class in 0..<\(DataLimits.classes)",
            found: "\(label)")
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
