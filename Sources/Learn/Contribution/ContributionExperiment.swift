/// The ten-node experiment: do scores rank participants as their exact Shapley values do, and what does each earn?
///
/// Digits, softmax, equal weights: honest nodes with 320, 240, 160, 80 and 40 rows; then a label flipper (160 rows,
/// y becomes 9 - y), noise at three times the honest median norm, an all-zero update, a replay of the last aggregate,
/// and an honest node (160 rows) that multiplies by five. The 277 training rows that nobody holds validate. Nobody's
/// norm is cut: honest nodes stay below the task's bound and attackers ignore it, which is what an encrypted sum adds.
public enum ContributionExperiment {
    public static let names = ["320", "240", "160", "80", "40", "flip", "noise", "zero", "replay", "x5"]

    public struct Result: Equatable, Sendable {
        /// Summed scores, one a node.
        public let scores: [Double]
        /// Exact Shapley values over 1024 subsets a round, summed over rounds.
        public let shapley: [Double]
        /// Share of the pool, one a node.
        public let pay: [Double]
        /// What a rule that pays by the norm of the update would give each.
        public let normShares: [Double]
        /// Spearman of summed score, and of pay, with Shapley.
        public let scoreCorrelation: Double
        public let payCorrelation: Double
    }

    /// What a rule that pays by declared rows would give each; who trains on nothing declares 160.
    public static var rowShares: [Double] {
        let declared = [320, 240, 160, 80, 40, 160, 160, 160, 160, 160].map(Double.init)
        return declared.map { $0 / declared.reduce(0, +) }
    }

    /// How the honest nodes' rows are drawn.
    public enum Skew: Sendable {
        case iid
        /// Each node draws from its own Dirichlet(alpha) mix of classes.
        case dirichlet(alpha: Double)
    }

    /// - Parameters:
    ///   - train: the shipped digits' training rows.
    ///   - rounds: 1 or more, all scored.
    ///   - replayFactor: what the replayer multiplies the last sum by.
    ///   - weights: the rule under trial: the nodes' weights from one line of scores a round.
    public static func run(
        train: Dataset, rounds: Int, seed: UInt64, skew: Skew = .iid, replayFactor: Float = 1,
        quantiser: Quantiser = .standard, weights rule: (_ scores: [[Int64?]]) -> [UInt64]
    ) throws(LearnError) -> Result {
        let sizes = [320, 240, 160, 80, 40, 160, 0, 0, 0, 160]
        let root = Seed.number(seed)
        let rows = try deal(train, sizes: sizes, skew: skew, seed: root)
        let validation = train.selecting(rows.rest, name: "validation")
        var parts: [Dataset?] = rows.parts.map { $0.isEmpty ? nil : train.selecting($0) }
        if let flipped = parts[5] {
            parts[5] = try Dataset(
                name: "flip", features: flipped.features, labels: flipped.labels.map { 9 - $0 },
                featureCount: flipped.featureCount, classCount: 10, sampleShape: flipped.sampleShape)
        }
        let model = try Model(.softmax, for: train)
        let trainer = Trainer(model: model)
        let training = TrainingSettings(epochs: 2, batchSize: 10, learningRate: 0.1)
        var weights = model.initialParameters(seed: root)
        var last = [Float](repeating: 0, count: weights.count)
        var noise = DeterministicGenerator(seed: root, label: "noise")
        var scores: [[Int64?]] = []
        var shapley = [Double](repeating: 0, count: sizes.count)
        var norms = [Double](repeating: 0, count: sizes.count)
        for round in 0..<rounds {
            var updates: [[Float]] = []
            for (index, part) in parts.enumerated() {
                guard let part else {
                    updates.append(
                        index == 8 ? last.map { $0 * replayFactor } : [Float](repeating: 0, count: weights.count))
                    continue
                }
                let outcome = try trainer.train(
                    parameters: weights, data: part, settings: training,
                    seed: Federation.seed(root, participant: index, round: round))
                updates.append(try UpdatePath.delta(old: weights, new: outcome.parameters))
            }
            let honest = updates[..<5].map(Clipping.norm).sorted()
            updates[6] = (0..<weights.count).map { _ in Float(noise.normal()) }
            let factor = Float(3 * honest[2] / Clipping.norm(updates[6]))
            updates[6] = updates[6].map { $0 * factor }
            updates[9] = updates[9].map { $0 * 5 }
            for (index, update) in updates.enumerated() { norms[index] += Clipping.norm(update) }
            let gradient = try trainer.lossAndGradient(parameters: weights, data: validation).gradient
            let direction = try ValidationDirection(gradient: gradient)
            var line: [Int64?] = []
            for (index, update) in updates.enumerated() {
                let integers = try quantiser.quantise(
                    update, rows: 1, rowCap: 1, seed: Federation.seed(root, participant: index, round: round))
                line.append(try direction.score(integers.values))
            }
            scores.append(line)
            let values = try subsetValues(trainer, weights, updates, validation)
            for (index, value) in exactShapley(values, players: sizes.count).enumerated() { shapley[index] += value }
            last = mean(updates, of: Array(updates.indices))
            weights = zip(weights, last).map { $0 - $1 }
        }
        let earned = rule(scores).map { Double($0) }
        let pay = earned.map { $0 / max(1, earned.reduce(0, +)) }
        let summed = sizes.indices.map { index in scores.reduce(0.0) { $0 + Double($1[index] ?? 0) } }
        return Result(
            scores: summed, shapley: shapley, pay: pay, normShares: norms.map { $0 / norms.reduce(0, +) },
            scoreCorrelation: RankCorrelation.spearman(summed, shapley) ?? 0,
            payCorrelation: RankCorrelation.spearman(pay, shapley) ?? 0)
    }

    private static func deal(
        _ train: Dataset, sizes: [Int], skew: Skew, seed: [UInt8]
    ) throws(LearnError) -> (parts: [[Int]], rest: [Int]) {
        var generator = DeterministicGenerator(seed: seed, label: "contribution rows")
        var free = generator.permutation(train.count)
        guard free.count > sizes.reduce(0, +) else {
            throw .invalid(field: "data", reason: "\(train.count) rows are too few", next: "use the shipped digits")
        }
        let parts: [[Int]]
        switch skew {
        case .iid:
            parts = sizes.map { size in
                defer { free.removeFirst(size) }
                return Array(free[..<size])
            }
        case .dirichlet(let alpha):
            parts = sizes.map { size in
                let mix = Dirichlet.draw(alpha: alpha, count: train.classCount, generator: &generator)
                var chosen: [Int] = []
                var rest: [Int] = []
                var wanted = Dirichlet.largestRemainder(mix, total: size)
                for row in free {
                    let label = Int(train.labels[row])
                    if wanted[label] > 0 {
                        wanted[label] -= 1
                        chosen.append(row)
                    } else {
                        rest.append(row)
                    }
                }
                let missing = size - chosen.count
                chosen += rest.prefix(missing)
                free = Array(rest.dropFirst(missing))
                return chosen
            }
        }
        return (parts, free)
    }

    private static func mean(_ updates: [[Float]], of members: [Int]) -> [Float] {
        var sum = [Float](repeating: 0, count: updates[0].count)
        for member in members { for index in sum.indices { sum[index] += updates[member][index] } }
        return sum.map { $0 / Float(members.count) }
    }

    /// Minus the validation loss after the mean of each subset's updates; the empty set leaves the model.
    private static func subsetValues(
        _ trainer: Trainer, _ weights: [Float], _ updates: [[Float]], _ validation: Dataset
    ) throws(LearnError) -> [Double] {
        var values: [Double] = []
        for subset in 0..<(1 << updates.count) {
            var moved = weights
            let members = updates.indices.filter { subset >> $0 & 1 == 1 }
            if !members.isEmpty {
                for (index, step) in mean(updates, of: members).enumerated() { moved[index] -= step }
            }
            values.append(-(try trainer.evaluate(parameters: moved, data: validation).loss))
        }
        return values
    }

    /// Shapley values by the subset formula.
    static func exactShapley(_ values: [Double], players: Int) -> [Double] {
        var factorial = [1.0]
        for number in 1...players { factorial.append(factorial[number - 1] * Double(number)) }
        return (0..<players).map { player in
            var sum = 0.0
            for subset in values.indices where subset >> player & 1 == 0 {
                let size = subset.nonzeroBitCount
                let weight = factorial[size] * factorial[players - size - 1] / factorial[players]
                sum += weight * (values[subset | 1 << player] - values[subset])
            }
            return sum
        }
    }
}
