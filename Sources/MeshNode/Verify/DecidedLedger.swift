internal import Chain
public import Wire

/// The accounts that a home's registry chain leads to, and what its genesis gave, for those who check them.
public struct DecidedLedger: Sendable {
    /// By account.
    public let genesisBalances: [NodeID: UInt64]
    public let balances: [NodeID: UInt64]
    /// Bonds with tasks, escrows, deposits: zero once everything is settled and released.
    public let bound: UInt64
    public let total: UInt64
    public let genesisTotal: UInt64
    /// Credits paid for a task, by account; nil while it is not paid.
    public let payouts: [TaskID: [NodeID: UInt64]]

    /// - Throws: `StorageError`, `NodeError` for a home whose registry does not hold.
    public init(home: HomeDirectory) throws {
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let genesis = try Genesis.read(bytes)
        let state = try ChainReplay(store: store, genesis: genesis).registry
        genesisBalances = Dictionary(uniqueKeysWithValues: genesis.accounts.map { ($0.node, $0.balance) })
        balances = state.accounts.mapValues(\.balance)
        bound =
            state.accounts.values.reduce(0) { $0 + $1.bonded } + state.tasks.reduce(0) { $0 + $1.escrow + $1.deposit }
        total = state.totalCredits
        genesisTotal = genesis.accounts.reduce(0) { $0 + $1.balance + $1.validatorBond }
        var paid: [TaskID: [NodeID: UInt64]] = [:]
        for record in state.everyTask where record.paidMs != nil {
            paid[record.task] = Dictionary(
                uniqueKeysWithValues: (record.settlement?.payouts.entries ?? []).map { ($0.node, $0.credits) })
        }
        payouts = paid
    }
}
