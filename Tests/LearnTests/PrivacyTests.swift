import Foundation
import Testing

@testable import Learn

@Suite struct PrivacyTests {
    private struct File: Decodable {
        struct Row: Decodable {
            let noise: Double
            let rounds: Int
            let rate: Double
            let delta: Double
            let complete: Bool
            let epsilon: Double
            let tight: Double
        }
        struct Divergence: Decodable {
            let noise: Double
            let rate: Double
            let order: Double
            let divergence: Double
        }
        let divergences: [Divergence]
        let rows: [Row]
    }

    @Test func agreesWithTheReferenceAccountant() throws {
        let content = try #require(FileManager.default.contents(atPath: "\(Repository.vectors)/learn-privacy.json"))
        let file = try JSONDecoder().decode(File.self, from: content)
        #expect(file.divergences.count == 220 && file.rows.count == 200 && file.rows.count { $0.complete } >= 140)
        for entry in file.divergences {
            let own = PrivacyAccountant.gaussian(entry.order, entry.noise, entry.rate)
            #expect(abs(own / entry.divergence - 1) < 1e-4 || abs(own - entry.divergence) < 1e-9, "\(entry): \(own)")
        }
        var worst = 0.0
        for row in file.rows {
            var accountant = PrivacyAccountant()
            try accountant.addGaussian(noiseMultiplier: row.noise, rounds: row.rounds, samplingRate: row.rate)
            let epsilon = try accountant.epsilon(delta: row.delta)
            if row.complete {
                let difference = row.epsilon == 0 ? epsilon : abs(epsilon / row.epsilon - 1)
                worst = max(worst, difference)
                #expect(difference <= 0.01, "\(row): \(epsilon)")
            } else {
                #expect(epsilon <= row.epsilon * 1.01 && epsilon >= row.tight * 0.99, "\(row): \(epsilon)")
            }
        }
        print("privacy: worst relative difference from dp-accounting \(worst)")
    }

    @Test func compositionAndLimits() throws {
        var once = PrivacyAccountant()
        try once.addGaussian(noiseMultiplier: 4, rounds: 30)
        var many = PrivacyAccountant()
        for _ in 0..<30 { try many.addGaussian(noiseMultiplier: 4, rounds: 1) }
        #expect(abs(try once.epsilon(delta: 1e-5) - (try many.epsilon(delta: 1e-5))) < 1e-9)
        #expect(try PrivacyAccountant().epsilon(delta: 1e-5) == 0)
        // Skellam with a large variance is Gaussian.
        var skellam = PrivacyAccountant()
        try skellam.addSkellam(variance: 16e8, l2: 1e4, l1: 1e5, rounds: 30)
        let (exact, near) = (try once.epsilon(delta: 1e-5), try skellam.epsilon(delta: 1e-5))
        #expect(near >= exact && near < exact * 1.01)
        var small = PrivacyAccountant()
        try small.addSkellam(variance: 16, l2: 1, l1: 5, rounds: 30)
        #expect(try small.epsilon(delta: 1e-5) > exact)
        for noise in [0, -1, Double.nan, .infinity] {
            #expect(throws: LearnError.self) { try once.addGaussian(noiseMultiplier: noise, rounds: 1) }
        }
        #expect(throws: LearnError.self) { try once.addGaussian(noiseMultiplier: 1, rounds: 1, samplingRate: 0) }
        #expect(throws: LearnError.self) { try once.addSkellam(variance: 1, l2: 2, l1: 1, rounds: 1) }
        for delta in [0, 1, Double.nan] { #expect(throws: LearnError.self) { try once.epsilon(delta: delta) } }
    }
}

@Suite struct DiscreteGaussianTests {
    @Test func momentsAndShape() throws {
        var generator = DeterministicGenerator(seed: Seed.number(12))
        for variance in [UInt64(1), 2, 9, 400, 1 << 30] {
            let noise = try DiscreteGaussian(variance: variance)
            let count = 20_000
            let draws = (0..<count).map { _ in noise.sample(using: &generator) }
            let mean = Double(draws.reduce(0, +)) / Double(count)
            let second = draws.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(count)
            let sigma = Double(variance).squareRoot()
            // Five standard errors: sigma / sqrt n for the mean, variance * sqrt(2 / n) for the second moment.
            #expect(abs(mean) < 5 * sigma / Double(count).squareRoot(), "\(variance)")
            #expect(abs(second / Double(variance) - 1) < 5 * (2 / Double(count)).squareRoot(), "\(variance): \(second)")
        }
        // Exact probabilities at sigma^2 = 1: exp(-x^2 / 2) over their sum.
        let unit = try DiscreteGaussian(variance: 1)
        var counts = [Int64: Int]()
        for _ in 0..<40_000 { counts[unit.sample(using: &generator), default: 0] += 1 }
        let total = (-10...10).reduce(0.0) { $0 + exp(-Double($1 * $1) / 2) }
        for value in -3...3 {
            let expected = exp(-Double(value * value) / 2) / total
            let error = (expected * (1 - expected) / 40_000).squareRoot()
            #expect(abs(Double(counts[Int64(value)] ?? 0) / 40_000 - expected) < 5 * error, "\(value)")
        }
    }

    @Test func noiseStaysInTheBound() throws {
        var generator = SystemRandomNumberGenerator()
        let noise = try DiscreteGaussian(variance: 10_000)
        let result = noise.add(to: [0, 511, -511, .max, .min], bound: 511, using: &generator)
        #expect(result.values.allSatisfy { abs(Int64($0)) <= 511 } && result.cut >= 2)
        #expect(throws: LearnError.self) { try DiscreteGaussian(variance: 0) }
        #expect(throws: LearnError.self) { try DiscreteGaussian(variance: .max) }
    }

    @Test func distributedNoiseIsNearlyTheSum() throws {
        var central = PrivacyAccountant()
        try central.addGaussian(noiseMultiplier: 4, rounds: 30)
        var spread = PrivacyAccountant()
        try spread.addDistributedDiscreteGaussian(
            clients: 10, variance: 1600, l2: 31.622776601683793, dimension: 650, rounds: 30)
        let (one, other) = (try central.epsilon(delta: 1e-5), try spread.epsilon(delta: 1e-5))
        #expect(abs(one / other - 1) < 1e-6)
        var coarse = PrivacyAccountant()
        try coarse.addDistributedDiscreteGaussian(clients: 10, variance: 0.25, l2: 0.4, dimension: 650, rounds: 30)
        #expect(try coarse.epsilon(delta: 1e-5) > one)
        #expect(throws: LearnError.self) {
            try coarse.addDistributedDiscreteGaussian(clients: 0, variance: 1, l2: 1, dimension: 1, rounds: 1)
        }
    }
}
