public import MeshCrypto
public import Wire

/// The registry chain of a node: pending transactions, due heights, votes. Sans-IO; `Node` performs its directives.
///
/// View 0 of a height starts when a valid transaction is pending or the height is due (two heights after a Close);
/// a proposer with nothing valid stays silent and its view passes.
public struct RegistryMachine: Sendable {
    public package(set) var state: RegistryState { didSet { upcoming = nil } }
    private var core: ChainCore
    private var pending: PendingTransactions
    private var waiting = WaitingHeaders()
    private var opened: Set<TaskID>
    private var isHalted: Bool { core.isHalted }
    private let electionKey: RistrettoKey?
    private let silentBelow: UInt64
    private var upcoming: Upcoming?
    /// Pending transactions that `check` has applied, since the start.
    package private(set) var applied: UInt64 = 0

    /// What the next block may make of the state, as `check` saw it last. Applying hundreds of pending transactions, with the
    /// proofs of their keys, costs as much as a block: whoever checks one transaction for each of many tasks pays it once.
    private struct Upcoming: Sendable {
        var state: RegistryState
        let account: NodeID
        let madeMs: UInt64

        static let lastsMs: UInt64 = 1_000
    }

    /// - Parameters:
    ///   - state: the fold over all stored blocks.
    ///   - own: this node's stored messages of undecided heights, also of such as are fetched again first.
    ///   - silentBelow: heights below it have no vote of this node: what it signed there is not stored any more.
    ///   - certificates: of the last decided heights, ascending: what convicts voters when a second one comes.
    ///   - electionKey: makes the proofs of its blocks, where the network asks for them.
    public init(
        state: RegistryState, key: SigningKey, own: [Envelope], voteState: VoteState?, certificates: [Certificate] = [],
        electionKey: RistrettoKey? = nil, silentBelow: UInt64 = 0
    ) {
        self.state = state
        self.silentBelow = silentBelow
        self.electionKey = electionKey
        opened = Set(state.openedTasks().map(\.task))
        pending = PendingTransactions(own: key.nodeID)
        core = ChainCore(
            network: state.network, chain: state.chain, key: key,
            consensus: Self.consensus(state, me: key.nodeID, silentBelow: silentBelow), certificates: certificates)
        core.restore(own.filter { $0.slot.kind != .transaction }, state: voteState)
        recall()
    }

    private mutating func recall() {
        core.recall { [state] slot in
            slot.major <= state.height ? .past : slot.major == state.height + 1 ? .present : .later
        }
    }

    /// A bug on purpose, of the simulator only.
    package mutating func dropLock() { core.dropLock() }
    /// The simulator widens it on purpose, to see its check of bounded queues fail.
    package var viewHorizon: UInt32 {
        get { core.viewHorizon }
        set { core.viewHorizon = newValue }
    }

    /// Decided heights whose messages are kept: none, but for a simulation of what that does.
    package var keptHeights: UInt64 {
        get { core.keptHeights }
        set { core.keptHeights = newValue }
    }

    public var chain: ChainID { state.chain }
    /// The height being decided.
    public var height: UInt64 { core.height }
    public var view: UInt32 { core.consensus.view }
    public var pendingCount: Int { pending.count }
    /// How far ahead of this node's view the messages are that it keeps.
    public var viewsAhead: UInt32 { core.viewsAhead }
    /// Messages and transactions kept: bounded whatever peers send.
    public var queuedMessages: Int { core.book.count + pending.count }

    private static func consensus(_ state: RegistryState, me: NodeID, silentBelow: UInt64) -> ConsensusMachine {
        let parameters = state.genesis.parameters
        return ConsensusMachine(
            chain: state.chain, height: state.height + 1, electorate: state.validators, order: state.nextProposers,
            me: state.height + 1 < silentBelow ? nil : me,
            timing: ConsensusTiming(proposeMs: UInt64(parameters.proposeMs), voteMs: UInt64(parameters.voteMs)))
    }

    // MARK: Inputs

    /// After start and now and then: begins a height that has something to decide, by a timer for example.
    public mutating func resume(_ now: Instant) -> [ChainDirective] {
        var out = core.giveUpProof(height: height, name: "registry", now)
        pending.expire(nowMs: now.monotonicMs)
        startIfNeeded(now, &out)
        return out
    }

    /// A signed message of a peer, or a transaction of this node.
    public mutating func receive(_ envelope: Envelope, _ now: Instant) -> (Admission, [ChainDirective]) {
        guard !isHalted else { return (.ignore("halted"), []) }
        var out: [ChainDirective] = []
        if envelope.slot.kind == .transaction { return (admit(envelope, now, &out), out) }
        guard [.proposal, .prevote, .precommit].contains(envelope.slot.kind) else {
            return (.reject("no such message on the registry"), [])
        }
        // Who votes depends on the height: of another one nothing is provably wrong.
        guard envelope.slot.major == height || envelope.network != state.network else {
            return (.ignore("height \(envelope.slot.major)"), [])
        }
        let verdict = core.precheck(envelope) { state.validators.contains($0) ? .accept : .ignore("no validator now") }
        guard verdict == .accept else { return (verdict, []) }
        guard envelope.slot.minor < view.clampedSum(core.viewHorizon) else { return (.ignore("view far ahead"), []) }
        guard envelope.isSignatureValid else { return (.reject("not signed by \(envelope.signer.short)"), []) }
        guard let input = try? ChainCore.consensusInput(envelope) else { return (.reject("malformed payload"), []) }
        // The second vote of a signer counts for its block as well: consensus is told, whoever sent it is known.
        _ = core.keep(envelope, &out)
        drive(input, now, &out)
        deliver(now, &out)
        return (.accept, out)
    }

    /// Whether a transaction is valid depends on the state: a node that is behind, or ahead, has another one than whoever
    /// passed it on. Only what no state makes right is held against that one.
    private mutating func admit(_ envelope: Envelope, _ now: Instant, _ out: inout [ChainDirective]) -> Admission {
        guard envelope.network == state.network, envelope.slot.chain == chain else { return .reject("another network") }
        guard envelope.slot.minor == 0 else { return .reject("a transaction has no view") }
        guard let account = state.accounts[envelope.signer] else { return .ignore("no account") }
        let id = envelope.transactionID
        if let reason = pending.refusal(envelope, id: id, nonce: account.nonce) { return .ignore(reason) }
        guard envelope.isSignatureValid else { return .reject("not signed by \(envelope.signer.short)") }
        let transaction: Transaction
        do { transaction = try Transaction(wireBytes: envelope.payload) } catch {
            return .reject("malformed transaction: \(error)")
        }
        if envelope.slot.major == account.nonce {
            // A later nonce may become valid through the ones before it; this one must be valid now.
            var trial = trial(now)
            do { try trial.applyInPlace(envelope, height: height, timeMs: blockTime(now)) } catch {
                return .ignore("\(error)")
            }
        }
        let insertion = pending.insert(
            envelope, id: id, transaction, nonce: account.nonce, credits: { [state] in state.holdings(of: $0) },
            nowMs: now.monotonicMs)
        switch insertion {
        case .refused(let reason): return .ignore(reason)
        // Nobody is told of it: whoever lacks the missing one could not use it either.
        case .gapped: return .ignore("kept until the nonce before it comes")
        case .inLine(let fresh):
            follow(fresh, now)
            out += fresh.map { core.passedOn($0) }
            startIfNeeded(now, &out)
            if core.consensus.awaitsProposal { offerProposal(now, &out) }
            return .accept
        }
    }

    /// Says what is wrong with a transaction of this node, before it is signed into the world.
    public mutating func check(_ envelope: Envelope, _ now: Instant) throws(ChainError) {
        var trial = upcomingState(for: envelope.signer, now)
        try trial.applyInPlace(envelope, height: height, timeMs: blockTime(now))
    }

    /// The state behind what the next block may hold, and behind what this account's own line holds.
    private mutating func upcomingState(for account: NodeID, _ now: Instant) -> RegistryState {
        let time = blockTime(now)
        if let known = upcoming, known.account == account, time >= known.madeMs,
            time - known.madeMs < Upcoming.lastsMs
        {
            return known.state
        }
        var made = Upcoming(state: trial(now), account: account, madeMs: time)
        let first = pending.inLine(limit: Limits.transactionsPerBlock).map(\.envelope)
        for transaction in first + pending.inLine(of: account).map(\.envelope) { apply(transaction, to: &made, now) }
        upcoming = made
        return made.state
    }

    private mutating func apply(_ transaction: Envelope, to block: inout Upcoming, _ now: Instant) {
        guard transaction.slot.major == block.state.accounts[transaction.signer]?.nonce else { return }
        applied += 1
        try? block.state.apply(transaction, height: height, timeMs: blockTime(now))
    }

    /// New ones in line: the account's own come behind what was applied, those of others make it a state of the past.
    private mutating func follow(_ fresh: [Envelope], _ now: Instant) {
        guard var known = upcoming else { return }
        upcoming = nil
        guard fresh.allSatisfy({ $0.signer == known.account }) else { return }
        for transaction in fresh { apply(transaction, to: &known, now) }
        upcoming = known
    }

    /// The time of a block made now.
    private func blockTime(_ now: Instant) -> UInt64 { max(now.wallMs, min(state.headTimeMs, .max - 1) + 1) }

    /// The state inside a block made now, before its transactions.
    private func trial(_ now: Instant) -> RegistryState {
        var trial = state
        trial.begin(height: height, timeMs: blockTime(now))
        return trial
    }

    /// Whether this very transaction waits for a block.
    public func isPending(_ transaction: TransactionID) -> Bool { pending.contains(transaction) }

    /// Whether a transaction that `matches` is on its way to a block: one of this node, or one that was found valid. Not what
    /// is only kept: nobody must be kept from an act by a transaction that can never be decided.
    public func isPending(_ matches: (Transaction) -> Bool) -> Bool { pending.contains(where: matches) }

    /// Whether one of this node's own that `matches` is pending.
    public func isOwnPending(_ matches: (Transaction) -> Bool) -> Bool { pending.containsOwn(where: matches) }

    /// This node's own pending transactions, in the order in which they were signed, each with the monotonic time at which it
    /// was given here.
    public var ownPending: [(id: TransactionID, transaction: Transaction, sinceMs: UInt64)] {
        pending.ofThisNode.map { ($0.id, $0.transaction, $0.arrivedMs) }
    }

    /// Orders of a task's publisher that are pending.
    public func pendingOrders(of task: TaskID) -> Int {
        guard let publisher = state.task(task)?.publisher else { return 0 }
        return pending.inLine(of: publisher).count { entry in
            if case .control(let control) = entry.transaction { control.task == task } else { false }
        }
    }

    /// The lowest free nonce of an account, pending transactions counted. Where one of these has become impossible (a
    /// Close behind somebody else's) the gap is filled first: what waits behind it goes on then.
    public func nextNonce(of node: NodeID) -> UInt64 {
        (state.accounts[node]?.nonce ?? 0) + UInt64(pending.inLine(of: node).count)
    }

    /// The account's next nonce, if later ones of it are pending and this one is not: they wait for it.
    public func nonceGap(of node: NodeID) -> UInt64? {
        pending.hasGap(of: node) ? state.accounts[node]?.nonce ?? 0 : nil
    }

    public mutating func timer(_ timer: ChainTimer, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        if case .consensus(let timerHeight, let view, let step) = timer, timerHeight == height, !isHalted {
            drive(.timeout(view: view, step: step), now, &out)
        }
        return out
    }

    /// Bytes that were fetched: a block body.
    public mutating func content(_ id: ContentID, _ bytes: [UInt8], _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted else { return out }
        let due = waiting.take(.body(id))
        core.keepBody(id, bytes, awaited: due)
        for header in due { validate(header, now, &out) }
        deliver(now, &out)
        return out
    }

    /// A decided block of a peer, for the height being decided here.
    public mutating func receive(_ decided: DecidedBlock, _ now: Instant) -> (Admission, [ChainDirective]) {
        guard decided.header.chain == chain else { return (.ignore("another chain"), []) }
        guard !isHalted, decided.header.height == height else {
            let alarm = core.alarm(
                decided, known: state.recentBlock(at: decided.header.height),
                electorate: state.electorate(at: decided.header.height), name: "registry")
            return (alarm.isEmpty ? .ignore("height \(decided.header.height)") : .accept, alarm)
        }
        do {
            try decided.certificate.check(
                network: state.network, header: decided.header, electorate: state.validators)
        } catch { return (.reject("\(error)"), []) }
        guard decided.header.body == .of(decided.body, kind: .blockBody) else { return (.reject("wrong body"), []) }
        var out: [ChainDirective] = []
        commit(decided, now, &out)
        return (.accept, out)
    }

    // MARK: Digest

    /// - Parameter turn: where more transactions are pending than a digest takes, another part of them each turn.
    public func digest(turn: UInt64 = 0) -> ChainDigest {
        ChainDigest(
            chain: chain, height: height, head: state.head,
            groups: core.book.groups(participants: state.validators.members.map(\.node)),
            pending: pending.names(turn: turn, limit: ChainDigest.entries))
    }

    /// What the sender of a digest of this height lacks.
    public func answer(_ digest: ChainDigest, limit: Int = 64) -> [Envelope] {
        guard digest.height == height else { return [] }
        let votes = core.book.missing(
            from: digest.groups, participants: state.validators.members.map(\.node), limit: limit)
        return votes + pending.missing(from: digest.pending, limit: limit)
    }

    // MARK: Driving

    private mutating func drive(_ input: ConsensusInput, _ now: Instant, _ out: inout [ChainDirective]) {
        guard core.take(input) else { return }
        while let event = core.next() {
            switch event {
            case .directive(let directive): out.append(directive)
            case .requestProposal: offerProposal(now, &out)
            case .validate(let header, _): validate(header, now, &out)
            case .enteredView: break
            case .decided(let block, let view):
                core.undelivered = (block, view)
                deliver(now, &out)
            }
        }
    }

    private mutating func startIfNeeded(_ now: Instant, _ out: inout [ChainDirective]) {
        // A height in which this node voted before a crash goes on, even if the transaction was lost with the crash.
        guard !core.consensus.isStarted, !isHalted,
            pending.hasInLine || state.isDue(atMs: now.wallMs) || core.consensus.hasSigned
        else { return }
        drive(.start, now, &out)
    }

    private mutating func offerProposal(_ now: Instant, _ out: inout [ChainDirective]) {
        guard core.consensus.awaitsProposal, !core.refusedItself else { return }
        if let value = core.consensus.mustPropose {
            drive(.proposable(value), now, &out)
            return
        }
        guard
            let built = RegistryRules.build(
                pending: pending.inLine(limit: 2 * Limits.transactionsPerBlock).map(\.envelope), state: state,
                author: core.me, view: view, timeMs: now.wallMs, electionKey: electionKey)
        else { return }
        // Nobody would vote for what this node refuses: the view passes. Of a clock that is behind the shell speaks.
        guard (try? built.header.requireTime(now)) != nil else { return }
        do { try admissible(built.header, built.body, now) } catch {
            out.append(.event(.warning("makes no proposal: \(error)")))
            return
        }
        core.keepBody(built.body, of: built.header, isNeeded: true)
        out.append(.store(built.body, built.header.body, .blockBody))
        drive(.validated(built.header.id, true), now, &out)
        drive(.proposable(built.header), now, &out)
    }

    /// What a fresh proposal is voted for by, this node's own one included.
    private func admissible(_ header: BlockHeader, _ body: [UInt8], _ now: Instant) throws(ChainError) {
        try header.requireTime(now)
        _ = try RegistryRules.check(header: header, body: body, state: state)
    }

    private mutating func validate(_ header: BlockHeader, _ now: Instant, _ out: inout [ChainDirective]) {
        guard core.isPresent(header) else { return }
        guard let body = core.bodies[header.body.id] else {
            waiting.wait(header, for: .body(header.body.id))
            out.append(.fetch(header.body, .blockBody, author: header.author))
            return
        }
        var isValid = true
        do { try admissible(header, body, now) } catch {
            out.append(.event(.warning("proposal of \(header.author.short): \(error)")))
            isValid = false
        }
        drive(.validated(header.id, isValid), now, &out)
    }

    private mutating func deliver(_ now: Instant, _ out: inout [ChainDirective]) {
        if let decided = core.deliverable(&out) { commit(decided, now, &out) }
    }

    private mutating func commit(_ decided: DecidedBlock, _ now: Instant, _ out: inout [ChainDirective]) {
        do {
            state = try RegistryRules.check(header: decided.header, body: decided.body, state: state)
        } catch {
            out += core.refuse(decided.header, error, head: state.head, name: "registry", now)
            return
        }
        out.append(.commit(decided))
        out.append(.event(.decided(decided.header)))
        waiting.removeAll()
        core.advance(
            to: Self.consensus(state, me: core.me, silentBelow: silentBelow), after: decided.certificate)
        recall()
        dropStale(now, &out)
        for record in state.tasks where !opened.contains(record.task) {
            guard let genesis = state.taskGenesis(record) else { continue }
            opened.insert(record.task)
            out.append(.openTask(genesis))
        }
        startIfNeeded(now, &out)
    }

    /// Forgets what was decided or can no longer become valid. An account's next one must be valid in a block of its own;
    /// beside others it may have to wait (a Close behind an Enrol). As many are tried as a block holds.
    private mutating func dropStale(_ now: Instant, _ out: inout [ChainDirective]) {
        let fresh = trial(now)
        let time = blockTime(now)
        var impossible: Set<TransactionID> = []
        for entry in pending.inLine(limit: Limits.transactionsPerBlock)
        where entry.envelope.slot.major == state.accounts[entry.envelope.signer]?.nonce {
            var alone = fresh
            do { try alone.applyInPlace(entry.envelope, height: height, timeMs: time) } catch {
                impossible.insert(entry.id)
            }
        }
        let joined = pending.settle(
            nonce: { [state] in state.accounts[$0]?.nonce ?? 0 }, impossible: impossible, nowMs: now.monotonicMs)
        out += joined.map { core.passedOn($0) }
    }
}

extension RegistryState {
    /// What an account holds, wherever it lies: what its place among the pending transactions goes by.
    func holdings(of node: NodeID) -> UInt64 {
        guard let account = accounts[node] else { return 0 }
        return ([account.balance, account.bonded, account.validatorBond] + account.unbonding.map(\.credits))
            .reduce(0) { sum, part in
                let (next, overflow) = sum.addingReportingOverflow(part)
                return overflow ? .max : next
            }
    }
}
