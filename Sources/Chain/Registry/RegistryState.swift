internal import MeshCrypto
public import Wire

/// The state of the registry: a fold over its decided blocks, the same at every node.
public struct RegistryState: Hashable, Sendable {
    public struct Account: Hashable, Sendable {
        public var balance: UInt64
        public var nonce: UInt64
        /// Bonds of this account that lie with tasks.
        public var bonded: UInt64
    }

    public struct TaskRecord: Hashable, Sendable {
        public let task: TaskID
        public let spec: TaskSpec
        public let publisher: NodeID
        public let sealingKey: SealingKey
        public let publishedMs: UInt64
        public let publishedHeight: UInt64
        public var escrow: UInt64
        /// In order of arrival; each counts from the height after its own.
        public var enrolments: [Enrolled]
        public var closed: Closed?
    }

    public struct Enrolled: Hashable, Sendable {
        public let node: NodeID
        public let height: UInt64
        public let enrolment: Enrolment
    }

    public struct Closed: Hashable, Sendable {
        public let height: UInt64
        public var block: BlockID
        /// R of the height two after; nil until it is decided.
        public var beacon: Digest?
    }

    public let genesis: Genesis
    public let network: NetworkID
    public let chain: ChainID
    public let validators: Electorate
    public private(set) var height: UInt64 = 0
    public private(set) var head: BlockID
    public private(set) var headTimeMs: UInt64
    public private(set) var beacon: Digest
    public private(set) var accounts: [NodeID: Account] = [:]
    /// In order of publication.
    public private(set) var tasks: [TaskRecord] = []

    public init(genesis: Genesis) {
        self.genesis = genesis
        network = genesis.networkID
        chain = network.registryChain
        head = BlockID(network.bytes)
        headTimeMs = genesis.timeMs
        beacon = Digest(Transcript.hash("meshnode/beacon-0/1", network.bytes))
        validators = Electorate(bonds: genesis.accounts.map { .init(node: $0.node, weight: $0.validatorBond) })
        for account in genesis.accounts { accounts[account.node] = Account(balance: account.balance, nonce: 0, bonded: 0) }
    }

    public func task(_ id: TaskID) -> TaskRecord? { tasks.first { $0.task == id } }

    public var nextProposers: [NodeID] { Election.proposers(electorate: validators, beacon: beacon, holders: []) }

    /// After a Close the next two heights are due: the task's beacon comes from them.
    public var isNextHeightDue: Bool { tasks.contains { $0.closed.map { $0.beacon == nil } ?? false } }

    /// Σ of everything that an account, a bond or an escrow holds: constant from genesis on.
    public var totalCredits: UInt64 {
        accounts.values.reduce(0) { $0 + $1.balance + $1.bonded } + tasks.reduce(0) { $0 + $1.escrow }
            + validators.totalWeight
    }

    /// The genesis of every task chain that this state opens, in order.
    public func openedTasks() -> [TaskGenesis] {
        tasks.compactMap { taskGenesis($0) }
    }

    public func taskGenesis(_ record: TaskRecord) -> TaskGenesis? {
        guard let closed = record.closed, let beacon = closed.beacon else { return nil }
        return TaskGenesis(
            network: network, task: record.task, spec: record.spec, publisher: record.publisher,
            publisherSealingKey: record.sealingKey, publishedMs: record.publishedMs, closeBlock: closed.block,
            registryBeacon: beacon,
            members: record.enrolments.filter { $0.height < closed.height }
                .map { .init(node: $0.node, enrolment: $0.enrolment) },
            parameters: genesis.parameters)
    }

    // MARK: Transactions

    /// Applies one transaction inside the block of `height` and `timeMs`, or says why it is not valid now.
    public mutating func apply(_ envelope: Envelope, height: UInt64, timeMs: UInt64) throws(ChainError) {
        try require(
            envelope.network == network && envelope.slot.kind == .transaction && envelope.slot.chain == chain
                && envelope.slot.minor == 0, "not a transaction of this registry")
        guard var account = accounts[envelope.signer] else {
            throw .invalid("\(envelope.signer.short) has no account in this network")
        }
        try require(
            envelope.slot.major == account.nonce, "nonce \(envelope.slot.major), the account is at \(account.nonce)")
        try require(account.nonce < UInt64.max, "the account's nonces are used up")
        let transaction = try decoded(Transaction.self, envelope.payload)
        account.nonce += 1
        switch transaction {
        case .publish(let spec, let sealingKey):
            try require(tasks.count < Limits.tasks, "the registry holds \(Limits.tasks) tasks")
            let faults = TaskSpecValidator.faults(spec)
            try require(
                faults.isEmpty, "invalid task: " + faults.map { "\($0.path): \($0.reason)" }.joined(separator: "; "))
            try require(
                account.balance >= spec.reward.credits,
                "balance \(account.balance) is less than the reward \(spec.reward.credits)")
            account.balance -= spec.reward.credits
            tasks.append(
                TaskRecord(
                    task: .of(network: network, publish: envelope.transactionID), spec: spec,
                    publisher: envelope.signer, sealingKey: sealingKey, publishedMs: timeMs, publishedHeight: height,
                    escrow: spec.reward.credits, enrolments: [], closed: nil))
        case .enrol(let enrolment):
            guard let index = tasks.firstIndex(where: { $0.task == enrolment.task }) else {
                throw .invalid("task \(enrolment.task.short) is not published")
            }
            let record = tasks[index]
            try require(record.closed == nil, "enrolment of task \(enrolment.task.short) is closed")
            try require(
                !record.enrolments.contains { $0.node == envelope.signer }, "\(envelope.signer.short) is enrolled")
            try require(
                record.enrolments.count < Int(record.spec.participants.maximum),
                "task \(enrolment.task.short) has all \(record.spec.participants.maximum) participants")
            try require(
                enrolment.rows >= record.spec.data.minimumRows,
                "\(enrolment.rows) rows, the task asks for \(record.spec.data.minimumRows)")
            try require(
                enrolment.bond >= max(1, record.spec.reward.minimumBond),
                "bond \(enrolment.bond), the task asks for \(max(1, record.spec.reward.minimumBond))")
            try require(
                account.balance >= enrolment.bond, "balance \(account.balance) is less than the bond \(enrolment.bond)")
            account.balance -= enrolment.bond
            account.bonded += enrolment.bond
            tasks[index].enrolments.append(Enrolled(node: envelope.signer, height: height, enrolment: enrolment))
        case .close(let task):
            guard let index = tasks.firstIndex(where: { $0.task == task }) else {
                throw .invalid("task \(task.short) is not published")
            }
            let record = tasks[index]
            try require(record.closed == nil, "task \(task.short) is already closed")
            // Enrols in the block of the Close do not count; refusing them here keeps their bonds.
            try require(
                !record.enrolments.contains { $0.height >= height }, "this block already holds an Enrol of the task")
            try require(canClose(record, timeMs: timeMs), "task \(task.short) still waits for participants")
            tasks[index].closed = Closed(height: height, block: .zero, beacon: nil)
        }
        accounts[envelope.signer] = account
    }

    /// By anyone at the maximum, or with the minimum after the deadline.
    public func canClose(_ record: TaskRecord, timeMs: UInt64) -> Bool {
        let count = record.enrolments.count
        if count >= Int(record.spec.participants.maximum) { return true }
        return count >= Int(record.spec.participants.minimum)
            && timeMs >= record.publishedMs + UInt64(record.spec.deadlines.enrolMs)
    }

    // MARK: Blocks

    /// Applies the transactions of a block; roots are compared by the caller.
    public mutating func apply(_ body: RegistryBody, header: BlockHeader) throws(ChainError) {
        for transaction in body.transactions {
            try apply(transaction, height: header.height, timeMs: header.timeMs)
        }
    }

    /// Ends a block: what depends on its id and beacon.
    public mutating func finish(header: BlockHeader, block: BlockID, output: [UInt8] = []) {
        height = header.height
        head = block
        headTimeMs = header.timeMs
        beacon = Election.beacon(after: beacon, height: header.height, output: output)
        for index in tasks.indices {
            guard var closed = tasks[index].closed else { continue }
            if closed.height == header.height { closed.block = block }
            if closed.height + 2 == header.height { closed.beacon = beacon }
            tasks[index].closed = closed
        }
    }

    /// Hash of accounts and tasks after the transactions of a block, before `finish`.
    public var root: Digest {
        var encoder = WireEncoder()
        encoder.u16(WireDomain.registryState.rawValue)
        encoder.u8(WireDomain.registryState.version)
        encoder.list(accounts.keys.sorted()) { encoder, node in
            let account = accounts[node]!
            encoder.value(node)
            encoder.u64(account.balance)
            encoder.u64(account.nonce)
            encoder.u64(account.bonded)
        }
        encoder.list(tasks) { encoder, record in
            encoder.value(record.task)
            encoder.value(record.spec)
            encoder.value(record.publisher)
            encoder.u64(record.publishedMs)
            encoder.u64(record.escrow)
            encoder.list(record.enrolments) { encoder, enrolled in
                encoder.value(enrolled.node)
                encoder.u64(enrolled.height)
                encoder.value(enrolled.enrolment)
            }
            encoder.u64(record.closed?.height ?? 0)
        }
        return Digest(Transcript.hash("meshnode/registry-state/1", encoder.bytes))
    }
}
