import Foundation
import Testing

@testable import Learn

/// Rules over buckets, from the decided integers to the new weights.
@Suite struct RobustStepTests {
    private struct File: Decodable {
        struct Rule: Decodable {
            let name: String
            let hostile: Int
            let rate: Float
        }
        struct Round: Decodable {
            let sums: [[Int64]]
            let weights: [String]
        }
        struct Case: Decodable {
            let rule: Rule
            let step: String
            let rows: [Int]
            let row_cap: Int
            let weights: [String]
            let rounds: [Round]
        }
        let robust: [Case]
    }

    private static func floats(_ words: [String]) throws -> [Float] {
        try words.map { Float(bitPattern: try #require(UInt32($0, radix: 16))) }
    }

    /// 24 coordinates: softmax on 5 features with 4 classes.
    private static func recipe(_ robust: RobustRule?, rate: Float = 0.7) throws -> RoundRecipe {
        try RoundRecipe(
            model: Model(.softmax, sampleShape: [5], outputs: 4, loss: .crossEntropy),
            training: TrainingSettings(epochs: 1, batchSize: 1, learningRate: 0.1), rounds: 3,
            rule: .fedAvg(rate: rate), robust: robust, compression: nil, usesScaffold: false, bits: 10, range: 4,
            controlRange: 0, adaptsRange: false, clipNorm: 100, largestGroup: 9, privacy: nil, taskSeed: [])
    }

    private static func state(_ weights: [Float], _ recipe: RoundRecipe) throws -> TrainingState {
        var state = try recipe.state(of: try recipe.model.initialFile(seed: Seed.number(1)))
        state.weights = weights
        return state
    }

    @Test func sameBytesAsAnotherImplementation() throws {
        let content = try #require(FileManager.default.contents(atPath: "\(Repository.vectors)/learn-server-step.json"))
        let file = try JSONDecoder().decode(File.self, from: content)
        #expect(file.robust.count == 7)
        for vector in file.robust {
            let rule: RobustRule
            switch vector.rule.name {
            case "median": rule = .median
            case "trimmed_mean": rule = .trimmedMean(trim: vector.rule.hostile)
            case "krum": rule = .krum(hostile: vector.rule.hostile)
            default: throw LearnError.invalid(field: "vector", reason: vector.rule.name, next: "")
            }
            let recipe = try Self.recipe(rule, rate: vector.rule.rate)
            #expect(try recipe.quantiser(Self.state([], recipe)).step == Self.floats([vector.step])[0])
            var state = try Self.state(try Self.floats(vector.weights), recipe)
            for (number, round) in vector.rounds.enumerated() {
                state = try recipe.next(
                    state, sums: round.sums, round: number + 1, rows: vector.rows, rowCap: vector.row_cap,
                    submitters: 9)
                #expect(
                    state.weights.map(\.bitPattern) == (try Self.floats(round.weights)).map(\.bitPattern),
                    "\(vector.rule.name) over \(vector.rows.count), round \(number)")
            }
        }
    }

    @Test func sumsAndRowsMustFitTheRule() throws {
        let recipe = try Self.recipe(.krum(hostile: 1))
        let state = try Self.state([Float](repeating: 0, count: 24), recipe)
        let sum = [Int64](repeating: 1, count: 24)
        func next(_ sums: [[Int64]], rows: [Int]) throws(LearnError) {
            _ = try recipe.next(state, sums: sums, round: 1, rows: rows, rowCap: 1, submitters: 20)
        }
        try next([[Int64]](repeating: sum, count: 5), rows: [4, 4, 4, 4, 4])
        #expect(throws: LearnError.self) { try next([sum, sum, sum, sum], rows: [4, 4, 4, 4]) }
        #expect(throws: LearnError.self) { try next([[Int64]](repeating: sum, count: 5), rows: [4, 4, 4, 4]) }
        #expect(throws: LearnError.self) { try next([sum, sum, sum, sum, [1]], rows: [4, 4, 4, 4, 4]) }
        #expect(throws: LearnError.self) { try next([sum, sum, sum, sum, sum], rows: [4, 4, 4, 4, 0]) }
        // One sum more than an averaging rule can use is never averaged away.
        let plain = try Self.recipe(nil)
        #expect(throws: LearnError.self) {
            _ = try plain.next(state, sums: [sum, sum], round: 1, rows: [4, 4], rowCap: 1, submitters: 8)
        }
        #expect(
            try plain.next(state, sums: [sum], round: 1, rows: [4], rowCap: 1, submitters: 4)
                == plain.next(state, sum: sum, round: 1, rows: 4, rowCap: 1, submitters: 4))
    }
}
