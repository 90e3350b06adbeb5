internal import MeshNode

/// Where the command line meets the node, the chain verifier and the demo. This file names them; nothing else does.
enum Seams {
    /// Runs a node until its task is cancelled or `POST /v1/shutdown` was asked for.
    static let runner: (any NodeRunner)? = nil
    /// Checks a home offline.
    static let verification: (any ChainVerification)? = nil
    /// The testnet inside one process.
    static let demo: (any DemoRunner)? = nil

    static func missing(_ what: String) -> CommandFailure {
        CommandFailure(
            ExitStatus.failed, "\(what) is not part of this build; build a release that holds it (Seams.swift names it)")
    }
}

/// A mesh inside this process.
protocol DemoRunner: Sendable {
    /// - Parameter report: lines for people, as they come.
    /// - Returns: whether every gate held.
    func run(nodes: Int, rounds: Int, partition: String, seed: UInt64, report: @Sendable (String) -> Void) async throws -> Bool
}
