internal import Chain
internal import Learn
public import Wire

/// The plaintext counterpart of a decided task: the same members, rounds, rows and training orders, averaged in
/// floating point without clipping to integers. What encryption and quantising may cost is measured against it.
public enum FloatReference {
    public struct Figures: Sendable {
        public let accuracy: Double
        public let loss: Double
        /// After each decided round.
        public let accuracies: [Double]
    }

    /// - Parameters:
    ///   - files: each member's training rows.
    ///   - evaluation: the held-out rows.
    public static func run(
        _ decided: DecidedRounds, files: [NodeID: String], evaluation: String, label: String, initial: [UInt8]
    ) throws -> Figures {
        let policy = try RoundPolicy(decided.spec)
        let labels = decided.spec.data.labels
        let factor = decided.spec.featureFactor
        var data: [NodeID: Dataset] = [:]
        for (node, path) in files {
            data[node] = try DataFiles.fitted(path, label: label, labels: labels, factor: factor)
        }
        let test = try DataFiles.fitted(evaluation, label: label, labels: labels, factor: factor)
        let trainer = Trainer(model: policy.model)
        var weights = try policy.parameters(of: initial)
        var accuracies: [Double] = []
        for round in decided.rounds where !round.isRejected {
            var mean = [Double](repeating: 0, count: weights.count)
            let shares = round.set.map { Double(policy.weight(rows: decided.rows[$0] ?? 1).rows) }
            let total = shares.reduce(0, +)
            for (node, share) in zip(round.set, shares) {
                guard let rows = data[node] else {
                    throw RoundError.failed("no training rows are given for member \(node.short)")
                }
                let outcome = try trainer.train(
                    parameters: weights, data: rows, settings: decided.spec.learnSettings,
                    seed: Submitting.trainingSeed(round: round.seed, node: node))
                let delta = try Clipping.clip(
                    try UpdatePath.delta(old: weights, new: outcome.parameters), to: policy.clipNorm
                ).values
                for index in mean.indices { mean[index] += Double(delta[index]) * share / total }
            }
            weights = try policy.step.apply(weights: weights, state: ServerState(), mean: mean.map { Float($0) }).weights
            accuracies.append(try trainer.evaluate(parameters: weights, data: test).accuracy ?? 0)
        }
        let last = try trainer.evaluate(parameters: weights, data: test)
        return Figures(accuracy: last.accuracy ?? 0, loss: last.loss, accuracies: accuracies)
    }
}
