import Foundation
import Learn
import Testing
import Wire

@testable import MeshNode

/// What an exported model says of rows in a file.
@Suite struct PredictionTests {
    /// Weights that are finite and whose sums are not: no row has an answer, and none is said.
    @Test func outputsThatAreNotFiniteAreNoAnswer() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/prediction-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let spec = try TaskSpec.example()
        let learner = try spec.learnModel()
        func model(_ weight: Float) throws -> [UInt8] {
            try ModelCard(spec: spec, task: "", network: "", round: 1, content: "").written(
                into: try Safetensors.encode(
                    parameters: [Float](repeating: weight, count: learner.parameterCount), manifest: learner.manifest))
        }
        let rows = folder + "/rows.csv"
        let titles = (0..<64).map { "f\($0)" }.joined(separator: ",")
        let line = String(repeating: "16,", count: 64)
        try "\(titles),label\n\(line)0\n\(line)1\n".write(toFile: rows, atomically: true, encoding: .utf8)
        let answer = try Prediction(model: try model(0.5), name: "m", rows: rows)
        #expect(answer.classes == [0, 0] && answer.outputs.allSatisfy { $0.allSatisfy { abs($0 - 0.1) < 1e-6 } })
        let error = #expect(throws: LearnError.self) {
            try Prediction(model: try model(3e38), name: "m", rows: rows)
        }
        let text = "\(try #require(error))"
        for word in ["rows.csv, sample 1", "no answer", "an earlier round"] { #expect(text.contains(word), "\(text)") }
    }
}
