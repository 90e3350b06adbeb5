internal import Chain
internal import Foundation
internal import Wire

/// The states that the stored, decided blocks of a home lead to.
struct ChainReplay {
    struct TaskEntry {
        var state: Chain.TaskState
        /// Model after each accepted round.
        var models: [UInt32: ContentReference] = [:]
        /// Of the last heights.
        var certificates: [Certificate] = []
    }

    private(set) var registry: RegistryState
    /// Of the registry's last heights.
    private(set) var certificates: [Certificate] = []
    private(set) var tasks: [TaskEntry] = []
    /// Tasks whose stored blocks do not hold, with the cause.
    private(set) var damaged: [ChainID: String] = [:]

    /// - Parameters:
    ///   - tasks: whether tasks are replayed at all.
    ///   - skipping: tasks that are not replayed.
    ///   - setsAsideDamagedTasks: a task whose stored blocks do not hold is named in `damaged` instead of thrown. Verifiers
    ///     want the error, a node the rest.
    /// - Throws: `NodeError.damagedChain` for a block that the rules refuse, `StorageError`.
    init(
        store: some BlockSource, genesis: Genesis, tasks wanted: Bool = true, skipping: Set<TaskID> = [],
        setsAsideDamagedTasks: Bool = false
    ) throws {
        registry = RegistryState(genesis: genesis)
        try Self.forEach(store, registry.chain) { block in
            do {
                try block.certificate.check(
                    network: registry.network, header: block.header, electorate: registry.validators)
                registry = try RegistryRules.check(header: block.header, body: block.body, state: registry)
                Self.keep(block.certificate, in: &certificates)
            } catch {
                throw NodeError.damagedChain(
                    chain: registry.chain.hex, height: block.header.height, cause: "\(error)")
            }
        }
        guard wanted else { return }
        for genesis in registry.everyOpenedTask() where !skipping.contains(genesis.task) {
            do {
                tasks.append(try Self.task(genesis, store: store))
            } catch NodeError.damagedChain(_, let height, let cause) where setsAsideDamagedTasks {
                damaged[genesis.task] = "height \(height): \(cause)"
            }
        }
    }

    /// One task from its stored blocks.
    static func task(_ genesis: TaskGenesis, store: some BlockSource) throws -> TaskEntry {
        var entry = TaskEntry(state: Chain.TaskState(genesis: genesis))
        try Self.forEach(store, genesis.task) { block in
            do {
                try block.certificate.check(
                    network: genesis.network, header: block.header, electorate: entry.state.electorate)
                let content = try TaskRules.check(header: block.header, body: block.body, state: entry.state)
                let round = entry.state.round
                entry.state.apply(content, header: block.header, block: block.header.id)
                Self.keep(block.certificate, in: &entry.certificates)
                if case .result(let body, _) = content, !body.rejected { entry.models[round] = body.model }
            } catch {
                throw NodeError.damagedChain(
                    chain: genesis.task.hex, height: block.header.height, cause: "\(error)")
            }
        }
        return entry
    }

    /// Those that a machine asks for, with room for as many again before the old ones go.
    private static func keep(_ certificate: Certificate, in certificates: inout [Certificate]) {
        certificates.append(certificate)
        if certificates.count >= 2 * RegistryState.recentBlocks {
            certificates.removeFirst(RegistryState.recentBlocks)
        }
    }

    /// Every stored block of a chain in order of height.
    static func forEach(
        _ store: some BlockSource, _ chain: ChainID, _ body: (DecidedBlock) throws -> Void
    ) throws {
        var next: UInt64 = 1
        while true {
            let stored = try store.blocks(chain: chain, from: next, limit: 64)
            if stored.isEmpty { return }
            for block in stored {
                guard block.height == next else {
                    throw NodeError.damagedChain(chain: chain.hex, height: next, cause: "the block is missing")
                }
                try body(try decoded(block))
                next += 1
            }
        }
    }

    /// - Throws: `NodeError.damagedChain` when the row does not decode or is not the block that it says.
    static func decoded(_ block: StoredBlock) throws -> DecidedBlock {
        do {
            guard case .inline(let body) = block.body else {
                throw WireError.invalid(field: "body", reason: "stored apart")
            }
            let header = try BlockHeader(wireBytes: block.header)
            guard header.id == block.id, header.chain == block.chain, header.height == block.height else {
                throw WireError.invalid(field: "header", reason: "it is not the block that the row names")
            }
            return DecidedBlock(
                header: header, body: body, certificate: try Certificate(wireBytes: block.certificate))
        } catch let error as WireError {
            throw NodeError.damagedChain(chain: block.chain.hex, height: block.height, cause: "\(error)")
        }
    }
}
