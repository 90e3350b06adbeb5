internal import Chain
internal import Foundation
internal import Gossip
internal import MeshCrypto
internal import Wire

/// Checks everything that a home claims, offline and without a secret: signatures, certificates, state roots, and
/// with `isFull` every block equation and every model.
public struct HomeVerifier: ChainVerification {
    public init() {}

    public func verify(
        home: HomeDirectory, isFull: Bool, progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport {
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let genesis: Genesis
        do { genesis = try Genesis.read(bytes) } catch {
            // A home of other rules is not a wrong one: it cannot be judged here.
            if case WireError.otherRules = error { throw error }
            return VerificationReport(
                network: "", isFull: isFull, chains: [],
                failures: [.init(chain: "genesis", height: 0, cause: "the stored genesis is unreadable: \(error)")])
        }
        let content = isFull ? try ContentStore(home) : nil
        var report = VerificationReport(network: genesis.networkID.hex, isFull: isFull, chains: [], failures: [])
        var registry = RegistryState(genesis: genesis)
        verifyRegistry(&registry, store: store, report: &report, progress: progress)
        for taskGenesis in registry.openedTasks() {
            var checker = TaskChecker(genesis: taskGenesis, content: content)
            checker.run(store: store, report: &report, progress: progress)
        }
        for chain in try store.chains() where chain.id != registry.chain {
            if !registry.openedTasks().contains(where: { $0.task == chain.id }), report.failures.isEmpty {
                report.failures.append(
                    .init(chain: chain.id.hex, height: 0, cause: "no decided registry block opens this chain"))
            }
        }
        return report
    }

    private func verifyRegistry(
        _ state: inout RegistryState, store: ChainStore, report: inout VerificationReport,
        progress: @Sendable (VerificationProgress) -> Void
    ) {
        let chain = state.chain
        let head = (try? store.head(chain: chain))?.height ?? 0
        var height: UInt64 = 0
        do {
            try ChainReplay.forEach(store, chain) { block in
                height = block.header.height
                try block.certificate.check(
                    network: state.network, header: block.header, electorate: state.validators)
                state = try RegistryRules.check(header: block.header, body: block.body, state: state)
                progress(VerificationProgress(chain: chain.hex, height: height, head: head))
            }
        } catch {
            report.failures.append(Self.failure(error, chain: chain, after: height))
        }
        report.chains.append(
            .init(
                chain: chain.hex, kind: "registry", blocks: state.height,
                head: state.height == 0 ? nil : state.head.hex, resultsChecked: 0, heightsWithoutBodies: []))
    }

    static func failure(_ error: any Error, chain: ChainID, after height: UInt64) -> VerificationReport.Failure {
        if case NodeError.damagedChain(_, let height, let cause) = error {
            return .init(chain: chain.hex, height: height, cause: cause)
        }
        return .init(chain: chain.hex, height: height, cause: "\(error)")
    }
}

/// One task chain, block by block.
struct TaskChecker {
    private var state: Chain.TaskState
    private let content: ContentStore?
    /// The decided manifest of the present attempt.
    private var manifest: (block: BlockHeader, body: ManifestBody)?
    /// The manifest of the accepted round whose scores are open.
    private var scored: ManifestBody?
    private var resultsChecked: UInt64 = 0
    private var withoutBodies: [UInt64] = []

    init(genesis: TaskGenesis, content: ContentStore?) {
        state = Chain.TaskState(genesis: genesis)
        self.content = content
    }

    mutating func run(
        store: ChainStore, report: inout VerificationReport, progress: @Sendable (VerificationProgress) -> Void
    ) {
        let chain = state.chain
        let head = (try? store.head(chain: chain))?.height ?? 0
        var height: UInt64 = 0
        do {
            let policy = try RoundPolicy(state.spec)
            if content != nil { _ = try bytes(state.model, "the initial model") }
            try ChainReplay.forEach(store, chain) { block in
                height = block.header.height
                try check(block, policy: policy)
                progress(VerificationProgress(chain: chain.hex, height: height, head: head))
            }
        } catch {
            report.failures.append(HomeVerifier.failure(error, chain: chain, after: height))
        }
        report.chains.append(
            .init(
                chain: chain.hex, kind: "task", name: state.spec.name, blocks: state.height,
                head: state.height == 0 ? nil : state.head.hex, resultsChecked: resultsChecked,
                heightsWithoutBodies: withoutBodies))
    }

    private mutating func check(_ block: DecidedBlock, policy: RoundPolicy) throws {
        try block.certificate.check(
            network: state.genesis.network, header: block.header, electorate: state.electorate)
        let before = state
        let found = try TaskRules.check(header: block.header, body: block.body, state: state)
        state.apply(found, header: block.header, block: block.header.id)
        switch found {
        case .manifest(let body, _):
            if let section = body.scores { try check(section, before: before, policy: policy) }
            manifest = (block.header, body)
        case .result(let result, _):
            try check(result, at: block.header.height, before: before, policy: policy)
            if state.scores.pending?.round == before.round { scored = manifest?.body }
        case .control(.scores(let section)): try check(section, before: before, policy: policy)
        // An order to pause may be decided between a set and its result.
        case .control: break
        case .void: manifest = nil
        }
    }

    private mutating func check(
        _ result: ResultBody, at height: UInt64, before: Chain.TaskState, policy: RoundPolicy
    ) throws {
        guard content != nil else { return }
        guard case .aggregating(let decided, let set) = before.phase, let manifest, manifest.block.id == decided else {
            throw RoundError.rejected("a result without a manifest")
        }
        var headers: [SubmissionHeader] = []
        var bodies: [[UInt8]] = []
        var rows: [UInt32] = []
        for member in set {
            guard let envelope = manifest.body.submissions.first(where: { $0.submissionID == member.submission }),
                let enrolment = before.genesis.member(member.node)?.enrolment
            else { throw RoundError.rejected("a member without an announcement") }
            let header = try SubmissionHeader(wireBytes: envelope.payload)
            guard let raw = try content?.get(header.body.id) else {
                // Bodies are kept for a while only; that is said, not failed.
                withoutBodies.append(height)
                return
            }
            headers.append(header)
            bodies.append(try BodyCheck.check(raw, header: header, policy: policy).elements)
            rows.append(enrolment.rows)
        }
        try ResultCheck.check(
            policy: policy, context: manifest.body.context, manifest: decided,
            set: SetContent(headers: headers, bodies: bodies, rows: rows, sums: before.sums(of: set)),
            aggregate: try bytes(result.aggregate, "the sum e"), opening: result.opening,
            base: try bytes(before.model, "the base model"), model: try bytes(result.model, "the new model"))
        resultsChecked += 1
    }

    /// The revealed direction and every opening of a scored round.
    private mutating func check(_ section: ScoreSection, before: Chain.TaskState, policy: RoundPolicy) throws {
        guard let content, let envelope = section.reveal, let pending = before.scores.pending else { return }
        let reveal = try DirectionReveal(wireBytes: envelope.payload)
        let direction = try Scoring.judge(
            reveal, content: try bytes(reveal.direction, "the direction of round \(pending.round)"), of: pending,
            policy: policy)
        for opening in section.openings {
            let statement = try ScoreStatement(wireBytes: opening.payload)
            guard
                let announced = scored?.submissions.first(where: { $0.submissionID == statement.submission })
            else { throw RoundError.rejected("a score without an announcement") }
            let header = try SubmissionHeader(wireBytes: announced.payload)
            guard let raw = try content.get(header.body.id) else {
                withoutBodies.append(before.height + 1)
                return
            }
            do {
                try Scoring.check(statement, body: raw, header: header, direction: direction, policy: policy)
            } catch { throw RoundError.rejected("score of \(opening.signer.short): \(error)") }
        }
    }

    private func bytes(_ reference: ContentReference, _ what: String) throws -> [UInt8] {
        guard let bytes = try content?.get(reference.id) else {
            throw RoundError.rejected("\(what) (\(reference.id.short)) is not stored in this home")
        }
        return bytes
    }
}
