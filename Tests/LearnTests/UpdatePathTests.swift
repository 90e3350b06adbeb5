import Testing

@testable import Learn

@Suite struct UpdatePathTests {
    /// The sign of the update path: a round must go downhill.
    @Test(arguments: [ModelArchitecture.softmax, .mlp(hidden: [16])])
    func aRoundLowersTheLoss(_ architecture: ModelArchitecture) throws {
        let model = try Model(architecture, for: Digits.split.train)
        for strategy in [PartitionStrategy.iid, .dirichlet(alpha: 0.5)] {
            var federation = try Federation(
                model: model, parts: try Digits.parts(strategy, seed: 3),
                settings: FederatedSettings(rounds: 3, training: Digits.training, clipNorm: 50), seed: Seed.number(3))
            var losses = [
                try federation.trainer.evaluate(parameters: federation.weights, data: Digits.split.train).loss
            ]
            for _ in 0..<3 {
                _ = try federation.runRound()
                losses.append(
                    try federation.trainer.evaluate(parameters: federation.weights, data: Digits.split.train).loss)
            }
            #expect(losses[1] < losses[0] && losses[2] < losses[1] && losses[3] < losses[2], "\(strategy): \(losses)")
        }
    }

    @Test func theSumIsTheSumOfOwnIntegers() throws {
        let model = try Model(.softmax, for: Digits.split.train)
        let parts = try Digits.parts(.shards(perPart: 2), seed: 1)
        let settings = FederatedSettings(rounds: 2, training: Digits.training)
        var federation = try Federation(model: model, parts: parts, settings: settings, seed: Seed.number(1))
        let start = federation.weights
        let cap = try #require(parts.map(\.count).max())
        var expected = [Int64](repeating: 0, count: model.parameterCount)
        for (index, part) in parts.enumerated() {
            let own = Federation.seed(Seed.number(1), participant: index, round: 0)
            let outcome = try Trainer(model: model).train(
                parameters: start, data: part, settings: Digits.training, rounds: 2, seed: own)
            let prepared = try UpdatePath.prepare(
                old: start, new: outcome.parameters, clipNorm: nil, quantiser: .standard, rows: part.count, rowCap: cap,
                seed: own)
            for (position, value) in prepared.values.enumerated() { expected[position] += Int64(value) }
        }
        _ = try federation.runRound()
        #expect(federation.lastSum == expected)
        #expect(expected.contains { $0 != 0 })
    }

    @Test func quantiserStaysInItsBound() throws {
        let quantiser = Quantiser.standard
        #expect(quantiser.bound == 511)
        #expect(quantiser.step == Float(4) / Float(511))
        let values: [Float] = [4, -4, 4.1, -4.1, 0, 1e30, -1e30, 3.9999, .leastNonzeroMagnitude]
        let result = try quantiser.quantise(values, rows: 7, rowCap: 7, seed: Seed.number(1))
        #expect(result.values.allSatisfy { abs($0) <= 511 })
        #expect(result.saturations == 4)
        #expect(Array(result.values[..<4]) == [511, -511, 511, -511])
        #expect(result.values[4] == 0)
        for bits in [2, 10, 16, 24] {
            let other = try Quantiser(bits: bits, range: 1)
            #expect(try other.quantise([2, -2], rows: 1, rowCap: 1, seed: []).values == [other.bound, -other.bound])
        }
        for bits in [1, 0, -1, 25, 64] { #expect(throws: LearnError.self) { try Quantiser(bits: bits, range: 1) } }
        for range in [Float(0), -1, .nan, .infinity] {
            #expect(throws: LearnError.self) { try Quantiser(bits: 8, range: range) }
        }
        #expect(
            failure { _ = try quantiser.quantise([0, .nan], rows: 1, rowCap: 1, seed: []) }
                == .notFinite(field: "update", index: 1))
        for (rows, cap) in [(0, 1), (2, 1), (-1, 1), (1, Int.max)] {
            #expect(throws: LearnError.self) { try quantiser.quantise([0], rows: rows, rowCap: cap, seed: []) }
        }
    }

    @Test func roundingIsUnbiasedAndRepeats() throws {
        let quantiser = try Quantiser(bits: 8, range: 1)
        let value: Float = 0.3 * quantiser.step
        let draws = try quantiser.quantise(
            [Float](repeating: value, count: 40_000), rows: 1, rowCap: 1, seed: Seed.number(5))
        let mean = Double(draws.values.reduce(0) { $0 + Int($1) }) / 40_000
        // Standard error of a Bernoulli(0.3) mean is 0.0023; five of them.
        #expect(abs(mean - 0.3) < 0.0115)
        #expect(Set(draws.values) == [0, 1])
        let again = try quantiser.quantise(
            [Float](repeating: value, count: 40_000), rows: 1, rowCap: 1, seed: Seed.number(5))
        let other = try quantiser.quantise(
            [Float](repeating: value, count: 40_000), rows: 1, rowCap: 1, seed: Seed.number(6))
        #expect(draws == again)
        #expect(draws != other)
    }

    @Test func rowsScaleBeforeRounding() throws {
        let quantiser = try Quantiser(bits: 16, range: 1)
        let full = try quantiser.quantise([0.5], rows: 100, rowCap: 100, seed: []).values[0]
        let half = try quantiser.quantise([0.5], rows: 50, rowCap: 100, seed: []).values[0]
        #expect(abs(Int(full) - 2 * Int(half)) <= 2)
        let back = quantiser.dequantise([half], rows: 50, rowCap: 100)[0]
        #expect(abs(back - 0.5) < 3 * quantiser.step)
    }

    @Test func clippingBoundsTheNorm() throws {
        let long = try Clipping.clip([3, 4], to: 1)
        #expect(long.wasClipped)
        #expect(abs(Clipping.norm(long.values) - 1) < 1e-6)
        let short = try Clipping.clip([0.3, 0.4], to: 1)
        #expect(!short.wasClipped && short.values == [0.3, 0.4])
        #expect(throws: LearnError.self) { try Clipping.clip([1], to: 0) }
        #expect(throws: LearnError.self) { try Clipping.clip([.infinity], to: 1) }
        #expect(throws: LearnError.self) { try UpdatePath.delta(old: [1], new: [1, 2]) }
    }
}
