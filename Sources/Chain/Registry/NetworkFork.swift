public import MeshCrypto
public import Wire

/// A network that goes on without voters who are lost for ever, with the credits of the old one.
///
/// Everything but the signatures follows from the last decided state of the old registry and from who is left out, so
/// that all who make a fork of the same state make the same network. Nobody chooses a balance, a time or a draw.
public enum NetworkFork {
    /// The fork of the network of `state`, signed by nobody yet.
    ///
    /// - Parameter lost: voters of the next height.
    /// - Throws: why there is no such fork, and what to do instead.
    public static func genesis(of state: RegistryState, without lost: [NodeID]) throws(ChainError) -> Genesis {
        let (old, without) = (state.validators, Set(lost).sorted())
        guard !without.isEmpty else {
            throw .invalid("nobody is named: a fork leaves out voters who are lost for ever")
        }
        for node in without {
            try require(
                old.contains(node),
                "\(node.short) has no vote in this network, so it holds nothing up; name voters only: "
                    + old.members.map(\.node.short).joined(separator: ", "))
        }
        let weight = old.weight(of: without)
        try require(
            old.totalWeight - weight < old.quorum,
            "the other voters weigh \(old.totalWeight - weight), the quorum is \(old.quorum): the network decides without "
                + "those who are named; start the nodes of the others")
        try require(
            weight < old.quorum,
            "those who are named weigh \(weight), the quorum is \(old.quorum): they can go on with this network by "
                + "themselves, so that nobody can call it ended; name fewer, or begin a new network: "
                + "`meshnode genesis create --name NAME --out FILE`"
        )
        try require(
            isEnough(signers: old.members.map(\.node).filter { bond(of: $0, without, state) > 0 }, of: old),
            "those who would sign do not hold more than half of the weight of \(old.totalWeight) (or half with "
                + "\(old.members.first?.node.short ?? "nobody")), so that the others could make another fork beside theirs; "
                + "start the nodes of more voters, or begin a new network: `meshnode genesis create --name NAME --out FILE`"
        )
        let credits = state.released()
        let accounts = credits.keys.sorted().map { node in
            let bond = bond(of: node, without, state)
            return Genesis.Account(
                node: node, balance: credits[node, default: 0] - bond, validatorBond: bond,
                electionKey: bond > 0 ? state.accounts[node]?.electionKey ?? .zero : .zero)
        }
        return Genesis(
            name: state.genesis.name, timeMs: state.headTimeMs, accounts: accounts,
            parameters: state.genesis.parameters,
            origin: .init(
                network: state.network, height: state.height, block: state.head, carried: digest(of: accounts),
                without: without))
    }

    /// Who takes its bond back, or lost it by evidence, votes until the next epoch; the fork is one.
    private static func bond(of node: NodeID, _ without: [NodeID], _ state: RegistryState) -> UInt64 {
        without.contains(node)
            ? 0 : min(state.validators.weight(of: node), state.accounts[node]?.validatorBond ?? 0)
    }

    /// Whether these voters, each of whom signs one fork of a network only, can make one beside which there is no other.
    ///
    /// Two groups that each hold more than half of the weight have a voter in common. Of two halves only one has the voter
    /// of the lowest id, so that a network of four goes on without two of them, if it is not one of the two. With less
    /// than half, those who stop voting could put out those whom they hold up.
    public static func isEnough(signers: [NodeID], of voters: Electorate) -> Bool {
        let weight = voters.weight(of: signers)
        let rest = voters.totalWeight - weight
        return weight > rest || weight == rest && voters.members.first.map { signers.contains($0.node) } == true
    }

    /// Hash of what each account has been given.
    static func digest(of accounts: [Genesis.Account]) -> Digest {
        var encoder = WireEncoder()
        encoder.list(accounts) { encoder, account in
            encoder.value(account.node)
            encoder.u64(account.balance + account.validatorBond)
        }
        return Digest(Transcript.hash("meshnode/carried/1", encoder.bytes))
    }

    // MARK: Signatures

    /// The fork with the signature of a voter's two keys; of anybody else's nothing is added.
    ///
    /// - Throws: a voter whose election key is not the one that the fork names.
    public static func signed(
        _ fork: Genesis, key: SigningKey, electionKey: RistrettoKey
    ) throws(ChainError) -> Genesis {
        guard let own = fork.accounts.first(where: { $0.node == key.nodeID }), own.validatorBond > 0 else {
            return fork
        }
        let hasKey = own.electionKey != .zero
        try require(
            !hasKey || own.electionKey == Digest(electionKey.publicKey),
            "the fork names election key \(own.electionKey.short) for this node, its own is "
                + "\(Digest(electionKey.publicKey).short)")
        let statement = KeyRules.forkStatement(
            network: fork.networkID, node: own.node, electionKey: own.electionKey)
        let proofs = Genesis.KeyProofs(
            election: hasKey ? KeyProof.make(electionKey, statement: statement) : .zero, node: key.sign(statement))
        return fork.withProofs { $0.node == own.node ? proofs : $0.proofs }
    }

    /// The signatures of two copies of one fork together.
    public static func joined(_ one: Genesis, _ other: Genesis) throws(ChainError) -> Genesis {
        try require(
            one.networkID == other.networkID,
            "two different forks: \(one.networkID.hex) and \(other.networkID.hex); all sign one and the same")
        let proofs = Dictionary(uniqueKeysWithValues: other.accounts.map { ($0.node, $0.proofs) })
        return one.withProofs { $0.proofs ?? proofs[$0.node] ?? nil }
    }

    /// Voters of a fork whose signature is not under it yet, ascending.
    public static func unsigned(_ fork: Genesis) -> [NodeID] {
        fork.accounts.filter { $0.validatorBond > 0 && $0.proofs == nil }.map(\.node)
    }

    // MARK: Checking

    /// Decodes a fork that need not have all of its signatures; those that it has are right.
    public static func readProposal(_ bytes: [UInt8]) throws -> Genesis {
        let genesis = try Genesis(wireBytes: bytes)
        guard let origin = genesis.origin else {
            throw ChainError.invalid("this is the genesis of a network of its own, no fork of another one")
        }
        try checkForm(genesis, origin)
        return genesis
    }

    /// A whole fork: in itself as a fork is, and signed by every voter that it has.
    static func check(_ genesis: Genesis) throws(ChainError) {
        guard let origin = genesis.origin else { return }
        try checkForm(genesis, origin)
        let lacking = unsigned(genesis)
        try require(
            lacking.isEmpty,
            "the fork is not signed by \(lacking.map(\.short).joined(separator: ", ")), and it takes every voter that it has; "
                + "each runs: `meshnode genesis fork --from HOME --sign FILE`")
    }

    private static func checkForm(_ genesis: Genesis, _ origin: Genesis.Origin) throws(ChainError) {
        try require(
            digest(of: genesis.accounts) == origin.carried,
            "accounts: the credits are not those of the digest of what was carried: the file was altered; get it again")
        let voters = genesis.accounts.count { $0.validatorBond > 0 }
        try require(
            (1...Limits.voters).contains(voters), "accounts: \(voters) voters, 1 to \(Limits.voters) are allowed")
        var lost = origin.without[...]
        let network = genesis.networkID
        for account in genesis.accounts {
            if account.node == lost.first {
                try require(
                    account.validatorBond == 0, "accounts: \(account.node.short) has a vote and is named as lost")
                lost.removeFirst()
            }
            guard account.validatorBond > 0 else {
                try require(
                    account.electionKey == .zero && account.proofs == nil,
                    "accounts: \(account.node.short) has keys or a signature and no vote")
                try KeyRules.check(account: account.node)
                continue
            }
            try require(
                account.electionKey != .zero || genesis.parameters.electionProofBytes == 0,
                "validator \(account.node.short) has no election key")
            guard let proofs = account.proofs else {
                try KeyRules.check(account: account.node)
                continue
            }
            try KeyRules.check(
                voter: MemberStatement(node: account.node, electionKey: account.electionKey, proofs: proofs),
                ofFork: network)
        }
        try require(
            lost.isEmpty, "lost voters: \(lost.first?.short ?? "") has no account, though its credits are carried")
    }

    /// Holds a fork against the state of the old registry that it claims to come from.
    ///
    /// - Parameter state: of the old registry as far as it is known.
    /// - Returns: nil when the fork is what this state gives, signatures aside.
    /// - Throws: what differs, or that the state is of another height.
    public static func compare(_ fork: Genesis, with state: RegistryState) throws(ChainError) {
        guard let origin = fork.origin else { throw .invalid("this network is no fork") }
        try require(
            origin.network == state.network,
            "the fork comes from network \(origin.network.short), not from \(state.network.short) "
                + "\"\(state.genesis.name)\"")
        try require(
            origin.height == state.height,
            "the fork is of height \(origin.height), the old registry is at height \(state.height)")
        try require(
            origin.block == state.head,
            "the fork names block \(origin.block.short) at height \(origin.height), the old registry has "
                + "\(state.head.short): two histories; compare them with the other members")
        let right = try genesis(of: state, without: origin.without)
        for (account, wanted) in zip(fork.accounts, right.accounts) {
            try require(
                account.node == wanted.node,
                "accounts: \(account.node.short) where the old registry has \(wanted.node.short)")
            try require(
                account.balance == wanted.balance && account.validatorBond == wanted.validatorBond,
                "account \(account.node.short): the fork gives it \(account.balance) credits and a bond of "
                    + "\(account.validatorBond), the old registry \(wanted.balance) and \(wanted.validatorBond)")
            try require(
                account.electionKey == wanted.electionKey,
                "account \(account.node.short): another election key than in the old registry")
        }
        try require(
            fork.withoutProofs == right.withoutProofs,
            "accounts, name, time or parameters are not those of the old network")
    }
}

extension RegistryState {
    /// The credits of every account once nothing is locked up: what a fork carries.
    ///
    /// What a task has settled and not yet paid is paid, the rest of its escrow and its deposit go to its publisher; bonds with
    /// tasks, validator bonds, what is unbonding and reserves go to their owners. Credits lost by evidence stay lost.
    public func released() -> [NodeID: UInt64] {
        var state = self
        for index in state.tasks.indices {
            if state.tasks[index].paidMs == nil { state.payOut(index, height, headTimeMs) }
            let record = state.tasks[index]
            state.credit(record.publisher, record.escrow + record.deposit, .refund, height, headTimeMs)
        }
        return state.accounts.mapValues { account in
            account.unbonding.reduce(account.balance + account.bonded + account.validatorBond + account.reserve) {
                $0 + $1.credits
            }
        }
    }
}
