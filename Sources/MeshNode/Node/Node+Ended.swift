internal import Chain
internal import Logging
internal import MeshCrypto
internal import Wire

/// Ended tasks cost nothing: once the registry has settled one and its contents are here, its machine, its topic and its
/// digests go. Its blocks stay in the store, and whoever is behind gets them on request.
extension Node {
    private static let endedSpace = "ended-task"
    /// How long a node looks for contents of an ended task before it lets it go without them, in milliseconds.
    private static let patienceMs: UInt64 = 120_000

    // MARK: Unloading

    /// Every heartbeat.
    func unloadEndedTasks() {
        for chain in taskOrder where tasks[chain] != nil {
            guard hasNothingToDo(chain) else { continue }
            guard let since = tasks[chain]?.settledMs else {
                tasks[chain]?.settledMs = now.monotonicMs
                // What a crash kept from being removed.
                forgetFiles(chain)
                continue
            }
            // Its last contents are on their way: looked at now and then, and after all pins and removals.
            guard beats % 5 == 0, lookingThrough.insert(chain).inserted else { continue }
            let state = tasks[chain]?.machine.state
            later { [weak self, chainStore, contentStore, logger] in
                let isComplete =
                    state.map { $0.isEnded && Self.hasAllContents(of: $0, chainStore, contentStore, logger) } ?? false
                Task { await self?.unloadIfDue(chain, isComplete: isComplete, since: since) }
            }
        }
    }

    private func unloadIfDue(_ chain: ChainID, isComplete: Bool, since: UInt64) {
        lookingThrough.remove(chain)
        guard !isStopped, hasNothingToDo(chain), isComplete || now.monotonicMs >= since + Self.patienceMs else {
            return
        }
        unload(chain, isComplete: isComplete)
    }

    /// Its end is decided and settled, or nothing that its chain could still say would count.
    private func hasNothingToDo(_ chain: ChainID) -> Bool {
        guard let state = tasks[chain]?.machine.state else { return false }
        guard let record = registry.state.task(chain) else { return true }
        if record.bondsReleased { return true }
        guard state.isEnded else { return false }
        return record.paidMs != nil || (record.settlement?.height ?? 0) >= state.height
    }

    /// Reads every block of a chain.
    private static func hasAllContents(
        of state: Chain.TaskState, _ chainStore: ChainStore, _ contentStore: ContentStore, _ logger: Logger
    ) -> Bool {
        let chain = state.chain
        var isComplete = true
        do {
            try ChainReplay.forEach(chainStore, chain) { block in
                guard isComplete else { return }
                switch block.header.kind {
                case .result:
                    let result = try ResultBody(wireBytes: block.body)
                    isComplete = contentStore.has(result.aggregate.id) && contentStore.has(result.model.id)
                case .manifest
                where isRetained(block.header.round, at: state.round, for: state.spec.bodyRetention):
                    let manifest = try ManifestBody(wireBytes: block.body)
                    isComplete = try manifest.submissions.allSatisfy {
                        contentStore.has(try SubmissionHeader(wireBytes: $0.payload).body.id)
                    }
                case .manifest, .void, .control, .registry: break
                }
            }
        } catch {
            logger.error("contents of task \(chain.short): \(error)")
            return false
        }
        return isComplete
    }

    /// - Parameter isComplete: a later start need not look at it again.
    private func unload(_ chain: ChainID, isComplete: Bool) {
        guard let runtime = tasks[chain] else { return }
        let task = EndedTask(runtime)
        if isComplete {
            var encoder = WireEncoder()
            encoder.value(task)
            do {
                try durable.commit([.value(space: Self.endedSpace, key: chain.bytes, bytes: encoder.bytes)])
            } catch { logger.error("task \(chain.short) will be replayed at the next start: \(error)") }
        }
        endRecovery(chain)
        ended[chain] = task
        tasks[chain] = nil
        gossip(.leave(chain))
        logger.info("task \(chain.short) is unloaded: it has ended and is settled")
    }

    // MARK: Start

    /// Tasks that were unloaded before and whose blocks are all here: they are not replayed.
    static func endedTasks(_ durable: DurableStore, _ store: ChainStore) throws -> [ChainID: EndedTask] {
        var found: [ChainID: EndedTask] = [:]
        for value in try durable.values(space: endedSpace) where value.key.count == ChainID.byteCount {
            var decoder = WireDecoder(value.bytes)
            let chain = ChainID(value.key)
            // Where chain.sqlite was fetched again the blocks come first.
            guard let task = try? EndedTask(from: &decoder), let head = try store.head(chain: chain),
                head.height == task.height, head.id == task.head
            else { continue }
            found[chain] = task
        }
        return found
    }

    // MARK: Questions

    /// A task's state, read from its stored blocks where it is not loaded.
    func taskState(_ chain: ChainID) async -> Chain.TaskState? {
        if let state = tasks[chain]?.machine.state { return state }
        guard ended[chain] != nil, let record = record(of: chain),
            let genesis = registry.state.taskGenesis(record)
        else { return nil }
        let store = chainStore
        let state = await operatorDisk.run { () -> Result<Chain.TaskState?, RoundError> in
            .success(try? ChainReplay.task(genesis, store: store).state)
        }
        return (try? state.get()) ?? nil
    }

    /// Model after each accepted round, loaded or not.
    func modelTable(_ chain: ChainID) -> [UInt32: ContentReference]? {
        if let runtime = tasks[chain] { return runtime.models }
        return ended[chain].map { task in
            Dictionary(uniqueKeysWithValues: task.models.map { ($0.round, $0.reference) })
        }
    }

    /// The registry has settled an end of this chain that is not decided here: the others may have left its topic.
    func isEndedElsewhere(_ chain: ChainID) -> Bool {
        guard let state = tasks[chain]?.machine.state, !state.isEnded else { return false }
        guard let record = record(of: chain) else { return true }
        return record.paidMs != nil || record.settlement?.payouts.outcome.isTerminal == true
    }

    /// Two linked nodes, others at each heartbeat: who has left the topic of an ended task still has its blocks.
    func passersBy() -> [NodeID] {
        guard !linked.isEmpty else { return [] }
        let first = Int(beats % UInt64(linked.count))
        return Array(Set([linked[first], linked[(first + 1) % linked.count]])).sorted()
    }
}
