import Foundation

/// Sizes of the simulator's tests.
enum SimulationSettings {
    /// MESHNODE_TEST_LARGE=1: many more seeds, for a machine that has the time.
    static let large = ProcessInfo.processInfo.environment["MESHNODE_TEST_LARGE"] == "1"
    /// MESHNODE_TEST_SEEDS=N: seeds of the sweep over sizes and faults.
    static let seeds = ProcessInfo.processInfo.environment["MESHNODE_TEST_SEEDS"].flatMap { UInt64($0) } ?? 2_000
}
