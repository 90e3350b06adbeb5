internal import Chain
internal import MeshCrypto
internal import Wire

/// The people of a simulation: node 0 publishes, everybody enrols, whoever sees that it may closes.
extension Simulation {
    func actAsClient(_ index: Int) {
        let machine = nodes[index].memory!.registry
        let state = machine.state
        let id = nodes[index].id
        let record = mainTask(state)
        // What was sent and not decided is sent again, byte for byte; what the registry cannot take any more (a Close
        // behind somebody else's) leaves its nonce to the next one.
        let nonce = state.accounts[id]?.nonce ?? 0
        for transaction in nodes[index].disk.transactions where transaction.slot.major >= nonce {
            submit(transaction, node: index)
            guard nodes[index].isUp else { return }
        }
        let free = nodes[index].memory!.registry.nextNonce(of: id)
        if configuration.planted != .stuckNonce {
            nodes[index].disk.transactions.removeAll { !(nonce..<free).contains($0.slot.major) }
        }
        guard !nodes[index].disk.transactions.contains(where: { $0.slot.major >= nonce }) else { return }
        if index == 0, record == nil, nonce == 0 {
            propose(
                KeyRules.publish(spec, sealingKey: SealedScheme.key(of: id), network: network, account: id),
                node: index)
        }
        guard nodes[index].isUp else { return }
        for transaction in nodes[index].disk.evidence {
            propose(transaction, node: index)
            guard nodes[index].isUp else { return }
            if nodes[index].disk.transactions.contains(where: { $0.slot.major >= nonce }) { return }
        }
        if let record { settle(record, node: index) }
        guard nodes[index].isUp else { return }
        guard let record, record.closed == nil, !record.isCancelled else { return }
        if !record.enrolments.contains(where: { $0.node == id }) {
            // First it tries what it should not get away with.
            if byzantine[index]?.strategy == .badKeys, byzantine[index]!.beats < 4 { return }
            let enrolment = KeyRules.enrolment(
                task: record.task, sealingKey: SealedScheme.key(of: id), electionKey: nil, rows: 10,
                dataForm: record.spec.data.form, bond: nodes[index].weight, network: network, account: id)
            if record.enrolments.count < Int(record.spec.participants.maximum) {
                propose(.enrol(enrolment), node: index)
            }
        } else if state.canClose(record, timeMs: instant(index).wallMs) {
            propose(.close(task: record.task), node: index)
        }
    }

    /// What follows the end of a task: anybody settles it, the publisher takes back what is left.
    private func settle(_ record: RegistryState.TaskRecord, node index: Int) {
        let decided = record.orders.count
        if index == 0, decided < nodes[0].disk.orders.count {
            let action = nodes[0].disk.orders[decided]
            propose(
                .control(TaskControl(task: record.task, sequence: UInt32(decided) + 1, action: action)), node: index)
        }
        if index == 0, record.paidMs != nil, record.escrow > 0 {
            return propose(.refund(task: record.task), node: index)
        }
        guard let place = nodes[index].memory?.taskIndex(record.task),
            nodes[index].memory!.tasks[place].state.isEnded, let last = nodes[index].disk.blocks[record.task]?.last
        else { return }
        if record.paidMs == nil, (record.settlement?.height ?? 0) < last.header.height {
            let payouts = nodes[index].memory!.tasks[place].state.payouts
            propose(
                .settle(Settlement(header: last.header, certificate: last.certificate, payouts: payouts)), node: index)
        }
    }

    /// Hands the orders that the registry has decided to the task chains.
    func followOrders(_ index: Int) {
        guard let memory = nodes[index].memory else { return }
        let blocks = nodes[index].disk.blocks[registryChain] ?? []
        for place in memory.tasks.indices {
            guard let task = nodes[index].memory?.tasks[place] else { return }
            var directives: [ChainDirective] = []
            let block = { (height: UInt64) in Int(height) <= blocks.count ? blocks[Int(height) - 1] : nil }
            if configuration.planted != .deafTasks,
                let order = memory.registry.state.order(for: task.state, block: block)
            {
                directives += nodes[index].memory!.tasks[place].order(order, instant(index))
            }
            if configuration.planted != .fixedAnchor,
                let steps = memory.registry.state.anchorSteps(for: task.state, block: block)
            {
                directives += nodes[index].memory!.tasks[place].anchor(steps, instant(index))
            }
            directives += nodes[index].memory!.tasks[place].tick(instant(index))
            perform(directives, chain: task.chain, node: index)
        }
    }

    private func propose(_ transaction: Transaction, node index: Int) {
        let nonce = nodes[index].memory!.registry.nextNonce(of: nodes[index].id)
        let slot = Slot(kind: .transaction, chain: registryChain, major: nonce, minor: 0)
        let envelope = Envelope.signed(transaction.wireBytes, slot: slot, network: network, by: nodes[index].key)
        do { try nodes[index].memory!.registry.check(envelope, instant(index)) } catch { return }
        nodes[index].disk.transactions.append(envelope)
        submit(envelope, node: index)
    }

    private func submit(_ envelope: Envelope, node index: Int) {
        guard nodes[index].isUp else { return }
        let life = nodes[index].life
        if configuration.planted != .fullTable || nodes[index].memory!.registry.pendingCount < 8 {
            let (_, directives) = nodes[index].memory!.registry.receive(envelope, instant(index))
            perform(directives, chain: registryChain, node: index)
        }
        if isAlive(index, life) { checkPlace(of: envelope, node: index) }
    }

    /// Whatever others send: what a node's people may do next is pending at their own node once they have asked for it.
    private func checkPlace(of envelope: Envelope, node index: Int) {
        guard isHonest(index), alarms.isEmpty, let registry = nodes[index].memory?.registry,
            registry.state.accounts[envelope.signer]?.nonce == envelope.slot.major,
            registry.nextNonce(of: envelope.signer) == envelope.slot.major
        else { return }
        // A height that is due is built without it as well.
        let built = RegistryRules.build(
            pending: [envelope], state: registry.state, author: nodes[index].id, view: 0,
            timeMs: instant(index).wallMs)
        let isValid = built.flatMap { try? RegistryBody(wireBytes: $0.body) }?.transactions.isEmpty == false
        ledger.check(
            !isValid, .places, now,
            "node \(index): its transaction \(envelope.slot.major) is not among \(registry.pendingCount) pending ones")
    }

    // MARK: End

    /// Every honest node that the script does not keep down is up and has the task's last block.
    var isFinished: Bool {
        guard scriptDone.allSatisfy({ $0 }) || configuration.script.isEmpty || allEnded else { return false }
        return allEnded
    }

    private var allEnded: Bool {
        honestNodes.allSatisfy { index in
            if heldDown.contains(index) { return true }
            guard let memory = nodes[index].memory else { return false }
            return hasEnded(memory) && memory.registry.state.tasks.isEmpty
        }
    }

    /// A task ends on its chain; one that too few joined never has a chain and ends when it expires.
    private func hasEnded(_ memory: SimulatedNode.Memory) -> Bool {
        if let task = memory.tasks.first { return task.state.isEnded }
        return mainTask(memory.registry.state) == nil && !memory.registry.state.ended.isEmpty
    }

    func checkEnding() {
        for index in honestNodes where !heldDown.contains(index) {
            guard let memory = nodes[index].memory else {
                ledger.report(.ending, now, "node \(index) is down at the end of the run")
                continue
            }
            guard let task = memory.tasks.first else {
                if hasEnded(memory) { continue }
                ledger.report(
                    .ending, now,
                    "node \(index) has no task at the end: registry height \(memory.registry.height), view "
                        + "\(memory.registry.view), \(memory.registry.pendingCount) pending")
                continue
            }
            ledger.check(
                task.state.isEnded, .ending, now,
                "node \(index): round \(task.state.round) attempt \(task.state.attempt) height \(task.height) view "
                    + "\(task.view), \(task.state.phase)")
        }
    }

    private func summary(_ alarm: (node: Int, isRegistry: Bool)) -> SimulationReport.Alarm {
        let accused = nodes[alarm.node].disk.evidence.compactMap { transaction in
            if case .evidence(let first, _) = transaction { indexOf[first.signer] } else { nil }
        }
        return .init(node: alarm.node, isRegistry: alarm.isRegistry, accused: Set(accused).sorted())
    }

    func report() -> SimulationReport {
        let best = honestNodes.max { heights($0).reduce(0, +) < heights($1).reduce(0, +) } ?? 0
        var outcome = SimulationReport.Outcome.unfinished("no task was opened")
        if let task = nodes[best].memory?.tasks.first {
            outcome =
                switch task.state.phase {
                case .ended(.complete): .completed
                case .ended(.stopped): .stopped
                case .ended(.failed(let reason)): .failed("\(reason)")
                default: .unfinished("round \(task.state.round) attempt \(task.state.attempt), height \(task.height)")
                }
        } else if let memory = nodes[best].memory, hasEnded(memory) {
            outcome = .failed("too few members")
        }
        let blocks = ledger.summaries
        let state = nodes[best].memory?.registry.state
        return SimulationReport(
            seed: configuration.seed, nodes: nodes.count, honest: honestNodes, violations: ledger.violations,
            outcome: outcome, traceHash: trace.value,
            events: eventCount, virtualTime: now, crashes: crashes, partitions: partitions,
            lostWrites: lostWrites, recovery: recovery, roundTimeout: roundTimeoutAtHeal,
            registryHeight: heights(best)[0], taskHeight: heights(best)[1],
            results: blocks.count { $0.kind == "result" }, voids: blocks.count { $0.kind == "void" },
            manifests: blocks.count { $0.kind == "manifest" }, highestView: ledger.highestView,
            conflictsSeen: conflicts, evidence: evidence, alarms: alarms.map(summary),
            slashed: state?.contributors.filter { $0.slashes > 0 }.compactMap { indexOf[$0.node] }.sorted() ?? [],
            evicted: nodes[best].memory?.tasks.first?.state.evicted.compactMap { indexOf[$0] }.sorted() ?? [],
            complaints: complaints,
            paid: state?.contributors.reduce(0) { $0 + $1.credits } ?? 0,
            rejectedMessages: rejected, blocks: blocks, trace: lines)
    }
}
