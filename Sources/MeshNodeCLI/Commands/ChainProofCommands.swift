internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

extension ChainCommand {
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes every chain of a home as lines of JSON that a verifier in any language can read.",
            discussion: "The form is docs/protocol/export.md; verifier/verify.py reads it.")
        @OptionGroup var global: GlobalArguments
        @Option(help: "File to write.") var out: String
        @Flag(help: "Also submission bodies, sums and models, as far as they are stored here.") var contents = false
        @OptionGroup var overwrite: OverwriteArguments

        func run() throws {
            try Files.refuseOverwriting([out], of: [global.homeDirectory.chainDatabase])
            try Files.refuseExisting([out], force: overwrite.force)
            let summary = try OutputFile.write(to: Files.absolute(out), replaces: overwrite.force) { file in
                try ChainExport.run(home: global.homeDirectory, withContents: contents) { try file.write($0) }
            }
            global.output.show(summary) { summary in
                "\(summary.blocks) blocks of \(summary.chains) chains and \(summary.contents) contents written to \(out)"
                    + (summary.missing > 0 ? "; \(summary.missing) contents are not stored here any more" : "")
            }
        }
    }

    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts an exported file into a home: a new one to look at, or one that is behind.",
            discussion: """
                The file is checked first, as chain verify FILE does. A home that does not exist is made, without keys: \
                chain, verify, scores, ledger and other reading commands work on it. In a home that has blocks, those of \
                the file must be the same, and longer chains are continued. The node must not run.
                Example: meshnode chain import lab.export --genesis lab.genesis --home audit
                """)
        @OptionGroup var global: GlobalArguments
        @OptionGroup var known: AnchorArguments
        @Argument(help: "A file that chain export wrote.") var file: String

        func run() throws {
            let (output, anchor) = (global.output, try known.anchor())
            let report = try Verify.verify(
                file: file, home: global.homeDirectory, isFull: false, anchor: anchor, output: output)
            if !report.failures.isEmpty { try Verify.judge(report, subject: file) }
            let summary = try ChainImport.run(file, home: HomeDirectory(path: global.homePath))
            output.show(summary) { summary in
                "\(summary.newBlocks) of \(summary.blocks) blocks and \(summary.newContents) of \(summary.contents) contents "
                    + "are new in \(global.homePath)"
            }
            for gap in report.gaps { output.note("not in the file: chain \(gap.chain.prefix(8)), \(gap.missing)") }
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
            try ChainCommand.Verify.judge(report, subject: home.path)
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
                    + result.balances.keys.sorted().map { "account \(Text.node($0))  \(result.balances[$0] ?? 0)" }
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
        commandName: "verify", abstract: "Tells where a model comes from: task, round, contributors, votes.",
        discussion: """
            Works offline on the chains of a home, or of a file that chain export wrote. The tensors count, not the file: \
            one that PyTorch or NumPy saved again, with other metadata, is found. Exit 2 when no decided round has \
            these tensors.
            Example: meshnode verify model.safetensors --export lab.export --genesis lab.genesis
            """)
    @OptionGroup var global: GlobalArguments
    @OptionGroup var known: AnchorArguments
    @Argument(help: "Model file (safetensors).") var model: String
    @Option(help: "A file that chain export wrote, instead of a home.") var export: String?

    func run() throws {
        let home = global.homeDirectory
        guard export != nil || Files.exists(home.path) else {
            throw CommandFailure(
                ExitStatus.configuration,
                "there is no home \(home.path) to look in; give --export FILE, or --home HOME of one that is there")
        }
        // No round of a valid task takes more memory, and its model is a part of that.
        let bytes = try Files.read(model, limit: Limits.roundMemory)
        let anchor = try known.anchor()
        if export != nil || anchor != .none {
            // A home has checked its blocks when it took them; a file is worth what its check says.
            let report = try ChainCommand.Verify.verify(
                file: export, home: global.homeDirectory, isFull: false, anchor: anchor, output: global.output)
            if !report.failures.isEmpty || (anchor.checkpoint != nil && report.checkpoint == nil) {
                try ChainCommand.Verify.judge(report, subject: export ?? global.homePath)
            }
        }
        let search =
            try export.map { try ModelOrigin.find(bytes, named: model, export: $0) }
            ?? ModelOrigin.find(bytes, named: model, home: home)
        guard !search.origins.isEmpty else { throw Self.unknown(search, model: model) }
        global.output.show(search) { search in
            (search.origins.map(Self.text)
                + [
                    "network \(search.network) \"\(search.networkName)\", as of registry block "
                        + "\(search.asOf ?? Text.unknown), \(Text.time(search.asOfMs))"
                ]).joined(separator: "\n\n")
        }
    }

    private static func text(_ origin: ModelOrigin) -> String {
        Table.fields([
            ("task", "\(origin.task) \"\(origin.name)\""),
            ("round", origin.round == 0 ? "0, the initial weights" : "\(origin.round)"),
            ("block", origin.block.map { "\($0), height \(origin.height ?? 0), \(Text.time(origin.timeMs))" }),
            ("contributors", origin.contributors.map { Text.node($0) }.joined(separator: " ")),
            ("aggregator", origin.aggregator),
            ("votes", "\(origin.votedWeight) of weight \(origin.totalWeight) signed its block"),
            ("accuracy", Text.share(origin.accuracy)),
        ])
    }

    /// The two things that a person must not mix up: tensors that somebody changed, and a model of another place.
    private static func unknown(_ search: ModelOrigin.Search, model: String) -> CommandFailure {
        let lacking =
            search.modelsNotHere == 0
            ? ""
            : "; \(search.modelsNotHere) decided models are not here, so of those only an unchanged file is known: look "
                + "where they are (chain export --contents)"
        guard let near = search.nearest else {
            return CommandFailure(
                ExitStatus.verification,
                "\(model): no chain here knows it: "
                    + (search.likeTasks.isEmpty
                        ? "no task of network \(search.network.prefix(8)) \"\(search.networkName)\" has tensors of these "
                            + "names and shapes"
                        : "its tensors are like those of task \(search.likeTasks[0].prefix(8))") + lacking)
        }
        return CommandFailure(
            ExitStatus.verification,
            "\(model): the tensors were changed: they have names and shapes of task \(near.task.prefix(8)), and the values "
                + "of none of its decided rounds; nearest is round \(near.round), \(near.differing) of \(near.values) values "
                + "differ\(lacking)")
    }
}
