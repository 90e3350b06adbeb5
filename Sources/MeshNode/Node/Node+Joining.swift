internal import Chain
internal import Foundation
internal import Wire

/// What a node joins by itself, within its owner's limits: a task is anybody's, and so is what it asks for.
extension Node {
    func joinFittingTasks() {
        guard configuration.miner.isEnabled, configuration.miner.joinsByItself, trainingData != nil else { return }
        notePauses()
        leaving = leaving.filter { task in
            registry.isOwnPending { transaction in
                if case .unbond(.enrolment(let one)) = transaction { one == task } else { false }
            }
        }
        var fitting: [(entry: JoiningChoice.Entry, record: RegistryState.TaskRecord)] = []
        for record in registry.state.tasks where record.closed == nil && record.isOpen {
            guard !record.enrolments.contains(where: { $0.node == nodeID }), byHand.choices[record.task] != .left else {
                joining.remove(record.task)
                obstacles.clear(.join, record.task)
                continue
            }
            let invited = record.spec.participants.members
            guard invited.isEmpty || invited.contains(nodeID) else { continue }
            guard obstacles.mayTry(.join, record.task, now: now), !comparingRows.contains(record.task) else { continue }
            fitting.append((entry(record), record))
        }
        // A place that is free is for the worthiest.
        for (_, record) in fitting.sorted(by: { JoiningChoice.Entry.comesFirst($0.entry, $1.entry) }) {
            guard enrolmentsToLeave(for: record) != nil else { continue }
            comparingRows.insert(record.task)
            Task { await self.joinByItself(record) }
        }
    }

    /// Which enrolments are left for a task; nil where it is on its way already, or not within the owner's limits as they
    /// are now.
    private func enrolmentsToLeave(for record: RegistryState.TaskRecord) -> [TaskID]? {
        // It was pending and is not any more without having been decided: something made it impossible. Asked last,
        // and only of what is on its way: it decodes what is pending, and this runs every heartbeat.
        let isOnItsWay =
            joining.contains(record.task)
            && registry.isOwnPending { transaction in
                if case .enrol(let one) = transaction { one.task == record.task } else { false }
            }
        guard !isOnItsWay, byHand.choices[record.task] != .left else { return nil }
        // A task that ends makes room: looked at again.
        switch choice(of: record) {
        case .join(let left): return left
        case .wait(let reason):
            obstacle(.join, task: record.task, reason)
            return nil
        }
    }

    private func joinByItself(_ record: RegistryState.TaskRecord) async {
        defer { comparingRows.remove(record.task) }
        do {
            // Nothing is left for a task that this node's rows do not fit.
            let enrolment = try await enrolment(in: record, bond: nil)
            // While the rows were read another task may have taken the place, or the operator may have joined this one.
            guard !isStopped, let left = enrolmentsToLeave(for: record) else { return }
            // What only the present state refuses (nonce, credits, account) is tried again for ever.
            do {
                for task in left {
                    _ = try queue(signed(.unbond(.enrolment(task: task))))
                    leaving.insert(task)
                    note("ledger", "left for task \(record.task.short), which is worth more", task: task)
                }
                _ = try queue(signed(.enrol(enrolment)))
                joining.insert(record.task)
            } catch { obstacle(.join, task: record.task, "\(error)") }
        } catch { obstacle(.join, task: record.task, isFinal: true, "\(error)") }
    }

    /// Keeps what the operator orders about enrolments, before the order is sent.
    func keepChoice(of transaction: Transaction) throws(ServiceError) {
        let (choice, task): (HandChoices.Choice, TaskID)
        switch transaction {
        case .enrol(let enrolment): (choice, task) = (.joined, enrolment.task)
        case .unbond(.enrolment(let one)): (choice, task) = (.left, one)
        default: return
        }
        do throws(StorageError) {
            try byHand.keep(choice, task, in: durable) { registry.state.task($0) != nil }
        } catch { throw .failed(reason: "\(error)", next: "free disk space and order it again") }
    }

    /// Bond for a task where nobody names one.
    func usualBond(of spec: TaskSpec) -> UInt64 { max(configuration.miner.bond, spec.reward.minimumBond) }

    private func choice(of record: RegistryState.TaskRecord) -> JoiningChoice.Decision {
        let miner = configuration.miner
        if record.spec.holders.publisherAlone, record.publisher != nodeID, !miner.trustsPublisher {
            return .wait(
                "its publisher alone could read every single update (holders 1,0); miner.trust_publisher allows that, "
                    + "or join by hand: `meshnode task join \(record.task.short)`")
        }
        let bond = usualBond(of: record.spec)
        if bond > miner.mostBond {
            return .wait(
                "it asks for a bond of \(bond), miner.max_bond is \(miner.mostBond); join by hand: "
                    + "`meshnode task join \(record.task.short) --bond \(bond)`")
        }
        // Tasks that this node is in, and enrolments on their way.
        var own: [JoiningChoice.Entry] = []
        var others: [RegistryState.TaskRecord] = []
        let account = registry.state.accounts[nodeID]
        var bonded = account?.bonded ?? 0
        for task in registry.state.tasks where task.isOpen && task.task != record.task {
            let entry = entry(task)
            let isIn = task.enrolments.contains { $0.node == nodeID }
            if isIn, task.closed == nil, leaving.contains(task.task) {
                bonded -= min(bonded, entry.bond)
            } else if isIn {
                own.append(entry)
                if !entry.isLate, !entry.isPaused { others.append(task) }
            } else if task.closed == nil, joining.contains(task.task) || comparingRows.contains(task.task) {
                bonded = bonded.clampedSum(entry.bond)
                own.append(entry)
                if !entry.isLate { others.append(task) }
            }
        }
        let limit = miner.totalBondLimit(holding: (account?.bonded ?? 0).clampedSum(account?.balance ?? 0))
        let limitText =
            (miner.mostTotalBond == nil
                ? "without miner.max_total_bond this account puts up \(limit)" : "miner.max_total_bond is \(limit)")
            + (nextRelease.map { "; bonds of ended tasks come back from \(CalendarText.text($0)) on" } ?? "")
        let decision = JoiningChoice(
            node: nodeID, mostTasks: miner.mostTasks, bonded: bonded, mostBonded: limit, bondLimitText: limitText
        ).decide(entry(record), among: own)
        // Asked last: only of a task that would be joined, whose plan is made for it, and beside those that stay.
        guard case .join(let left) = decision,
            let lack = lackOfDisk(for: record, beside: others.filter { !left.contains($0.task) })
        else { return decision }
        return .wait(lack)
    }

    /// What the choice knows of a task.
    private func entry(_ record: RegistryState.TaskRecord) -> JoiningChoice.Entry {
        let own = record.enrolments.first { $0.node == nodeID }
        let spec = record.spec
        let deadlineMs = record.publishedMs.clampedSum(UInt64(spec.deadlines.enrolMs))
        let members = record.enrolments.count + (own == nil ? 1 : 0)
        return JoiningChoice.Entry(
            task: record.task, publisher: record.publisher, reward: spec.reward.credits,
            members: spec.participants.maximum, deadlineMs: deadlineMs,
            bond: record.slashed.contains(nodeID) ? 0 : own?.enrolment.bond ?? usualBond(of: spec),
            mayBeLeft: own != nil && record.closed == nil && byHand.choices[record.task] != .joined,
            isLate: record.closed == nil && members < Int(spec.participants.minimum) && now.wallMs >= deadlineMs,
            isPaused: holdsNoPlace(record))
    }

    private func notePauses() {
        for record in registry.state.tasks where record.closed != nil && record.isOpen {
            guard let round = tasks[record.task]?.machine.state.round else { continue }
            tasks[record.task]?.pause.note(isPaused: record.isPaused, round: round, nowMs: now.monotonicMs)
        }
    }

    /// A task that has been paused for so long that others may have its place of miner.max_tasks.
    private func holdsNoPlace(_ record: RegistryState.TaskRecord) -> Bool {
        tasks[record.task]?.pause.holdsNoPlace(isPaused: record.isPaused, nowMs: now.monotonicMs) ?? false
    }

    /// The same for `status`.
    func placeText(_ task: TaskID) -> String? {
        guard configuration.miner.joinsByItself, let record = registry.state.task(task), holdsNoPlace(record) else {
            return nil
        }
        return "it holds no place of miner.max_tasks until then"
    }
}

extension Node {
    /// When the first bond of this node that lies with an ended task comes back.
    fileprivate var nextRelease: UInt64? {
        registry.state.tasks.filter { task in
            task.windowEndsMs != nil && !task.bondsReleased && task.enrolments.contains { $0.node == nodeID }
        }.compactMap { TaskDates($0, genesis.parameters).bondsBackMs }.min()
    }
}
