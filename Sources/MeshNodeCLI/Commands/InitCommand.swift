internal import ArgumentParser
internal import Chain
internal import MeshCrypto
internal import MeshNode
internal import Wire

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes a node's home: keys, configuration, databases; imports a genesis.",
        discussion: """
            Run again with --genesis once the network exists: keys and configuration that are there are kept.
            With --from a member goes on in a fork of its network: key, configuration, rows and contents of the old home are \
            taken over, the old home stays as it is.
            Example: meshnode init --home a --set listen.port=7001 --set mesh.profile=loopback
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Genesis file of the network.") var genesis: String?
    @Option(help: "This member's home in the network that the genesis is a fork of.") var from: String?
    @Option(help: "Name of the node (node.name).") var name: String?
    @Option(help: "Address to listen on, HOST:PORT (listen.host, listen.port).") var listen: String?
    @Option(parsing: .singleValue, help: "Ticket of a node to join through (mesh.bootstrap).") var bootstrap: [String] =
        []
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("A value for config.toml, again for each.", valueName: "PATH=VALUE"))
    var assignments: [String] = []

    struct Result: Encodable {
        let node: String
        let electionKey: String
        /// What whoever makes the genesis is given: both keys with the proofs that this node holds them.
        let memberLine: String
        let home: String
        let network: String?
        let createdKeys: Bool
        let createdConfiguration: Bool
    }

    func run() throws {
        var flags = try Assignments.parse(assignments)
        if let name { flags["node.name"] = name }
        if !bootstrap.isEmpty { flags["mesh.bootstrap"] = bootstrap.joined(separator: ",") }
        if let listen {
            guard let colon = listen.lastIndex(of: ":") else {
                throw CommandFailure(ExitStatus.usage, "--listen \(listen): write HOST:PORT")
            }
            flags["listen.host"] = String(listen[..<colon]).trimmingBrackets
            flags["listen.port"] = String(listen[listen.index(after: colon)...])
        }
        let place = HomeDirectory(path: global.homePath)
        if let from { try takeOver(from, into: place, hasFlags: !flags.isEmpty) }
        let hasConfiguration = Files.exists(place.configuration)
        if hasConfiguration, !flags.isEmpty {
            throw CommandFailure(
                ExitStatus.configuration,
                "\(place.configuration) exists already, and init changes nothing in it; leave the values away, and change them "
                    + "with: `meshnode config set PATH=VALUE --home \(place.path.shellWord)`")
        }
        // Everything is judged before anything is made.
        let genesisBytes = try genesis.map { path in try Files.read(path, limit: 64 << 20) }
        let agreed = try genesisBytes.map(Self.genesis)
        if let agreed, place.hasIdentity {
            try compare(agreed, with: try HomeDirectory.open(at: place.path).loadIdentity())
        }
        // A home that has a configuration is judged by it, not by the defaults.
        let loaded = try ConfigurationLoader(home: place, environment: Files.environment, flags: flags).load()
        // A new key beside the history of another one would only make the loss final.
        if !place.hasIdentity, try place.hasHistory { _ = try place.loadIdentity() }

        let home = try HomeDirectory.create(at: place.path)
        let createsKeys = !home.hasIdentity
        let identity = createsKeys ? try home.createIdentity() : try home.loadIdentity()
        let node = identity.signingKey().nodeID
        if !hasConfiguration {
            let values = Dictionary(
                uniqueKeysWithValues: loaded.lines.filter { $0.origin == .flag }.map { ($0.path, $0.value) })
            try Files.write(Array(ConfigurationTemplate.text(values: values).utf8), to: home.configuration)
        }
        _ = try DurableStore(path: home.durableDatabase, owner: node, opening: .createIfMissing)
        let store = try ChainStore(path: home.chainDatabase, opening: .createIfMissing)
        if let genesisBytes { try store.storeGenesis(genesisBytes) }
        let network = try agreed ?? store.genesis().map(Self.genesis)
        let member = KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())

        noteData(loaded.configuration, flags)
        global.output.show(
            Result(
                node: node.hex, electionKey: member.electionKey.hex, memberLine: member.line, home: home.path,
                network: network?.networkID.hex, createdKeys: createsKeys,
                createdConfiguration: !hasConfiguration)
        ) { result in
            Table.fields([
                ("node", result.node), ("election key", result.electionKey), ("member line", result.memberLine),
                ("home", result.home),
                ("network", result.network ?? "none yet: run init again with --genesis FILE"),
            ])
        }
    }

    /// Rows that were named just now are read as a task would read them: better a word here than a node that joins nothing.
    private func noteData(_ configuration: NodeConfiguration, _ flags: [String: String]) {
        let data = configuration.data
        for (setting, path, part) in [
            ("data.train", data.train, DataFiles.Part.training), ("data.evaluation", data.evaluation, .evaluation),
        ] where flags[setting] != nil {
            do {
                let found = try DataFiles.read(path, label: data.label, layout: data.layout, part: part)
                if let text = found.note { global.output.note("note: \(setting): \(text)") }
            } catch {
                global.output.note(
                    "note: \(setting): \(error); see all that is wrong with: `meshnode data audit \(path.shellWord) --label \(data.label.shellWord)`"
                )
            }
        }
    }

    /// Makes the home of a fork from that of the old network; what follows finds it as one that was made before.
    private func takeOver(_ from: String, into place: HomeDirectory, hasFlags: Bool) throws {
        guard let genesis else {
            throw CommandFailure(ExitStatus.usage, "--from \(from): give the fork with --genesis FILE as well")
        }
        guard !hasFlags else {
            throw CommandFailure(
                ExitStatus.usage,
                "--from \(from): the old configuration is taken as it is; leave --name, --listen, --bootstrap and --set away "
                    + "and edit \(place.configuration) afterwards")
        }
        let old = HomeDirectory(path: Files.absolute(from))
        guard old.path != place.path, !place.hasIdentity, try !place.hasHistory else {
            throw CommandFailure(
                ExitStatus.configuration,
                "\(place.path) is a home already; a fork is another network: give a new home with --home")
        }
        let fork = try Self.genesis(try Files.read(genesis, limit: 64 << 20))
        let taken = try ForkedHome(fork, old: old)
        let configuration = try taken.configuration()
        let home = try HomeDirectory.create(at: place.path)
        if let configuration, !Files.exists(home.configuration) {
            try Files.write(Array(configuration.text.utf8), to: home.configuration)
        }
        try taken.copy(into: home)
        switch taken.check {
        case .holds:
            global.output.note("the fork carries what the registry in \(old.path) says, credit by credit")
        case .oldHomeEndsAt(let height):
            global.output.note(
                "note: \(old.path) ends at height \(height), the fork is of height \(fork.origin?.height ?? 0): that it carries "
                    + "the right credits was not checked here; its voters have signed it")
        }
        if taken.endsVoting {
            global.output.note(
                "\(old.path) votes in its network no more and signs no other fork of it: its member goes on in this one"
            )
        }
        if configuration?.droppedTickets == true {
            global.output.note(
                "note: mesh.bootstrap had tickets of the old network, which were left away: get one of the new network "
                    + "(`meshnode ticket`)")
        }
    }

    /// A genesis that names this node with another key would leave it unable to propose, or somebody else's.
    private func compare(_ genesis: Genesis, with identity: NodeIdentity) throws {
        let node = identity.signingKey().nodeID
        let own = Digest(try identity.electionKey().publicKey)
        guard let account = genesis.accounts.first(where: { $0.node == node }) else {
            if let other = genesis.accounts.first(where: { $0.electionKey == own }) {
                throw CommandFailure(
                    ExitStatus.data,
                    "the genesis gives this node's election key to \(other.node.short), not to \(node.short): the keys of "
                        + "two members were swapped; make it again from the members' own lines (genesis create --member-file)"
                )
            }
            global.output.note(
                "note: \(node.short) has no account in this genesis: it follows the network, and takes part once somebody "
                    + "has sent it credits (`meshnode ledger transfer \(node.hex) CREDITS --home MEMBER`)")
            return
        }
        if genesis.origin != nil, from == nil {
            global.output.note(
                "note: this genesis is a fork and --from was not given: what it carries is not compared with this "
                    + "member's old home, and nothing keeps that home from signing another one or from voting on there")
        }
        if genesis.origin?.without.contains(node) == true {
            global.output.note(
                "note: this fork was made without \(node.short): it has its credits and no vote until it bonds again "
                    + "(`meshnode ledger bond CREDITS`)")
        }
        guard account.electionKey == .zero || account.electionKey == own else {
            throw CommandFailure(
                ExitStatus.data,
                "the genesis names election key \(account.electionKey.short) for this node, its own is \(own.short): make "
                    + "the genesis again from the members' own lines (genesis create --member-file)")
        }
    }

    private static func genesis(_ bytes: [UInt8]) throws(CommandFailure) -> Genesis {
        do {
            let genesis = try Genesis.read(bytes)
            try Files.requireTime(genesis.timeMs, of: "the genesis")
            return genesis
        } catch let failure as CommandFailure {
            throw failure
        } catch WireError.otherRules(let found) {
            throw CommandFailure(ExitStatus.configuration, WireError.otherRules(found).description)
        } catch let error as ChainError {
            // It says itself what to do.
            throw CommandFailure(ExitStatus.data, "the genesis cannot be used: \(error)")
        } catch WireError.invalid(let field, _) where field == "domain" {
            throw CommandFailure(
                ExitStatus.data,
                "this is no genesis file: give the one that genesis create, or genesis fork, wrote")
        } catch {
            throw CommandFailure(ExitStatus.data, "the genesis file is damaged: \(error); get it again")
        }
    }
}

extension String {
    /// `[::1]` as `::1`.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
