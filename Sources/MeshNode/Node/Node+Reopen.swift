internal import Chain
internal import Logging
internal import MeshCrypto
internal import Wire

/// A slot that is filled already says that this node has forgotten what it signed: the stored message stands.
extension Node {
    /// More than this often is no loss of memory.
    private static let reopeningsMax = 3

    /// Reads a chain anew from the stores, as a start does: blocks, own messages and votes. What its machine believed to
    /// have signed and could not store is gone with it; nobody has heard of it.
    func reopen(_ chain: ChainID, _ reason: StorageError) {
        let number = reopenings[chain, default: 0] + 1
        reopenings[chain] = number
        guard number <= Self.reopeningsMax else { return halt("signing stops: \(reason)") }
        note("warning", "chain \(chain.short) is read anew, the stored message stands: \(reason)")
        do {
            guard chain != registry.chain else {
                let replayed = try ChainReplay(store: chainStore, genesis: genesis, tasks: false)
                registry = RegistryMachine(
                    state: replayed.registry, key: key, own: try Self.ownMessages(durable, chain),
                    voteState: try Self.voteState(durable, chain), certificates: replayed.certificates,
                    electionKey: electionKey, silentBelow: try durable.floor(chain: chain))
                perform(registry.resume(now), chain: chain)
                return
            }
            guard let genesis = tasks[chain]?.machine.state.genesis else { return }
            var runtime = try Self.runtime(
                try ChainReplay.task(genesis, store: chainStore), key: key, durable: durable,
                manual: configuration.voting == .manual, electionKey: electionKey,
                environment: environment)
            endRecovery(chain)
            runtime.lastRound = tasks[chain]?.lastRound
            tasks[chain] = runtime
            resumeTask(chain)
        } catch { halt("signing stops: \(reason); the chain could not be read anew: \(error)") }
    }
}
