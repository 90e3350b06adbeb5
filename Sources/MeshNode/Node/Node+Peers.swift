internal import Chain
internal import Gossip
internal import Wire

/// Who the peers are to the chains, and which of them this node remembers for its next start.
extension Node {
    /// Tells the machines below the chains who has an account and who is a member of something.
    func refreshStanding() {
        // Accounts only ever become more; building their set anew for each block would be most of a block's work.
        let accounts =
            registry.state.accounts.count == standing.accounts.count
            ? standing.accounts : Set(registry.state.accounts.keys)
        var members = Set(registry.state.validators.members.map(\.node))
        for record in registry.state.tasks where record.closed == nil && !record.isCancelled {
            members.formUnion(record.enrolments.map(\.node))
            members.insert(record.publisher)
        }
        for task in tasks.values where !task.machine.state.isEnded {
            members.formUnion(task.machine.state.genesis.members.map(\.node))
            members.insert(task.machine.state.genesis.publisher)
        }
        guard members != standing.members || accounts.count != standing.accounts.count else { return }
        standing = Standing(members: members, accounts: accounts)
        gossip(.standing(standing))
        content(.standing(standing))
        let told = standing
        Task { await transport.stand(told) }
    }

    /// Keeps the record of a node that this one is linked with.
    func remember(_ record: NodeRecord) {
        guard linked.contains(record.node), errands.count < Self.errandsOfPeers else { return }
        let row = DerivedRow.peer(record.node, record: record.wireBytes, lastSeen: now.wallMs)
        // Only the next start reads it.
        later { [chainStore, standing, logger] in
            do {
                try chainStore.store([row])
                let forgotten = Self.beyondPlaces(try chainStore.peers().map(\.node), standing)
                if !forgotten.isEmpty { try chainStore.store(forgotten.map { .removePeer($0) }) }
            } catch { logger.debug("the peer cache: \(error)") }
        }
    }

    /// Those that are not remembered, of `peers` in the order in which they were seen, the last first. Members come first,
    /// then accounts, which cost little: who links once with each of many must not push out who has something to lose.
    static func beyondPlaces(_ peers: [NodeID], _ standing: Standing) -> [NodeID] {
        func of(_ rank: Standing.Rank) -> [NodeID] { peers.filter { standing.rank(of: $0) == rank } }
        let known = of(.member) + of(.account)
        return Array(known.dropFirst(peersRemembered) + of(.stranger).dropFirst(strangersRemembered))
    }

    /// Nodes of an earlier run that are dialled at the start: those seen last. Anybody can make keys and link once with
    /// each, so only few of them are without an account.
    static let peersRemembered = 224
    static let strangersRemembered = 32
}
