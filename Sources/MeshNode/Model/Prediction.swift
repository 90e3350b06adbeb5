internal import Foundation
public import Learn
internal import Wire

/// What a model says of rows, found by the model's own account of itself.
public struct Prediction: Sendable {
    public let card: ModelCard
    /// Values of the last layer turned into probabilities, one list a row; for a regression the values themselves.
    public let outputs: [[Double]]
    /// The most probable class of each row; empty for a regression.
    public let classes: [Int]
    /// The rows' own classes or values, where their file has them.
    public let known: [Double]?

    /// Title of their label column.
    public let labelName: String
    /// The file's columns that are neither label nor asked for by the task, as they stand there; none where the task names none.
    public let others: (titles: [String], rows: [[String]])
    /// The feature in which most rows lie further from the task's mean than any measurement of its kind.
    public let farthest: (title: String, rows: Int)?

    /// Deviations from the task's mean.
    public static let far: Float = 10

    /// Share of right answers; nil without labels, or for a regression.
    public var accuracy: Double? {
        guard let known, !classes.isEmpty else { return nil }
        return Double(zip(classes, known).count { Double($0) == $1 }) / Double(classes.count)
    }

    /// Root of the mean square and mean magnitude of what the values of a regression miss; nil without values to compare with.
    public var errors: (rootMeanSquare: Double, meanAbsolute: Double)? {
        guard let known, classes.isEmpty, !known.isEmpty else { return nil }
        let misses = zip(outputs, known).map { ($0.first ?? .nan) - $1 }
        let count = Double(misses.count)
        return (
            (misses.reduce(0) { $0 + $1 * $1 } / count).squareRoot(), misses.reduce(0) { $0 + abs($1) } / count
        )
    }

    /// Only where the task standardises each column of a table by itself.
    private static func farthest(_ data: Dataset, _ task: TaskSpec.Data) -> (title: String, rows: Int)? {
        guard task.columns.count == data.featureCount, task.deviationPpm.count == data.featureCount else { return nil }
        var counts = [Int](repeating: 0, count: data.featureCount)
        for (place, value) in data.features.enumerated() where abs(value) > far {
            counts[place % data.featureCount] += 1
        }
        guard let most = counts.max(), most > 0, let place = counts.firstIndex(of: most) else { return nil }
        return (task.columns[place], most)
    }

    /// - Parameters:
    ///   - rows: any source that a node's rows may have; a table may lack the label.
    ///   - label: title of the label column; nil takes that of the node that wrote the model.
    ///   - ignoresLabels: the label column of a table is neither a feature nor looked at, but one of `others`.
    public init(
        model: [UInt8], name: String, rows: String, label: String? = nil, layout: PictureLayout = .auto,
        ignoresLabels: Bool = false
    ) throws {
        let file = try Safetensors(bytes: model, file: name)
        let card = try ModelCard(file, name: name)
        let spec = card.spec
        let learner = try spec.learnModel()
        var parameters: [Float] = []
        for entry in learner.manifest.entries {
            guard let tensor = file.tensor(named: entry.name), tensor.shape == entry.shape else {
                throw LearnError.badTensors(file: name, reason: "has no tensor \(entry.name) of shape \(entry.shape)")
            }
            let values = try file.floats(tensor)
            if let bad = values.firstIndex(where: { !$0.isFinite }) {
                throw LearnError.notFinite(field: "\(name), tensor \(entry.name)", index: bad)
            }
            parameters += values
        }
        let column = label ?? card.labelColumn
        // The order of the publisher's file binds those who train; whoever asks a finished model has titles, which say enough.
        var form = spec
        form.data.columnsInOrder = false
        let (data, hasLabel) = try DataFiles.unlabelled(
            rows, label: column, isNamed: label != nil, ignoresLabels: ignoresLabels, layout: layout, to: form)
        let values = try Trainer(model: learner).outputs(parameters: parameters, data: data)
        let width = learner.outputs
        var outputs: [[Double]] = []
        var classes: [Int] = []
        for row in 0..<data.count {
            let line = values[row * width..<(row + 1) * width].map { Double($0) }
            guard !data.isRegression else {
                outputs.append(line)
                continue
            }
            // `outputs` gives finite values alone, so that there is a largest one and the sum is 1 or more.
            let top = line.max() ?? 0
            let shares = line.map { exp($0 - top) }
            let sum = shares.reduce(0, +)
            outputs.append(shares.map { $0 / sum })
            classes.append(line.firstIndex(of: top) ?? 0)
        }
        labelName = column
        var others: (titles: [String], rows: [[String]]) = ([], [])
        if ShippedData(rawValue: rows) == nil, !spec.data.columns.isEmpty, !spec.data.namesChannels,
            let table = DataSource(labelColumn: column).table(rows)
        {
            others = try table.others(path: rows, than: spec.data.columns + (ignoresLabels ? [] : [column]))
        }
        self.others = others
        farthest = Self.farthest(data, spec.data)
        self.card = card
        self.outputs = outputs
        self.classes = classes
        known = !hasLabel ? nil : data.isRegression ? data.targets.map { Double($0) } : data.labels.map { Double($0) }
    }
}
