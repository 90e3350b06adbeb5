/// One participant's local training with the built-in models.
///
/// Deterministic for a seed on one machine with one BLAS thread. Holds no state between calls, so that a round can
/// be trained again after a crash with the same result.
public struct Trainer: Sendable {
    public let model: Model

    public init(model: Model) { self.model = model }

    /// Steps on the caller's rows.
    /// - Parameters:
    ///   - parameters: the round's base model in manifest order, finite.
    ///   - data: this participant's rows.
    ///   - round: counts from 0, `rounds` of the task; only the schedule reads them.
    ///   - seed: of this participant and round; drives the order of the rows and nothing else.
    ///   - mask: indices that may change (variant T of the common-support recipe); nil means all.
    ///   - correction: SCAFFOLD's c - c_i, added to every gradient; nil is off.
    ///   - progress: called after every step.
    ///   - isCancelled: asked before every step.
    /// - Throws: `.cancelled`, `.notFinite` when training diverged, `.invalid` or `.mismatch` for wrong input.
    public func train(
        parameters: [Float], data: Dataset, settings: TrainingSettings, round: Int = 0, rounds: Int = 1, seed: [UInt8],
        mask: [Int]? = nil, correction: [Float]? = nil, progress: ((TrainingProgress) -> Void)? = nil,
        isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> TrainingOutcome {
        try settings.validate()
        try model.check(parameters)
        try model.check(data)
        if let correction, correction.count != parameters.count {
            throw .mismatch(field: "correction", expected: parameters.count, found: correction.count)
        }
        let free = try freeParameters(mask: mask)
        var stepper = OptimiserState(settings: settings, count: parameters.count)
        let rate = settings.learningRate(round: round, of: rounds)
        let batch = min(settings.batchSize, data.count)
        let batches = (data.count + batch - 1) / batch
        let steps = settings.epochs * batches
        let engine = NetworkEngine(model, capacity: batch)
        var generator = DeterministicGenerator(seed: seed, label: "row order", index: UInt64(max(0, round)))
        var weights = parameters
        var gradient = [Float](repeating: 0, count: parameters.count)
        let source = BatchSource(data: data, capacity: batch)
        var epochLoss = 0.0
        var epochCorrect = 0
        var step = 0
        for epoch in 0..<settings.epochs {
            let order = generator.permutation(data.count)
            epochLoss = 0
            epochCorrect = 0
            for number in 0..<batches {
                if isCancelled?() == true { throw .cancelled }
                let rows = order[number * batch..<min((number + 1) * batch, data.count)]
                source.fill(rows)
                let result = Self.gradient(model, engine, weights, source, rows: rows.count, into: &gradient)
                epochLoss += result.loss
                epochCorrect += result.correct
                if let correction { for index in gradient.indices { gradient[index] += correction[index] } }
                if let free { gradient.withUnsafeMutableBufferPointer { VectorLoops.keep(free, of: $0) } }
                stepper.apply(gradient, to: &weights, anchor: parameters, rate: rate)
                // Plain SGD leaves what has no gradient; decay, the proximal term and moments do not.
                if let free, !settings.isPlainSGD {
                    for index in free.indices where free[index] == 0 { weights[index] = parameters[index] }
                }
                step += 1
                progress?(
                    TrainingProgress(
                        epoch: epoch, step: step, steps: steps, loss: result.loss / Double(rows.count)))
            }
        }
        if let bad = weights.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(field: "trained parameters", index: bad)
        }
        return TrainingOutcome(
            parameters: weights, loss: epochLoss / Double(data.count),
            correct: model.loss == .crossEntropy ? epochCorrect : nil,
            rows: data.count, steps: steps, learningRate: rate)
    }

    /// Mean loss over all rows and its gradient in manifest order.
    public func lossAndGradient(parameters: [Float], data: Dataset) throws(LearnError) -> (
        loss: Double, gradient: [Float]
    ) {
        try model.check(parameters)
        try model.check(data)
        let batch = min(256, data.count)
        let engine = NetworkEngine(model, capacity: batch)
        let source = BatchSource(data: data, capacity: batch)
        var total = [Float](repeating: 0, count: parameters.count)
        var part = total
        var loss = 0.0
        for start in stride(from: 0, to: data.count, by: batch) {
            let rows = start..<min(start + batch, data.count)
            source.fill(rows)
            loss += Self.gradient(model, engine, parameters, source, rows: rows.count, into: &part).loss
            let share = Float(rows.count) / Float(data.count)
            for index in total.indices { total[index] += part[index] * share }
        }
        return (loss / Double(data.count), total)
    }

    /// 1 where a parameter may change, else 0; nil when all may.
    private func freeParameters(mask: [Int]?) throws(LearnError) -> [Float]? {
        guard let mask else { return nil }
        var free = [Float](repeating: 0, count: model.parameterCount)
        for index in mask {
            guard free.indices.contains(index) else {
                throw .invalid(
                    field: "mask", reason: "index \(index) of \(free.count) parameters",
                    next: "use the round's support")
            }
            free[index] = 1
        }
        return free
    }

    private static func gradient(
        _ model: Model, _ engine: NetworkEngine, _ weights: [Float], _ source: BatchSource, rows: Int,
        into gradient: inout [Float]
    ) -> (loss: Double, correct: Int) {
        weights.withUnsafeBufferPointer { weights in
            gradient.withUnsafeMutableBufferPointer { gradient in
                guard let weights = weights.baseAddress, let target = gradient.baseAddress else { return (0, 0) }
                let outputs = engine.forward(weights, source.features, rows: rows)
                let result: (loss: Double, correct: Int)
                switch model.loss {
                case .crossEntropy:
                    result = LossFunction.crossEntropy(
                        outputs, labels: source.labels, rows: rows, classes: model.outputs)
                case .squaredError:
                    result = (
                        LossFunction.squaredError(outputs, targets: source.targets, rows: rows, width: model.outputs), 0
                    )
                }
                engine.backward(weights, source.features, rows: rows, outputGradient: outputs, gradient: target)
                return result
            }
        }
    }
}

/// After each step.
public struct TrainingProgress: Equatable, Sendable {
    /// From 0.
    public let epoch: Int
    /// Steps done, of `steps`.
    public let step: Int
    public let steps: Int
    /// Mean loss of the batch before the step.
    public let loss: Double
}

/// What local training gives.
public struct TrainingOutcome: Equatable, Sendable {
    /// In manifest order, finite.
    public let parameters: [Float]
    /// Mean over the rows of the last epoch, each batch before its step.
    public let loss: Double
    /// Right answers in the last epoch; nil for regression.
    public let correct: Int?
    public let rows: Int
    public let steps: Int
    /// The rate that the schedule gave.
    public let learningRate: Float
}
