/// Federated averaging without network and encryption, over the same integers as a mesh would decrypt.
public struct Federation: Sendable {
    public let trainer: Trainer
    public let parts: [Dataset]
    public let settings: FederatedSettings
    public let seed: [UInt8]
    public private(set) var weights: [Float]
    public private(set) var state = ServerState()
    /// Rounds done.
    public private(set) var round = 0
    /// The last round's integer sum on its support; empty without a quantiser.
    public private(set) var lastSum: [Int64] = []
    /// SCAFFOLD's c and every participant's c_i; empty unless it is used.
    private var serverControl: [Float] = []
    private var controls: [Scaffold] = []
    /// The common support and every participant's residual; nil and empty without compression.
    private var support: CommonSupport?
    private var residuals: [Residual] = []

    /// What one round did, before evaluation.
    public struct RoundResult: Equatable, Sendable {
        /// Mean over the participants, by rows.
        public var trainingLoss = 0.0
        public var saturations = 0
        /// Participants whose update was clipped.
        public var clipped = 0
        /// Coordinates that each participant sent.
        public var sent = 0
        /// Largest magnitude offered to the quantiser, before weighting.
        public var largest: Float = 0
    }

    /// - Parameter seed: initial weights, row orders, ties and rounding all derive from it.
    public init(model: Model, parts: [Dataset], settings: FederatedSettings, seed: [UInt8]) throws(LearnError) {
        try settings.validate()
        guard !parts.isEmpty else {
            throw .invalid(field: "participants", reason: "there are none", next: "give one part or more")
        }
        trainer = Trainer(model: model)
        self.parts = parts
        self.settings = settings
        self.seed = seed
        weights = model.initialParameters(seed: seed)
        if settings.usesScaffold {
            serverControl = [Float](repeating: 0, count: weights.count)
            controls = parts.map { _ in Scaffold(count: model.parameterCount) }
        }
        if let compression = settings.compression {
            support = try CommonSupport(settings: compression, manifest: model.manifest, taskSeed: seed)
            if compression.variant == .residual { residuals = parts.map { _ in Residual(count: model.parameterCount) } }
        }
    }

    /// The seed of one participant and round, for training and for rounding.
    public static func seed(_ seed: [UInt8], participant: Int, round: Int) -> [UInt8] {
        Seed.derive(seed, label: "participant/\(participant)", index: UInt64(round))
    }

    private var rowTotal: Int { parts.reduce(0) { $0 + $1.count } }
    private var rowCap: Int { settings.weighsByRows ? parts.reduce(1) { max($0, $1.count) } : 1 }

    /// Trains everyone, sums, steps.
    public mutating func runRound() throws(LearnError) -> RoundResult {
        let chosen = support?.support(round: round)
        let width = chosen?.count ?? weights.count
        var result = RoundResult()
        result.sent = width
        var integers = [Int64](repeating: 0, count: settings.quantiser == nil ? 0 : width)
        var reals = [Double](repeating: 0, count: settings.quantiser == nil ? width : 0)
        var controlChange = [Float](repeating: 0, count: settings.usesScaffold ? weights.count : 0)
        for index in parts.indices {
            let outcome = try train(index, support: chosen, controlChange: &controlChange)
            result.trainingLoss += outcome.loss * Double(parts[index].count) / Double(rowTotal)
            var update = try UpdatePath.delta(old: weights, new: outcome.parameters)
            if let clipNorm = settings.clipNorm {
                let (bounded, wasClipped) = try Clipping.clip(update, to: clipNorm)
                update = bounded
                result.clipped += wasClipped ? 1 : 0
            }
            try send(index, update, support: chosen, integers: &integers, reals: &reals, result: &result)
        }
        try apply(integers: integers, reals: reals.map { Float($0) }, support: chosen)
        if settings.usesScaffold {
            serverControl = try Scaffold.serverControl(
                serverControl, mean: controlChange, submitters: parts.count, participants: parts.count)
        }
        round += 1
        return result
    }

    private mutating func train(
        _ index: Int, support: [Int]?, controlChange: inout [Float]
    ) throws(LearnError) -> TrainingOutcome {
        var training = settings.training
        let isMasked = settings.compression?.variant == .maskedTraining
        if isMasked, let factor = settings.compression?.rateFactor { training.learningRate *= factor }
        let outcome = try trainer.train(
            parameters: weights, data: parts[index], settings: training, round: round, rounds: settings.rounds,
            seed: Self.seed(seed, participant: index, round: round), mask: isMasked ? support : nil,
            correction: settings.usesScaffold ? try controls[index].correction(server: serverControl) : nil)
        if settings.usesScaffold {
            let change = try controls[index].update(
                old: weights, outcome: outcome, server: serverControl, settings: training)
            for (position, value) in change.enumerated() { controlChange[position] += value / Float(parts.count) }
        }
        return outcome
    }

    private mutating func send(
        _ index: Int, _ update: [Float], support: [Int]?, integers: inout [Int64], reals: inout [Double],
        result: inout RoundResult
    ) throws(LearnError) {
        let rows = settings.weighsByRows ? parts[index].count : 1
        var offered = update
        var pending: Residual?
        if let support {
            if residuals.isEmpty {
                offered = support.map { update[$0] }
            } else {
                let sum = try residuals[index].adding(update, decay: settings.compression?.decay ?? 1)
                offered = sum.part(support)
                pending = sum
            }
        }
        result.largest = offered.reduce(result.largest) { max($0, abs($1)) }
        var sent = offered
        if let quantiser = settings.quantiser {
            let quantised = try quantiser.quantise(
                offered, rows: rows, rowCap: rowCap, seed: Self.seed(seed, participant: index, round: round))
            for (position, value) in quantised.values.enumerated() { integers[position] += Int64(value) }
            result.saturations += quantised.saturations
            sent = quantiser.dequantise(quantised.values, rows: rows, rowCap: rowCap)
        } else {
            let share = settings.weighsByRows ? Double(rows) / Double(rowTotal) : 1 / Double(parts.count)
            for (position, value) in offered.enumerated() { reals[position] += Double(value) * share }
        }
        if let support, let pending { residuals[index] = try pending.confirmed(support: support, sent: sent) }
    }

    private mutating func apply(integers: [Int64], reals: [Float], support chosen: [Int]?) throws(LearnError) {
        let step = try ServerStep(rule: settings.rule)
        var mean = reals
        if let quantiser = settings.quantiser {
            let scale = try ServerStep.Scale(
                step: quantiser.step, rows: settings.weighsByRows ? rowTotal : parts.count, rowCap: rowCap)
            mean = ServerStep.mean(of: integers, scale: scale)
            (weights, state) = try step.apply(
                weights: weights, state: state, sum: integers, scale: scale, support: chosen)
            lastSum = integers
        } else if let chosen {
            (weights, state) = try step.apply(weights: weights, state: state, mean: mean, support: chosen)
        } else {
            (weights, state) = try step.apply(weights: weights, state: state, mean: mean)
        }
        if let chosen { try support?.record(support: chosen, mean: mean) }
    }

    /// All remaining rounds; the first line is the initial model.
    public mutating func run(
        test: Dataset, progress: ((RoundMetrics) -> Void)? = nil, isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> [RoundMetrics] {
        var lines = [
            RoundMetrics(round: round, test: try trainer.evaluate(parameters: weights, data: test), trainingLoss: nil)
        ]
        while round < settings.rounds {
            if isCancelled?() == true { throw .cancelled }
            let done = try runRound()
            let line = RoundMetrics(
                round: round, test: try trainer.evaluate(parameters: weights, data: test),
                trainingLoss: done.trainingLoss, saturations: done.saturations, clipped: done.clipped, sent: done.sent)
            lines.append(line)
            progress?(line)
        }
        return lines
    }
}
