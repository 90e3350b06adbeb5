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
