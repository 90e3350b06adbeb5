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
            let colon = listen.lastIndex(of: ":")
            let host = colon.map { String(listen[..<$0]) } ?? ""
            // A host with colons of its own has brackets around it, else nobody knows where the port begins.
            guard let colon, !host.isEmpty, host.contains(":") == (host.hasPrefix("[") && host.hasSuffix("]")) else {
                throw CommandFailure(
                    ExitStatus.usage,
                    "--listen \(listen): write HOST:PORT; an IPv6 address in brackets, as in [::1]:7000")
            }
            flags["listen.host"] = host.trimmingBrackets
            flags["listen.port"] = String(listen[listen.index(after: colon)...])
        }
        let place = global.homeDirectory
        // Before anything is looked at: what another init has half made is judged by nobody.
        var lock = try Files.exists(place.lockFile) ? HomeLock(place) : nil
        if let from { lock = try takeOver(from, into: place, hasFlags: !flags.isEmpty, lock: lock) }
        var plan: Plan
        do { plan = try judge(place, flags) } catch {
            // Where there was no lock, another init may have come between.
            guard lock == nil, Files.exists(place.lockFile) else { throw error }
            lock = try HomeLock(place)
            plan = try judge(place, flags)
        }
        let home = try HomeDirectory.create(at: place.path)
        if lock == nil {
            lock = try HomeLock(home)
            plan = try judge(place, flags, after: plan)
        }
        defer { withExtendedLifetime(lock) {} }
        let createsKeys = !home.hasIdentity
        let identity = createsKeys ? try home.createIdentity() : try home.loadIdentity()
        let node = identity.signingKey().nodeID
        if !plan.hasConfiguration {
            let values = Dictionary(
                uniqueKeysWithValues: plan.loaded.lines.filter { $0.origin == .flag }.map { ($0.path, $0.value) })
            try Files.write(Array(ConfigurationTemplate.text(values: values).utf8), to: home.configuration)
        }
        let store = try home.createDatabases(owner: node)
        if let bytes = plan.genesisBytes { try store.storeGenesis(bytes) }
        // What follows from a genesis is said of one that was taken.
        for note in plan.notes { global.output.note(note) }
        let network = try plan.agreed ?? store.genesis().map(Self.genesis)
        let member = KeyRules.member(key: identity.signingKey(), electionKey: try identity.electionKey())

        noteData(plan.loaded.configuration, flags)
        global.output.show(
            Result(
                node: node.hex, electionKey: member.electionKey.hex, memberLine: member.line, home: home.path,
                network: network?.networkID.hex, createdKeys: createsKeys,
                createdConfiguration: !plan.hasConfiguration)
        ) { result in
            Table.fields([
                ("node", result.node), ("election key", result.electionKey), ("member line", result.memberLine),
                ("home", result.home),
                ("network", result.network ?? "none yet: run init again with --genesis FILE"),
            ])
        }
    }

    /// What is to be made, once everything was judged.
    private struct Plan {
        let hasConfiguration: Bool
        let genesisBytes: [UInt8]?
        let agreed: Genesis?
        let loaded: ConfigurationLoader.Loaded
        let hasIdentity: Bool
        /// What follows from the genesis, said once this home has it.
        let notes: [String]
    }

    /// Everything is judged before anything is made.
    /// - Parameter earlier: of the same home before it was locked; what was told then is not told again.
    private func judge(_ place: HomeDirectory, _ flags: [String: String], after earlier: Plan? = nil) throws -> Plan {
        let hasConfiguration = Files.exists(place.configuration)
        if hasConfiguration, !flags.isEmpty {
            throw CommandFailure(
                ExitStatus.configuration,
                "\(place.configuration) exists already, and init changes nothing in it; leave the values away, and change them "
                    + "with: `meshnode config set PATH=VALUE --home \(place.path.shellWord)`")
        }
        let bytes = try earlier.map(\.genesisBytes) ?? genesis.map { path in try Files.read(path, limit: 64 << 20) }
        let agreed = try earlier.map(\.agreed) ?? bytes.map(Self.genesis)
        var notes = earlier?.notes ?? []
        if let agreed, place.hasIdentity, earlier?.hasIdentity != true {
            notes += try compare(agreed, with: try HomeDirectory.open(at: place.path).loadIdentity())
        }
        // A home that has a configuration is judged by it, not by the defaults.
        let loaded = try ConfigurationLoader(home: place, environment: Files.environment, flags: flags).load()
        // A new key beside the history of another one would only make the loss final.
        if !place.hasIdentity, try place.hasHistory { _ = try place.loadIdentity() }
        // Nor does a key go on without what it has signed.
        try place.checkRecord()
        return Plan(
            hasConfiguration: hasConfiguration, genesisBytes: bytes, agreed: agreed, loaded: loaded,
            hasIdentity: place.hasIdentity, notes: notes)
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
    /// - Returns: what holds the new home.
    private func takeOver(
        _ from: String, into place: HomeDirectory, hasFlags: Bool, lock given: HomeLock?
    ) throws -> HomeLock {
        guard let genesis else {
            throw CommandFailure(ExitStatus.usage, "--from \(from): give the fork with --genesis FILE as well")
        }
        guard !hasFlags else {
            throw CommandFailure(
                ExitStatus.usage,
                "--from \(from): the old configuration is taken as it is; leave --name, --listen, --bootstrap and --set away "
                    + "and edit \(place.configuration) afterwards")
        }
        let old = Files.home(from)
        func requireNew() throws {
            guard old.path != place.path, !place.hasIdentity, try !place.hasHistory else {
                throw CommandFailure(
                    ExitStatus.configuration,
                    "\(place.path) is a home already; a fork is another network: give a new home with --home")
            }
        }
        try requireNew()
        let fork = try Self.genesis(try Files.read(genesis, limit: 64 << 20))
        let taken = try ForkedHome(fork, old: old)
        let configuration = try taken.configuration()
        let home = try HomeDirectory.create(at: place.path)
        let lock = try given ?? HomeLock(home)
        try requireNew()
        if let configuration, !Files.exists(home.configuration) {
            try Files.write(Array(configuration.text.utf8), to: home.configuration)
        }
        for fault in try taken.copy(into: home) { global.output.note("note: not taken: \(fault)") }
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
        return lock
    }

    /// A genesis that names this node with another key would leave it unable to propose, or somebody else's.
    /// - Returns: what its operator is to know once it is this home's.
    private func compare(_ genesis: Genesis, with identity: NodeIdentity) throws -> [String] {
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
            return [
                "note: \(node.short) has no account in this genesis: it follows the network, and takes part once somebody "
                    + "has sent it credits (`meshnode ledger transfer \(node.hex) CREDITS --home MEMBER`)"
            ]
        }
        var notes: [String] = []
        if genesis.origin != nil, from == nil {
            notes.append(
                "note: this genesis is a fork and --from was not given: what it carries is not compared with this "
                    + "member's old home, and nothing keeps that home from signing another one or from voting on there")
        }
        if genesis.origin?.without.contains(node) == true {
            notes.append(
                "note: this fork was made without \(node.short): it has its credits and no vote until it bonds again "
                    + "(`meshnode ledger bond CREDITS`)")
        }
        guard account.electionKey == .zero || account.electionKey == own else {
            throw CommandFailure(
                ExitStatus.data,
                "the genesis names election key \(account.electionKey.short) for this node, its own is \(own.short): make "
                    + "the genesis again from the members' own lines (genesis create --member-file)")
        }
        return notes
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
