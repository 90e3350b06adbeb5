internal import ArgumentParser
internal import Foundation
internal import MeshNode
internal import Wire

extension ChainCommand {
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes every chain of a home as lines of JSON that a verifier in any language can read.",
            discussion: "The form is docs/protocol/export.md; docs/protocol/verify_export.py reads it.")
        @OptionGroup var global: GlobalArguments
        @Option(help: "File to write.") var out: String
        @Flag(help: "Also submission bodies, sums and models, as far as they are stored here.") var contents = false

        func run() throws {
            let path = Files.absolute(out)
            guard FileManager.default.createFile(atPath: path, contents: nil),
                let file = FileHandle(forWritingAtPath: path)
            else {
                throw CommandFailure(ExitStatus.failed, "\(out): cannot be written; choose another place with --out")
            }
            defer { try? file.close() }
            let summary = try ChainExport.run(home: global.homeDirectory, withContents: contents) {
                try file.write(contentsOf: Data($0))
            }
            global.output.show(summary) { summary in
                "\(summary.blocks) blocks of \(summary.chains) chains and \(summary.contents) contents written to \(out)"
                    + (summary.missing > 0 ? "; \(summary.missing) contents are not stored here any more" : "")
            }
        }
    }

    struct Replay: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Derives every model and balance of a home again from its blocks and bodies, offline.")
        @OptionGroup var global: GlobalArguments

        struct Result: Encodable {
            struct Model: Encodable {
                let task: String
                let round: UInt32
                let model: String
            }
            let models: [Model]
            let balances: [String: UInt64]
            let total: UInt64
            let seconds: Double
        }

        func run() throws {
            let started = ContinuousClock.now
            let home = global.homeDirectory
            let report = try HomeVerifier().verify(home: home, isFull: true) { _ in }
            if let first = report.failures.first {
                throw CommandFailure(
                    ExitStatus.verification, "chain \(first.chain.prefix(8)), height \(first.height): \(first.cause)")
            }
            let ledger = try DecidedLedger(home: home)
            guard ledger.total == ledger.genesisTotal else {
                throw CommandFailure(
                    ExitStatus.verification,
                    "credits add up to \(ledger.total), the genesis made \(ledger.genesisTotal)")
            }
            var models: [Result.Model] = []
            for chain in report.chains where chain.kind == "task" {
                guard let task = TaskID(hex: chain.chain) else { continue }
                for round in try DecidedRounds(home: home, task: task).rounds where !round.isRejected {
                    models.append(.init(task: chain.chain, round: round.round, model: round.model.id.hex))
                }
            }
            let spent = ContinuousClock.now - started
            let result = Result(
                models: models,
                balances: Dictionary(uniqueKeysWithValues: ledger.balances.map { ($0.key.hex, $0.value) }),
                total: ledger.total, seconds: Double(spent / .milliseconds(1)) / 1_000)
            global.output.show(result) { result in
                (result.models.map { "task \($0.task.prefix(8))  round \($0.round)  model \($0.model)" }
                    + result.balances.keys.sorted().map { "account \($0.prefix(8))  \(result.balances[$0] ?? 0)" }
                    + [
                        "\(result.models.count) models and \(result.balances.count) balances derived again, "
                            + "\(report.chains.reduce(0) { $0 + $1.blocks }) blocks, total \(result.total) as in genesis"
                    ]).joined(separator: "\n")
            }
        }
    }
}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Tells where a model file comes from: task, round, contributors, votes.",
        discussion: "Works offline on the chains of a home; exit 2 when no decided round made this file.")
    @OptionGroup var global: GlobalArguments
    @Argument(help: "Model file (safetensors).") var model: String

    func run() throws {
        let bytes = try Files.read(model, limit: 1 << 33)
        let origins = try ModelOrigin.find(bytes, home: global.homeDirectory)
        guard !origins.isEmpty else {
            throw CommandFailure(
                ExitStatus.verification,
                "\(model): no decided round of this home's chains made this file; fetch the chains first, or the file was changed"
            )
        }
        global.output.show(origins, empty: "") { origins in
            origins.map { origin in
                Table.fields([
                    ("task", "\(origin.task) \"\(origin.name)\""),
                    ("round", origin.round == 0 ? "0, the initial weights" : "\(origin.round)"),
                    ("block", origin.block.map { "\($0), height \(origin.height ?? 0)" }),
                    ("contributors", origin.contributors.map { String($0.prefix(8)) }.joined(separator: " ")),
                    ("aggregator", origin.aggregator),
                    ("votes", "\(origin.votedWeight) of weight \(origin.totalWeight) signed its block"),
                    ("accuracy", Text.share(origin.accuracy)),
                ])
            }.joined(separator: "\n\n")
        }
    }
}
