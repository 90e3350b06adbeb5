import Chain
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
            let result = try ContributionExperiment.run(
                train: Digits.split.train, rounds: 8, seed: UInt64(seed),
                weights: ContributionShares.weights(rounds:))
            #expect(abs(result.pay.reduce(0, +) - 1) < 1e-9)
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
            "contribution, iid, \(seeds) seeds: Spearman score \((scoreSum / 4).rounded(to: 3)), pay",
            "\((paySum / 4).rounded(to: 3)) (lowest \(lowest.rounded(to: 3))); pay %", shown.joined(separator: ", "))
        #expect(scoreSum / Double(seeds) >= 0.9 && paySum / Double(seeds) >= 0.9 && lowest >= 0.7)
    }

    /// Reported, not promised: honest nodes with skewed classes.
    @Test func tenNodesUnderLabelSkew() throws {
        var pay: [Double] = []
        for seed in UInt64(0)..<4 {
            let result = try ContributionExperiment.run(
                train: Digits.split.train, rounds: 8, seed: seed, skew: .dirichlet(alpha: 0.5),
                weights: ContributionShares.weights(rounds:))
            pay.append(result.payCorrelation)
            #expect(result.pay[7] <= 0.01)
        }
        print("contribution, dirichlet:0.5: Spearman of pay \(pay.map { $0.rounded(to: 3) })")
        #expect(pay.allSatisfy { $0.isFinite })
    }
}
