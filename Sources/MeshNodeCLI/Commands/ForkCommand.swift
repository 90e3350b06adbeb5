internal import ArgumentParser
internal import Chain
internal import MeshNode
internal import Wire

extension GenesisCommand {
    struct Fork: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Goes on without voters who are lost for ever: a new network with the credits of the old one.",
            discussion: """
                For a registry that stands still because too many of its voters are lost. One who remains makes the fork \
                (--without, --out), each other voter that remains adds its signature (--sign), every member imports the \
                whole file (init --genesis FILE --from HOME --home NEW). Nodes do not run meanwhile. Everything but the \
                signatures follows from the last decided block, so that all who name the same voters make the same network.
                Example: meshnode genesis fork --from a --without 3f2a9c01 77be0d4e --out lab.fork
                Example: meshnode genesis fork --from b --sign lab.fork
                """)

        @OptionGroup var global: GlobalArguments
        @Option(help: "Home in the old network.") var from: String?
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Voters who are lost for ever, by id or its beginning.", valueName: "NAME"))
        var without: [String] = []
        @Option(help: "File to write.") var out: String?
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp(
                "Adds the signature of --from to this file; with more copies theirs too.", valueName: "FILE"))
        var sign: [String] = []
        @Option(
            help: ArgumentHelp(
                "Forgets the signature of --from under a fork of which nobody has, or will have, a whole copy.",
                valueName: "NETWORK"))
        var giveUp: String?
        @OptionGroup var overwrite: OverwriteArguments

        struct Result: Encodable {
            let network: String
            let origin: String
            let height: UInt64
            let block: String
            let carried: String
            let accounts: Int
            let credits: UInt64
            let without: [String]
            /// Voters whose signature is under the fork, and those who have still to sign.
            let signed: [String]
            let unsigned: [String]
            let file: String
        }

        func run() throws {
            switch (without.isEmpty, sign.isEmpty, giveUp) {
            case (true, true, let network?): try forget(network)
            case (false, true, nil): try make()
            case (true, false, nil): try add()
            default:
                throw CommandFailure(
                    ExitStatus.usage,
                    "genesis fork: give --without NAME… with --out FILE, or --sign FILE, or --give-up NETWORK, each with --from "
                        + "HOME")
            }
        }

        private func home() throws -> HomeFork {
            guard let from else {
                throw CommandFailure(ExitStatus.usage, "--from: name the home of this member in the old network")
            }
            return try HomeFork(Files.home(from))
        }

        private func make() throws {
            guard let out else { throw CommandFailure(ExitStatus.usage, "--out: name the file to write") }
            try Files.refuseExisting([out], force: overwrite.force)
            let fork = try home().propose(without: without.flatMap { $0.split(separator: ",").map(String.init) })
            try Files.write([(out, fork.wireBytes)], replaces: overwrite.force)
            show(fork, file: out)
        }

        private func add() throws {
            guard out == nil else {
                throw CommandFailure(
                    ExitStatus.usage, "--out: the signature goes into the file that --sign names first")
            }
            // What is wrong with the files is told first; under the lock they are read again.
            _ = try sign.map { try Self.read($0) }
            let fork = try FileEdit.run(sign[0]) {
                let fork = try home().sign(try sign.map { try Self.read($0) })
                return (fork.wireBytes, fork)
            }
            show(fork, file: sign[0])
        }

        private func forget(_ text: String) throws {
            guard let network = NetworkID(hex: text.lowercased()) else {
                throw CommandFailure(ExitStatus.usage, "--give-up \(text): a network id has 64 hexadecimal digits")
            }
            try home().giveUp(network)
            global.output.note(
                "forgotten; if a whole copy of that fork exists all the same, two networks go on: destroy every copy")
        }

        private static func read(_ path: String) throws -> Genesis {
            let bytes = try Files.read(path, limit: 64 << 20)
            do { return try NetworkFork.readProposal(bytes) } catch {
                if case WireError.otherRules = error { throw error }
                throw CommandFailure(ExitStatus.data, "\(path): \(error)")
            }
        }

        private func show(_ fork: Genesis, file: String) {
            guard let origin = fork.origin else { return }
            let unsigned = NetworkFork.unsigned(fork)
            let voters = fork.accounts.filter { $0.validatorBond > 0 }.map(\.node)
            if voters.count < 4 {
                global.output.note(
                    "warning: \(voters.count) voters tolerate no faulty one; let others bond soon (`meshnode ledger bond CREDITS`)"
                )
            }
            let result = Result(
                network: fork.networkID.hex, origin: origin.network.hex, height: origin.height, block: origin.block.hex,
                carried: origin.carried.hex, accounts: fork.accounts.count,
                credits: fork.accounts.reduce(0) { $0 + $1.balance + $1.validatorBond },
                without: origin.without.map(\.hex), signed: voters.filter { !unsigned.contains($0) }.map(\.hex),
                unsigned: unsigned.map(\.hex), file: file)
            global.output.show(result) { result in
                Table.fields([
                    ("network", result.network),
                    (
                        "fork of",
                        "\(result.origin), at registry block "
                            + "\(result.height):\(result.block)"
                    ),
                    ("carried", "\(result.credits) credits of \(result.accounts) accounts, \(result.carried)"),
                    ("without", result.without.map { Text.node($0) }.joined(separator: " ")),
                    ("signed by", result.signed.map { Text.node($0) }.joined(separator: " ")),
                    (
                        "next",
                        result.unsigned.isEmpty
                            ? "whole; every member: `meshnode init --genesis \(file.shellWord) --from OLD-HOME --home HOME`"
                            : "to be signed by " + result.unsigned.map { Text.node($0) }.joined(separator: " ")
                                + ", each: `meshnode genesis fork --from HOME --sign \(file.shellWord)`"
                    ),
                ])
            }
        }
    }
}
