import Testing

@testable import Learn

/// The figures that the project promises on the shipped digits (5 participants, E = 2, B = 10, rate 0.1).
@Suite struct AnchorTests {
    static func run(
        _ architecture: ModelArchitecture, _ strategy: PartitionStrategy, seed: UInt64, quantiser: Quantiser?,
        rounds: Int = 30
    ) throws -> [Double] {
        let parts = try Digits.parts(strategy, seed: seed)
        let model = try Model(architecture, for: Digits.split.train)
        var federation = try Federation(
            model: model, parts: parts,
            settings: FederatedSettings(rounds: rounds, training: Digits.training, quantiser: quantiser),
            seed: Seed.number(seed))
        return try federation.run(test: Digits.split.test).map { $0.test.accuracy ?? 0 }
    }

    static func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    static func shown(_ values: [Double]) -> String {
        values.map { "\(($0 * 10_000).rounded() / 10_000)" }.joined(separator: " ")
    }

    @Test func softmaxIID() throws {
        let runs = try (0..<5).map { try Self.run(.softmax, .iid, seed: $0, quantiser: .standard) }
        let early = runs.map { $0[10] }
        let late = runs.map { $0[30] }
        print("softmax iid, rounds 10 and 30: \(Self.shown(early)) | \(Self.shown(late))")
        #expect(Self.mean(early) >= 0.93)
        #expect(Self.mean(late) >= 0.945)
    }

    @Test func softmaxDirichlet() throws {
        let late = try (0..<5).map {
            try Self.run(.softmax, .dirichlet(alpha: 0.5), seed: $0, quantiser: .standard)[30]
        }
        print("softmax dirichlet:0.5, round 30: \(Self.shown(late))")
        #expect(Self.mean(late) >= 0.94)
    }

    @Test func softmaxShards() throws {
        let late = try (0..<5).map { try Self.run(.softmax, .shards(perPart: 2), seed: $0, quantiser: .standard)[30] }
        let plain = try (0..<5).map { try Self.run(.softmax, .shards(perPart: 2), seed: $0, quantiser: nil)[30] }
        print("softmax shards:2, round 30: quantised \(Self.shown(late)) | float \(Self.shown(plain))")
        #expect(Self.mean(late) >= 0.915)
        for (quantised, float) in zip(late, plain) {
            #expect(quantised >= 0.90)
            #expect(abs(quantised - float) <= 0.01)
        }
    }

    @Test func multilayerIID() throws {
        let late = try (0..<5).map { try Self.run(.mlp(hidden: [32]), .iid, seed: $0, quantiser: .standard)[30] }
        print("mlp:32 iid, round 30: \(Self.shown(late))")
        #expect(Self.mean(late) >= 0.96)
    }

    @Test func nobodyAloneComesNear() throws {
        let model = try Model(.softmax, for: Digits.split.train)
        let settings = FederatedSettings(rounds: 30, training: Digits.training)
        var best: [Double] = []
        for seed in UInt64(0)..<5 {
            let alone = try Baseline.alone(
                model: model, parts: try Digits.parts(.shards(perPart: 2), seed: seed), test: Digits.split.test,
                settings: settings, seed: Seed.number(seed))
            best.append(alone.compactMap(\.accuracy).max() ?? 0)
        }
        let central = try Baseline.centralised(
            model: model, split: Digits.split, settings: settings, seed: Seed.number(0))
        print("shards:2 best alone: \(Self.shown(best)) | centralised \(central.last?.test.accuracy ?? 0)")
        for figure in best { #expect((0.2...0.45).contains(figure)) }
        #expect((central.last?.test.accuracy ?? 0) >= 0.96)
    }
}
