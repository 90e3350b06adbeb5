internal import Chain
internal import MeshCrypto
public import Wire

/// Makes and signs the fork of a home's network, while its node does not run.
///
/// A signature says "nothing is decided above this height, as far as I know, and I vote in the old network no more". So it is
/// written down before it is made: a second fork is refused, and the node of this home does not start again.
public final class HomeFork {
    private let home: HomeDirectory
    private let identity: NodeIdentity
    private let lock: HomeLock
    private let durable: DurableStore
    private let state: RegistryState

    /// - Throws: `StorageError`: `locked` while the node runs; `NodeError` for a home without a network or with a damaged
    ///   registry.
    public init(_ place: HomeDirectory) throws {
        home = try HomeDirectory.open(at: place.path)
        identity = try home.loadIdentity()
        lock = try HomeLock(home)
        if let alarm = try home.alarm() { throw NodeError.alarmed(home: home.path, alarm) }
        durable = try DurableStore(path: home.durableDatabase, owner: identity.signingKey().nodeID)
        state = try Self.registry(of: home)
    }

    /// The old registry as far as a home has it; the home is only read.
    static func registry(of home: HomeDirectory) throws -> RegistryState {
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        return try ChainReplay(store: store, genesis: try Genesis.read(bytes), tasks: false).registry
    }

    // MARK: Making

    /// The fork that leaves these voters out, with this node's signature if it has a vote.
    ///
    /// - Parameter names: ids of voters, or beginnings of them.
    public func propose(without names: [String]) throws -> Genesis {
        var lost: [NodeID] = []
        for name in names {
            let id = try NameResolution.one(
                name, among: state.validators.members.map { ($0.node.hex, "") }, kind: "voter",
                next: "`meshnode ledger balance --home \(home.path.shellWord)` shows them (VALIDATOR BOND)")
            lost += NodeID(hex: id).map { [$0] } ?? []
        }
        return try sign(try NetworkFork.genesis(of: state, without: lost))
    }

    /// The signatures of all copies, and this node's, once the fork is what this home's registry gives.
    public func sign(_ copies: [Genesis]) throws -> Genesis {
        var fork = copies[0]
        for copy in copies.dropFirst() { fork = try NetworkFork.joined(fork, copy) }
        do { try NetworkFork.compare(fork, with: state) } catch {
            throw ChainError.invalid("\(error)\(advice(fork))")
        }
        return try sign(fork)
    }

    private func sign(_ fork: Genesis) throws -> Genesis {
        let own = identity.signingKey().nodeID
        guard fork.origin?.without.contains(own) != true else {
            throw ChainError.invalid(
                "\(own.short) is the node of this home, so it is not lost: leave it out of --without, or start it: "
                    + "`meshnode run --home \(home.path.shellWord)`")
        }
        let signed = try NetworkFork.signed(fork, key: identity.signingKey(), electionKey: try identity.electionKey())
        guard signed.accounts.first(where: { $0.node == own })?.proofs != nil else { return signed }
        let network = signed.networkID
        if let earlier = try SignedFork.read(durable), earlier.network != network {
            throw ChainError.invalid(
                "this home has signed or imported another fork of its network, \(earlier.network.hex) at height "
                    + "\(earlier.height): two forks would split its members; use that one, or, if nobody has a whole copy of it: "
                    + "`meshnode genesis fork --from \(home.path.shellWord) --give-up \(earlier.network.hex)`")
        }
        try durable.commit([SignedFork(network: network, height: state.height).record])
        return signed
    }

    private func advice(_ fork: Genesis) -> String {
        guard let origin = fork.origin, origin.network == state.network else { return "" }
        if origin.height > state.height {
            return "; bring this home there first, by a file of the member that made the fork "
                + "(`meshnode chain export --out FILE`): "
                + "`meshnode chain import FILE --home \(home.path.shellWord)`"
        }
        if origin.height < state.height {
            return "; blocks that are decided here would be undone; make the fork from this home: "
                + "`meshnode genesis fork --from \(home.path.shellWord) --without NAMES --out FILE`"
        }
        return ""
    }

    /// Forgets that this home signed or imported a fork: only right when nobody has a copy with all signatures, or ever will.
    public func giveUp(_ network: NetworkID) throws {
        guard let earlier = try SignedFork.read(durable) else {
            throw ChainError.invalid("this home has signed or imported no fork; there is nothing to give up")
        }
        guard earlier.network == network else {
            throw ChainError.invalid(
                "this home has signed or imported the fork \(earlier.network.hex), not \(network.hex)")
        }
        try durable.commit([SignedFork.removal])
    }
}

/// What a home keeps of the fork that it has signed, or that its member has gone on in.
struct SignedFork: Equatable {
    let network: NetworkID
    let height: UInt64

    private static let space = "signed-fork"
    private static let key = Array("own".utf8)

    static func read(_ durable: DurableStore) throws -> SignedFork? {
        try durable.value(space: space, key: key).map { bytes in
            var decoder = WireDecoder(bytes)
            let found = SignedFork(network: try decoder.value(), height: try decoder.u64("height"))
            try decoder.finish()
            return found
        }
    }

    var record: DurableRecord {
        var encoder = WireEncoder()
        encoder.value(network)
        encoder.u64(height)
        return .value(space: Self.space, key: Self.key, bytes: encoder.bytes)
    }

    static var removal: DurableRecord { .removeValue(space: space, key: key) }
}
