/// How a model does on held-out rows.
public struct Metrics: Equatable, Sendable {
    /// Share of right answers; nil for regression.
    public let accuracy: Double?
    /// Mean loss a row; infinite where outputs of a row are not finite.
    public let loss: Double
    public let rows: Int
    /// `confusion[truth][answer]`, rows; empty for regression. Rows whose outputs are not finite have no answer: they are wrong,
    /// and not in here.
    public let confusion: [[Int]]

    public struct ClassMetrics: Equatable, Sendable {
        /// Rows of the class.
        public let support: Int
        /// Share of its rows that were found; nil without rows.
        public let recall: Double?
        /// Share of the answers of this class that were right; nil without answers.
        public let precision: Double?
    }

    /// One a class.
    public var perClass: [ClassMetrics] {
        confusion.indices.map { label in
            let support = confusion[label].reduce(0, +)
            let answers = confusion.reduce(0) { $0 + $1[label] }
            let hits = confusion[label][label]
            return ClassMetrics(
                support: support, recall: support == 0 ? nil : Double(hits) / Double(support),
                precision: answers == 0 ? nil : Double(hits) / Double(answers))
        }
    }

    public init(accuracy: Double?, loss: Double, rows: Int, confusion: [[Int]]) {
        self.accuracy = accuracy
        self.loss = loss
        self.rows = rows
        self.confusion = confusion
    }
}

extension Metrics {
    /// Accuracy; for a regression the share of the targets' variance that the model explains, 0 or more.
    /// - Parameter rows: those that the metrics were taken on.
    public func score(on rows: Dataset) -> Double {
        if let accuracy { return accuracy }
        guard !rows.targets.isEmpty, loss.isFinite else { return 0 }
        let mean = rows.targets.reduce(0.0) { $0 + Double($1) } / Double(rows.targets.count)
        let total = rows.targets.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / 2 / Double(rows.count)
        return total > 0 ? max(0, min(1, 1 - loss / total)) : 0
    }
}

extension Trainer {
    /// Runs the model over all rows.
    public func evaluate(parameters: [Float], data: Dataset) throws(LearnError) -> Metrics {
        try model.check(parameters)
        try model.check(data)
        let batch = min(256, data.count)
        let engine = NetworkEngine(model, capacity: batch)
        let source = BatchSource(data: data, capacity: batch)
        var confusion = [[Int]](
            repeating: [Int](repeating: 0, count: model.outputs), count: model.loss == .crossEntropy ? model.outputs : 0
        )
        var loss = 0.0
        var correct = 0
        for start in stride(from: 0, to: data.count, by: batch) {
            let rows = start..<min(start + batch, data.count)
            source.fill(rows)
            parameters.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                let outputs = engine.forward(weights, source.features, rows: rows.count)
                switch model.loss {
                case .crossEntropy:
                    for row in 0..<rows.count {
                        let best = LossFunction.answer(outputs + row * model.outputs, classes: model.outputs)
                        if let best { confusion[Int(source.labels[row])][best] += 1 }
                    }
                    let result = LossFunction.crossEntropy(
                        outputs, labels: source.labels, rows: rows.count, classes: model.outputs)
                    loss += result.loss
                    correct += result.correct
                case .squaredError:
                    let part = LossFunction.squaredError(
                        outputs, targets: source.targets, rows: rows.count, width: model.outputs)
                    loss += part.isFinite ? part : .infinity
                }
            }
        }
        return Metrics(
            accuracy: model.loss == .crossEntropy ? Double(correct) / Double(data.count) : nil,
            loss: loss / Double(data.count), rows: data.count, confusion: confusion)
    }

    /// The last layer's values of each row, row-major: logits of the classes, or a regression's outputs.
    /// - Throws: `.invalid` naming the first row whose values are not finite, which finite weights can give: no probability
    ///   comes of them.
    public func outputs(parameters: [Float], data: Dataset) throws(LearnError) -> [Float] {
        try model.check(parameters)
        try model.check(data)
        let batch = min(256, data.count)
        let engine = NetworkEngine(model, capacity: batch)
        let source = BatchSource(data: data, capacity: batch)
        var result: [Float] = []
        result.reserveCapacity(data.count * model.outputs)
        for start in stride(from: 0, to: data.count, by: batch) {
            let rows = start..<min(start + batch, data.count)
            source.fill(rows)
            parameters.withUnsafeBufferPointer { weights in
                guard let weights = weights.baseAddress else { return }
                let outputs = engine.forward(weights, source.features, rows: rows.count)
                result.append(contentsOf: UnsafeBufferPointer(start: outputs, count: rows.count * model.outputs))
            }
            if let bad = result[(start * model.outputs)...].firstIndex(where: { !$0.isFinite }) {
                throw .invalid(
                    field: "\(data.name), sample \(bad / model.outputs + 1)",
                    reason:
                        "the model gives output \(bad % model.outputs + 1) as \(result[bad]), which is no answer: its "
                        + "weights times these features pass binary32",
                    next: "check the sample's values, or take the model of an earlier round")
            }
        }
        return result
    }
}
