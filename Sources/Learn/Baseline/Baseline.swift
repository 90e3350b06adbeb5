/// What a federated figure must be read against: everything in one place, and everyone alone.
public struct Baseline: Equatable, Sendable {
    /// All training rows together, the same epochs, batch and rate, after each `rounds`-th of the budget.
    public let centralised: [RoundMetrics]
    /// Each participant on its own rows only, after the whole budget.
    public let alone: [Metrics]
    /// Plaintext FedAvg on the same parts.
    public let federated: [RoundMetrics]

    public var bestAlone: Double? { alone.compactMap(\.accuracy).max() }
    public var meanAlone: Double? {
        let known = alone.compactMap(\.accuracy)
        return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }

    /// Runs all three with the same rounds x epochs, batch, rate and initial weights.
    /// - Parameters:
    ///   - settings: its quantiser is ignored: the federated baseline sums real numbers.
    public static func run(
        model: Model, split: TrainTestSplit, plan: PartitionPlan, settings: FederatedSettings, seed: [UInt8],
        isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> Baseline {
        var parts: [Dataset] = []
        for index in plan.parts.indices { parts.append(try plan.rows(of: index, in: split.train)) }
        var plain = settings
        plain.quantiser = nil
        var federation = try Federation(model: model, parts: parts, settings: plain, seed: seed)
        let federated = try federation.run(test: split.test, isCancelled: isCancelled)
        return Baseline(
            centralised: try centralised(
                model: model, split: split, settings: settings, seed: seed, isCancelled: isCancelled),
            alone: try alone(
                model: model, parts: parts, test: split.test, settings: settings, seed: seed, isCancelled: isCancelled),
            federated: federated)
    }

    /// One participant that holds all training rows.
    public static func centralised(
        model: Model, split: TrainTestSplit, settings: FederatedSettings, seed: [UInt8],
        isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> [RoundMetrics] {
        try solo(
            model: model, data: split.train, test: split.test, settings: settings, seed: seed, participant: 1_000_000,
            everyRound: true, isCancelled: isCancelled)
    }

    /// Every participant for itself.
    public static func alone(
        model: Model, parts: [Dataset], test: Dataset, settings: FederatedSettings, seed: [UInt8],
        isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> [Metrics] {
        var result: [Metrics] = []
        for (index, part) in parts.enumerated() {
            let lines = try solo(
                model: model, data: part, test: test, settings: settings, seed: seed, participant: index,
                everyRound: false, isCancelled: isCancelled)
            result += lines.suffix(1).map(\.test)
        }
        return result
    }

    private static func solo(
        model: Model, data: Dataset, test: Dataset, settings: FederatedSettings, seed: [UInt8], participant: Int,
        everyRound: Bool, isCancelled: (() -> Bool)?
    ) throws(LearnError) -> [RoundMetrics] {
        try settings.validate()
        let trainer = Trainer(model: model)
        var weights = model.initialParameters(seed: seed)
        var lines: [RoundMetrics] = []
        for round in 0..<settings.rounds {
            let outcome = try trainer.train(
                parameters: weights, data: data, settings: settings.training, round: round, rounds: settings.rounds,
                seed: Federation.seed(seed, participant: participant, round: round), isCancelled: isCancelled)
            weights = outcome.parameters
            guard everyRound || round == settings.rounds - 1 else { continue }
            lines.append(
                RoundMetrics(
                    round: round + 1, test: try trainer.evaluate(parameters: weights, data: test),
                    trainingLoss: outcome.loss))
        }
        return lines
    }
}
