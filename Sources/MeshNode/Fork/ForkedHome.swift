internal import Chain
internal import Learn
internal import MeshCrypto
public import Wire

/// Takes what belongs to a member from the home of the old network into a new home for a fork of it. No node runs in the old
/// home meanwhile, and all that is written there is that a voter has gone on in this fork: it signs no other one, and its node
/// votes in the old network no more.
public struct ForkedHome {
    /// How far the old home could tell whether the fork carries what it should.
    public enum Check: Equatable, Sendable {
        /// Balances, voters and block are what the old home's registry gives.
        case holds
        /// The old home ends below the fork's block.
        case oldHomeEndsAt(UInt64)
    }

    private let old: HomeDirectory
    private let lock: HomeLock
    private let identity: NodeIdentity
    public let check: Check
    /// What is written into the old home; nil where its key has no vote in the old network.
    private let decision: SignedFork?
    /// Nil where the old home can sign nothing, because its record of what it signed is lost.
    private let durable: DurableStore?

    /// - Throws: `ChainError` for a fork that is not what the old home's registry gives, or another one than it has signed or
    ///   imported; `StorageError.locked` while the old node runs.
    public init(_ fork: Genesis, old: HomeDirectory) throws {
        self.old = old
        identity = try old.loadIdentity()
        lock = try HomeLock(old)
        let own = identity.signingKey().nodeID
        let state = try HomeFork.registry(of: old)
        guard let origin = fork.origin else {
            throw ChainError.invalid(
                "this genesis is no fork: leave --from away, or give the file that genesis fork wrote")
        }
        if origin.network == state.network, origin.height > state.height {
            check = .oldHomeEndsAt(state.height)
        } else {
            do { try NetworkFork.compare(fork, with: state) } catch {
                throw ChainError.invalid(
                    "the fork is not one of the network in \(old.path): \(error); ask the other members which file is "
                        + "theirs")
            }
            check = .holds
        }
        let votes =
            state.validators.contains(own) || origin.without.contains(own)
            || fork.accounts.contains { $0.node == own && $0.validatorBond > 0 }
        decision = votes ? SignedFork(network: fork.networkID, height: origin.height) : nil
        durable =
            try FileSystem.exists(old.durableDatabase)
            ? try DurableStore(path: old.durableDatabase, owner: own) : nil
        if let earlier = try durable.flatMap(SignedFork.read), earlier.network != fork.networkID {
            throw ChainError.invalid(
                "\(old.path) has signed or imported another fork, \(earlier.network.hex) at height \(earlier.height): this is "
                    + "\(fork.networkID.hex); use that one, or, if nobody has a whole copy of it: "
                    + "`meshnode genesis fork --from \(old.path.shellWord) --give-up \(earlier.network.hex)`")
        }
    }

    /// Whether the old home's node votes in the old network no more once this is copied.
    public var endsVoting: Bool { decision != nil && durable != nil }

    /// The text of the old configuration without tickets of the old network; nil where there is none.
    ///
    /// - Returns: also whether tickets were left away.
    public func configuration() throws -> (text: String, droppedTickets: Bool)? {
        guard try FileSystem.exists(old.configuration) else { return nil }
        let text = String(
            decoding: try FileSystem.read(old.configuration, limit: UInt64(TOMLDocument.longest)), as: UTF8.self)
        let loaded = try ConfigurationLoader(home: old, fileText: text).load()
        guard !loaded.configuration.bootstrap.isEmpty else { return (text, false) }
        // They are values of a list that may span lines: the file is written anew.
        var values: [String: SettingValue] = [:]
        for line in loaded.lines where line.origin != .builtIn && line.path != "mesh.bootstrap" {
            values[line.path] = line.value
        }
        return (ConfigurationTemplate.text(values: values), true)
    }

    /// Writes into the old home that it goes on in this fork; then copies contents, rows that lie there, the owner's rules,
    /// bans, an alarm, and last of all, when the rest is on disk, the key: a home with a key has everything.
    ///
    /// - Returns: what was not taken, each with the reason.
    public func copy(into home: HomeDirectory) throws -> [String] {
        if let decision { try durable?.commit([decision.record]) }
        var copy = HomeCopy(from: old, to: home)
        // Without these the new home would do what the owner forbade.
        for path in [OwnerPolicy.fileName, "bans", "alarm"] { try copy.take(path, isNeeded: true) }
        for path in try rows(&copy) { try copy.take(path, isNeeded: false) }
        for (folder, path) in [("content", old.content), ("content/pins", old.content + "/pins")] {
            guard try FileSystem.target(path)?.isDirectory == true else { continue }
            for name in try FileSystem.list(path) where folder == "content/pins" || name.hasSuffix(".data") {
                try copy.take(folder + "/" + name, isNeeded: false)
            }
        }
        try copy.finish()
        _ = try home.createIdentity(identity)
        return copy.left
    }

    /// Files and folders of rows that the configuration names relative to the home.
    private func rows(_ copy: inout HomeCopy) throws -> [String] {
        let loaded = try ConfigurationLoader(home: old, environment: [:], flags: [:]).load()
        var result: [String] = []
        for line in loaded.lines where ["data.train", "data.evaluation"].contains(line.path) {
            guard case .text(let path) = line.value, !path.isEmpty, !path.hasPrefix("/") else { continue }
            guard !path.split(separator: "/").contains("..") else {
                copy.leave(
                    "\(line.path) = \(path.tomlWord) leads out of the old home; put these rows beside the new one")
                continue
            }
            result.append(path)
        }
        return result
    }
}
