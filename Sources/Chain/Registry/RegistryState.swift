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
    public var accounts: [NodeID: Account] = [:]
    /// In order of publication.
    public var tasks: [TaskRecord] = []
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
            sum + account.balance + account.bonded + account.validatorBond
                + account.unbonding.reduce(0) { $0 + $1.credits }
        } + tasks.reduce(0) { $0 + $1.escrow }
    }

    /// The genesis of every task chain that this state opens, in order.
    public func openedTasks() -> [TaskGenesis] {
        tasks.compactMap { taskGenesis($0) }
    }

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
    }

    /// Applies a block's transactions; roots are compared by the caller.
    public mutating func apply(_ body: RegistryBody, header: BlockHeader) throws(ChainError) {
        begin(height: header.height, timeMs: header.timeMs)
        for transaction in body.transactions {
            try applyInPlace(transaction, height: header.height, timeMs: header.timeMs)
        }
    }

    /// The electorate that the bonds of this state give: it decides two heights later.
    public var bondedElectorate: Electorate {
        let drawn = Electorate(bonds: accounts.map { .init(node: $0.key, weight: $0.value.validatorBond) })
        // Evidence may take every bond; somebody has to decide the next block all the same.
        return drawn.members.isEmpty ? nextValidators : drawn
    }

    /// Ends a block: what depends on its id and beacon.
    public mutating func finish(header: BlockHeader, block: BlockID) {
        height = header.height
        head = block
        headTimeMs = header.timeMs
        beacon = Election.beacon(after: beacon, header: header)
        recent.append(block)
        if recent.count > Self.recentBlocks { recent.removeFirst() }
        let drawn = bondedElectorate
        validators = nextValidators
        if drawn != nextValidators {
            nextValidators = drawn
            electorateChanges.append(ElectorateChange(height: height + 2, electorate: drawn))
        }
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
            encoder.u64(account.validatorBond)
            encoder.value(account.electionKey)
            encoder.list(account.unbonding) { encoder, part in
                encoder.u64(part.credits)
                encoder.u64(part.releaseMs)
            }
            encoder.u64(account.slashedBelow)
        }
        encoder.u64(burned)
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
            encoder.list(record.orders) { encoder, order in
                encoder.u64(order.height)
                encoder.value(order.action)
            }
            encoder.bool(record.isCancelled)
            encoder.bool(record.settlement != nil)
            if let settled = record.settlement {
                encoder.u64(settled.height)
                encoder.value(settled.block)
                encoder.value(settled.payouts)
            }
            encoder.bool(record.revealedTargetPpm != nil)
            encoder.u32(record.revealedTargetPpm ?? 0)
            encoder.u64(record.windowEndsMs ?? 0)
            encoder.u64(record.paidMs ?? 0)
            encoder.bool(record.bondsReleased)
            encoder.list(record.slashed)
            encoder.list(record.ratings) { encoder, rating in
                encoder.value(rating.node)
                encoder.u8(rating.stars)
            }
        }
        return Digest(Transcript.hash("meshnode/registry-state/1", encoder.bytes))
    }
}
