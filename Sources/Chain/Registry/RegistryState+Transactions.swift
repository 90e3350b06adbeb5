internal import MeshCrypto
public import Wire

/// The transactions of the registry: each is valid or says why not.
extension RegistryState {
    /// Applies one transaction inside the block of `height` and `timeMs`, or says why it is not valid now and changes
    /// nothing.
    public mutating func apply(_ envelope: Envelope, height: UInt64, timeMs: UInt64) throws(ChainError) {
        var next = self
        try next.applyInPlace(envelope, height: height, timeMs: timeMs)
        self = next
    }

    /// The same without the copy: a state in which it failed must be thrown away.
    mutating func applyInPlace(_ envelope: Envelope, height: UInt64, timeMs: UInt64) throws(ChainError) {
        try require(
            envelope.network == network && envelope.slot.kind == .transaction && envelope.slot.chain == chain
                && envelope.slot.minor == 0, "not a transaction of this registry")
        let signer = envelope.signer
        guard let account = accounts[signer] else {
            throw .invalid("\(signer.short) has no account in this network")
        }
        try require(
            envelope.slot.major == account.nonce, "nonce \(envelope.slot.major), the account is at \(account.nonce)")
        try require(account.nonce < UInt64.max, "the account's nonces are used up")
        let transaction = try decoded(Transaction.self, envelope.payload)
        accounts[signer]!.nonce += 1
        switch transaction {
        case .publish(let spec, let key, let proof): try publish(spec, key, proof, envelope, height, timeMs)
        case .enrol(let enrolment): try enrol(enrolment, signer, height, timeMs)
        case .close(let task): try close(task, height, timeMs)
        case .transfer(let to, let credits): try transfer(signer, to, credits, height, timeMs)
        case .bond(let credits, let key, let proof): try bond(signer, credits, key, proof, height, timeMs)
        case .unbond(.validator(let credits)): try unbond(signer, credits, height, timeMs)
        case .unbond(.enrolment(let task)): try leave(signer, task, height, timeMs)
        case .control(let control): try order(control, signer, height, timeMs)
        case .reveal(let task, let target, let nonce): try reveal(task, target, nonce, signer)
        case .settle(let settlement): try settle(settlement, timeMs)
        case .refund(let task): try refund(task, height, timeMs)
        case .evidence(let first, let second): try punish(first, second, height, timeMs)
        case .rating(let task, let node, let stars): try rate(node, stars, task, signer)
        }
    }

    private func index(of task: TaskID) throws(ChainError) -> Int {
        guard let index = tasks.firstIndex(where: { $0.task == task }) else {
            try require(ended[task] == nil, "task \(task.short) has ended and left the registry")
            throw .invalid("task \(task.short) is not published")
        }
        return index
    }

    /// Takes from a free balance and writes it down.
    private mutating func debit(
        _ node: NodeID, _ credits: UInt64, _ kind: LedgerEntry.Kind, for what: String, _ height: UInt64,
        _ timeMs: UInt64, task: TaskID? = nil, other: NodeID? = nil
    ) throws(ChainError) {
        let balance = accounts[node]?.balance ?? 0
        try require(balance >= credits, "balance \(balance) is less than the \(what) \(credits)")
        accounts[node]!.balance -= credits
        write(node, -Int64(clamping: credits), kind, height, timeMs, task: task, other: other)
    }

    // MARK: Tasks

    private mutating func publish(
        _ spec: TaskSpec, _ sealingKey: SealingKey, _ proof: Signature, _ envelope: Envelope, _ height: UInt64,
        _ timeMs: UInt64
    ) throws(ChainError) {
        try require(tasks.count < Limits.tasks, "the registry holds \(Limits.tasks) tasks")
        let open = tasks.count { $0.publisher == envelope.signer && $0.isOpen }
        try require(
            open < Limits.openTasksPerAccount,
            "\(open) tasks of \(envelope.signer.short) are open, an account may have \(Limits.openTasksPerAccount)")
        try SpecVerdicts.check(spec, of: envelope.transactionID)
        try KeyRules.check(spec, sealingKey: sealingKey, proof: proof, network: network, account: envelope.signer)
        let task = TaskID.of(network: network, publish: envelope.transactionID)
        for member in spec.participants.members { try KeyRules.check(account: member) }
        try debit(envelope.signer, spec.reward.credits, .escrow, for: "reward", height, timeMs, task: task)
        try debit(
            envelope.signer, publishDeposit, .deposit, for: "deposit of a task", height, timeMs, task: task)
        tasks.append(
            TaskRecord(
                task: task, spec: spec, publisher: envelope.signer, sealingKey: sealingKey, publishedMs: timeMs,
                publishedHeight: height, number: tasks.count + departed.count, escrow: spec.reward.credits,
                deposit: publishDeposit, enrolments: [],
                closed: nil))
    }

    private mutating func enrol(
        _ enrolment: Enrolment, _ signer: NodeID, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        let index = try index(of: enrolment.task)
        let record = tasks[index]
        try require(!record.isCancelled, "task \(enrolment.task.short) was stopped by its publisher")
        // Who is in is not told that nobody gets in any more.
        try require(
            !record.enrolments.contains { $0.node == signer },
            "\(signer.short) is enrolled" + (record.closed == nil ? "" : ", and takes part: nothing is left to do"))
        try require(record.closed == nil, "enrolment of task \(enrolment.task.short) is closed")
        try require(timeMs < record.expiresMs, "task \(enrolment.task.short) has expired")
        let invited = record.spec.participants.members
        try require(
            invited.isEmpty || invited.contains(signer),
            "task \(enrolment.task.short) is by invitation, participants.members does not name \(signer.short)")
        try require(!record.slashed.contains(signer), "\(signer.short) lost its bond for this task by evidence")
        try require(
            record.enrolments.count < Int(record.spec.participants.maximum),
            "task \(enrolment.task.short) has all \(record.spec.participants.maximum) participants")
        try require(
            enrolment.rows >= record.spec.data.minimumRows,
            "\(enrolment.rows) rows, the task asks for \(record.spec.data.minimumRows)")
        try require(
            enrolment.dataForm == record.spec.data.form,
            "the rows were read with another label map, shape or preprocessing than the task's")
        try require(
            enrolment.bond >= max(1, record.spec.reward.minimumBond),
            "bond \(enrolment.bond), the task asks for \(max(1, record.spec.reward.minimumBond))")
        try KeyRules.check(enrolment, network: network, account: signer, parameters: genesis.parameters)
        try debit(signer, enrolment.bond, .enrolled, for: "bond", height, timeMs, task: enrolment.task)
        accounts[signer]!.bonded += enrolment.bond
        tasks[index].enrolments.append(Enrolled(node: signer, height: height, enrolment: enrolment))
    }

    private mutating func close(_ task: TaskID, _ height: UInt64, _ timeMs: UInt64) throws(ChainError) {
        let index = try index(of: task)
        let record = tasks[index]
        try require(!record.isCancelled, "task \(task.short) was stopped by its publisher")
        try require(record.closed == nil, "task \(task.short) is already closed")
        // Enrols in the block of the Close do not count; refusing them here keeps their bonds.
        try require(
            !record.enrolments.contains { $0.height >= height }, "this block already holds an Enrol of the task")
        try require(canClose(record, timeMs: timeMs), "task \(task.short) still waits for participants")
        tasks[index].closed = Closed(height: height, block: .zero, beacon: nil, electorates: nil)
    }

    private mutating func leave(
        _ signer: NodeID, _ task: TaskID, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        let index = try index(of: task)
        try require(
            tasks[index].closed == nil,
            "enrolment of task \(task.short) is closed: its bonds return when its evidence window has passed")
        try require(!tasks[index].bondsReleased, "the bonds of task \(task.short) have been released already")
        guard !tasks[index].isCancelled,
            let place = tasks[index].enrolments.firstIndex(where: { $0.node == signer })
        else { throw .invalid("\(signer.short) is not enrolled in task \(task.short)") }
        let bond = tasks[index].enrolments.remove(at: place).enrolment.bond
        // A member that lost its bond by evidence leaves without one.
        guard !tasks[index].slashed.contains(signer) else { return }
        accounts[signer]!.bonded -= bond
        credit(signer, bond, .unbonded, height, timeMs, task: task)
    }

    private mutating func order(
        _ control: TaskControl, _ signer: NodeID, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        let index = try index(of: control.task)
        let record = tasks[index]
        try require(signer == record.publisher, "only its publisher \(record.publisher.short) controls this task")
        try require(!record.isStopped, "task \(control.task.short) is stopped already")
        try require(
            record.paidMs == nil && record.settlement?.payouts.outcome.isTerminal != true,
            "task \(control.task.short) has ended")
        let last = UInt32(record.orders.count)
        try require(control.sequence == last + 1, "order \(control.sequence), the next one is \(last + 1)")
        try require(last < Limits.orders, "a task takes \(Limits.orders) orders")
        try require(
            record.closed == nil || record.closed?.beacon != nil,
            "the task is about to start: order again when its chain is open")
        switch control.action {
        case .pause:
            try require(
                record.closed != nil, "the task has not started: there is nothing to pause, but it can be stopped")
            try require(!record.isPaused, "the task is paused already")
        case .resume: try require(record.isPaused, "the task is not paused")
        case .stop: break
        }
        guard record.closed == nil else {
            tasks[index].orders.append(Order(height: height, action: control.action))
            return
        }
        // Nothing was trained yet: everybody gets everything back.
        tasks[index].isCancelled = true
        releaseBonds(index, height, timeMs)
        try refundEscrow(index, height, timeMs)
        let deposit = tasks[index].deposit
        tasks[index].deposit = 0
        credit(record.publisher, deposit, .deposit, height, timeMs, task: record.task)
    }

    // MARK: Settlement

    private mutating func settle(_ settlement: Settlement, _ timeMs: UInt64) throws(ChainError) {
        let header = settlement.header
        let index = try index(of: header.chain)
        let record = tasks[index]
        guard let opened = taskGenesis(record) else { throw .invalid("task \(header.chain.short) has not started") }
        try require(record.paidMs == nil, "task \(header.chain.short) has been paid out")
        if let settled = record.settlement {
            try require(
                header.height > settled.height, "height \(settled.height) is settled, this is height \(header.height)")
        }
        try settlement.certificate.check(network: network, header: header, electorate: opened.electorate)
        try require(
            header.payoutRoot == settlement.payouts.root, "these payouts are not those of the header's payout root")
        try check(settlement.payouts, of: opened, escrow: record.escrow)
        tasks[index].settlement = Settled(
            height: header.height, block: header.id, payouts: settlement.payouts)
        if settlement.payouts.outcome.isTerminal, record.windowEndsMs == nil {
            tasks[index].windowEndsMs = timeMs + genesis.parameters.settleMs
        }
    }

    /// A certificate says what a task's voters have agreed on, and they may all be one's own keys: the table is about this
    /// task's members, each once, and about no more rounds than there were.
    private func check(_ payouts: PayoutTable, of task: TaskGenesis, escrow: UInt64) throws(ChainError) {
        try require(
            payouts.entries.map(\.node) == task.members.map(\.node).sorted(),
            "the payouts are not those of this task's members, each once")
        try require(
            payouts.rounds <= task.spec.rounds,
            "\(payouts.rounds) accepted rounds, the task has \(task.spec.rounds)")
        try require(payouts.accuracyPpm <= 1_000_000, "an accuracy above 1")
        var (sum, aggregated): (UInt64, UInt64) = (0, 0)
        for entry in payouts.entries {
            try require(
                entry.rounds <= payouts.rounds && entry.aggregated <= payouts.rounds,
                "\(entry.node.short) has more rounds than were accepted")
            aggregated += UInt64(entry.aggregated)
            let (next, overflow) = sum.addingReportingOverflow(entry.credits)
            try require(!overflow && next <= escrow, "payouts exceed the escrow \(escrow)")
            sum = next
        }
        try require(aggregated <= UInt64(payouts.rounds), "more rounds were aggregated than accepted")
    }

    private mutating func reveal(
        _ task: TaskID, _ target: UInt32, _ nonce: Digest, _ signer: NodeID
    ) throws(ChainError) {
        let index = try index(of: task)
        let record = tasks[index]
        try require(signer == record.publisher, "only its publisher \(record.publisher.short) opens this task's target")
        guard let commitment = record.spec.evaluation.targetCommitment else {
            throw .invalid("task \(task.short) has no committed target")
        }
        try require(record.revealedTargetPpm == nil, "the target of task \(task.short) is open already")
        try require(
            record.settlement?.payouts.outcome.isTerminal == true,
            "a target is opened after the task's end has been settled")
        try require(record.paidMs == nil, "task \(task.short) has been paid out")
        try require(
            TargetCommitment.of(targetPpm: target, nonce: nonce) == commitment,
            "target and nonce are not those of the commitment")
        tasks[index].revealedTargetPpm = target
    }

    private mutating func refund(_ task: TaskID, _ height: UInt64, _ timeMs: UInt64) throws(ChainError) {
        let index = try index(of: task)
        try require(tasks[index].paidMs != nil, "task \(task.short) has not been paid out yet")
        try refundEscrow(index, height, timeMs)
    }

    private mutating func refundEscrow(_ index: Int, _ height: UInt64, _ timeMs: UInt64) throws(ChainError) {
        let record = tasks[index]
        try require(
            record.escrow > 0 || record.isCancelled, "nothing is left in the escrow of task \(record.task.short)")
        tasks[index].escrow = 0
        credit(record.publisher, record.escrow, .refund, height, timeMs, task: record.task)
    }

    /// Once a member, by who paid it: what was worked for and settled is what can be rated.
    private mutating func rate(
        _ node: NodeID, _ stars: UInt8, _ task: TaskID, _ signer: NodeID
    ) throws(ChainError) {
        let index = try index(of: task)
        let record = tasks[index]
        try require(
            signer == record.publisher, "only its publisher \(record.publisher.short) rates members of this task")
        try require(node != signer, "nobody rates itself")
        try require(record.paidMs != nil, "task \(task.short) has not been paid out yet")
        try require(
            record.settlement?.payouts.entries.contains { $0.node == node && ($0.rounds > 0 || $0.aggregated > 0) }
                ?? false, "\(node.short) has done no settled work for task \(task.short)")
        try require(!record.ratings.contains { $0.node == node }, "\(node.short) has been rated for this task")
        tasks[index].ratings = (record.ratings + [RegistryState.Rating(node: node, stars: stars)])
            .sorted { $0.node < $1.node }
    }

    // MARK: Accounts

    private mutating func transfer(
        _ signer: NodeID, _ to: NodeID, _ credits: UInt64, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        if to == signer {
            // It moves nothing and uses up a nonce: what a gap before later transactions is filled with.
            try require(credits == 0, "a transfer goes to another account")
            return
        }
        try require(credits > 0, "a transfer moves at least 1 credit")
        try require(
            accounts[to] != nil || accounts.count < Limits.accounts, "the network holds \(Limits.accounts) accounts")
        let isNew = accounts[to] == nil
        if isNew {
            try KeyRules.check(account: to)
            try require(
                credits >= accountReserve,
                "\(to.short) has no account yet: a transfer that makes one brings at least \(accountReserve), which stay "
                    + "with it")
        }
        try debit(signer, credits, .sent, for: "transfer", height, timeMs, other: to)
        credit(to, credits, .received, height, timeMs, other: signer)
        guard isNew else { return }
        try debit(to, accountReserve, .reserve, for: "account", height, timeMs)
        accounts[to]!.reserve = accountReserve
    }

    private mutating func bond(
        _ signer: NodeID, _ credits: UInt64, _ key: Digest, _ proof: Signature, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        try require(credits > 0, "a bond is at least 1 credit")
        try KeyRules.checkBond(
            credits, key, proof, network: network, account: signer, parameters: genesis.parameters)
        try debit(signer, credits, .bonded, for: "bond", height, timeMs)
        // A new key while one is in force could be chosen for the beacon of the day.
        let isNew =
            accounts[signer]!.validatorBond == 0 && !validators.contains(signer)
            && !nextValidators.contains(signer)
        try require(
            isNew || accounts[signer]!.electionKey == key, "a validator keeps its election key; unbond everything first"
        )
        accounts[signer]!.validatorBond += credits
        accounts[signer]!.electionKey = key
    }

    private mutating func unbond(
        _ signer: NodeID, _ credits: UInt64, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        let bond = accounts[signer]!.validatorBond
        try require(credits > 0 && credits <= bond, "the validator bond is \(bond)")
        try require(
            credits < bond || accounts.contains { $0.key != signer && $0.value.validatorBond > 0 },
            "the last validator cannot leave")
        try require(
            accounts[signer]!.unbonding.count < Limits.unbondings, "\(Limits.unbondings) parts are unbonding already")
        accounts[signer]!.validatorBond = bond - credits
        accounts[signer]!.unbonding.append(
            Unbonding(
                credits: credits,
                releaseMs: timeMs.clampedSum(genesis.parameters.epochMs).clampedSum(genesis.parameters.evidenceMs)))
        write(signer, Int64(clamping: credits), .unbonding, height, timeMs)
    }

    // MARK: Evidence

    /// What evidence about a message of this slot takes from its signer now.
    ///
    /// - Throws: why it takes nothing.
    public func stake(of signer: NodeID, at slot: Slot) throws(ChainError) -> UInt64 {
        if slot.chain == chain {
            guard let account = accounts[signer] else { throw .invalid("\(signer.short) has no account") }
            try require(slot.major >= account.slashedBelow, "\(signer.short) has lost its bond for this already")
            let lost = account.unbonding.reduce(account.validatorBond) { $0 + $1.credits }
            try require(lost > 0, "\(signer.short) has no validator bond to lose")
            return lost
        }
        let record = tasks[try index(of: slot.chain)]
        guard record.isSlashable(signer), let own = record.enrolments.first(where: { $0.node == signer }) else {
            throw .invalid("\(signer.short) has no bond to lose in task \(slot.chain.short)")
        }
        return own.enrolment.bond
    }

    private mutating func punish(
        _ first: Envelope, _ second: Envelope, _ height: UInt64, _ timeMs: UInt64
    ) throws(ChainError) {
        try Evidence.check(first, second, network: network)
        let offender = first.signer
        let lost = try stake(of: offender, at: first.slot)
        if first.slot.chain == chain {
            accounts[offender]!.validatorBond = 0
            accounts[offender]!.unbonding = []
            accounts[offender]!.slashedBelow = height + 2
            burned += lost
            write(offender, -Int64(clamping: lost), .slashed, height, timeMs)
            return
        }
        let index = try index(of: first.slot.chain)
        tasks[index].slashed = (tasks[index].slashed + [offender]).sorted()
        accounts[offender]!.bonded -= lost
        burned += lost
        write(offender, -Int64(clamping: lost), .slashed, height, timeMs, task: first.slot.chain)
    }
}
