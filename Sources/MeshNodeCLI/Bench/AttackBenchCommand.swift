internal import ArgumentParser
internal import Foundation
internal import Glibc
internal import Learn
internal import MeshNode

struct AttackBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attacks",
        abstract: "Attacks testnets of this machine and counts their rounds a second.",
        discussion: """
            For each attack five `meshnode run` processes on loopback train one task without a pause. Rounds a second are \
            counted before and while it goes on; then how long the old rate needs to come back. No other network can be \
            attacked. Attacker and nodes share the processor of this machine, so what the attacker needs is missing to the \
            nodes: ratios are lower bounds. Rows are printed as they are measured: --json gives one object a line.
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Nodes of the testnet, 5 to 16.") var nodes = 5
    @Option(help: "Seconds of an attack, and of the time before it, 5 to 600.") var seconds = 15.0
    @Option(parsing: .singleValue, help: ArgumentHelp(stringLiteral: "Only these attacks, again for each: \(allowed)."))
    var only: [String] = []
    @Option(help: "Directory for homes and logs.") var out = "testnet/out-attacks"
    @Option(help: "Another build of meshnode that is attacked; this one without it.") var program: String?
    @Flag(
        help:
            "Exits 2 if a node ends, a credit moves, the task is lost, the rate falls below half or is not back after 10 s."
    )
    var check = false

    private static var allowed: String { NetworkAttack.allCases.map(\.rawValue).joined(separator: ", ") }

    func validate() throws {
        guard (5...16).contains(nodes) else { throw ValidationError("--nodes \(nodes): 5 to 16 are allowed") }
        guard (5...600).contains(seconds) else { throw ValidationError("--seconds \(seconds): 5 to 600 are allowed") }
        if let unknown = only.first(where: { NetworkAttack(rawValue: $0) == nil }) {
            throw ValidationError("--only \(unknown): unknown; choose from \(Self.allowed)")
        }
    }

    func run() async throws {
        // Two hundred connections to each of two nodes.
        ProcessLimit.openFiles.raise()
        LinearAlgebra.setThreadCount(1)
        let output = global.output
        let folder = Files.absolute(out)
        let bench = AttackBench(
            nodes: nodes, seconds: seconds, out: folder, program: program.map(Files.absolute), report: output.progress)
        let attacks = NetworkAttack.allCases.filter { only.isEmpty || only.contains($0.rawValue) }
        let checks = check
        try await SignalStop.runMesh(in: folder) {
            var misses: [String] = []
            for attack in attacks {
                let row = try await bench.run(attack)
                Terminal.result(output.format == .text ? row.text : row.json)
                misses += row.misses
            }
            for miss in misses { Terminal.error(miss) }
            if checks, !misses.isEmpty {
                throw CommandFailure(ExitStatus.verification, "an attack had an effect, see above")
            }
        }
    }
}
