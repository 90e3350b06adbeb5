internal import Chain
internal import Foundation
internal import Logging
internal import MeshCrypto
public import Wire

/// What a node does for the registry by itself, and what its operator asks of the ledger.
extension Node {
    // MARK: By itself

    /// Every heartbeat: timers of the registry, settlements, refunds, orders that a task chain does not carry yet.
    func settleDueTasks() {
        perform(registry.resume(now), chain: registry.chain)
        fillNonceGap()
        followOrders()
        sendProofs()
        if !refused.isEmpty { refused = refused.filter { registry.state.task($0.key) != nil } }
        for record in registry.state.tasks where (record.paidMs == nil || record.escrow > 0) && mayTry(record.task) {
            if record.paidMs != nil {
                refund(record)
            } else if let runtime = tasks[record.task], runtime.machine.state.isEnded {
                settle(record, runtime.machine.state)
            }
        }
    }

    func committedRegistry() {
        // Credits, an account, room: what an enrolment waits for comes with registry blocks.
        obstacles.hasten(.join)
        refreshStanding()
        followOrders()
    }

    /// A transaction of this node that has become impossible (a Close behind somebody else's, an Enrol of a full task) leaves
    /// a gap, and the later ones would wait behind it for ever: an empty transfer fills it. Not at once: after a restart
    /// the missing one may be on its way back from a peer.
    private func fillNonceGap() {
        guard let nonce = registry.nonceGap(of: nodeID) else {
            nonceGap = nil
            return
        }
        guard let gap = nonceGap, gap.nonce == nonce else {
            nonceGap = (nonce, now.monotonicMs)
            return
        }
        guard now.monotonicMs >= gap.sinceMs + 1_000 else { return }
        submitByItself(.transfer(to: nodeID, credits: 0), "nonce \(nonce) is used up: later transactions wait for it")
    }

    /// The publisher settles at once, everybody else if it does not.
    private func settle(_ record: RegistryState.TaskRecord, _ state: Chain.TaskState) {
        guard (record.settlement?.height ?? 0) < state.height else { return }
        let patience: UInt64 = record.publisher == nodeID ? 0 : 5_000
        guard now.wallMs >= state.headTimeMs + patience,
            !registry.isPending({ transaction in
                if case .settle(let one) = transaction { one.header.chain == record.task } else { false }
            })
        else { return }
        guard let stored = try? chainStore.block(chain: record.task, height: state.height),
            let block = try? ChainReplay.decoded(stored)
        else { return }
        submitByItself(
            .settle(Settlement(header: block.header, certificate: block.certificate, payouts: state.payouts)),
            "settle task \(record.task.short)", for: record.task)
    }

    private func refund(_ record: RegistryState.TaskRecord) {
        guard record.publisher == nodeID,
            !registry.isPending({ if case .refund(record.task) = $0 { true } else { false } })
        else { return }
        submitByItself(.refund(task: record.task), "refund task \(record.task.short)", for: record.task)
    }

    /// Two messages that convict their signer: whoever sees them sends them, the registry takes them once.
    func report(_ first: Envelope, _ second: Envelope) {
        if let proof = Evidence.transaction(first, second).flatMap(proofOfTwin) { return raiseAlarm(proof) }
        guard let transaction = Evidence.transaction(first, second) else { return }
        let proof = Proof(
            slot: first.slot, transaction: transaction,
            text: "evidence against \(first.signer.short): two different \(first.slot.kind)s")
        _ = proofs.insert(proof, for: ProofName(signer: first.signer, chain: first.slot.chain), by: first.signer)
        sendProofs()
    }

    struct ProofName: Hashable {
        let signer: NodeID
        let chain: ChainID
    }

    struct Proof {
        let slot: Slot
        let transaction: Transaction
        let text: String
    }

    /// Whom it is against may see to it that the first try is lost: a proof is sent until there is nothing left to take.
    private func sendProofs() {
        for (name, proof) in proofs.ordered {
            guard (try? registry.state.stake(of: name.signer, at: proof.slot)) != nil else {
                proofs.remove(name)
                continue
            }
            guard registry.state.accounts[nodeID] != nil, !registry.isPending({ $0 == proof.transaction }) else {
                continue
            }
            submitByItself(proof.transaction, proof.text)
        }
    }

    /// Whether this node may try what is due for a task. It looks at every heartbeat, at every task: what was refused lately
    /// is refused again, and trying costs more than looking. Without an account nothing is taken.
    func mayTry(_ task: TaskID) -> Bool {
        guard registry.state.accounts[nodeID] != nil else { return false }
        return refused[task].map { now.monotonicMs >= $0 } ?? true
    }

    /// - Parameter task: which is left alone for a while where the registry refuses the transaction.
    func submitByItself(_ transaction: Transaction, _ what: String, for task: TaskID? = nil) {
        do {
            _ = try submit(transaction)
            note("ledger", what)
        } catch {
            logger.debug("\(what): \(error)")
            if let task { refused[task] = now.monotonicMs + (configuration.profile == .loopback ? 1_000 : 5_000) }
        }
    }

    /// Hands the next decided order of each task to its chain, with its proof, and moves of the chain's anchor, without which
    /// a proof could grow too long.
    func followOrders() {
        for chain in taskOrder {
            guard let machine = tasks[chain]?.machine, !machine.state.isEnded else { continue }
            func block(_ height: UInt64) throws -> DecidedBlock? {
                try chainStore.block(chain: registry.chain, height: height).map(ChainReplay.decoded)
            }
            let order = try? registry.state.order(for: machine.state, block: block)
            let steps =
                machine.isAnchorPending ? nil : try? registry.state.anchorSteps(for: machine.state, block: block)
            var directives: [ChainDirective] = []
            if let order { directives = tasks[chain]!.machine.order(order, now) }
            if let steps { directives += tasks[chain]!.machine.anchor(steps, now) }
            directives += tasks[chain]!.machine.tick(now)
            perform(directives, chain: chain)
        }
    }

    // MARK: Asked for

    public func ledger() async -> LedgerView { LedgerView(registry.state, own: nodeID) }

    public func ledgerHistory(of node: NodeID?) async throws(ServiceError) -> [LedgerLine] {
        // It reads every block of the registry.
        let (account, genesis, chainStore) = (node ?? nodeID, genesis, chainStore)
        let history = await operatorDisk.run { () -> Result<[LedgerLine], RoundError> in
            do { return .success(try LedgerLine.history(of: account, genesis: genesis, blocks: chainStore)) } catch {
                return .failure(.failed("\(error)"))
            }
        }
        do { return try history.get() } catch {
            throw .failed(reason: "\(error)", next: "run: `meshnode chain verify`")
        }
    }

    public func contributors() async -> [ContributorView] { registry.state.contributors.map { ContributorView($0) } }

    public func transfer(_ credits: UInt64, to node: NodeID, again: Bool) async throws(ServiceError) -> Receipt {
        let order = Transaction.transfer(to: node, credits: credits)
        try refuseSecond(order, again: again)
        return try receipt(order, "\(credits) credits to \(node.short) are on their way")
    }

    public func bond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt {
        let order = KeyRules.bond(credits, electionKey: electionKey, network: genesis.networkID, account: nodeID)
        try refuseSecond(order, again: again)
        return try receipt(
            order,
            "a bond of \(credits) as a validator; it counts from the next epoch, if its block is decided now at the latest "
                + CalendarText.text(now.wallMs + genesis.parameters.epochMs))
    }

    public func unbond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt {
        let order = Transaction.unbond(.validator(credits: credits))
        try refuseSecond(order, again: again)
        return try receipt(
            order,
            "\(credits) credits come back "
                + "\(CalendarText.text(now.wallMs + genesis.parameters.epochMs + genesis.parameters.evidenceMs)), if the "
                + "block is decided now; until then evidence can still take them"
                + (fewValidators(without: credits) ?? ""))
    }

    /// What unbonding so much leaves behind, where that is few: below four, one that fails stops the registry.
    private func fewValidators(without credits: UInt64) -> String? {
        let left = registry.state.accounts.count { node, account in
            account.validatorBond > (node == nodeID ? credits : 0)
        }
        guard left < 4, registry.state.accounts[nodeID].map({ $0.validatorBond <= credits }) == true else { return nil }
        return
            "; warning: \(left) validator\(left == 1 ? " is" : "s are") left then: none may fail, else the registry stands still"
    }

    public func leave(_ task: TaskID) async throws(ServiceError) -> Receipt {
        try receipt(
            .unbond(.enrolment(task: task)),
            HandChoices.leftText(
                task, joinsByItself: configuration.miner.isEnabled && configuration.miner.joinsByItself))
    }

    public func control(_ action: ControlAction, task: TaskID) async throws(ServiceError) -> Receipt {
        guard let record = record(of: task) else {
            throw .notFound(what: "task \(task.short) is not in the registry", next: "see: `meshnode task list`")
        }
        // Behind those that wait for their block.
        let earlier = record.orders.count + registry.pendingOrders(of: task)
        let control = TaskControl(task: task, sequence: UInt32(clamping: earlier + 1), action: action)
        return try receipt(
            .control(control),
            record.closed == nil
                ? "the task is taken back before it starts; everybody gets everything back"
                : "\(action) is on its way to the registry, and from there to the task's chain")
    }

    public func reveal(_ targetPpm: UInt32, nonce: Digest, task: TaskID) async throws(ServiceError) -> Receipt {
        try receipt(.reveal(task: task, targetPpm: targetPpm, nonce: nonce), "the target is opened with the next block")
    }

    public func rate(_ node: NodeID, stars: UInt8, task: TaskID) async throws(ServiceError) -> Receipt {
        try receipt(
            .rating(task: task, node: node, stars: stars),
            "\(stars) of 5 for \(node.short); the rating counts with its registry block and cannot be changed")
    }

    public func transaction(
        _ transaction: TransactionID, after height: UInt64
    ) async throws(ServiceError) -> TransactionView {
        if registry.isPending(transaction) { return TransactionView(transaction: transaction.hex, state: .pending) }
        // The newest first: who asks has sent it a moment ago.
        var next = registry.state.height
        while next > height, registry.state.height - next < 1_024 {
            let block: DecidedBlock?
            do {
                block = try chainStore.block(chain: registry.chain, height: next).map(ChainReplay.decoded)
            } catch { throw .failed(reason: "\(error)", next: "run: `meshnode chain verify`") }
            let body = block.flatMap { try? RegistryBody(wireBytes: $0.body) }
            if body?.transactions.contains(where: { $0.transactionID == transaction }) == true {
                return TransactionView(transaction: transaction.hex, state: .decided, height: next)
            }
            next -= 1
        }
        return TransactionView(transaction: transaction.hex, state: .gone)
    }

    /// What a sent transaction is followed by.
    func receipt(_ transaction: Transaction, _ text: String) throws(ServiceError) -> Receipt {
        receipt(try submit(transaction), text)
    }

    func receipt(_ sent: Sent, _ text: String) -> Receipt {
        // Without a quorum nothing is decided, however long one waits: whoever does not wait is told as well.
        let standing =
            obstacles.reason(.registry, nil) == nil
            ? "" : "; but the registry stands still and decides nothing now, see: `meshnode status`"
        return Receipt(reference: sent.envelope.transactionID.hex, text: text + standing, height: sent.height)
    }
}
