internal import ArgumentParser
internal import MeshCrypto

struct CryptoBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crypto", abstract: "Times the encrypted aggregation, operation by operation and in whole rounds.",
        discussion: """
            Y is one crypto_scalarmult_ristretto255_base of libsodium, measured beside every row; compare ratios, not \
            microseconds. Rows are printed as they are measured: --json gives one object a line. d counts coordinates, \
            us_per_element group elements, of which there are d / packing.
            round_* is one thread's CPU time, round_cores_* the wall time of all cores; --only large is a round of \
            3,870,000 coordinates of 5 miners with a voter's check.
            """)

    @OptionGroup var global: GlobalArguments
    @Flag(help: "Small vectors, one round: seconds.") var quick = false
    @Flag(help: "Also a million ristretto elements: many minutes.") var full = false
    @Option(parsing: .singleValue, help: ArgumentHelp(stringLiteral: "Only these rows, again for each: \(allowed)."))
    var only: [String] = []
    @Flag(help: "Exits 2 if a ratio is below 0.8 of its gate; gates go to stderr.") var check = false

    private static var allowed: String { CryptoBench.names.joined(separator: ", ") }

    func validate() throws {
        if let unknown = only.first(where: { !CryptoBench.names.contains($0) }) {
            throw ValidationError("--only \(unknown): unknown; choose from \(Self.allowed)")
        }
        if quick && full { throw ValidationError("give either --quick or --full") }
    }

    func run() throws {
        let output = global.output
        let bench = CryptoBench(quick ? .quick : full ? .full : .usual, only: Set(only))
        if output.format == .text { Terminal.result(BenchRow.heading) }
        let rows = try bench.run(note: { output.detail($0) }) { row in
            Terminal.result(output.format == .text ? row.text : row.json)
        }
        guard check else { return }
        let gates = BenchGate.evaluate(rows)
        for gate in gates { Terminal.error(gate.text) }
        if gates.contains(where: { $0.state == .fail }) { throw ExitCode(ExitStatus.verification) }
    }
}
