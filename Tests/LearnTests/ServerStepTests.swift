import Foundation
import Testing

@testable import Learn

@Suite struct ServerStepTests {
    private struct File: Decodable {
        struct Rule: Decodable {
            let name: String
            let rate: Float
            let momentum: Float?
            let beta1: Float?
            let beta2: Float?
            let tau: Float?
        }
        struct Round: Decodable {
            let sum: [Int64]
            let weights: [String]
            let first: [String]
            let second: [String]
        }
        struct Case: Decodable {
            let rule: Rule
            let step: String
            let rows: Int
            let row_cap: Int
            let weights: [String]
            let rounds: [Round]
        }
        let cases: [Case]
    }

    private static func floats(_ words: [String]) throws -> [Float] {
        try words.map { Float(bitPattern: try #require(UInt32($0, radix: 16))) }
    }

    private static func rule(_ rule: File.Rule) throws -> ServerRule {
        switch rule.name {
        case "fedavg": return .fedAvg(rate: rule.rate)
        case "fedavgm": return .fedAvgM(rate: rule.rate, momentum: try #require(rule.momentum))
        case "diloco": return .diLoCo(rate: rule.rate, momentum: try #require(rule.momentum))
        case "fedadam":
            return .fedAdam(
                rate: rule.rate, beta1: try #require(rule.beta1), beta2: try #require(rule.beta2),
                tau: try #require(rule.tau))
        case "fedyogi":
            return .fedYogi(
                rate: rule.rate, beta1: try #require(rule.beta1), beta2: try #require(rule.beta2),
                tau: try #require(rule.tau))
        default: throw LearnError.invalid(field: "vector", reason: rule.name, next: "")
        }
    }

    @Test func sameBytesAsAnotherImplementation() throws {
        let content = try #require(FileManager.default.contents(atPath: "\(Repository.vectors)/learn-server-step.json"))
        let file = try JSONDecoder().decode(File.self, from: content)
        #expect(file.cases.count == 6)
        for vector in file.cases {
            let step = try ServerStep(rule: try Self.rule(vector.rule))
            let unit = try #require(try Self.floats([vector.step]).first)
            #expect(unit == Quantiser.standard.step)
            let scale = try ServerStep.Scale(step: unit, rows: vector.rows, rowCap: vector.row_cap)
            var weights = try Self.floats(vector.weights)
            var state = ServerState()
            for (number, round) in vector.rounds.enumerated() {
                (weights, state) = try step.apply(weights: weights, state: state, sum: round.sum, scale: scale)
                let place = "\(vector.rule.name), round \(number)"
                #expect(weights.map(\.bitPattern) == (try Self.floats(round.weights)).map(\.bitPattern), "\(place)")
                if !state.first.isEmpty {
                    #expect(
                        state.first.map(\.bitPattern) == (try Self.floats(round.first)).map(\.bitPattern), "\(place)")
                }
                if !state.second.isEmpty {
                    #expect(
                        state.second.map(\.bitPattern) == (try Self.floats(round.second)).map(\.bitPattern), "\(place)")
                }
                #expect(try ServerState(canonicalBytes: state.canonicalBytes) == state)
            }
        }
    }

    @Test func supportTouchesOnlyItsIndices() throws {
        let step = try ServerStep(rule: .fedAvg(rate: 1))
        let scale = try ServerStep.Scale(step: 0.5, rows: 2, rowCap: 1)
        let done = try step.apply(
            weights: [1, 2, 3, 4], state: ServerState(), sum: [4, -8], scale: scale, support: [1, 3])
        #expect(done.weights == [1, 1, 3, 6])
        for support in [[3, 1], [1, 1], [0, 4], [-1, 2]] {
            #expect(throws: LearnError.self) {
                try step.apply(
                    weights: [1, 2, 3, 4], state: ServerState(), sum: [4, -8], scale: scale, support: support)
            }
        }
        let moving = try ServerStep(rule: .fedAvgM(rate: 1, momentum: 0.9))
        // Moments stay where nothing was sent, too.
        let half = try moving.apply(weights: [1, 2], state: ServerState(), sum: [1], scale: scale, support: [1])
        #expect(half.weights == [1, 1.75] && half.state.first == [0, 0.25])
    }

    @Test func refusesWhatCannotBe() throws {
        #expect(throws: LearnError.self) { try ServerRule(parsing: "average") }
        #expect(throws: LearnError.self) { try ServerRule(parsing: "fedavg:0") }
        #expect(throws: LearnError.self) { try ServerRule(parsing: "fedavg:nan") }
        #expect(throws: LearnError.self) { try ServerStep(rule: .fedAdam(rate: 1, beta1: 1, beta2: 0.9, tau: 0.1)) }
        for (step, rows, cap) in [(Float(0), 1, 1), (.nan, 1, 1), (1, 0, 1), (1, 1, 0), (1, Int.max, 1)] {
            #expect(throws: LearnError.self) { try ServerStep.Scale(step: step, rows: rows, rowCap: cap) }
        }
        let step = try ServerStep(rule: .fedAvg(rate: 1))
        let scale = try ServerStep.Scale(step: .greatestFiniteMagnitude, rows: 1, rowCap: 1)
        #expect(
            failure { _ = try step.apply(weights: [0], state: ServerState(), sum: [.max], scale: scale) }
                == .notFinite(field: "new model", index: 0))
        #expect(
            failure { _ = try step.apply(weights: [0, 1], state: ServerState(), sum: [1], scale: scale) }
                == .mismatch(field: "sum", expected: 2, found: 1))
    }

    @Test func stateBytesAreBounded() {
        for bytes in [[], Array("meshnode/server-state/v1".utf8), [UInt8](repeating: 255, count: 64)] {
            #expect(throws: LearnError.self) { try ServerState(canonicalBytes: bytes) }
        }
        var huge = Array("meshnode/server-state/v1".utf8)
        huge += [UInt8](repeating: 255, count: 16)
        #expect(throws: LearnError.self) { try ServerState(canonicalBytes: huge) }
        var bytes = ServerState(first: [1], second: [2]).canonicalBytes
        bytes.append(0)
        #expect(throws: LearnError.self) { try ServerState(canonicalBytes: bytes) }
    }
}
