import MeshCrypto
import Testing
import Wire

@testable import Chain

/// A registry of six validators with everything that they sign: blocks are decided with real certificates.
struct LedgerWorld {
    let keys: [SigningKey]
    let electionKeys: [RistrettoKey]
    let genesis: Genesis
    var state: RegistryState
    var blocks: [DecidedBlock] = []
    var timeMs: UInt64 = 2_000
    var nonces: [NodeID: UInt64] = [:]

    init(proofBytes: UInt8 = 0, count: Int = 6, balance: UInt64 = 5_000, epochMs: UInt64 = 3_000) {
        let made = (0..<count).map { index in
            try! SigningKey(seed: SecretBytes(Transcript.hash("ledger world", [UInt8(index)])))
        }
        keys = made.sorted { $0.nodeID < $1.nodeID }
        let election = keys.map { key in
            try! RistrettoKey(
                uniform: SecretBytes(
                    Transcript.hash("election", key.nodeID.bytes) + Transcript.hash("election/2", key.nodeID.bytes)))
        }
        electionKeys = election
        genesis = Genesis(
            name: "test", timeMs: 1_000,
            accounts: keys.enumerated().map { index, key in
                KeyRules.member(key: key, electionKey: election[index]).account(balance: balance, bond: 100)
            },
            parameters: .init(
                electionProofBytes: proofBytes, proposeMs: 1_000, voteMs: 300, settleMs: 5_000, evidenceMs: 20_000,
                epochMs: epochMs))
        state = RegistryState(genesis: genesis)
    }

    func node(_ index: Int) -> NodeID { keys[index].nodeID }
    func balance(_ index: Int) -> UInt64 { state.accounts[node(index)]?.balance ?? 0 }
    func place(_ node: NodeID) -> Int { keys.firstIndex { $0.nodeID == node }! }

    func envelope(_ transaction: Transaction, _ signer: Int, nonce: UInt64? = nil) -> Envelope {
        .signed(
            transaction.wireBytes,
            slot: Slot(
                kind: .transaction, chain: state.chain, major: nonce ?? state.accounts[node(signer)]?.nonce ?? 0,
                minor: 0),
            network: state.network, by: keys[signer])
    }

    /// Decides a block of these transactions, each signed with its account's next nonce.
    mutating func decide(_ transactions: [(Transaction, Int)] = [], after ms: UInt64 = 1_000) throws {
        timeMs += ms
        var next: [Int: UInt64] = [:]
        let envelopes = transactions.map { transaction, signer in
            let nonce = next[signer] ?? state.accounts[node(signer)]?.nonce ?? 0
            next[signer] = nonce + 1
            return envelope(transaction, signer, nonce: nonce)
        }
        try decide(envelopes: envelopes)
    }

    mutating func decide(envelopes: [Envelope]) throws {
        let author = state.nextProposers[0]
        let built = try #require(
            RegistryRules.build(
                pending: envelopes, state: state, author: author, view: 0, timeMs: timeMs,
                electionKey: electionKeys[place(author)]))
        let body = try RegistryBody(wireBytes: built.body)
        try #require(body.transactions.count == envelopes.count, "not every transaction was valid")
        let certificate = certificate(built.header, by: state.validators)
        try certificate.check(network: state.network, header: built.header, electorate: state.validators)
        state = try RegistryRules.check(header: built.header, body: built.body, state: state)
        blocks.append(DecidedBlock(header: built.header, body: built.body, certificate: certificate))
    }

    /// Everybody's precommits for a header of any chain.
    func certificate(_ header: BlockHeader, by electorate: Electorate, except: [NodeID] = []) -> Certificate {
        let slot = Slot(kind: .precommit, chain: header.chain, major: header.height, minor: 0)
        let precommits = electorate.members.enumerated().filter { !except.contains($0.element.node) }.map {
            index, member in
            Certificate.Precommit(
                voter: UInt8(index),
                signature: Envelope.signed(
                    Vote(block: header.id).wireBytes, slot: slot, network: state.network, by: keys[place(member.node)]
                ).signature)
        }
        return Certificate(
            chain: header.chain, height: header.height, view: 0, block: header.id, precommits: precommits)
    }

    /// Why a transaction is refused in a block now; nil when it is valid.
    func refusal(_ transaction: Transaction, _ signer: Int, after ms: UInt64 = 1_000) -> String? {
        var trial = state
        trial.begin(height: state.height + 1, timeMs: timeMs + ms)
        do {
            try trial.apply(envelope(transaction, signer), height: state.height + 1, timeMs: timeMs + ms)
            return nil
        } catch { return "\(error)" }
    }

    // MARK: A task

    /// Publishes a task by node 0, enrols nodes 1 to 5 and opens its chain.
    mutating func openTask(_ change: (inout TaskSpec) -> Void = { _ in }) throws -> TaskGenesis {
        let task = try publish(change)
        try decide((1..<6).map { (enrolment(task, $0), $0) })
        try decide([(.close(task: task), 3)])
        try decide()
        try decide()
        return try #require(state.openedTasks().first { $0.task == task })
    }

    mutating func publish(_ change: (inout TaskSpec) -> Void = { _ in }) throws -> TaskID {
        var spec = RegistryTests.spec()
        change(&spec)
        let publish = envelope(publishing(spec), 0)
        timeMs += 1_000
        try decide(envelopes: [publish])
        return TaskID.of(network: state.network, publish: publish.transactionID)
    }

    func publishing(_ spec: TaskSpec, _ signer: Int = 0) -> Transaction {
        KeyRules.publish(spec, sealingKey: sealingKey(signer), network: state.network, account: node(signer))
    }

    /// One for all tasks: a test's, not a node's.
    func sealingKey(_ index: Int) -> RistrettoKey {
        try! RistrettoKey(
            uniform: SecretBytes(
                Transcript.hash("sealing", node(index).bytes) + Transcript.hash("sealing/2", node(index).bytes)))
    }

    func enrolment(_ task: TaskID, _ index: Int, bond: UInt64 = 60) -> Transaction {
        .enrol(
            KeyRules.enrolment(
                task: task, sealingKey: sealingKey(index), electionKey: electionKeys[index], rows: 20,
                dataForm: (state.task(task)?.spec ?? RegistryTests.spec()).data.form, bond: bond,
                network: state.network, account: node(index)))
    }

    func bonding(_ credits: UInt64, _ index: Int, key: RistrettoKey? = nil) -> Transaction {
        KeyRules.bond(
            credits, electionKey: key ?? electionKeys[index], network: state.network, account: node(index))
    }

    /// One epoch later somebody weighs more.
    mutating func changeElectorate() throws {
        try decide([(bonding(1, 1), 1)])
        try decide(after: genesis.parameters.epochMs)
    }

    /// A settlement as a decided task header makes it: what the members earned by then.
    func settlement(
        _ genesis: TaskGenesis, height: UInt64, outcome: TaskOutcome, credits: [UInt64], accuracyPpm: UInt32 = 500_000
    ) -> Settlement {
        let payouts = PayoutTable(
            outcome: outcome, rounds: 2, accuracyPpm: accuracyPpm,
            entries: zip(genesis.members, credits).map { .init(node: $0.node, rounds: 2, aggregated: 0, credits: $1) })
        let header = BlockHeader(
            chain: genesis.task, height: height, parent: .zero, timeMs: timeMs, author: genesis.members[0].node,
            originView: 0, kind: .control, round: 3, attempt: 0, body: .of([1], kind: .blockBody), stateRoot: .zero,
            payoutRoot: payouts.root, nextElectorate: .zero, secondElectorate: .zero, electionProof: [])
        return Settlement(
            header: header, certificate: certificate(header, by: genesis.electorate), payouts: payouts)
    }
}
