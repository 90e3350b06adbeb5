internal import ArgumentParser
internal import Chain
internal import MeshCrypto
internal import MeshNode
internal import Wire

struct GenesisCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genesis", abstract: "The first agreement of a network.", subcommands: [Create.self, Fork.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes the genesis file that every node of a network imports.",
            discussion:
                """
                Members on other machines send the member line that `meshnode init` prints there; it proves that they hold \
                their keys. A member file has one line a member, and behind it, if they differ from --balance and --bond, \
                its balance and bond.
                Example: meshnode genesis create --name lab --member a --member b --member-file others.txt --out lab
                """
        )

        @OptionGroup var global: GlobalArguments
        @Option(help: "Name of the network.") var name: String
        @Option(
            name: .customLong("account"), parsing: .singleValue,
            help: ArgumentHelp(
                "An account; a bond makes it a validator, which takes its member line.",
                valueName: "NODE_ID=BALANCE|MEMBER_LINE=BALANCE[:BOND]"))
        var accounts: [String] = []
        @Option(
            name: .customLong("member"), parsing: .singleValue,
            help: "A home on this machine (made by init) that becomes an account with --balance and --bond.")
        var members: [String] = []
        @Option(
            name: .customLong("member-file"), parsing: .singleValue,
            help: "A file of member lines (init prints them): LINE [BALANCE [BOND]], # begins a comment.")
        var memberFiles: [String] = []
        @Option(help: "Credits of each member.") var balance: UInt64 = 10_000
        @Option(help: "Validator bond of each member; 0 for none.") var bond: UInt64 = 1_000
        @Option(help: "First timeouts of a view: loopback (1 s, 0.5 s) or wan (5 s, 2.5 s).") var profile = Profile.wan
        @Option(help: "First proposal timeout in ms, instead of the profile's.") var proposeMs: UInt32?
        @Option(help: "First vote timeout in ms, instead of the profile's.") var voteMs: UInt32?
        @Option(help: "Seconds from a task's settled end to its payout; 3600, 10 in the loopback profile.")
        var settleSeconds: Double?
        @Option(help: "Seconds that bonds stay slashable after that; 172800, 60 in the loopback profile.")
        var evidenceSeconds: Double?
        @Option(
            help:
                "Seconds that a change of bonds waits at most before it changes who votes; 3600, 10 in the loopback profile."
        )
        var epochSeconds: Double?
        @Flag(help: "Blocks without election proofs: whoever proposes can then choose who comes next.")
        var withoutElectionProofs = false
        @Option(help: "Milliseconds since 1970; now without it.") var timeMs: UInt64?
        @Option(help: "File to write.") var out: String
        @OptionGroup var overwrite: OverwriteArguments

        enum Profile: String, ExpressibleByArgument, CaseIterable { case loopback, wan }

        struct Result: Encodable {
            let network: String
            let name: String
            let registry: String
            let accounts: Int
            let validators: Int
            let file: String
        }

        func run() throws {
            try Files.refuseOverwriting([out], of: memberFiles)
            var list: [Genesis.Account] = []
            for text in accounts { list.append(try Self.account(text)) }
            for home in members {
                let identity = try HomeDirectory.open(at: Files.home(home).path).loadIdentity()
                list.append(
                    KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())
                        .account(balance: balance, bond: bond))
            }
            for file in memberFiles { list += try Self.members(file, balance: balance, bond: bond) }
            list.sort { $0.node < $1.node }
            if let twice = zip(list, list.dropFirst()).first(where: { $0.node == $1.node }) {
                throw CommandFailure(
                    ExitStatus.data, "account \(twice.0.node.short) is named twice; name every node once")
            }
            let validators = list.count { $0.validatorBond > 0 }
            guard validators > 0 else {
                throw CommandFailure(
                    ExitStatus.data, "the network has no validator; give one --member or --account with a bond or more")
            }
            let isLoopback = profile == .loopback
            let genesis = Genesis(
                name: name, timeMs: timeMs ?? Files.nowMs, accounts: list,
                parameters: .init(
                    electionProofBytes: withoutElectionProofs ? 0 : UInt8(Election.proofBytes),
                    proposeMs: proposeMs ?? (profile == .loopback ? 1_000 : 5_000),
                    voteMs: voteMs ?? (profile == .loopback ? 500 : 2_500),
                    settleMs: try Self.milliseconds(settleSeconds, "--settle-seconds")
                        ?? (isLoopback ? 10_000 : 3_600_000),
                    evidenceMs: try Self.milliseconds(evidenceSeconds, "--evidence-seconds")
                        ?? (isLoopback ? 60_000 : 172_800_000),
                    epochMs: try Self.milliseconds(epochSeconds, "--epoch-seconds")
                        ?? (isLoopback ? 10_000 : 3_600_000)))
            // Decoding checks names, sums and timeouts: nobody else would take what it refuses.
            guard try Genesis(wireBytes: genesis.wireBytes) == genesis, !name.isEmpty else {
                throw CommandFailure(ExitStatus.data, "name: 1 to 255 bytes are allowed")
            }
            if let fault = name.shownFault(isName: true) {
                throw CommandFailure(ExitStatus.data, "name: \(fault)")
            }
            // So are keys: a false line is told here, not when the network does not start.
            try genesis.checkKeys()
            if validators < 4 {
                global.output.note("warning: \(validators) validators tolerate no faulty one; use 4 or more")
            }
            try Files.requireTime(genesis.timeMs, of: "the genesis")
            try Files.writeNew(genesis.wireBytes, to: out, force: overwrite.force)
            let network = genesis.networkID
            global.output.show(
                Result(
                    network: network.hex, name: name, registry: network.registryChain.hex, accounts: list.count,
                    validators: validators, file: out)
            ) { result in
                Table.fields([
                    ("network", result.network), ("name", result.name), ("accounts", "\(result.accounts)"),
                    ("validators", "\(result.validators)"), ("file", result.file),
                ])
            }
        }

        static func account(_ text: String) throws(CommandFailure) -> Genesis.Account {
            let parts = text.split(separator: "=", omittingEmptySubsequences: false).map(String.init)
            let numbers = parts.count == 2 ? parts[1].split(separator: ":", omittingEmptySubsequences: false) : []
            guard parts.count == 2, (1...3).contains(numbers.count), let balance = UInt64(numbers[0]),
                let bond = numbers.count >= 2 ? UInt64(numbers[1]) : 0
            else {
                throw CommandFailure(
                    ExitStatus.usage, "--account \(text.prefix(90)): write NODE_ID=BALANCE or MEMBER_LINE=BALANCE:BOND")
            }
            if parts[0].hasPrefix(MemberStatement.prefix), numbers.count <= 2 {
                return try member(parts[0], "--account").account(balance: balance, bond: bond)
            }
            guard let node = NodeID(hex: parts[0]), numbers.count == 1 || (numbers.count == 2 && bond == 0) else {
                throw CommandFailure(
                    NodeID(hex: parts[0]) == nil ? ExitStatus.usage : ExitStatus.data,
                    NodeID(hex: parts[0]) == nil
                        ? "--account \(text.prefix(20)): an id has 64 hexadecimal digits"
                        : "--account \(text.prefix(20)): a validator proves that it holds its keys; write its member line in "
                            + "the place of the id (`meshnode init` prints it on the member's machine)")
            }
            return .init(node: node, balance: balance, validatorBond: 0)
        }

        private static func member(_ line: String, _ place: String) throws(CommandFailure) -> MemberStatement {
            do { return try MemberStatement(line: line) } catch {
                throw CommandFailure(ExitStatus.data, "\(place): \(error)")
            }
        }

        /// The accounts of a member file.
        static func members(_ file: String, balance: UInt64, bond: UInt64) throws -> [Genesis.Account] {
            let text = String(decoding: try Files.read(file, limit: 64 << 20), as: UTF8.self)
            var list: [Genesis.Account] = []
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
                if words.isEmpty { continue }
                let place = "\(file), line \(index + 1)"
                let numbers = words.dropFirst().map { UInt64($0) }
                guard numbers.count <= 2, numbers.allSatisfy({ $0 != nil }) else {
                    throw CommandFailure(
                        ExitStatus.data,
                        "\(place): write MEMBER_LINE [BALANCE [BOND]], nothing else; # begins a comment")
                }
                list.append(
                    try member(words[0], place).account(
                        balance: numbers.first.flatMap { $0 } ?? balance,
                        bond: numbers.count == 2 ? numbers[1]! : bond))
            }
            guard !list.isEmpty else { throw CommandFailure(ExitStatus.data, "\(file): no member line in it") }
            return list
        }

        static func milliseconds(_ seconds: Double?, _ option: String) throws(CommandFailure) -> UInt64? {
            guard let seconds else { return nil }
            let longest = Double(Genesis.Parameters.longestWindowMs) / 1_000
            guard seconds >= 0.001, seconds <= longest else {
                throw CommandFailure(ExitStatus.usage, "\(option) \(seconds): 0.001 to \(longest) s are allowed")
            }
            return UInt64(seconds * 1_000)
        }
    }
}
