internal import MeshCrypto
internal import Wire

/// What time alone brings about. Time is that of decided blocks, so every node does it in the same block.
extension RegistryState {
    /// The earliest time at which a block would have something to do; nil if nothing waits.
    public var nextTimerMs: UInt64? {
        let accounts = accounts.unbonding.compactMap { self.accounts[$0]?.unbonding.first?.releaseMs }.min()
        let tasks = tasks.compactMap { timerMs($0) }.min()
        let epoch = changeSinceMs.map { $0.clampedSum(genesis.parameters.epochMs) }
        return [accounts, tasks, epoch].compactMap { $0 }.min()
    }

    private func timerMs(_ record: TaskRecord) -> UInt64? {
        if record.isCancelled { return nil }
        guard let window = record.windowEndsMs else { return record.expiresMs }
        guard let paid = record.paidMs else { return window }
        return record.bondsReleased ? nil : paid + genesis.parameters.evidenceMs
    }

    mutating func runTimers(height: UInt64, timeMs: UInt64) {
        for node in accounts.unbonding.sorted() {
            while let account = accounts[node], let first = account.unbonding.first, first.releaseMs <= timeMs,
                !isVoting(node, beyond: account.validatorBond)
            {
                accounts[node]!.unbonding.removeFirst()
                credit(node, first.credits, .unbonded, height, timeMs)
            }
        }
        for index in tasks.indices {
            // One timer may make the next one due in the same block.
            while let due = timerMs(tasks[index]), due <= timeMs { runTimer(index, height, timeMs) }
        }
    }

    private mutating func runTimer(_ index: Int, _ height: UInt64, _ timeMs: UInt64) {
        if tasks[index].windowEndsMs == nil {
            tasks[index].windowEndsMs = tasks[index].expiresMs + genesis.parameters.settleMs
        } else if tasks[index].paidMs == nil {
            payOut(index, height, timeMs)
            tasks[index].paidMs = timeMs
        } else {
            releaseBonds(index, height, timeMs)
        }
    }

    /// What the highest settlement says; nobody if an opened target was missed.
    mutating func payOut(_ index: Int, _ height: UInt64, _ timeMs: UInt64) {
        let record = tasks[index]
        guard let settled = record.settlement else { return }
        if let target = record.revealedTargetPpm, settled.payouts.accuracyPpm < target { return }
        for entry in settled.payouts.entries where entry.credits > 0 {
            tasks[index].escrow -= entry.credits
            credit(entry.node, entry.credits, .payout, height, timeMs, task: record.task)
        }
    }

    mutating func releaseBonds(_ index: Int, _ height: UInt64, _ timeMs: UInt64) {
        let record = tasks[index]
        for enrolled in record.enrolments where !record.slashed.contains(enrolled.node) {
            accounts[enrolled.node]?.bonded -= enrolled.enrolment.bond
            credit(enrolled.node, enrolled.enrolment.bond, .unbonded, height, timeMs, task: record.task)
        }
        tasks[index].bondsReleased = true
    }

    /// Adds to a free balance and writes it down.
    mutating func credit(
        _ node: NodeID, _ credits: UInt64, _ kind: LedgerEntry.Kind, _ height: UInt64, _ timeMs: UInt64,
        task: TaskID? = nil, other: NodeID? = nil
    ) {
        // Whoever is paid has an account: members, publishers and validators do, receivers of a transfer get one.
        accounts[node, default: Account(balance: 0, nonce: 0, bonded: 0)].balance += credits
        write(node, Int64(clamping: credits), kind, height, timeMs, task: task, other: other)
    }

    mutating func write(
        _ node: NodeID, _ credits: Int64, _ kind: LedgerEntry.Kind, _ height: UInt64, _ timeMs: UInt64,
        task: TaskID? = nil, other: NodeID? = nil
    ) {
        journal.append(
            LedgerEntry(
                height: height, timeMs: timeMs, node: node, kind: kind, credits: credits, task: task, other: other))
    }

    /// Ended tasks leave once their bonds are back: their place is free, their deposit returns, and what they were is kept
    /// as a digest and in the sums of their members.
    mutating func letEndedTasksGo(height: UInt64, timeMs: UInt64) {
        guard tasks.contains(where: \.bondsReleased) else { return }
        for record in tasks where record.bondsReleased {
            if record.escrow > 0 { credit(record.publisher, record.escrow, .refund, height, timeMs, task: record.task) }
            if record.deposit > 0 {
                credit(record.publisher, record.deposit, .deposit, height, timeMs, task: record.task)
            }
            Self.add(record, to: &sums)
            let digest = record.digest
            ended[record.task] = EndedTask(
                task: record.task, settledHeight: record.settlement?.height,
                settledBlock: record.settlement?.block ?? .zero, digest: digest)
            endedDigest = Digest(Transcript.hash("meshnode/ended/1", endedDigest.bytes, digest.bytes))
            var left = record
            (left.escrow, left.deposit) = (0, 0)
            departed.append(left)
        }
        tasks.removeAll(where: \.bondsReleased)
    }

    /// Reputation: what every key did, from paid settlements, evidence and ratings alone, ascending by key.
    public var contributors: [Contributor] {
        var table = sums
        for record in tasks { Self.add(record, to: &table) }
        for (node, account) in accounts where account.slashedBelow > 0 {
            Contributor.add(1, to: &table[node, default: Contributor(node: node)].slashes)
        }
        return table.keys.sorted().compactMap { table[$0] }
    }

    private static func add(_ record: TaskRecord, to table: inout [NodeID: Contributor]) {
        func change(_ node: NodeID, _ body: (inout Contributor) -> Void) {
            body(&table[node, default: Contributor(node: node)])
        }
        if record.paidMs != nil, let payouts = record.settlement?.payouts {
            let missed = record.revealedTargetPpm.map { $0 > payouts.accuracyPpm } ?? false
            for entry in payouts.entries {
                change(entry.node) { one in
                    Contributor.add(entry.rounds > 0 ? 1 : 0, to: &one.tasks)
                    Contributor.add(UInt64(entry.rounds), to: &one.rounds)
                    Contributor.add(UInt64(payouts.rounds), to: &one.offered)
                    Contributor.add(UInt64(entry.aggregated), to: &one.aggregated)
                    Contributor.add(missed ? 0 : entry.credits, to: &one.credits)
                }
            }
        }
        for node in record.slashed { change(node) { Contributor.add(1, to: &$0.slashes) } }
        for rating in record.ratings {
            change(rating.node) { one in
                Contributor.add(1, to: &one.ratings)
                Contributor.add(UInt64(rating.stars), to: &one.stars)
            }
        }
    }
}
