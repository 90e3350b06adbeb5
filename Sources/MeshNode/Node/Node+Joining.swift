internal import Chain
internal import Foundation
internal import Wire

/// What a node joins by itself, within its owner's limits: a task is anybody's, and so is what it asks for.
extension Node {
    func joinFittingTasks() {
        guard configuration.miner.isEnabled, configuration.miner.joinsByItself, trainingData != nil else { return }
        for record in registry.state.tasks where record.closed == nil && record.isOpen {
            guard !record.enrolments.contains(where: { $0.node == nodeID }) else {
                joining.remove(record.task)
                obstacles.clear(.join, record.task)
                continue
            }
            let invited = record.spec.participants.members
            guard invited.isEmpty || invited.contains(nodeID) else { continue }
            guard obstacles.mayTry(.join, record.task, now: now) else { continue }
            guard !comparingRows.contains(record.task), mayJoin(record) else { continue }
            comparingRows.insert(record.task)
            Task { await self.joinByItself(record) }
        }
    }

    /// Not on its way already, and within the owner's limits as they are now.
    private func mayJoin(_ record: RegistryState.TaskRecord) -> Bool {
        // It was pending and is not any more without having been decided: something made it impossible. Asked last,
        // and only of what is on its way: it decodes what is pending, and this runs every heartbeat.
        let isOnItsWay =
            joining.contains(record.task)
            && registry.isOwnPending { transaction in
                if case .enrol(let one) = transaction { one.task == record.task } else { false }
            }
        guard !isOnItsWay else { return false }
        // A task that ends makes room: looked at again.
        guard let reason = limitRefusal(of: record) else { return true }
        obstacle(.join, task: record.task, reason)
        return false
    }

    private func joinByItself(_ record: RegistryState.TaskRecord) async {
        defer { comparingRows.remove(record.task) }
        do {
            let enrolment = try await enrolment(in: record, bond: nil)
            // While the rows were read another task may have taken the place, or the operator may have joined this one.
            guard !isStopped, mayJoin(record) else { return }
            // What only the present state refuses (nonce, credits, account) is tried again for ever.
            do {
                _ = try submit(.enrol(enrolment))
                joining.insert(record.task)
            } catch { obstacle(.join, task: record.task, "\(error)") }
        } catch { obstacle(.join, task: record.task, isFinal: true, "\(error)") }
    }

    /// Bond for a task where nobody names one.
    func usualBond(of spec: TaskSpec) -> UInt64 { max(configuration.miner.bond, spec.reward.minimumBond) }

    /// Why this node does not join a task without being told to; nil when it may.
    private func limitRefusal(of record: RegistryState.TaskRecord) -> String? {
        let miner = configuration.miner
        if record.spec.holders.publisherAlone, record.publisher != nodeID, !miner.trustsPublisher {
            return
                "its publisher alone could read every single update (holders 1,0); miner.trust_publisher allows that, "
                + "or join by hand: `meshnode task join \(record.task.short)`"
        }
        let bond = usualBond(of: record.spec)
        if bond > miner.mostBond {
            return "it asks for a bond of \(bond), miner.max_bond is \(miner.mostBond); join by hand: "
                + "`meshnode task join \(record.task.short) --bond \(bond)`"
        }
        // Tasks that this node is in, and enrolments on their way.
        let own = registry.state.tasks.filter { task in
            task.isOpen
                && (task.enrolments.contains { $0.node == nodeID }
                    || (task.closed == nil && joining.contains(task.task)))
        }
        if own.count >= miner.mostTasks {
            return "this node is in \(own.count) tasks, miner.max_tasks is \(miner.mostTasks)"
        }
        let underWay = own.filter { task in !task.enrolments.contains { $0.node == nodeID } }
            .reduce(UInt64(0)) { $0.clampedSum(usualBond(of: $1.spec)) }
        let account = registry.state.accounts[nodeID]
        let bonded = account?.bonded ?? 0
        let total = bonded.clampedSum(underWay).clampedSum(bond)
        let limit = miner.totalBondLimit(holding: bonded.clampedSum(account?.balance ?? 0))
        if total > limit {
            return "its bond of \(bond) would make \(total) in all, "
                + (miner.mostTotalBond == nil
                    ? "without miner.max_total_bond this account puts up \(limit)" : "miner.max_total_bond is \(limit)")
                + (nextRelease.map { "; bonds of ended tasks come back from \(CalendarText.text($0)) on" } ?? "")
        }
        return nil
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
