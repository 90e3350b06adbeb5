internal import ArgumentParser
internal import Chain
internal import Foundation
internal import Learn
internal import MeshNode
internal import Wire

/// What an auditor knows of a network from elsewhere.
struct AnchorArguments: ParsableArguments {
    @Option(help: "Genesis file of the network that this must be; FILE@HEIGHT:BLOCK adds a checkpoint.")
    var genesis: String?
    @Option(help: "Id of the network that this must be, 64 digits.") var network: String?
    @Option(
        help: ArgumentHelp(
            "A registry block that the history must hold, known from elsewhere: chain head and ticket print it.",
            valueName: "HEIGHT:BLOCK"))
    var checkpoint: String?
    @Option(
        help: ArgumentHelp(
            "Home or exported file of the network that this one is a fork of: what was carried is held against it.",
            valueName: "HOME|FILE"))
    var origin: String?

    func anchor() throws -> VerificationAnchor {
        var anchor = VerificationAnchor()
        if let origin {
            let path = Files.absolute(origin)
            anchor.origin = Files.isDirectory(path) ? .home(Files.home(path)) : .export(path)
        }
        if let network {
            guard let id = NetworkID(hex: network.lowercased()) else {
                throw CommandFailure(ExitStatus.usage, "--network \(network): a network id has 64 hexadecimal digits")
            }
            anchor.network = id
        }
        if var path = genesis {
            if let at = path.lastIndex(of: "@"), let known = Checkpoint(text: String(path[path.index(after: at)...])) {
                anchor.checkpoint = known
                path = String(path[..<at])
            }
            let id = try GenesisFile.network(try Files.read(path, limit: 64 << 20))
            guard anchor.network == nil || anchor.network == id else {
                throw CommandFailure(ExitStatus.usage, "--genesis and --network name two networks; give one of them")
            }
            anchor.network = id
        }
        if let checkpoint {
            guard let known = Checkpoint(text: checkpoint) else {
                throw CommandFailure(
                    ExitStatus.usage, "--checkpoint \(checkpoint): write HEIGHT:BLOCK, the block with 64 digits")
            }
            guard anchor.checkpoint == nil || anchor.checkpoint == known else {
                throw CommandFailure(ExitStatus.usage, "--genesis and --checkpoint name two blocks; give one of them")
            }
            anchor.checkpoint = known
        }
        return anchor
    }
}

enum GenesisFile {
    static func network(_ bytes: [UInt8]) throws(CommandFailure) -> NetworkID {
        do { return try Genesis.read(bytes).networkID } catch {
            throw CommandFailure(ExitStatus.data, "the genesis file cannot be read: \(error); get it again")
        }
    }
}

extension ChainCommand {
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks every block of a home or of an exported file, offline and without secrets.",
            discussion: """
                Exit 2 names chain, height and cause of what does not hold. Exit 3: nothing wrong was found, but bodies, \
                sums or blocks are not here, and what they would show was not checked; each is named. A file is checked \
                with its contents, and one without them is not the whole proof; a home only with --full.
                Example: meshnode chain verify lab.export --genesis lab.genesis
                """)
        @OptionGroup var global: GlobalArguments
        @OptionGroup var known: AnchorArguments
        @Argument(help: "A file that chain export wrote; without it the home is checked.") var file: String?
        @Flag(help: "Also every submission, sum, block equation and new model.") var full = false

        func run() throws {
            let (output, anchor) = (global.output, try known.anchor())
            let report = try Self.verify(
                file: file, home: global.homeDirectory, isFull: full, anchor: anchor, output: output)
            output.show(report) { Self.text($0, anchor: anchor) }
            try Self.judge(report, subject: file ?? global.homePath)
        }

        static func verify(
            file: String?, home: HomeDirectory, isFull: Bool, anchor: VerificationAnchor, output: Output
        ) throws -> VerificationReport {
            let progress = { @Sendable (progress: VerificationProgress) in
                output.detail("chain \(progress.chain.prefix(8))  \(progress.height)/\(progress.head)")
            }
            do {
                guard file != nil || Files.exists(home.path) else {
                    throw CommandFailure(
                        ExitStatus.configuration,
                        "there is no home \(home.path) to check; give a FILE that chain export wrote, or --home HOME of one "
                            + "that is there")
                }
                if let file {
                    return try Seams.verification.verify(
                        export: file, isFull: isFull, anchor: anchor, progress: progress)
                }
                return try Seams.verification.verify(home: home, isFull: isFull, anchor: anchor, progress: progress)
            } catch let error as StorageError where error.isDamage {
                // Files that do not hold what was written have failed the check.
                throw CommandFailure(ExitStatus.verification, error.description)
            }
        }

        /// - Throws: exit 2 for what does not hold, exit 3 for what could not be checked.
        static func judge(_ report: VerificationReport, subject: String) throws(CommandFailure) {
            if let first = report.failures.first {
                throw CommandFailure(
                    ExitStatus.verification,
                    "\(place(first.chain, first.height)): \(first.cause); get it from another node and check that")
            }
            guard !report.gaps.isEmpty else { return }
            throw CommandFailure(
                ExitStatus.incomplete,
                "nothing wrong was found, but not all could be checked, because \(subject) does not hold it: "
                    + "\(unchecked(report)); check a home or an export (chain export --contents) that does")
        }

        /// What was not checked, in a few words: the lines above name each thing.
        private static func unchecked(_ report: VerificationReport) -> String {
            let more = report.gaps.count - 3
            return report.gaps.prefix(3).map(\.missing.printable).joined(separator: "; ")
                + (more > 0 ? "; \(more) more" : "")
        }

        private static func place(_ chain: String, _ height: UInt64) -> String {
            switch chain {
            case "file": "file"
            case "genesis": "genesis"
            case "origin": "origin, height \(height)"
            default: "chain \(chain.prefix(8)), height \(height)"
            }
        }

        /// What a fork rests on.
        private static func text(_ origin: VerificationReport.Origin) -> [String] {
            [
                "fork of network \(origin.network), at its registry block \(origin.height):\(origin.block), without "
                    + origin.without.map { Text.node($0) }.joined(separator: " "),
                "it rests on the signatures of its \(origin.voters.count) voters, which are right: "
                    + origin.voters.map { Text.node($0) }.joined(separator: " "),
                "carried: \(origin.credits) credits of \(origin.accounts) accounts; "
                    + (origin.isChecked
                        ? "they are what the registry of the old network gives at that block"
                        : "whether that is what the old registry says was NOT checked: give a home or an export of the old "
                            + "network with --origin"),
            ]
        }

        static func text(_ report: VerificationReport, anchor: VerificationAnchor) -> String {
            var lines: [String] = []
            if !report.network.isEmpty {
                lines.append(
                    "network \(report.network)\(report.networkName.map { " \"\($0)\"" } ?? "")"
                        + (anchor.network.map {
                            $0.hex == report.network ? ", as asked" : ", NOT the one that was asked for"
                        } ?? "; whether it is the one you mean only you can say (--genesis, --network)"))
            }
            if let origin = report.origin { lines += text(origin) }
            lines += report.chains.map { chain in
                var line = "chain \(chain.chain.prefix(8))  \(chain.kind)\(chain.name.map { " \($0)" } ?? "")  "
                line += "\(chain.blocks) blocks  head \(Text.short(chain.head))  \(Text.time(chain.timeMs))"
                if report.isFull, chain.kind == "task" {
                    line +=
                        "  \(chain.resultsChecked) results computed again, "
                        + "\(chain.equationsChecked) block equations"
                }
                return line
            }
            lines += report.gaps.map { "\(place($0.chain, $0.height))  NOT HERE: \($0.missing.printable)" }
            lines += report.failures.map { "\(place($0.chain, $0.height))  FAILED: \($0.cause.printable)" }
            if report.failures.isEmpty, let registry = report.chains.first, let head = registry.head {
                lines.append("as of registry block \(registry.blocks):\(head), \(Text.time(registry.timeMs))")
                lines.append(
                    report.checkpoint.map { "the checkpoint at height \($0) is in this history" }
                        ?? "a history signed by validators that have taken their bonds back since cannot be told apart "
                        + "from this one: compare the block above with somebody you trust, or give --checkpoint")
            }
            lines.append(
                !report.failures.isEmpty
                    ? Counted.text(report.failures.count, "failure")
                    : !report.gaps.isEmpty
                        ? "what is here holds; not checked: \(unchecked(report))"
                        : report.isFull
                            ? "every block holds"
                            : "every block holds; sums, equations and models were not computed: that takes --full")
            return lines.joined(separator: "\n")
        }
    }
}
