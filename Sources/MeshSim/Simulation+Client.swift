internal import Chain
internal import MeshCrypto
internal import Wire

/// The people of a simulation: node 0 publishes, everybody enrols, whoever sees that it may closes.
extension Simulation {
    func actAsClient(_ index: Int) {
        let machine = nodes[index].memory!.registry
        let state = machine.state
        let id = nodes[index].id
        let record = state.tasks.first
        // What was sent and not decided is sent again, byte for byte.
        let nonce = state.accounts[id]?.nonce ?? 0
        for transaction in nodes[index].disk.transactions where transaction.slot.major >= nonce {
            submit(transaction, node: index)
        }
        guard !nodes[index].disk.transactions.contains(where: { $0.slot.major >= nonce }) else { return }
        if index == 0, record == nil {
            propose(.publish(spec, sealingKey: sealingKey(index)), node: index)
        }
        guard let record, record.closed == nil else { return }
        if !record.enrolments.contains(where: { $0.node == id }) {
            let enrolment = Enrolment(
                task: record.task, sealingKey: sealingKey(index), electionKey: .zero, rows: 10,
                bond: nodes[index].weight)
            if record.enrolments.count < Int(record.spec.participants.maximum) {
                propose(.enrol(enrolment), node: index)
            }
        } else if state.canClose(record, timeMs: instant(index).wallMs) {
            propose(.close(task: record.task), node: index)
        }
    }

    private func sealingKey(_ index: Int) -> SealingKey {
        SealingKey(Transcript.hash("sim/sealing", nodes[index].id.bytes))
    }

    private func propose(_ transaction: Transaction, node index: Int) {
        let nonce = nodes[index].memory!.registry.nextNonce(of: nodes[index].id)
        let slot = Slot(kind: .transaction, chain: registryChain, major: nonce, minor: 0)
        let envelope = Envelope.signed(transaction.wireBytes, slot: slot, network: network, by: nodes[index].key)
        do { try nodes[index].memory!.registry.check(envelope, instant(index)) } catch { return }
        nodes[index].disk.transactions.append(envelope)
        if isHonest(index) { ledger.sign(envelope, now) }
        submit(envelope, node: index)
    }

    private func submit(_ envelope: Envelope, node index: Int) {
        guard nodes[index].isUp else { return }
        let (_, directives) = nodes[index].memory!.registry.receive(envelope, instant(index))
        perform(directives, chain: registryChain, node: index)
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
            guard let memory = nodes[index].memory, let task = memory.tasks.first else { return false }
            return task.state.isEnded
        }
    }

    func checkEnding() {
        for index in honestNodes where !heldDown.contains(index) {
            guard let memory = nodes[index].memory else {
                ledger.report(.ending, now, "node \(index) is down at the end of the run")
                continue
            }
            guard let task = memory.tasks.first else {
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

    func report() -> SimulationReport {
        let best = honestNodes.max { heights($0).reduce(0, +) < heights($1).reduce(0, +) } ?? 0
        var outcome = SimulationReport.Outcome.unfinished("no task was opened")
        if let task = nodes[best].memory?.tasks.first {
            outcome =
                switch task.state.phase {
                case .ended(.complete): .completed
                case .ended(.failed(let reason)): .failed("\(reason)")
                default: .unfinished("round \(task.state.round) attempt \(task.state.attempt), height \(task.height)")
                }
        }
        let blocks = ledger.summaries
        return SimulationReport(
            seed: configuration.seed, violations: ledger.violations, outcome: outcome, traceHash: trace.value,
            events: eventCount, virtualTime: now, crashes: crashes, partitions: partitions,
            registryHeight: heights(best)[0], taskHeight: heights(best)[1],
            results: blocks.count { $0.kind == "result" }, voids: blocks.count { $0.kind == "void" },
            manifests: blocks.count { $0.kind == "manifest" }, highestView: ledger.highestView,
            conflictsSeen: conflicts, rejectedMessages: rejected, blocks: blocks, trace: lines)
    }
}
