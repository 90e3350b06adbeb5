internal import Chain
internal import Wire

/// The registry's state for people: the same words from a running node and from a home on disk.
extension LedgerView {
    /// - Parameter own: the account that is called this node's.
    init(_ state: RegistryState, own: NodeID?) {
        self.init(
            height: state.height, total: state.totalCredits, burned: state.burned,
            accounts: state.accounts.keys.sorted().compactMap { node in
                state.accounts[node].map { account in
                    AccountView(
                        node: node.hex, balance: account.balance, bonded: account.bonded,
                        validatorBond: account.validatorBond,
                        unbonding: account.unbonding.reduce(0) { $0 + $1.credits }, isSelf: node == own,
                        releases: account.unbonding.map { .init(credits: $0.credits, timeMs: $0.releaseMs) },
                        reserve: account.reserve)
                }
            },
            escrows: state.tasks.filter { $0.escrow > 0 }.map {
                let dates = TaskDates($0, state.genesis.parameters)
                return Escrow(
                    task: $0.task.hex, name: $0.spec.name, credits: $0.escrow,
                    payoutMs: $0.paidMs == nil ? dates.payoutMs ?? dates.payoutLatestMs : nil,
                    isDated: dates.payoutMs != nil)
            },
            deposits: state.tasks.filter { $0.deposit > 0 }.map {
                Deposit(
                    task: $0.task.hex, name: $0.spec.name, publisher: $0.publisher.hex, credits: $0.deposit)
            })
    }
}

extension LedgerLine {
    /// Every change of an account by decided blocks, oldest first.
    static func history(of node: NodeID, genesis: Genesis, blocks: some BlockSource) throws -> [LedgerLine] {
        var state = RegistryState(genesis: genesis)
        var lines: [LedgerLine] = []
        try ChainReplay.forEach(blocks, genesis.networkID.registryChain) { block in
            // Stored blocks were checked when they were decided: only their effect is wanted here.
            try state.apply(try RegistryBody(wireBytes: block.body), header: block.header)
            state.finish(header: block.header, block: block.header.id)
            for entry in state.journal where entry.node == node {
                lines.append(
                    LedgerLine(
                        height: entry.height, timeMs: entry.timeMs, kind: entry.kind.rawValue,
                        credits: entry.credits, task: entry.task?.hex, other: entry.other?.hex))
            }
        }
        return lines
    }
}

extension ContributorView {
    init(_ one: Contributor) {
        self.init(
            node: one.node.hex, tasks: one.tasks, rounds: one.rounds, offered: one.offered,
            aggregated: one.aggregated, credits: one.credits, slashes: one.slashes,
            reputation: Double(one.reputationPpm) / 1e6, ratings: one.ratings,
            stars: one.ratings == 0 ? nil : Double(one.stars) / Double(one.ratings))
    }
}
