import Testing

@testable import Learn

/// The optional algorithms do what their papers say, on the shipped digits.
@Suite struct AlgorithmTests {
    private static func run(
        _ strategy: PartitionStrategy, model: ModelArchitecture = .softmax, seed: UInt64 = 0, rounds: Int = 10,
        change: (inout FederatedSettings) -> Void = { _ in }
    ) throws -> RoundMetrics {
        var settings = FederatedSettings(rounds: rounds, training: Digits.training)
        change(&settings)
        var federation = try Federation(
            model: try Model(model, for: Digits.split.train), parts: try Digits.parts(strategy, seed: seed),
            settings: settings, seed: Seed.number(seed))
        return try #require(try federation.run(test: Digits.split.test).last)
    }

    @Test func everyServerRuleLearns() throws {
        for (text, least) in [
            ("fedavg", 0.93), ("fedavgm:0.3", 0.93), ("fedadam:0.05", 0.90), ("fedyogi:0.05", 0.90), ("diloco", 0.93),
        ] {
            let rule = try ServerRule(parsing: text)
            let last = try Self.run(.iid) { $0.rule = rule }
            print("\(text): \(last.test.accuracy ?? 0)")
            #expect((last.test.accuracy ?? 0) >= least, "\(text)")
        }
    }

    @Test func scaffoldHelpsUnderLabelSkew() throws {
        var plain = 0.0
        var corrected = 0.0
        for seed in UInt64(0)..<3 {
            plain += try Self.run(.shards(perPart: 2), seed: seed).test.accuracy ?? 0
            corrected += try Self.run(.shards(perPart: 2), seed: seed) { $0.usesScaffold = true }.test.accuracy ?? 0
        }
        print("shards:2 round 10: plain \(plain / 3), SCAFFOLD \(corrected / 3)")
        #expect(corrected > plain)
        #expect(throws: LearnError.self) {
            try Self.run(.iid) {
                $0.usesScaffold = true
                $0.training.optimiser = .momentum(0.9)
            }
        }
    }

    @Test func scaffoldKeepsItsBooks() throws {
        var client = Scaffold(count: 2)
        let outcome = TrainingOutcome(parameters: [1, 1], loss: 0, correct: nil, rows: 1, steps: 5, learningRate: 0.2)
        let settings = TrainingSettings(epochs: 1, batchSize: 1, learningRate: 0.2)
        let change = try client.update(old: [2, 0], outcome: outcome, server: [0.5, 0], settings: settings)
        #expect(change == [0.5, -1] && client.control == [0.5, -1])
        #expect(try client.correction(server: [0.5, 0]) == [0, 1])
        #expect(try Scaffold.serverControl([1, 1], mean: [2, 4], submitters: 1, participants: 2) == [2, 3])
        #expect(throws: LearnError.self) { try Scaffold.serverControl([1], mean: [1], submitters: 3, participants: 2) }
    }

    @Test func smallConvolutionalNetworkLearns() throws {
        let last = try Self.run(.iid, model: .cnn(channels: [8]), rounds: 10)
        print("cnn:8 iid round 10: \(last.test.accuracy ?? 0)")
        #expect((last.test.accuracy ?? 0) >= 0.94)
    }

    @Test func proximalRunStaysClose() throws {
        let plain = try Self.run(.dirichlet(alpha: 0.1))
        let proximal = try Self.run(.dirichlet(alpha: 0.1)) { $0.training.proximal = 0.01 }
        print("dirichlet:0.1 round 10: plain \(plain.test.accuracy ?? 0), FedProx \(proximal.test.accuracy ?? 0)")
        #expect((proximal.test.accuracy ?? 0) >= (plain.test.accuracy ?? 0) - 0.03)
    }

    @Test func robustRulesOnSmallNumbers() throws {
        let means: [[Float]] = [[1, 10], [2, 20], [3, 30], [100, -100], [2.5, 25]]
        #expect(try RobustRule.median.combine(means) == [2.5, 20])
        #expect(try RobustRule.median.combine(Array(means[..<4])) == [2.5, 15])
        #expect(try RobustRule.trimmedMean(trim: 1).combine(means) == [2.5, Float(55) / 3])
        // Distances to the 5 - 1 - 2 = 2 nearest: bucket 4 (2.5, 25) has two neighbours at distance 25.25.
        #expect(try RobustRule.krum(hostile: 1).combine(means) == [2.5, 25])
        #expect(try RobustRule.multiKrum(hostile: 1, keep: 2).combine(means) == [2.25, 22.5])
        #expect(throws: LearnError.self) { try RobustRule.krum(hostile: 2).combine(means) }
        #expect(throws: LearnError.self) { try RobustRule.median.combine([[1], [1, 2], [3]]) }
        #expect(throws: LearnError.self) { try RobustRule.median.combine([[1], [.nan], [3]]) }
        #expect(throws: LearnError.self) { try RobustRule.krum(hostile: .max).combine(means) }
        for (text, rule) in [
            ("median", RobustRule.median), ("trimmed:2", .trimmedMean(trim: 2)), ("krum:1", .krum(hostile: 1)),
            ("multikrum:1-3", .multiKrum(hostile: 1, keep: 3)),
        ] { #expect(try RobustRule(parsing: text) == rule) }
        for text in ["", "mean", "krum", "krum:x", "median:1", "multikrum:1", "trimmed:-1"] {
            #expect(throws: LearnError.self) { try RobustRule(parsing: text) }
        }
    }

    /// Ten participants in five buckets, one of them hostile: the mean breaks, the median does not.
    @Test func medianOfBucketsSurvivesAHostileBucket() throws {
        let parts = try Digits.parts(.iid, count: 10, seed: 1)
        let model = try Model(.softmax, for: Digits.split.train)
        let trainer = Trainer(model: model)
        let step = try ServerStep(rule: .fedAvg(rate: 1))
        func accuracy(_ rule: RobustRule?) throws -> Double {
            var weights = model.initialParameters(seed: [])
            for round in 0..<8 {
                var generator = DeterministicGenerator(seed: Seed.number(UInt64(round)), label: "buckets")
                let order = generator.permutation(10)
                let buckets = stride(from: 0, to: 10, by: 2).map { order[$0..<$0 + 2] }
                var means: [[Float]] = []
                for bucket in buckets {
                    var sum = [Float](repeating: 0, count: weights.count)
                    for member in bucket {
                        let outcome = try trainer.train(
                            parameters: weights, data: parts[member], settings: Digits.training,
                            seed: Federation.seed([], participant: member, round: round))
                        let update = try UpdatePath.delta(old: weights, new: outcome.parameters)
                        let factor: Float = member == 3 ? -20 : 1
                        for index in sum.indices { sum[index] += factor * update[index] / Float(bucket.count) }
                    }
                    means.append(sum)
                }
                let mean =
                    try rule?.combine(means) ?? means[0].indices.map { index in means.reduce(0) { $0 + $1[index] } / 5 }
                weights = try step.apply(weights: weights, state: ServerState(), mean: mean).weights
            }
            return try trainer.evaluate(parameters: weights, data: Digits.split.test).accuracy ?? 0
        }
        let (mean, median, krum) = (try accuracy(nil), try accuracy(.median), try accuracy(.krum(hostile: 1)))
        print("one hostile of ten: mean \(mean), bucket median \(median), bucket Krum \(krum)")
        #expect(mean < 0.6 && median > 0.85 && krum > 0.85)
    }
}
