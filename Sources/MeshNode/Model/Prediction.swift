internal import Foundation
public import Learn

/// What a model says of rows, found by the model's own account of itself.
public struct Prediction: Sendable {
    public let card: ModelCard
    /// Values of the last layer turned into probabilities, one list a row; for a regression the values themselves.
    public let outputs: [[Double]]
    /// The most probable class of each row; empty for a regression.
    public let classes: [Int]
    /// The rows' own classes or values, where their file has them.
    public let known: [Double]?

    /// Share of right answers; nil without labels, or for a regression.
    public var accuracy: Double? {
        guard let known, !classes.isEmpty else { return nil }
        return Double(zip(classes, known).count { Double($0) == $1 }) / Double(classes.count)
    }

    /// - Parameters:
    ///   - rows: any source that a node's rows may have; a table may lack the label.
    ///   - label: title of the label column; nil takes that of the node that wrote the model.
    public init(
        model: [UInt8], name: String, rows: String, label: String? = nil, layout: PictureLayout = .auto
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
        let (data, hasLabel) = try DataFiles.unlabelled(
            rows, label: column, isNamed: label != nil, layout: layout, to: spec)
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
            let top = line.max() ?? 0
            let shares = line.map { exp($0 - top) }
            let sum = shares.reduce(0, +)
            outputs.append(shares.map { $0 / sum })
            classes.append(line.firstIndex(of: top) ?? 0)
        }
        self.card = card
        self.outputs = outputs
        self.classes = classes
        known = !hasLabel ? nil : data.isRegression ? data.targets.map { Double($0) } : data.labels.map { Double($0) }
    }
}
