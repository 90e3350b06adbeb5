internal import Chain
internal import MeshCrypto
internal import Wire

extension ChainBench {
    /// Blocks of few and of many transactions, and the admission of one, in a registry of many accounts. The time of a
    /// transaction must not depend on how many others are in its block.
    static func registry(accounts count: Int) throws -> Row {
        let keys = (0..<Limits.transactionsPerBlock).map { _ in SigningKey.generate() }
        let genesis = Genesis(
            name: "bench", timeMs: 1_000,
            accounts: keys.map { KeyRules.member(key: $0, electionKey: nil).account(balance: 1_000_000, bond: 100) }
                .sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: 0, proposeMs: 1_000, voteMs: 300, settleMs: 5_000, evidenceMs: 20_000,
                epochMs: 5_000))
        var state = RegistryState(genesis: genesis)
        var other = state.accounts[keys[0].nodeID]
        other?.validatorBond = 0
        for _ in keys.count..<count { state.accounts[NodeID(randomBytes(32))] = other }
        let transfers = keys.enumerated().map { place, key in
            Envelope.signed(
                Transaction.transfer(to: keys[(place + 1) % keys.count].nodeID, credits: 1).wireBytes,
                slot: Slot(kind: .transaction, chain: state.chain, major: 0, minor: 0), network: state.network, by: key)
        }
        func build(_ size: Int) throws -> Double {
            let began = ContinuousClock.now
            guard
                RegistryRules.build(
                    pending: Array(transfers.prefix(size)), state: state, author: state.nextProposers[0], view: 0,
                    timeMs: 9_000) != nil
            else { throw GossipBenchError(description: "no block of \(size) transactions") }
            return GossipBench.seconds(since: began) * 1_000
        }
        _ = try build(1)
        let (one, many) = (try build(1), try build(transfers.count))
        var machine = RegistryMachine(state: state, key: keys[0], own: [], voteState: nil)
        let began = ContinuousClock.now
        for transfer in transfers { _ = machine.receive(transfer, Instant(monotonicMs: 1, wallMs: 9_000)) }
        let admitted = GossipBench.seconds(since: began) * 1_000 / Double(transfers.count)
        return Row(
            name: "registry_\(count)",
            figures: [
                ("block_1_ms", one), ("block_\(transfers.count)_ms", many),
                ("transaction_ms", (many - one) / Double(transfers.count - 1)), ("admission_ms", admitted),
                ("admitted", Double(machine.pendingCount)),
            ])
    }
}
