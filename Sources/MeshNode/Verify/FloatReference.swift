internal import Chain
internal import Learn
public import Wire

/// The plaintext counterpart of a decided task: the same members, rounds, rows, training orders, support rule and server
/// step, averaged in floating point without integers or noise. What encryption and quantising may cost is measured against it.
public enum FloatReference {
    public struct Figures: Sendable {
        public let accuracy: Double
        public let loss: Double
        /// After each decided round.
        public let accuracies: [Double]

        /// How far a run's figures are from these: of classes the difference of the accuracies, of a regression that of the
        /// losses as a share of the plaintext's. The accuracy of a regression is 0 for every model that is worse than the mean
        /// of the targets, so that two of them would agree whatever they are.
        public func distance(accuracy: Double, loss: Double, isRegression: Bool) -> Double {
            isRegression
                ? abs(loss - self.loss) / max(self.loss, .leastNormalMagnitude) : abs(accuracy - self.accuracy)
        }
    }

    /// - Parameters:
    ///   - files: each member's training rows.
    ///   - evaluation: the held-out rows.
    ///   - away: members that trained nothing in a round, since their process was down or their owner refused: their
    ///     residual stays as it was.
    public static func run(
        _ decided: DecidedRounds, files: [NodeID: String], evaluation: String, label: String, initial: [UInt8],
        away: [UInt32: Set<NodeID>] = [:]
    ) throws -> Figures {
        let (spec, policy) = (decided.spec, try RoundPolicy(decided.spec))
        var data: [NodeID: Dataset] = [:]
        for (node, path) in files { data[node] = try DataFiles.fitted(path, label: label, to: spec) }
        let test = try DataFiles.fitted(evaluation, label: label, to: spec, part: .evaluation)
        let trainer = Trainer(model: policy.model)
        var state = try policy.state(of: initial)
        var memory: [NodeID: [Float]] = [:]
        var accuracies: [Double] = []
        for round in decided.rounds where !round.isRejected {
            let size = policy.recipe.supportSize(round: Int(round.round))
            // One mean of everybody, or one a bucket.
            var means = round.buckets.map { _ in
                [Double](repeating: 0, count: policy.coordinateCount(round: round.round))
            }
            let shares = round.set.map { Double(policy.weight(rows: decided.rows[$0] ?? 1).rows) }
            let totals = round.buckets.map { $0.reduce(0) { $0 + shares[$1] } }
            // Members outside the set train too, if they are there: what they did not send waits in their residual.
            for node in decided.rows.keys.sorted() {
                let place = round.set.firstIndex(of: node)
                guard place != nil || policy.recipe.compression != nil else { continue }
                guard place != nil || away[round.round]?.contains(node) != true else { continue }
                guard let rows = data[node] else {
                    throw RoundError.failed("no training rows are given for member \(node.short)")
                }
                let update = try policy.recipe.train(
                    state, memory: memory[node], data: rows, round: Int(round.round), share: (1, 1),
                    seed: Submitting.trainingSeed(round: round.seed, node: node), noise: Submitting.systemWord)
                memory[node] = place == nil ? update.kept?.ifMissed : update.kept?.ifContained
                if place != nil, let waiting = update.kept?.ifMissed, policy.recipe.compression != nil {
                    // Nothing of what was sent is left: there is no rounding here.
                    var rest = waiting
                    for index in policy.recipe.support(state, round: Int(round.round)) ?? Array(rest.indices) {
                        rest[index] = 0
                    }
                    memory[node] = rest
                }
                guard let place, let bucket = round.buckets.firstIndex(where: { $0.contains(place) }) else { continue }
                for index in means[bucket].indices {
                    let share = index < size ? shares[place] / totals[bucket] : 1 / Double(round.set.count)
                    means[bucket][index] += Double(update.offered[index]) * share
                }
            }
            let floats = means.map { $0.map { Float($0) } }
            let mean = try policy.recipe.robust?.combine(floats) ?? floats[0]
            state = try policy.recipe.next(
                state, mean: Array(mean[..<size]), controlMean: Array(mean[size...]),
                round: Int(round.round), submitters: round.set.count)
            accuracies.append(try trainer.evaluate(parameters: state.weights, data: test).score(on: test))
        }
        let last = try trainer.evaluate(parameters: state.weights, data: test)
        return Figures(accuracy: last.score(on: test), loss: last.loss, accuracies: accuracies)
    }
}
