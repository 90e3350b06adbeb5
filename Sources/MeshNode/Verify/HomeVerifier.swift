internal import Chain
internal import Wire

/// Checks everything that a home or an exported file claims, offline and without a secret: signatures, certificates,
/// state roots, and with `isFull` every block equation and every model.
///
/// There are three answers. A *failure* is a claim that does not hold. A *gap* is something that could not be checked
/// because it is not here: a body past its retention, a chain that ends before what the registry settled. Only a report
/// without either is proof of the whole. What is damaged is a failure and never a gap as well: behind a failure of the
/// registry, nobody misses the blocks that were not read. What the machine refuses is neither: it ends the check with its error.
public struct HomeVerifier: ChainVerification {
    public init() {}

    public func verify(
        home: HomeDirectory, isFull: Bool, anchor: VerificationAnchor = .none,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport {
        try verify(try HomeSource(home), isFull: isFull, anchor: anchor, progress: progress)
    }

    public func verify(
        export path: String, isFull: Bool, anchor: VerificationAnchor = .none,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport {
        let file: ExportFile
        do { file = try ExportFile(path) } catch let error as RoundError {
            return VerificationReport(
                network: "", isFull: isFull, chains: [],
                failures: [.init(chain: "file", height: 0, cause: "\(error)")])
        }
        var report = try verify(file, isFull: isFull || file.hasContents, anchor: anchor, progress: progress)
        // One gap a task says the same as one for every sum and model.
        if !report.isFull, report.failures.isEmpty {
            report.gaps += report.chains.filter { $0.kind == "task" }.map {
                .init(
                    chain: $0.chain, height: $0.blocks,
                    missing: "sums, equations and models of task \($0.name ?? ""): the file holds no contents")
            }
        }
        return report
    }

    func verify(
        _ source: some ChainSource, isFull: Bool, anchor: VerificationAnchor,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport {
        guard let bytes = try source.genesis() else { throw NodeError.notInitialised(source.name) }
        let genesis: Genesis
        do { genesis = try Genesis.read(bytes) } catch {
            // A home of other rules is not a wrong one: it cannot be judged here.
            if case WireError.otherRules = error { throw error }
            return VerificationReport(
                network: "", isFull: isFull, chains: [],
                failures: [.init(chain: "genesis", height: 0, cause: "the stored genesis is unreadable: \(error)")])
        }
        var report = VerificationReport(
            network: genesis.networkID.hex, networkName: genesis.name, isFull: isFull, chains: [], failures: [])
        if let network = anchor.network, network != genesis.networkID {
            report.failures.append(
                .init(
                    chain: "genesis", height: 0,
                    cause: "this is network \(genesis.networkID.hex) \"\(genesis.name)\", not \(network.hex)"))
            return report
        }
        try OriginChecker.run(genesis, anchor: anchor.origin, report: &report, progress: progress)
        var registry = RegistryChecker(genesis: genesis)
        try registry.run(source: source, checkpoint: anchor.checkpoint, report: &report, progress: progress)
        // Once: the list is made anew from every task that ever opened.
        let tasks = registry.state.everyOpenedTask()
        for taskGenesis in tasks {
            var checker = TaskChecker(
                genesis: taskGenesis, source: isFull ? source : nil, registry: registry.blocks,
                registryHolds: registry.holds, settled: registry.settled[taskGenesis.task] ?? [])
            try checker.run(source: source, report: &report, progress: progress)
        }
        if report.failures.isEmpty {
            do { try source.checkForm(tasks: tasks) } catch let error as RoundError {
                report.failures.append(.init(chain: "file", height: 0, cause: "\(error)"))
            }
        }
        let opened = Set(tasks.map(\.task))
        for chain in try source.chainIDs() where chain != registry.state.chain {
            if !opened.contains(chain), report.failures.isEmpty {
                report.failures.append(
                    .init(chain: chain.hex, height: 0, cause: "no decided registry block opens this chain"))
            }
        }
        return report
    }

    /// What does not hold.
    /// - Throws: `error` itself where it is the machine's: a file that may not be opened, too many open ones or a lock are
    ///   no claim of anybody, and a report must not call them one.
    static func failure(
        _ error: any Error, chain: ChainID, after height: UInt64
    ) throws -> VerificationReport.Failure {
        if let error = error as? StorageError, !error.isDamage { throw error }
        if case NodeError.damagedChain(_, let height, let cause) = error {
            return .init(chain: chain.hex, height: height, cause: cause)
        }
        return .init(chain: chain.hex, height: height, cause: "\(error)")
    }
}

/// The registry, block by block, and what its decided transactions say about task chains.
struct RegistryChecker {
    /// A decided task block that a Settle names.
    struct Settled {
        let height: UInt64
        let block: BlockID
        /// Height of the registry block that holds the Settle.
        let registryHeight: UInt64
    }

    private(set) var state: RegistryState
    /// Ids of all decided blocks; the first has height 1.
    private(set) var blocks: [BlockID] = []
    /// Every decided Settle, also those that a later one has overtaken.
    private(set) var settled: [TaskID: [Settled]] = [:]
    /// Whether every block that is here was read and is right.
    private(set) var holds = true

    init(genesis: Genesis) { state = RegistryState(genesis: genesis) }

    /// - Throws: `StorageError` that is no damage.
    mutating func run(
        source: some ChainSource, checkpoint: Checkpoint?, report: inout VerificationReport,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws {
        let chain = state.chain
        let head = (try? source.highest(chain)) ?? 0
        var height: UInt64 = 0
        do {
            try ChainReplay.forEach(source, chain) { block in
                height = block.header.height
                try block.certificate.check(
                    network: state.network, header: block.header, electorate: state.validators)
                state = try RegistryRules.check(header: block.header, body: block.body, state: state)
                blocks.append(block.header.id)
                try take(try RegistryBody(wireBytes: block.body), at: height)
                if let checkpoint, checkpoint.height == height {
                    guard checkpoint.block == block.header.id else {
                        throw RoundError.rejected(
                            "the checkpoint is block \(checkpoint.block.hex) of this height, here is "
                                + "\(block.header.id.hex): another history of the network")
                    }
                    report.checkpoint = height
                }
                progress(VerificationProgress(chain: chain.hex, height: height, head: head))
            }
        } catch {
            holds = false
            report.failures.append(try HomeVerifier.failure(error, chain: chain, after: height))
        }
        report.chains.append(
            .init(
                chain: chain.hex, kind: "registry", blocks: state.height,
                head: state.height == 0 ? nil : state.head.hex, timeMs: state.height == 0 ? nil : state.headTimeMs))
        if state.height == 0, holds {
            report.gaps.append(.init(chain: chain.hex, height: 0, missing: "every block: the registry is empty"))
        }
        if let checkpoint, checkpoint.height > state.height, report.failures.isEmpty {
            report.gaps.append(
                .init(
                    chain: chain.hex, height: state.height,
                    missing: "the blocks up to the checkpoint at height \(checkpoint.height)"))
        }
    }

    private mutating func take(_ body: RegistryBody, at height: UInt64) throws {
        for envelope in body.transactions {
            guard case .settle(let settlement) = try Transaction(wireBytes: envelope.payload) else { continue }
            settled[settlement.header.chain, default: []].append(
                Settled(
                    height: settlement.header.height, block: settlement.header.id, registryHeight: height))
        }
    }
}
