/// Measures the compression recipes again: one row a recipe and partition, mean and spread over seeds.
public enum CompressionStudy {
    public struct Row: Equatable, Sendable, Codable {
        /// "dense", "R 0.1", "T 0.01", ...
        public let recipe: String
        public let partition: String
        public let seeds: Int
        /// Mean share of the coordinates sent over all rounds.
        public let sent: Double
        public let accuracyAtTen: Double
        public let accuracyAtEnd: Double
        /// Sample standard deviation of the final accuracy.
        public let spread: Double
        /// Mean final accuracy less that of dense rounds on the same partitions, and the seed where that is lowest.
        public let fromDense: Double
        public let lowestFromDense: Double
        public let saturations: Int
        /// Largest magnitude offered to the quantiser.
        public let largest: Float
    }

    /// The promises that a row breaks: recipe R at 25 % within .01 of dense (.015 under shards), at 10 % within .015 on
    /// softmax. A row that promises nothing breaks none.
    public static func brokenPromise(of row: Row, architecture: ModelArchitecture) -> String? {
        let limit: Double
        switch row.recipe {
        case "R 0.25": limit = row.partition == "iid" || row.partition.hasPrefix("dirichlet") ? 0.01 : 0.015
        case "R 0.1" where architecture == .softmax: limit = 0.015
        default: return nil
        }
        guard row.fromDense < -limit else { return nil }
        return "\(row.recipe), \(row.partition): \(row.fromDense) from dense, promised at most -\(limit)"
    }

    /// - Parameters:
    ///   - architecture: softmax for the published table, mlp:256-128 for its second half (minutes).
    ///   - ratios: recipe R for each, T for those up to 10 %; dense always first.
    public static func run(
        split: TrainTestSplit, architecture: ModelArchitecture = .softmax,
        ratios: [Double] = [0.5, 0.25, 0.1, 0.05, 0.01],
        seeds: Int = 5, rounds: Int = 30, progress: ((Row) -> Void)? = nil
    ) throws(LearnError) -> [Row] {
        guard seeds >= 1, rounds >= 10 else {
            throw .invalid(
                field: "study", reason: "\(seeds) seeds, \(rounds) rounds", next: "use 1 seed and 10 rounds or more")
        }
        LinearAlgebra.setThreadCount(1)
        var recipes: [(String, CompressionSettings?)] = [("dense", nil)]
        for ratio in ratios {
            recipes.append(("R \(ratio)", CompressionSettings(ratio: ratio)))
            if ratio <= 0.1 {
                recipes.append(("T \(ratio)", CompressionSettings(ratio: ratio, variant: .maskedTraining)))
            }
        }
        var rows: [Row] = []
        var dense: [String: [Double]] = [:]
        for (name, compression) in recipes {
            for strategy in [PartitionStrategy.iid, .dirichlet(alpha: 0.5), .shards(perPart: 2)] {
                let row = try Self.row(
                    name, compression, strategy, split: split, architecture: architecture, seeds: seeds, rounds: rounds,
                    dense: &dense[strategy.description])
                rows.append(row)
                progress?(row)
            }
        }
        return rows
    }

    private static func row(
        _ name: String, _ compression: CompressionSettings?, _ strategy: PartitionStrategy, split: TrainTestSplit,
        architecture: ModelArchitecture, seeds: Int, rounds: Int, dense: inout [Double]?
    ) throws(LearnError) -> Row {
        var ten: [Double] = []
        var end: [Double] = []
        var sent = 0
        var saturations = 0
        var largest: Float = 0
        let model = try Model(architecture, for: split.train)
        for seed in 0..<seeds {
            let root = Seed.number(UInt64(seed))
            let plan = try Partitioner.plan(
                split.train, settings: PartitionSettings(strategy: strategy, parts: 5, seed: root))
            var parts: [Dataset] = []
            for index in plan.parts.indices { parts.append(try plan.rows(of: index, in: split.train)) }
            var settings = FederatedSettings(
                rounds: rounds, training: TrainingSettings(epochs: 2, batchSize: 10, learningRate: 0.1))
            settings.compression = compression
            var federation = try Federation(model: model, parts: parts, settings: settings, seed: root)
            for round in 1...rounds {
                let done = try federation.runRound()
                sent += done.sent
                saturations += done.saturations
                largest = max(largest, done.largest)
                guard round == 10 || round == rounds else { continue }
                let metrics = try federation.trainer.evaluate(parameters: federation.weights, data: split.test)
                if round == 10 { ten.append(metrics.accuracy ?? 0) }
                if round == rounds { end.append(metrics.accuracy ?? 0) }
            }
        }
        let base = dense ?? end
        dense = base
        let distances = zip(end, base).map { $0 - $1 }
        let mean = end.reduce(0, +) / Double(seeds)
        let squares = end.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return Row(
            recipe: name, partition: strategy.description, seeds: seeds,
            sent: Double(sent) / Double(seeds * rounds * model.parameterCount),
            accuracyAtTen: ten.reduce(0, +) / Double(seeds), accuracyAtEnd: mean,
            spread: seeds > 1 ? (squares / Double(seeds - 1)).squareRoot() : 0,
            fromDense: distances.reduce(0, +) / Double(seeds), lowestFromDense: distances.min() ?? 0,
            saturations: saturations,
            largest: largest)
    }
}
