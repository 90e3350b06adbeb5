internal import MeshCrypto
public import Wire

/// The state of the registry: a fold over its decided blocks, the same at every node.
public struct RegistryState: Hashable, Sendable {
    public struct Account: Hashable, Sendable {
        public var balance: UInt64
        public var nonce: UInt64
        /// Bonds of this account that lie with tasks.
        public var bonded: UInt64
        /// Weight as a validator of the registry.
        public var validatorBond: UInt64 = 0
        public var electionKey = Digest.zero
        /// Weight that was taken back and stays slashable until its time, in order of time.
        public var unbonding: [Unbonding] = []
        /// Evidence of registry heights below this has been paid for.
        public var slashedBelow: UInt64 = 0
        /// Credits that an account made by a transfer costs: they stay with it, so that places cannot be had for nothing.
        public var reserve: UInt64 = 0
    }

    public struct Unbonding: Hashable, Sendable {
        public var credits: UInt64
        public let releaseMs: UInt64
    }

    public struct ElectorateChange: Hashable, Sendable {
        /// The first height that this electorate decides.
        public let height: UInt64
        public let electorate: Electorate
    }

    public let genesis: Genesis
    public let network: NetworkID
    public let chain: ChainID
    /// Who decides the next height, and the one after.
    public private(set) var validators: Electorate
    public private(set) var nextValidators: Electorate
    /// Every electorate since genesis with its first height, ascending.
    public private(set) var electorateChanges: [ElectorateChange]
    public private(set) var height: UInt64 = 0
    public private(set) var head: BlockID
    public private(set) var headTimeMs: UInt64
    public private(set) var beacon: Digest
    public var accounts = AccountTable()
    /// Since when bonds that differ from the electorate wait for the next epoch; nil: none do.
    public private(set) var changeSinceMs: UInt64?
    /// In order of publication. Ended ones leave.
    public var tasks: [TaskRecord] = []
    /// What is kept for ever of every task that has left.
    public internal(set) var ended: [TaskID: EndedTask] = [:]
    /// A hash over all of them, in the order in which they left.
    public internal(set) var endedDigest = Digest.zero
    /// What every key did in the tasks that have left.
    public internal(set) var sums: [NodeID: Contributor] = [:]
    /// Their records, whole, in the order in which they left: no part of the state root, for whoever shows or verifies their
    /// chains.
    public internal(set) var departed: [TaskRecord] = []
    /// What a task, and an account that a transfer makes, locks up. All credits of the genesis together do not pay for
    /// as many as the registry holds, so that nobody can fill it.
    public let publishDeposit: UInt64
    public let accountReserve: UInt64
    /// Credits lost by evidence: nobody owns them.
    public var burned: UInt64 = 0
    /// What the last block did to accounts.
    public var journal: [LedgerEntry] = []
    /// The last decided blocks, the newest last: what a second certificate of a height is held against.
    public private(set) var recent: [BlockID] = []

    public init(genesis: Genesis) {
        self.genesis = genesis
        network = genesis.networkID
        chain = network.registryChain
        let credits = genesis.accounts.reduce(0) { $0 + $1.balance + $1.validatorBond }
        publishDeposit = credits / UInt64(Limits.tasks) + 1
        accountReserve = credits / UInt64(max(1, Limits.accounts - genesis.accounts.count)) + 1
        head = BlockID(network.bytes)
        headTimeMs = genesis.timeMs
        beacon = Digest(Transcript.hash("meshnode/beacon-0/1", network.bytes))
        validators = Electorate(bonds: genesis.accounts.map { .init(node: $0.node, weight: $0.validatorBond) })
        nextValidators = validators
        electorateChanges = [ElectorateChange(height: 1, electorate: validators)]
        for account in genesis.accounts {
            accounts[account.node] = Account(
                balance: account.balance, nonce: 0, bonded: 0, validatorBond: account.validatorBond,
                electionKey: account.electionKey)
        }
    }

    public func task(_ id: TaskID) -> TaskRecord? { tasks.first { $0.task == id } }

    public var nextProposers: [NodeID] { Election.proposers(electorate: validators, beacon: beacon, holders: []) }

    /// Who decides a height, decided or one of the next two.
    public func electorate(at height: UInt64) -> Electorate {
        electorateChanges.last { $0.height <= height }?.electorate ?? validators
    }

    /// The decided block of a recent height; nil for others.
    public func recentBlock(at height: UInt64) -> BlockID? {
        guard height <= self.height, self.height - height < UInt64(recent.count) else { return nil }
        return recent[recent.count - 1 - Int(self.height - height)]
    }

    /// After a Close the next two heights are due, because the task's beacon comes from them; so is the height after a
    /// change of the electorate.
    public var isNextHeightDue: Bool {
        validators != nextValidators || tasks.contains { $0.closed.map { $0.beacon == nil } ?? false }
    }

    /// Whether a block of this time would have something to do without any transaction.
    public func isDue(atMs timeMs: UInt64) -> Bool { isNextHeightDue || nextTimerMs.map { $0 <= timeMs } ?? false }

    /// Σ of everything that an account, a bond or an escrow holds, and of what was lost: constant from genesis on.
    public var totalCredits: UInt64 {
        accounts.values.reduce(burned) { sum, account in
            sum + account.balance + account.bonded + account.validatorBond + account.reserve
                + account.unbonding.reduce(0) { $0 + $1.credits }
        } + tasks.reduce(0) { $0 + $1.escrow + $1.deposit }
    }

    /// The genesis of every task chain that this state opens, in order.
    public func openedTasks() -> [TaskGenesis] {
        tasks.compactMap { taskGenesis($0) }
    }

    /// Every task that was ever published, in order of publication.
    public var everyTask: [TaskRecord] { (departed + tasks).sorted { $0.number < $1.number } }

    /// The genesis of every task chain that was ever opened, in order of publication: what a verifier looks at.
    public func everyOpenedTask() -> [TaskGenesis] { everyTask.compactMap { taskGenesis($0) } }

    public func taskGenesis(_ record: TaskRecord) -> TaskGenesis? {
        guard let closed = record.closed, let beacon = closed.beacon, let anchor = closed.electorates else {
            return nil
        }
        return TaskGenesis(
            network: network, task: record.task, spec: record.spec, publisher: record.publisher,
            publisherSealingKey: record.sealingKey, publishedMs: record.publishedMs, closeBlock: closed.block,
            registryBeacon: beacon,
            members: record.enrolments.filter { $0.height < closed.height }
                .map { .init(node: $0.node, enrolment: $0.enrolment) },
            parameters: genesis.parameters, registry: anchor)
    }

    /// By anyone at the maximum, or with the minimum after the deadline.
    public func canClose(_ record: TaskRecord, timeMs: UInt64) -> Bool {
        guard !record.isCancelled, record.closed == nil, timeMs < record.expiresMs else { return false }
        let count = record.enrolments.count
        if count >= Int(record.spec.participants.maximum) { return true }
        return count >= Int(record.spec.participants.minimum)
            && timeMs >= record.publishedMs + UInt64(record.spec.deadlines.enrolMs)
    }

    // MARK: Blocks

    /// What a block begins with: everything that its time makes due.
    public mutating func begin(height: UInt64, timeMs: UInt64) {
        journal = []
        runTimers(height: height, timeMs: timeMs)
        letEndedTasksGo(height: height, timeMs: timeMs)
    }

    /// Applies a block's transactions; roots are compared by the caller.
    public mutating func apply(_ body: RegistryBody, header: BlockHeader) throws(ChainError) {
        begin(height: header.height, timeMs: header.timeMs)
        for transaction in body.transactions {
            try applyInPlace(transaction, height: header.height, timeMs: header.timeMs)
        }
    }

    /// The electorate that the bonds of this state give. It decides from two heights after the next epoch's first block.
    public var bondedElectorate: Electorate {
        let drawn = Electorate(bonds: accounts.map { .init(node: $0.key, weight: $0.value.validatorBond) })
        // Evidence may take every bond; somebody has to decide the next block all the same.
        return drawn.members.isEmpty ? nextValidators : drawn
    }

    /// The electorate of the second height after a block, once its transactions have been applied: what bonds give at the
    /// beginning of an epoch, what the height before has in between.
    ///
    /// An epoch begins with every 64th height, and when a change has waited for the epoch's time. Whoever bonds and unbonds
    /// in every block changes the electorate no more often than that: proofs of who decided a height stay short.
    public func secondElectorate(height: UInt64, timeMs: UInt64) -> Electorate {
        let drawn = bondedElectorate
        guard drawn != nextValidators else { return nextValidators }
        let isDue = changeSinceMs.map { timeMs >= $0 + genesis.parameters.epochMs } ?? false
        return height % Limits.epochHeights == 0 || isDue ? drawn : nextValidators
    }

    /// Whether that electorate has less of an account's weight than those who decide now: a bond returns only behind it.
    func isVoting(_ node: NodeID, beyond bond: UInt64) -> Bool {
        max(validators.weight(of: node), nextValidators.weight(of: node)) > bond
    }

    /// Ends a block: what depends on its id and beacon.
    public mutating func finish(header: BlockHeader, block: BlockID) {
        height = header.height
        head = block
        headTimeMs = header.timeMs
        beacon = Election.beacon(after: beacon, header: header)
        recent.append(block)
        if recent.count > Self.recentBlocks { recent.removeFirst() }
        let second = secondElectorate(height: height, timeMs: headTimeMs)
        validators = nextValidators
        if second != nextValidators {
            nextValidators = second
            electorateChanges.append(ElectorateChange(height: height + 2, electorate: second))
        }
        changeSinceMs = bondedElectorate == nextValidators ? nil : changeSinceMs ?? headTimeMs
        for index in tasks.indices {
            guard var closed = tasks[index].closed, closed.beacon == nil else { continue }
            if closed.height == header.height { closed.block = block }
            if closed.height + 2 == header.height {
                closed.beacon = beacon
                closed.electorates = RegistryAnchor(
                    height: height, next: validators.hash, second: nextValidators.hash)
            }
            tasks[index].closed = closed
        }
    }

    /// Decided blocks of a chain whose ids and certificates are kept at hand.
    public static let recentBlocks = 128
}
