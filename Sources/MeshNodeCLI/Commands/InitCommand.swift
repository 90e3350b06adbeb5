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
            Example: meshnode init --home a --set listen.port=7001 --set mesh.profile=loopback
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Genesis file of the network.") var genesis: String?
    @Option(help: "Name of the node (node.name).") var name: String?
    @Option(help: "Address to listen on, HOST:PORT (listen.host, listen.port).") var listen: String?
    @Option(parsing: .singleValue, help: "Ticket of a node to join through (mesh.bootstrap).") var bootstrap: [String] =
        []
    @Option(name: .customLong("set"), parsing: .singleValue, help: "A value for config.toml, PATH=VALUE.")
    var assignments: [String] = []

    struct Result: Encodable {
        let node: String
        let electionKey: String
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
        let hasConfiguration = Files.exists(place.configuration)
        if hasConfiguration, !flags.isEmpty {
            throw CommandFailure(
                ExitStatus.configuration,
                "\(place.configuration) exists already and is never overwritten; edit it, or leave the values away")
        }
        // Everything is judged before anything is made.
        let genesisBytes = try genesis.map { path in try Files.read(path, limit: 64 << 20) }
        let network = try genesisBytes.map(Self.network)
        let loaded = try ConfigurationLoader(home: place, fileText: nil, flags: flags).load()

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
        let stored = try store.genesis().map { try Genesis(wireBytes: $0).networkID }

        global.output.show(
            Result(
                node: node.hex, electionKey: Digest(try identity.electionKey().publicKey).hex, home: home.path,
                network: (network ?? stored)?.hex, createdKeys: createsKeys,
                createdConfiguration: !hasConfiguration)
        ) { result in
            Table.fields([
                ("node", result.node), ("election key", result.electionKey), ("home", result.home),
                ("network", result.network ?? "none yet: run init again with --genesis FILE"),
            ])
        }
    }

    private static func network(_ bytes: [UInt8]) throws(CommandFailure) -> NetworkID {
        do {
            let genesis = try Genesis(wireBytes: bytes)
            try Files.requireTime(genesis.timeMs, of: "the genesis")
            return genesis.networkID
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(ExitStatus.data, "the genesis file cannot be read: \(error); get it again")
        }
    }
}

extension String {
    /// `[::1]` as `::1`.
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}
