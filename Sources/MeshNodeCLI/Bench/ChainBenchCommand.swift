internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import MeshNode

struct ChainBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "Times decisions, a silent proposer, messages and replay.",
        discussion: """
            Whole nodes run in this process, over real sockets of this machine and with a database each; they share its \
            processor and its disk. A decision is timed from the transfer to the durable block: at the node that sent it \
            (p50_ms, p99_ms) and at all nodes (all_p50_ms, all_p99_ms). Rows are printed as they are measured: --json \
            gives one object a line.
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Voters of the rows decision and failover, 4 to 32.") var nodes = 8
    @Option(help: "Heights that are timed for decision, 10 to 10000.") var decisions = 200
    @Option(parsing: .singleValue, help: ArgumentHelp(stringLiteral: "Only these rows, again for each: \(allowed)."))
    var only: [String] = []
    @Option(help: "Where the homes are made and removed again; a folder on the disk to measure.")
    var directory: String?

    @Flag(help: "Exits 2 if a row misses its aim by more than its slack (docs/measurements.md); misses go to stderr.")
    var check = false

    private static var allowed: String { ChainBench.names.joined(separator: ", ") }

    func validate() throws {
        guard (4...32).contains(nodes) else { throw ValidationError("--nodes \(nodes): 4 to 32 are allowed") }
        guard (10...10_000).contains(decisions) else {
            throw ValidationError("--decisions \(decisions): 10 to 10000 are allowed")
        }
        if let unknown = only.first(where: { !ChainBench.names.contains($0) }) {
            throw ValidationError("--only \(unknown): unknown; choose from \(Self.allowed)")
        }
    }

    func run() async throws {
        ProcessLimit.openFiles.raise()
        let folder = (directory ?? NSTemporaryDirectory()) + "/meshnode-bench-\(getpid())"
        let output = global.output
        var misses: [String] = []
        try await ChainBench(nodes: nodes, decisions: decisions, only: Set(only), directory: folder).run { row in
            Terminal.result(output.format == .text ? row.text : row.json)
            misses += ChainBench.misses(of: row)
        }
        guard check, !misses.isEmpty else { return }
        for miss in misses { Terminal.error(miss) }
        throw ExitCode(ExitStatus.verification)
    }
}
