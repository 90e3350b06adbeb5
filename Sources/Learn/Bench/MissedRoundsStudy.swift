/// What compression costs when members miss rounds, and what the same bytes buy as fewer dense rounds with more local
/// epochs. Runs the nodes' own recipe (`RoundRecipe`), integers and residuals included.
public enum MissedRoundsStudy {
    public struct Row: Equatable, Sendable, Codable {
        /// "dense", "R 0.1", "dense, 3 rounds, 20 epochs", ...
        public let recipe: String
        public let partition: String
        public let seeds: Int
        /// Chance that a member misses a round.
        public let missed: Double
        public let rounds: Int
        /// Share of the coordinates sent, of `rounds` dense rounds of the study's length.
        public let sent: Double
        public let accuracy: Double
        public let lowest: Double
    }

    /// - Parameter length: rounds of the compared runs; alternatives send about a tenth and a quarter of their bytes.
    public static func run(
        split: TrainTestSplit, architecture: ModelArchitecture = .softmax, seeds: Int = 3, length: Int = 30,
        progress: ((Row) -> Void)? = nil
    ) throws(LearnError) -> [Row] {
        LinearAlgebra.setThreadCount(1)
        var cases: [(String, CompressionSettings?, Double, Int, Int)] = []
        for missed in [0, 0.2] {
            cases.append(("dense", nil, missed, length, 2))
            for ratio in [0.25, 0.1] {
                cases.append(("R \(ratio)", CompressionSettings(ratio: ratio), missed, length, 2))
            }
            cases.append(("T 0.1", CompressionSettings(ratio: 0.1, variant: .maskedTraining), missed, length, 2))
        }
        for (rounds, epochs) in [(length / 10, 20), (length * 4 / 15, 8)] where rounds > 0 {
            cases.append(("dense, \(rounds) rounds, \(epochs) epochs", nil, 0, rounds, epochs))
        }
        var rows: [Row] = []
        for (name, compression, missed, rounds, epochs) in cases {
            for strategy in [PartitionStrategy.iid, .dirichlet(alpha: 0.5), .shards(perPart: 2)] {
                var figures: [Double] = []
                var sent = 0.0
                for seed in 0..<seeds {
                    let (accuracy, share) = try one(
                        split, architecture, compression, strategy, missed: missed, rounds: rounds, epochs: epochs,
                        seed: Seed.number(UInt64(seed)))
                    figures.append(accuracy)
                    sent += share * Double(rounds) / Double(length) / Double(seeds)
                }
                let row = Row(
                    recipe: name, partition: strategy.description, seeds: seeds, missed: missed, rounds: rounds,
                    sent: sent,
                    accuracy: figures.reduce(0, +) / Double(seeds), lowest: figures.min() ?? 0)
                rows.append(row)
                progress?(row)
            }
        }
        return rows
    }

    private static func one(
        _ split: TrainTestSplit, _ architecture: ModelArchitecture, _ compression: CompressionSettings?,
        _ strategy: PartitionStrategy, missed: Double, rounds: Int, epochs: Int, seed: [UInt8]
    ) throws(LearnError) -> (accuracy: Double, sent: Double) {
        let model = try Model(architecture, for: split.train)
        let recipe = try RoundRecipe(
            model: model, training: TrainingSettings(epochs: epochs, batchSize: 10, learningRate: 0.1), rounds: rounds,
            rule: .fedAvg(rate: 1), compression: compression, usesScaffold: false, bits: 10, range: 4, controlRange: 1,
            adaptsRange: false, clipNorm: 1e6, largestGroup: 5, privacy: nil, taskSeed: seed)
        let plan = try Partitioner.plan(
            split.train, settings: PartitionSettings(strategy: strategy, parts: 5, seed: seed))
        var parts: [Dataset] = []
        for index in plan.parts.indices { parts.append(try plan.rows(of: index, in: split.train)) }
        var memory = [[Float]?](repeating: nil, count: parts.count)
        var state = try recipe.state(of: try model.initialFile(seed: seed))
        var generator = DeterministicGenerator(seed: seed, label: "missed rounds")
        var sent = 0
        for round in 1...rounds {
            var present = parts.indices.map { _ in generator.unit() >= missed }
            // A round with fewer than the smallest set is void: everybody comes to the next attempt.
            if present.count(where: { $0 }) < 4 { present = parts.map { _ in true } }
            var sum = [Int64](repeating: 0, count: recipe.coordinates(round: round))
            sent += sum.count
            for (index, part) in parts.enumerated() {
                let update = try recipe.train(
                    state, memory: memory[index], data: part, round: round, share: (1, 1),
                    seed: Federation.seed(seed, participant: index, round: round))
                memory[index] = present[index] ? update.kept?.ifContained : update.kept?.ifMissed
                guard present[index] else { continue }
                for (place, value) in update.values.enumerated() { sum[place] += Int64(value) }
            }
            let members = present.count { $0 }
            state = try recipe.next(state, sum: sum, round: round, rows: members, rowCap: 1, submitters: members)
        }
        let metrics = try Trainer(model: model).evaluate(parameters: state.weights, data: split.test)
        return (metrics.accuracy ?? 0, Double(sent) / Double(rounds * recipe.parameterCount))
    }
}
