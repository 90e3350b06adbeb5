internal import MeshNode

/// Where the command line meets the node, the chain verifier and the demo. This file names them; nothing else does.
enum Seams {
    /// Runs a node until its task is cancelled or `POST /v1/shutdown` was asked for.
    ///
    /// - Parameter log: where the process writes its log lines.
    static func runner(_ log: LogSink) -> any NodeRunner { NodeRuntime(log: log, endsWithProcess: true) }
    /// Checks a home offline.
    static let verification: any ChainVerification = HomeVerifier()
    /// The testnet inside one process.
    static let demo: any DemoRunner = InProcessDemo()
}

/// A mesh inside this process.
protocol DemoRunner: Sendable {
    /// - Parameters:
    ///   - out: a folder for what it leaves; nil takes one in the temporary directory.
    ///   - report: lines for people, as they come.
    /// - Returns: whether every gate held, and the folder with everything that the run left.
    func run(
        nodes: Int, rounds: Int, partition: String, seed: UInt64, out: String?,
        report: @escaping @Sendable (String) -> Void
    ) async throws -> (held: Bool, folder: String)
}
