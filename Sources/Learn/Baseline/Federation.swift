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
    /// The last round's integer sum; empty without a quantiser.
    public private(set) var lastSum: [Int64] = []
    /// SCAFFOLD's c and every participant's c_i; empty unless it is used.
    private var serverControl: [Float] = []
    private var controls: [Scaffold] = []

    /// - Parameter seed: initial weights, row orders and rounding all derive from it.
    public init(
        model: Model, parts: [Dataset], settings: FederatedSettings, seed: [UInt8]
    ) throws(LearnError) {
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
    }

    /// The seed of one participant and round, for training and for rounding.
    public static func seed(_ seed: [UInt8], participant: Int, round: Int) -> [UInt8] {
        Seed.derive(seed, label: "participant/\(participant)", index: UInt64(round))
    }

    /// Trains everyone, sums, steps.
    public mutating func runRound() throws(LearnError) -> (trainingLoss: Double, saturations: Int, clipped: Int) {
        let rowTotal = parts.reduce(0) { $0 + $1.count }
        let cap = settings.weighsByRows ? parts.reduce(1) { max($0, $1.count) } : 1
        var integers = [Int64](repeating: 0, count: settings.quantiser == nil ? 0 : weights.count)
        var reals = [Double](repeating: 0, count: settings.quantiser == nil ? weights.count : 0)
        var controlChange = [Float](repeating: 0, count: settings.usesScaffold ? weights.count : 0)
        var loss = 0.0
        var saturations = 0
        var clipped = 0
        for (index, part) in parts.enumerated() {
            let own = Self.seed(seed, participant: index, round: round)
            let outcome = try trainer.train(
                parameters: weights, data: part, settings: settings.training, round: round, rounds: settings.rounds,
                seed: own, correction: settings.usesScaffold ? try controls[index].correction(server: serverControl) : nil)
            if settings.usesScaffold {
                let change = try controls[index].update(
                    old: weights, outcome: outcome, server: serverControl, settings: settings.training)
                for (position, value) in change.enumerated() { controlChange[position] += value / Float(parts.count) }
            }
            loss += outcome.loss * Double(part.count) / Double(rowTotal)
            let rows = settings.weighsByRows ? part.count : 1
            if let quantiser = settings.quantiser {
                let prepared = try UpdatePath.prepare(
                    old: weights, new: outcome.parameters, clipNorm: settings.clipNorm, quantiser: quantiser,
                    rows: rows, rowCap: cap, seed: own)
                for (position, value) in prepared.values.enumerated() { integers[position] += Int64(value) }
                saturations += prepared.saturations
                clipped += prepared.wasClipped ? 1 : 0
            } else {
                var update = try UpdatePath.delta(old: weights, new: outcome.parameters)
                if let clipNorm = settings.clipNorm {
                    let (bounded, wasClipped) = try Clipping.clip(update, to: clipNorm)
                    update = bounded
                    clipped += wasClipped ? 1 : 0
                }
                let share = settings.weighsByRows ? Double(part.count) / Double(rowTotal) : 1 / Double(parts.count)
                for (position, value) in update.enumerated() { reals[position] += Double(value) * share }
            }
        }
        let step = try ServerStep(rule: settings.rule)
        if let quantiser = settings.quantiser {
            let rows = settings.weighsByRows ? rowTotal : parts.count
            let scale = try ServerStep.Scale(step: quantiser.step, rows: rows, rowCap: cap)
            (weights, state) = try step.apply(weights: weights, state: state, sum: integers, scale: scale)
            lastSum = integers
        } else {
            (weights, state) = try step.apply(weights: weights, state: state, mean: reals.map { Float($0) })
        }
        if settings.usesScaffold {
            serverControl = try Scaffold.serverControl(
                serverControl, mean: controlChange, submitters: parts.count, participants: parts.count)
        }
        round += 1
        return (loss, saturations, clipped)
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
                trainingLoss: done.trainingLoss, saturations: done.saturations, clipped: done.clipped)
            lines.append(line)
            progress?(line)
        }
        return lines
    }
}
