internal import Chain
internal import MeshCrypto
internal import Wire

/// Strategies that use the registry, the lists and the digests as the rules allow, only more than anybody needs.
extension Simulation {
    /// What such a strategy adds at a heartbeat.
    func attack(_ index: Int) {
        guard nodes[index].memory != nil else { return }
        byzantine[index]!.beats += 1
        switch byzantine[index]!.strategy {
        case .nonceGapper: leaveGaps(index)
        case .transactionBurst: burst(index)
        case .taskFlooder: floodTasks(index)
        case .badKeys: enrolWithBadKeys(index)
        case .bondChurner: churnBonds(index)
        case .payoutForger: forgePayouts(index)
        case .digestFlooder: floodDigests(index)
        default: break
        }
    }

    private func account(_ index: Int) -> (state: RegistryState, nonce: UInt64) {
        let state = nodes[index].memory!.registry.state
        return (state, state.accounts[nodes[index].id]?.nonce ?? 0)
    }

    /// Signs for an account and tells everybody, without asking whether it is valid.
    private func spread(_ transactions: [(Transaction, nonce: UInt64)], by key: SigningKey, node index: Int) {
        let envelopes = transactions.map { transaction, nonce in
            Envelope.signed(
                transaction.wireBytes, slot: Slot(kind: .transaction, chain: registryChain, major: nonce, minor: 0),
                network: network, by: key)
        }
        guard !envelopes.isEmpty else { return }
        send(envelopes, from: index)
        for envelope in envelopes {
            guard let memory = nodes[index].memory, memory.registry.chain == registryChain else { return }
            let (_, directives) = nodes[index].memory!.registry.receive(envelope, instant(index))
            perform(directives, chain: registryChain, node: index)
        }
    }

    // MARK: Transactions

    /// A credit for each of 66 fresh accounts, and from each of them all that an account may have pending but its next
    /// nonce: nothing of it can be decided, and it asks for every place.
    private func leaveGaps(_ index: Int) {
        let (state, nonce) = account(index)
        let keys = byzantine[index]!.fresh(66, seed: configuration.seed, node: index)
        let missing = keys.filter { state.accounts[$0.nodeID] == nil }
        if byzantine[index]!.beats.isMultiple(of: 5), !missing.isEmpty {
            let gifts = missing.prefix(30).enumerated().map { offset, key in
                (Transaction.transfer(to: key.nodeID, credits: 1), nonce: nonce + UInt64(offset))
            }
            spread(gifts, by: nodes[index].key, node: index)
        }
        let ready = keys.filter { state.accounts[$0.nodeID] != nil }
        for key in ready.dropFirst(byzantine[index]!.used).prefix(6) {
            byzantine[index]!.used += 1
            let envelopes = (1..<UInt64(Limits.pendingTransactionsPerSigner)).map { nonce in
                Envelope.signed(
                    Transaction.transfer(to: key.nodeID, credits: 0).wireBytes,
                    slot: Slot(kind: .transaction, chain: registryChain, major: nonce, minor: 0), network: network,
                    by: key)
            }
            send(envelopes, from: index)
        }
    }

    /// As many valid transactions of its own as an account may have pending, as soon as the last ones are decided.
    private func burst(_ index: Int) {
        let (_, nonce) = account(index)
        guard nonce >= byzantine[index]!.nextNonce, byzantine[index]!.beats.isMultiple(of: 3) else { return }
        byzantine[index]!.nextNonce = nonce + 40
        let itself = Transaction.transfer(to: nodes[index].id, credits: 0)
        spread((0..<40).map { (itself, nonce: nonce + $0) }, by: nodes[index].key, node: index)
    }

    /// Tasks without a reward that nobody joins, more than an account may have open.
    private func floodTasks(_ index: Int) {
        let (state, nonce) = account(index)
        let isOver = byzantine[index]!.used > Limits.openTasksPerAccount
        guard mainTask(state) != nil, nonce >= byzantine[index]!.nextNonce, !isOver else { return }
        byzantine[index]!.used += 24
        byzantine[index]!.nextNonce = nonce + 24
        let id = nodes[index].id
        let transactions = (0..<UInt64(24)).map { number in
            var free = spec
            free.name = "free \(byzantine[index]!.used) \(number)"
            free.reward.credits = 0
            free.reward.minimumBond = 900
            free.deadlines.expiryMs = 20_000
            return (
                KeyRules.publish(free, sealingKey: SealedScheme.key(of: id), network: network, account: id),
                nonce: nonce + number
            )
        }
        spread(transactions, by: nodes[index].key, node: index)
    }

    /// Before it joins as it should: with the identity, with bytes that are no element, and with a key that it does not
    /// hold. A member with such a key that is drawn as a holder keeps everybody from sealing.
    private func enrolWithBadKeys(_ index: Int) {
        let (state, nonce) = account(index)
        guard let record = mainTask(state), record.closed == nil,
            !record.enrolments.contains(where: { $0.node == nodes[index].id })
        else { return }
        let other = SealedScheme.key(of: nodes[(index + 1) % nodes.count].id)
        let bad: [[UInt8]] = [
            [UInt8](repeating: 0, count: 32), [UInt8](repeating: 255, count: 32), other.publicKey,
        ]
        let enrolment = Enrolment(
            task: record.task, sealingKey: SealingKey(bad[byzantine[index]!.beats % bad.count]), electionKey: .zero,
            rows: 10, dataForm: record.spec.data.form, bond: nodes[index].weight)
        spread([(.enrol(enrolment), nonce: nonce)], by: nodes[index].key, node: index)
    }

    /// Another weight as a validator in every block: whoever proves something by the electorates since some height has a
    /// step more for each.
    private func churnBonds(_ index: Int) {
        let (state, nonce) = account(index)
        guard nonce >= byzantine[index]!.nextNonce, let account = state.accounts[nodes[index].id],
            mainTask(state)?.closed?.beacon != nil
        else { return }
        byzantine[index]!.nextNonce = nonce + 1
        let id = nodes[index].id
        let transaction =
            account.validatorBond > 10
            ? Transaction.unbond(.validator(credits: 1))
            : KeyRules.bond(1, electionKey: nil, network: network, account: id)
        spread([(transaction, nonce: nonce)], by: nodes[index].key, node: index)
    }

    /// Everything to itself, with a certificate that decided another table.
    private func forgePayouts(_ index: Int) {
        let (state, nonce) = account(index)
        guard let record = mainTask(state), record.paidMs == nil, byzantine[index]!.beats.isMultiple(of: 7),
            let place = nodes[index].memory!.taskIndex(record.task),
            let last = nodes[index].disk.blocks[record.task]?.last
        else { return }
        var table = nodes[index].memory!.tasks[place].state.payouts
        for entry in table.entries.indices {
            let isOwn = table.entries[entry].node == nodes[index].id
            // Within all bounds of a table, and beyond them.
            if isOwn { table.entries[entry].rounds = byzantine[index]!.beats.isMultiple(of: 3) ? .max : table.rounds }
            table.entries[entry].credits = isOwn ? record.escrow : 0
        }
        table.outcome = .complete
        var header = last.header
        if byzantine[index]!.beats.isMultiple(of: 2) { header.payoutRoot = table.root }
        let settlement = Settlement(header: header, certificate: last.certificate, payouts: table)
        spread([(.settle(settlement), nonce: nonce)], by: nodes[index].key, node: index)
    }

    // MARK: Digests

    /// Digests of heights that are long decided, each of which asks for blocks.
    private func floodDigests(_ index: Int) {
        let chains = [registryChain] + nodes[index].memory!.tasks.map(\.chain)
        for peer in nodes.indices where peer != index {
            for number in 0..<8 {
                let chain = chains[number % chains.count]
                let height = UInt64(1 + random.below(1 + (nodes[index].disk.blocks[chain]?.count ?? 0)))
                let head = nodes[index].disk.blocks[chain]?.dropFirst(max(0, Int(height) - 2)).first?.header.id
                let digest = ChainDigest(
                    chain: chain, height: height, head: head ?? BlockID([UInt8](repeating: 0, count: 32)), groups: [],
                    pending: [])
                send(.digest(digest), from: index, to: peer)
            }
        }
    }

    /// The task of the simulation, whatever else is published.
    func mainTask(_ state: RegistryState) -> RegistryState.TaskRecord? {
        state.tasks.first { $0.publisher == nodes[0].id }
    }
}
