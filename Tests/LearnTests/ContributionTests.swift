import Testing

@testable import Learn

@Suite struct ContributionTests {
    @Test func directionIsTheLargerHalf() throws {
        let direction = try ValidationDirection(gradient: [0.1, -5, 0, 3, -0.2, 1])
        #expect(direction.values == [0, -1, 0, 1, 0, 1] && direction.magnitude == 3)
        #expect(try direction.score([9, -2, 9, 4, 9, -1]) == 5)
        #expect(throws: LearnError.self) { try direction.score([1]) }
        #expect(throws: LearnError.self) { try ValidationDirection(gradient: [0, 0, 0, 0, 1]) }
        #expect(throws: LearnError.self) { try ValidationDirection(gradient: [.nan, 1]) }
        #expect(throws: LearnError.self) { try ValidationDirection(values: [1, 2]) }
        #expect(throws: LearnError.self) { try ValidationDirection(values: []) }
    }

    @Test func paymentIsExact() throws {
        // Five rounds alike: m = 100; u = 1, 1.5 (capped), 0.5, -1.5, -1.5 (missing).
        let round: [Int64?] = [100, 1000, 50, -900, nil]
        let result = try ContributionPayment.divide(scores: Array(repeating: round, count: 5), pool: 1000)
        #expect(result.sums == [327_680, 491_520, 163_840, -491_520, -491_520])
        // M = 5, theta 1/4: shares 3.75, 6.25, 1.25.
        #expect(result.payments == [333, 555, 111, 0, 0] && result.remainder == 1)
        // Fewer than five rounds: theta 1/2, shares 2, 4, 0.
        let short = try ContributionPayment.divide(scores: Array(repeating: round, count: 4), pool: 1000)
        #expect(short.payments == [333, 666, 0, 0, 0] && short.countedRounds == 4)
        // Even number of positive scores: m = 75.
        let even = try ContributionPayment.divide(scores: [[50, 100, 25, 200]], pool: 100)
        #expect(even.sums == [43_690, 87_381, 21_845, 98_304])
        let none = try ContributionPayment.divide(scores: [[1, 1, -5], [nil, nil, nil]], pool: 70)
        #expect(none.payments == [0, 0, 0] && none.remainder == 70 && none.countedRounds == 0)
        let huge = Int64(1) << 62 - 1
        let top = try ContributionPayment.divide(scores: [[huge, huge, huge, -huge]], pool: .max)
        #expect(top.payments.reduce(0, +) + top.remainder == .max)
        #expect(throws: LearnError.self) { try ContributionPayment.divide(scores: [[.min, 1, 1]], pool: 1) }
        #expect(throws: LearnError.self) { try ContributionPayment.divide(scores: [], pool: 1) }
        #expect(throws: LearnError.self) { try ContributionPayment.divide(scores: [[1, 1], [1]], pool: 1) }
        #expect(throws: LearnError.self) { try ContributionPayment.divide(scores: [[1, 1, 1]], pool: -1) }
    }

    @Test func paymentConservesCredits() throws {
        var generator = DeterministicGenerator(seed: Seed.number(3))
        for _ in 0..<500 {
            let width = 1 + generator.below(12)
            let scores = (0..<1 + generator.below(8)).map { _ in
                (0..<width).map { _ in generator.below(10) == 0 ? nil : Int64(generator.below(2001) - 1000) }
            }
            let pool = Int64(generator.below(100_000))
            let result = try ContributionPayment.divide(scores: scores, pool: pool)
            #expect(result.payments.allSatisfy { $0 >= 0 })
            #expect(result.payments.reduce(0, +) + result.remainder == pool)
            #expect(result.remainder < Int64(width) || result.payments.allSatisfy { $0 == 0 })
        }
    }

    @Test func correlationAndShapley() throws {
        #expect(RankCorrelation.spearman([1, 2, 3], [2, 4, 9]) == 1)
        #expect(RankCorrelation.spearman([1, 2, 3], [3, 2, 1]) == -1)
        #expect(RankCorrelation.spearman([1, 1, 1], [3, 2, 1]) == nil)
        // Glove game: one left (player 0), two right gloves: 2/3, 1/6, 1/6.
        let values = (0..<8).map { $0 & 1 == 1 && $0 > 1 ? 1.0 : 0.0 }
        let shares = ContributionExperiment.exactShapley(values, players: 3)
        for (share, expected) in zip(shares, [2.0 / 3, 1.0 / 6, 1.0 / 6]) { #expect(abs(share - expected) < 1e-12) }
    }

    /// Gate for the payment rule: mean correlation with exact Shapley >= .9, lowest >= .7; noise, zero and the label
    /// flipper earn nothing to speak of; five-fold scaling no more than the best honest node by much.
    @Test func tenNodes() throws {
        var scoreSum = 0.0
        var paySum = 0.0
        var lowest = 1.0
        var mean = [Double](repeating: 0, count: 10)
        let seeds = 4
        for seed in 0..<seeds {
            let result = try ContributionExperiment.run(train: Digits.split.train, rounds: 8, seed: UInt64(seed))
            scoreSum += result.scoreCorrelation
            paySum += result.payCorrelation
            lowest = min(lowest, result.payCorrelation)
            for index in 0..<10 { mean[index] += result.pay[index] / Double(seeds) }
            for cheat in [5, 6, 7] { #expect(result.pay[cheat] <= 0.01, "\(ContributionExperiment.names[cheat])") }
            #expect(result.pay[9] <= 1.3 * (result.pay[..<5].max() ?? 0))
            #expect(result.pay[8] <= 0.16)
        }
        let shown = zip(ContributionExperiment.names, mean).map { "\($0) \(($1 * 100).rounded(to: 1))" }
        print(
            "contribution, iid, \(seeds) seeds: Spearman score \((scoreSum / 4).rounded(to: 3)), pay \((paySum / 4).rounded(to: 3)) (lowest \(lowest.rounded(to: 3))); pay % \(shown.joined(separator: ", "))"
        )
        #expect(scoreSum / Double(seeds) >= 0.9 && paySum / Double(seeds) >= 0.9 && lowest >= 0.7)
    }

    /// Reported, not promised: honest nodes with skewed classes.
    @Test func tenNodesUnderLabelSkew() throws {
        var pay: [Double] = []
        for seed in UInt64(0)..<4 {
            let result = try ContributionExperiment.run(
                train: Digits.split.train, rounds: 8, seed: seed, skew: .dirichlet(alpha: 0.5))
            pay.append(result.payCorrelation)
            #expect(result.pay[7] <= 0.01)
        }
        print("contribution, dirichlet:0.5: Spearman of pay \(pay.map { $0.rounded(to: 3) })")
        #expect(pay.allSatisfy { $0.isFinite })
    }
}
