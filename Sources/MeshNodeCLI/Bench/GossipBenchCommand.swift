internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import MeshNode

struct GossipBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gossip",
        abstract: "Times links, membership, topics and content over real sockets of this machine.",
        discussion: """
            All nodes run in this process and share its processor: figures of many nodes are those of this machine, not \
            of a network. Rows are printed as they are measured: --json gives one object a line.
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Nodes of the rows join and broadcast, 5 to 400.") var nodes = 100
    @Option(parsing: .singleValue, help: ArgumentHelp(stringLiteral: "Only these rows, again for each: \(allowed)."))
    var only: [String] = []

    @Flag(help: "Exits 2 if a row misses its aim by more than its slack (docs/measurements.md); misses go to stderr.")
    var check = false

    private static var allowed: String { GossipBench.names.joined(separator: ", ") }

    func validate() throws {
        guard (5...400).contains(nodes) else { throw ValidationError("--nodes \(nodes): 5 to 400 are allowed") }
        if let unknown = only.first(where: { !GossipBench.names.contains($0) }) {
            throw ValidationError("--only \(unknown): unknown; choose from \(Self.allowed)")
        }
    }

    func run() async throws {
        // Two descriptors a link, many links a node.
        ProcessLimit.openFiles.raise()
        LogOutput.start(level: .error, format: .text, sink: try LogSink())
        let directory = NSTemporaryDirectory() + "/meshnode-bench-\(getpid())"
        let output = global.output
        var misses: [String] = []
        try await GossipBench(nodes: nodes, only: Set(only), directory: directory).run { row in
            Terminal.result(output.format == .text ? row.text : row.json)
            misses += GossipBench.misses(of: row)
        }
        guard check, !misses.isEmpty else { return }
        for miss in misses { Terminal.error(miss) }
        throw ExitCode(ExitStatus.verification)
    }
}
