import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Escrow, bonds, nonces, Close and the two due heights, on one validator's registry.
struct RegistryTests {
    let keys = (0..<6).map { _ in SigningKey.generate() }.sorted { $0.nodeID < $1.nodeID }
    let genesis: Genesis

    init() {
        genesis = Genesis(
            name: "test", timeMs: 1_000,
            accounts: keys.map { .init(node: $0.nodeID, balance: 5_000, validatorBond: 100) },
            parameters: .init(electionProofBytes: 0, proposeMs: 1_000, voteMs: 300))
    }

    static func spec(minimum: UInt32 = 5, maximum: UInt32 = 5) -> TaskSpec {
        TaskSpec(
            name: "t", seed: 1,
            model: .init(
                architecture: .softmax, hidden: [],
                initial: ContentReference(id: ContentID(randomBytes(32)), length: 300)),
            data: .init(type: "t", features: 3, labels: ["a", "b"], scalePpm: 1_000_000, minimumRows: 10), rounds: 2,
            participants: .init(minimum: minimum, maximum: maximum, smallestSet: 4),
            deadlines: .init(
                enrolMs: 5_000, submitMs: 4_000, aggregateMs: 2_000, opinionMs: 1_000, expiryMs: 3_600_000),
            training: .init(
                trainer: "builtin/1", localEpochs: 1, batchSize: 1, learningRatePpm: 100_000, server: .fedAvg,
                serverRatePpm: 1_000_000, weighting: .uniform, rowCap: 0),
            update: .init(
                clipNormPpm: 1_000_000, bits: 10, rangePpm: 4_000_000, compression: .none, packing: 1, encoding: .affine
            ),
            holders: .init(count: 3, threshold: 1), evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            reward: .init(credits: 1_000, rule: .equal, minimumBond: 50), bodyRetention: 1, voting: .automatic)
    }

    func envelope(_ transaction: Transaction, _ signer: Int, nonce: UInt64) -> Envelope {
        .signed(
            transaction.wireBytes,
            slot: Slot(kind: .transaction, chain: genesis.networkID.registryChain, major: nonce, minor: 0),
            network: genesis.networkID, by: keys[signer])
    }

    func enrolment(
        _ task: TaskID, _ signer: Int, rows: UInt32 = 20, bond: UInt64 = 60, form: Digest = Self.spec().data.form
    ) -> Transaction {
        .enrol(
            KeyRules.enrolment(
                task: task, sealingKey: .generate(), electionKey: nil, rows: rows, dataForm: form, bond: bond,
                network: genesis.networkID, account: keys[signer].nodeID))
    }

    func publish(_ spec: TaskSpec = Self.spec(), _ signer: Int = 0) -> Transaction {
        KeyRules.publish(
            spec, sealingKey: .generate(), network: genesis.networkID, account: keys[signer].nodeID)
    }

    /// A block of these transactions on top of `state`, by whoever's turn it is.
    func block(_ transactions: [Envelope], on state: RegistryState, timeMs: UInt64) throws -> RegistryState {
        let author = state.nextProposers[0]
        let built = try #require(
            RegistryRules.build(pending: transactions, state: state, author: author, view: 0, timeMs: timeMs))
        return try RegistryRules.check(header: built.header, body: built.body, state: state)
    }

    @Test func publishEscrowsEnrolBondsAndCreditsStayConstant() throws {
        var state = RegistryState(genesis: genesis)
        let total = state.totalCredits
        let publish = envelope(publish(), 0, nonce: 0)
        state = try block([publish], on: state, timeMs: 2_000)
        let task = TaskID.of(network: genesis.networkID, publish: publish.transactionID)
        #expect(state.accounts[keys[0].nodeID]?.balance == 4_000 - state.publishDeposit)
        #expect(state.task(task)?.escrow == 1_000 && state.totalCredits == total)

        state = try block((1..<6).map { envelope(enrolment(task, $0), $0, nonce: 0) }, on: state, timeMs: 3_000)
        #expect(state.accounts[keys[1].nodeID]?.balance == 4_940 && state.accounts[keys[1].nodeID]?.bonded == 60)
        #expect(state.totalCredits == total)

        state = try block([envelope(.close(task: task), 3, nonce: 1)], on: state, timeMs: 4_000)
        #expect(state.isNextHeightDue && state.openedTasks().isEmpty)
        state = try block([], on: state, timeMs: 5_000)
        state = try block([], on: state, timeMs: 6_000)
        #expect(!state.isNextHeightDue)
        let opened = try #require(state.openedTasks().first)
        #expect(opened.task == task && opened.members.count == 5 && opened.holders.count == 3)
        #expect(opened.closeBlock != .zero && state.totalCredits == total)
        // Nothing is due any more: an empty block is not valid.
        #expect(
            RegistryRules.build(pending: [], state: state, author: state.nextProposers[0], view: 0, timeMs: 7_000)
                == nil)
    }

    private func reason(
        _ transaction: Transaction, _ signer: Int, nonce: UInt64, _ state: RegistryState, timeMs: UInt64 = 9_000
    ) -> String? {
        var trial = state
        do {
            try trial.apply(envelope(transaction, signer, nonce: nonce), height: state.height + 1, timeMs: timeMs)
            return nil
        } catch { return "\(error)" }
    }

    @Test func everyRefusalSaysWhy() throws {
        var state = RegistryState(genesis: genesis)
        var dear = Self.spec()
        dear.reward.credits = 6_000
        #expect(reason(publish(dear), 0, nonce: 0, state)?.contains("balance 5000") == true)
        var wrong = Self.spec()
        wrong.rounds = 0
        wrong.participants.smallestSet = 2
        let faults = try #require(reason(publish(wrong), 0, nonce: 0, state))
        #expect(faults.contains("rounds") && faults.contains("smallest_set"))
        #expect(reason(publish(), 0, nonce: 1, state)?.contains("nonce 1") == true)

        let publish = envelope(publish(), 0, nonce: 0)
        state = try block([publish], on: state, timeMs: 2_000)
        let task = TaskID.of(network: genesis.networkID, publish: publish.transactionID)
        #expect(reason(enrolment(task, 1, rows: 9), 1, nonce: 0, state)?.contains("9 rows") == true)
        #expect(reason(enrolment(task, 1, bond: 49), 1, nonce: 0, state)?.contains("bond 49") == true)
        #expect(reason(enrolment(.zero, 1), 1, nonce: 0, state)?.contains("not published") == true)
        #expect(reason(.close(task: task), 1, nonce: 0, state)?.contains("waits for participants") == true)
        state = try block([envelope(enrolment(task, 1), 1, nonce: 0)], on: state, timeMs: 3_000)
        #expect(reason(enrolment(task, 1), 1, nonce: 1, state)?.contains("is enrolled") == true)
        // The deadline alone does not close: the minimum is needed.
        #expect(reason(.close(task: task), 2, nonce: 0, state, timeMs: 900_000) != nil)
    }

    @Test func enrolAndCloseOfATaskDoNotShareABlock() throws {
        var state = RegistryState(genesis: genesis)
        let publish = envelope(publish(Self.spec(minimum: 5, maximum: 6)), 0, nonce: 0)
        state = try block([publish], on: state, timeMs: 2_000)
        let task = TaskID.of(network: genesis.networkID, publish: publish.transactionID)
        state = try block((1..<6).map { envelope(enrolment(task, $0), $0, nonce: 0) }, on: state, timeMs: 3_000)
        var trial = state
        try trial.apply(envelope(enrolment(task, 0), 0, nonce: 1), height: state.height + 1, timeMs: 20_000)
        #expect(throws: ChainError.self) {
            try trial.apply(envelope(.close(task: task), 1, nonce: 1), height: state.height + 1, timeMs: 20_000)
        }
        // Who is in is told so, and not that nobody gets in any more.
        let closed = try block([envelope(.close(task: task), 1, nonce: 1)], on: state, timeMs: 20_000)
        #expect(reason(enrolment(task, 2), 2, nonce: 1, closed)?.contains("is enrolled, and takes part") == true)
        #expect(reason(enrolment(task, 0), 0, nonce: 1, closed)?.contains("is closed") == true)
    }

    @Test func alteredBlocksAreRefused() throws {
        let state = RegistryState(genesis: genesis)
        let publish = envelope(publish(), 0, nonce: 0)
        let author = state.nextProposers[0]
        let built = try #require(
            RegistryRules.build(pending: [publish], state: state, author: author, view: 0, timeMs: 2_000))
        #expect(throws: Never.self) { try RegistryRules.check(header: built.header, body: built.body, state: state) }
        func refused(_ change: (inout BlockHeader) -> Void) {
            var header = built.header
            change(&header)
            #expect(throws: ChainError.self) { try RegistryRules.check(header: header, body: built.body, state: state) }
        }
        refused { $0.stateRoot = .zero }
        refused { $0.parent = .zero }
        refused { $0.height = 2 }
        refused { $0.timeMs = 1_000 }
        refused { $0.author = state.nextProposers[1] }
        refused { $0.nextElectorate = .zero }
        refused { $0.electionProof = [1] }
        refused { $0.round = 1 }
        #expect(throws: ChainError.self) {
            try RegistryRules.check(header: built.header, body: built.body + [0], state: state)
        }
    }
}
