import Foundation
import Testing

@testable import Learn

/// Paths of the repository, from this file's own place.
enum Repository {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    static let data = "\(root)/data"
    static let vectors = "\(root)/Tests/Vectors"
}

enum Digits {
    static let split: TrainTestSplit = {
        LinearAlgebra.setThreadCount(1)
        do { return try ShippedData.digits.split(folder: Repository.data) } catch { fatalError("\(error)") }
    }()

    /// E = 2, B = 10, rate 0.1: the setting of all anchors.
    static let training = TrainingSettings(epochs: 2, batchSize: 10, learningRate: 0.1)

    static func parts(_ strategy: PartitionStrategy, count: Int = 5, seed: UInt64) throws -> [Dataset] {
        let plan = try plan(strategy, count: count, seed: seed)
        return try plan.parts.indices.map { try plan.rows(of: $0, in: split.train) }
    }

    static func plan(_ strategy: PartitionStrategy, count: Int = 5, seed: UInt64) throws -> PartitionPlan {
        try Partitioner.plan(
            split.train, settings: PartitionSettings(strategy: strategy, parts: count, seed: Seed.number(seed)))
    }
}

/// The error that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> LearnError? {
    do {
        try body()
        return nil
    } catch let error as LearnError {
        return error
    } catch {
        return nil
    }
}
