internal import Chain
internal import MeshCrypto
internal import Wire

/// One task chain, block by block.
struct TaskChecker {
    private var state: Chain.TaskState
    /// Where contents come from; nil leaves them out.
    private let source: (any ChainSource)?
    /// Ids of the registry's decided blocks.
    private let registry: [BlockID]
    /// Whether those are all that its source has.
    private let registryHolds: Bool
    private let settled: [RegistryChecker.Settled]
    /// The decided manifest of the present attempt.
    private var manifest: (block: BlockHeader, body: ManifestBody)?
    /// Announcements of the present round's manifests: what a later attempt proves its vectors against.
    private var announced: [SubmissionID: SubmissionHeader] = [:]
    /// The manifest of the accepted round whose scores are open.
    private var scored: ManifestBody?
    private var resultsChecked: UInt64 = 0
    private var equationsChecked: UInt64 = 0
    private var gaps: [VerificationReport.Gap] = []

    init(
        genesis: TaskGenesis, source: (any ChainSource)?, registry: [BlockID], registryHolds: Bool = true,
        settled: [RegistryChecker.Settled]
    ) {
        state = Chain.TaskState(genesis: genesis)
        self.source = source
        self.registry = registry
        self.registryHolds = registryHolds
        self.settled = settled
    }

    /// - Throws: `StorageError` that is no damage.
    mutating func run(
        source blocks: some ChainSource, report: inout VerificationReport,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws {
        let chain = state.chain
        let head = (try? blocks.highest(chain)) ?? 0
        var height: UInt64 = 0
        do {
            let policy = try RoundPolicy(state.spec)
            if source != nil { _ = try bytes(state.model, .model, "the initial model", at: 0) }
            try ChainReplay.forEach(blocks, chain) { block in
                height = block.header.height
                try check(block, policy: policy)
                progress(VerificationProgress(chain: chain.hex, height: height, head: head))
            }
            if let last = settled.max(by: { $0.height < $1.height }), last.height > state.height {
                // No fork choice is needed to know that more was decided: the registry holds the certificate.
                miss(
                    "the blocks up to height \(last.height), which registry block \(last.registryHeight) settled",
                    at: state.height)
            }
        } catch {
            report.failures.append(try HomeVerifier.failure(error, chain: chain, after: height))
        }
        report.gaps += gaps
        var line = VerificationReport.Chain(
            chain: chain.hex, kind: "task", name: state.spec.name, blocks: state.height,
            head: state.height == 0 ? nil : state.head.hex, timeMs: state.height == 0 ? nil : state.headTimeMs)
        line.resultsChecked = resultsChecked
        line.equationsChecked = equationsChecked
        report.chains.append(line)
    }

    private mutating func check(_ block: DecidedBlock, policy: RoundPolicy) throws {
        try block.certificate.check(
            network: state.genesis.network, header: block.header, electorate: state.electorate)
        let before = state
        let found = try TaskRules.check(header: block.header, body: block.body, state: state)
        state.apply(found, header: block.header, block: block.header.id)
        let height = block.header.height
        for one in settled where one.height == height && one.block != block.header.id {
            throw RoundError.rejected(
                "registry block \(one.registryHeight) settled block \(one.block.hex) of this height: both are signed "
                    + "by a quorum of the task")
        }
        switch found {
        case .manifest(let body, _):
            if let section = body.scores { try check(section, before: before, policy: policy) }
            manifest = (block.header, body)
            try check(announcementsOf: body, at: height, policy: policy)
        case .result(let result, _):
            try check(result, at: height, before: before, policy: policy)
            if state.scores.pending?.round == before.round { scored = manifest?.body }
            announced = [:]
        case .control(.scores(let section)): try check(section, before: before, policy: policy)
        // An order to pause may be decided between a set and its result.
        case .control(.ordered(let order)): try check(order.steps, at: height)
        case .control(.anchor(let steps)): try check(steps, at: height)
        case .control: break
        case .void(let body):
            for envelope in body.submissions { _ = try header(of: envelope, policy: policy) }
            manifest = nil
        }
    }

    /// A task block that rests on decided registry blocks must name those of this registry.
    private mutating func check(_ steps: [RegistryStep], at own: UInt64) throws {
        for header in steps.map(\.header) {
            guard header.height > 0, header.height <= UInt64(registry.count) else {
                if registryHolds { miss("registry block \(header.height), which this block rests on", at: own) }
                return
            }
            let decided = registry[Int(header.height) - 1]
            guard decided == header.id else {
                throw RoundError.rejected(
                    "it rests on block \(header.id.hex) of registry height \(header.height), the registry has "
                        + decided.hex)
            }
        }
    }

    // MARK: MANIFEST

    /// An announcement that a block carries, after all that it shows by itself: the number of its commitments and the proof of
    /// t. No block rule asks for either, as a third of the weight has listed it with its body, so one honest voter; whoever
    /// reads blocks without contents has no other place to see it.
    private func header(of envelope: Envelope, policy: RoundPolicy) throws -> SubmissionHeader {
        let header = try SubmissionHeader(wireBytes: envelope.payload)
        let (count, wanted) = (header.componentCommitments.count, policy.profile.componentCount)
        guard count == wanted else {
            throw RoundError.rejected(
                "the submission of \(envelope.signer.short) commits to \(count) components, not \(wanted)")
        }
        guard SubmissionProof.isValid(header) else {
            throw RoundError.rejected("the submission of \(envelope.signer.short) does not prove its ephemeral key")
        }
        return header
    }

    /// What a voter checks before it lists a submission. Bodies that are not here are missed where they are needed: by the
    /// equation of a RESULT, and by the proof of a later attempt.
    private mutating func check(announcementsOf body: ManifestBody, at height: UInt64, policy: RoundPolicy) throws {
        var lacking = 0
        let set = state.phase.members
        for envelope in body.submissions {
            let header = try header(of: envelope, policy: policy)
            guard source != nil else { continue }
            let name = "the submission of \(envelope.signer.short)"
            announced[envelope.submissionID] = header
            let content: SubmissionContent?
            do {
                content = try read(header.body).map { try BodyCheck.check($0, header: header, policy: policy) }
                guard let resubmission = header.resubmission else { continue }
                guard let previous = announced[resubmission.previous] else {
                    throw RoundError.rejected("it repeats a submission that no set of this round had")
                }
                guard let content, let earlier = try read(previous.body) else {
                    if set.contains(where: { $0.submission == envelope.submissionID }) { lacking += 1 }
                    continue
                }
                try BodyCheck.checkSameVector(
                    content, header: header, previous: earlier, of: previous, policy: policy)
            } catch let error as RoundError { throw RoundError.rejected("\(name): \(error)") }
        }
        if lacking > 0 {
            miss("\(lacking) bodies, to prove that the members repeat their vectors of the earlier attempt", at: height)
        }
    }

    // MARK: RESULT

    private mutating func check(
        _ result: ResultBody, at height: UInt64, before: Chain.TaskState, policy: RoundPolicy
    ) throws {
        guard source != nil else { return }
        guard case .aggregating(let decided, let set) = before.phase, let manifest, manifest.block.id == decided else {
            throw RoundError.rejected("a result without a manifest")
        }
        let members = try set.map { member in
            guard let envelope = manifest.body.submissions.first(where: { $0.submissionID == member.submission }),
                let enrolment = before.genesis.member(member.node)?.enrolment
            else { throw RoundError.rejected("a member without an announcement") }
            return (header: try SubmissionHeader(wireBytes: envelope.payload), rows: enrolment.rows)
        }
        let (sums, round) = (before.sums(of: set), before.round)
        // What e and the models alone show is checked whether the bodies are here or not.
        let base = try bytes(before.model, .model, "the base model", at: height)
        let model = try bytes(result.model, .model, "the new model", at: height)
        guard let aggregate = try bytes(result.aggregate, .aggregate, "the sum e", at: height) else { return }
        let values = try ResultCheck.values(
            policy: policy, round: round, aggregate: aggregate, opening: result.opening, sums: sums)
        if let base, let model {
            let expected = try policy.nextModel(
                base: base, aggregate: values, rows: members.map(\.rows), sums: sums, round: round)
            guard expected == model else {
                throw RoundError.rejected("the new model is not what the server step gives")
            }
            resultsChecked += 1
        }
        var bodies: [[UInt8]] = []
        for member in members {
            guard let raw = try read(member.header.body) else { continue }
            bodies.append(try BodyCheck.decode(raw, header: member.header, policy: policy).elements)
        }
        guard bodies.count == members.count else {
            let lacking = members.count - bodies.count
            return miss("\(lacking) of \(members.count) bodies, for the block equation", at: height)
        }
        try ResultCheck.equation(
            policy: policy, context: manifest.body.context, manifest: decided,
            set: SetContent(headers: members.map(\.header), bodies: bodies, rows: members.map(\.rows), sums: sums),
            round: round, values: values, opening: result.opening)
        equationsChecked += 1
    }

    // MARK: Scores

    /// The revealed direction and every opening of a scored round.
    private mutating func check(_ section: ScoreSection, before: Chain.TaskState, policy: RoundPolicy) throws {
        guard source != nil, let envelope = section.reveal, let pending = before.scores.pending else { return }
        let height = before.height + 1
        let reveal = try DirectionReveal(wireBytes: envelope.payload)
        guard
            let content = try bytes(
                reveal.direction, .direction, "the direction of round \(pending.round)", at: height)
        else { return }
        let direction = try Scoring.judge(reveal, content: content, of: pending, policy: policy)
        var lacking = 0
        for opening in section.openings {
            let statement = try ScoreStatement(wireBytes: opening.payload)
            guard
                let announced = scored?.submissions.first(where: { $0.submissionID == statement.submission })
            else { throw RoundError.rejected("a score without an announcement") }
            let header = try SubmissionHeader(wireBytes: announced.payload)
            guard let raw = try read(header.body) else {
                lacking += 1
                continue
            }
            do {
                try Scoring.check(statement, body: raw, header: header, direction: direction, policy: policy)
            } catch { throw RoundError.rejected("score of \(opening.signer.short): \(error)") }
        }
        if lacking > 0 { miss("\(lacking) bodies, for the scores of round \(pending.round)", at: height) }
    }

    // MARK: Contents

    private mutating func miss(_ what: String, at height: UInt64) {
        gaps.append(.init(chain: state.chain.hex, height: height, missing: what))
    }

    private func read(_ reference: ContentReference) throws -> [UInt8]? { try source?.content(reference.id) }

    /// A content that a block names, in the kind and length that it names; nil, and a gap, where it is not here.
    private mutating func bytes(
        _ reference: ContentReference, _ kind: ContentRole, _ what: String, at height: UInt64
    ) throws -> [UInt8]? {
        guard let bytes = try read(reference) else {
            miss("\(what) (\(reference.id.short))", at: height)
            return nil
        }
        guard reference == .of(bytes, kind: kind) else {
            throw RoundError.rejected("\(what) (\(reference.id.short)) has another kind or length than the block names")
        }
        return bytes
    }
}

extension Chain.TaskState.Phase {
    /// The decided set; empty while none is.
    fileprivate var members: [Chain.TaskState.SetMember] {
        if case .aggregating(_, let set) = self { set } else { [] }
    }
}
