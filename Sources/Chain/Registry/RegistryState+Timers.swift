internal import Wire

/// What time alone brings about. Time is that of decided blocks, so every node does it in the same block.
extension RegistryState {
    /// The earliest time at which a block would have something to do; nil if nothing waits.
    public var nextTimerMs: UInt64? {
        let accounts = accounts.values.compactMap { $0.unbonding.first?.releaseMs }.min()
        let tasks = tasks.compactMap { timerMs($0) }.min()
        guard let accounts else { return tasks }
        return min(accounts, tasks ?? accounts)
    }

    private func timerMs(_ record: TaskRecord) -> UInt64? {
        if record.isCancelled { return nil }
        guard let window = record.windowEndsMs else { return record.expiresMs }
        guard let paid = record.paidMs else { return window }
        return record.bondsReleased ? nil : paid + genesis.parameters.evidenceMs
    }

    mutating func runTimers(height: UInt64, timeMs: UInt64) {
        for node in accounts.keys.sorted() {
            while let first = accounts[node]?.unbonding.first, first.releaseMs <= timeMs {
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
    private mutating func payOut(_ index: Int, _ height: UInt64, _ timeMs: UInt64) {
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

    /// Reputation: what every key did, from paid settlements, evidence and ratings alone, ascending by key.
    public var contributors: [Contributor] {
        var table: [NodeID: Contributor] = [:]
        for record in tasks where record.paidMs != nil {
            let missed = record.revealedTargetPpm.map { $0 > record.settlement?.payouts.accuracyPpm ?? 0 } ?? false
            for entry in record.settlement?.payouts.entries ?? [] {
                var one = table[entry.node] ?? Contributor(node: entry.node)
                one.tasks += entry.rounds > 0 ? 1 : 0
                one.rounds += entry.rounds
                one.offered += record.settlement?.payouts.rounds ?? 0
                one.aggregated += entry.aggregated
                one.credits += missed ? 0 : entry.credits
                table[entry.node] = one
            }
        }
        for record in tasks {
            for node in record.slashed { table[node, default: Contributor(node: node)].slashes += 1 }
            for rating in record.ratings {
                table[rating.node, default: Contributor(node: rating.node)].ratings += 1
                table[rating.node]!.stars += UInt32(rating.stars)
            }
        }
        for (node, account) in accounts where account.slashedBelow > 0 {
            table[node, default: Contributor(node: node)].slashes += 1
        }
        return table.keys.sorted().compactMap { table[$0] }
    }
}
