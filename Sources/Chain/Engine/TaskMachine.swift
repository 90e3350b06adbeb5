public import MeshCrypto
public import Wire

/// A task chain of a node: rounds of submissions, a decided set, key statements, a candidate, opinions and a
/// result. Sans-IO; `Node` performs its directives and hands their results back.
///
/// Heights are not rounds. A round is MANIFEST, then RESULT or VOID; only these end an attempt. Every phase has a
/// deadline, so that what cannot go on ends in a VOID block with its reason and never hangs.
///
/// Deviation from the design's text: messages of the next height or attempt from participants are kept, at most
/// eight a signer, and replayed after the commit, because a fast peer's first message would otherwise cost one
/// digest interval.
public struct TaskMachine: Sendable {
    public package(set) var state: TaskState
    var core: ChainCore
    let participants: [NodeID]
    /// Whether this node votes by hand: opinions wait for `verdict` until their deadline.
    /// The owner of this node answers candidates, whatever the task says.
    let isManual: Bool
    let electionKey: RistrettoKey?
    private let silentBelow: UInt64
    var isHalted: Bool { core.isHalted }
    /// An order of the publisher that the registry decided and this chain does not carry yet.
    var pendingOrder: ControlOrder?
    /// A move of the anchor that is due and this chain does not carry yet.
    var pendingAnchor: [RegistryStep]?

    // What is known of the present attempt.
    var context: RoundContext
    /// Announcements of this attempt.
    var headers = Bounded<NodeID, SubmissionID, SubmissionHeader>(ChainTables.announcements)
    var stored: Set<SubmissionID> = []
    var badBodies: Set<SubmissionID> = []
    var openedSeeds: Set<SubmissionID> = []
    var openRequested: Set<SubmissionID> = []
    var unopenable: Set<SubmissionID> = []
    var phaseDeadlinePassed = false
    var graceRunning: Set<ChainTimer> = []
    var gracePassed: Set<ChainTimer> = []
    var phaseStartedMs: UInt64 = 0
    var phaseDurationMs: UInt64 = 0

    // What is known of the candidate.
    var candidates = Bounded<NodeID, PayloadID, Candidate>(ChainTables.candidates)
    var checkRequested: Set<PayloadID> = []
    var checked: [PayloadID: CandidateCheck] = [:]
    var manualVerdict: (verdict: Opinion.Verdict, remark: String)?

    // What is known of bad boxes and of who broke the sum.
    var complaints: [SubmissionID: Complaint.Entry] = [:]
    var judged = Bounded<NodeID, Judged, TaskRules.ComplaintVerdict>(ChainTables.judgements)
    /// Complaints about boxes that opened, since this node started.
    public internal(set) var falseComplaints = 0
    var blameRequested: Set<BlameStep> = []
    var namedChunks: [BlameProof.Chunk]?

    /// A complaint's entry that was looked at.
    struct Judged: Hashable, Sendable {
        let holder: NodeID
        let submission: SubmissionID
    }

    /// What is asked of the shell once an attempt.
    enum BlameStep: Hashable, Sendable {
        case disclose, openSeed, rebut, nameClients, toldLiars
    }

    var tally = ScoreTally()
    /// Revealed directions that broke a condition, since this node started.
    public internal(set) var badDirections = 0

    var waiting = WaitingHeaders()
    var deferred = Bounded<NodeID, Envelope, Void>(ChainTables.deferred)

    /// What a voter found when it checked a candidate.
    public struct CandidateCheck: Sendable, Equatable {
        public let isValid: Bool
        public let reason: String
        public let verdict: Opinion.Verdict
        /// Nil: the one that a measurement gives.
        public let because: Opinion.Reason?
        public let accuracyPpm: UInt32
        public let lossPpm: UInt64
        public let evaluatedRows: UInt32

        public init(
            isValid: Bool, reason: String = "", verdict: Opinion.Verdict = .abstain, because: Opinion.Reason? = nil,
            accuracyPpm: UInt32 = 0, lossPpm: UInt64 = 0, evaluatedRows: UInt32 = 0
        ) {
            self.isValid = isValid
            self.reason = reason
            self.verdict = verdict
            self.because = because
            self.accuracyPpm = accuracyPpm
            self.lossPpm = lossPpm
            self.evaluatedRows = evaluatedRows
        }
    }

    /// - Parameters:
    ///   - state: the fold over all stored blocks.
    ///   - own: this node's stored messages of undecided heights and attempts, also of such as are fetched again first.
    ///   - silentBelow: heights below it have no vote of this node: what it signed there is not stored any more.
    ///   - certificates: of the last decided heights, ascending: what convicts voters when a second one comes.
    ///   - electionKey: makes the proofs of its blocks, where the network asks for them.
    public init(
        state: TaskState, key: SigningKey, manual: Bool, own: [Envelope], voteState: VoteState?,
        certificates: [Certificate] = [], electionKey: RistrettoKey? = nil, silentBelow: UInt64 = 0
    ) {
        self.silentBelow = silentBelow
        self.state = state
        isManual = manual
        self.electionKey = electionKey
        participants = state.genesis.participants
        context = RoundContext(state)
        core = ChainCore(
            network: state.genesis.network, chain: state.chain, key: key,
            consensus: Self.consensus(state, me: key.nodeID, silentBelow: silentBelow), certificates: certificates)
        core.restore(own, state: voteState)
        recall()
    }

    private mutating func recall() {
        core.recall { [state] slot in
            Self.isCurrent(slot, state) ? .present : Self.isPast(slot, state) ? .past : .later
        }
    }

    /// Nothing of this slot is waited for any more.
    private static func isPast(_ slot: Slot, _ state: TaskState) -> Bool {
        switch slot.kind {
        case .proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored:
            slot.major <= state.height
        case .submission, .ready, .keyStatement, .complaint, .claim, .disclosure, .opening:
            slot.major < UInt64(state.round)
                || slot.major == UInt64(state.round) && slot.minor < UInt32(state.attempt)
        case .direction: slot.major < UInt64(state.round)
        // Those of a round are open while the next one goes on.
        case .reveal, .score: slot.major.clampedSum(1) < UInt64(state.round)
        case .transaction: true
        }
    }

    /// A bug on purpose, of the simulator only.
    package mutating func dropLock() { core.dropLock() }
    /// The simulator widens it on purpose, to see its check of bounded queues fail.
    package var viewHorizon: UInt32 {
        get { core.viewHorizon }
        set { core.viewHorizon = newValue }
    }

    /// Decided heights whose messages are kept: none, but for a simulation of what that does.
    package var keptHeights: UInt64 {
        get { core.keptHeights }
        set { core.keptHeights = newValue }
    }

    public var chain: ChainID { state.chain }
    public var height: UInt64 { core.height }
    public var view: UInt32 { core.consensus.view }
    public var aggregator: NodeID { core.consensus.proposer(view: view) }
    public var currentContext: RoundContext { context }
    /// How far ahead of this node's view the messages are that it keeps.
    public var viewsAhead: UInt32 { core.viewsAhead }
    /// Messages kept: bounded whatever peers send.
    public var queuedMessages: Int { core.book.count + deferred.count }
    var me: NodeID { core.me }
    var holderPlace: Int? { state.holders.firstIndex { $0.node == me } }

    static func isCurrent(_ slot: Slot, _ state: TaskState) -> Bool {
        switch slot.kind {
        case .proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored:
            slot.major == state.height + 1
        case .submission, .ready, .keyStatement, .complaint, .claim, .disclosure, .opening:
            // Their context holds the direction's commitment.
            slot.major == UInt64(state.round) && slot.minor == UInt32(state.attempt) && !state.isDirectionDue
        case .direction: slot.major == UInt64(state.round)
        case .reveal, .score: slot.major == state.scores.pending.map { UInt64($0.round) }
        case .transaction: false
        }
    }

    static func consensus(_ state: TaskState, me: NodeID, silentBelow: UInt64) -> ConsensusMachine {
        let parameters = state.genesis.parameters
        var propose = UInt64(parameters.proposeMs)
        if case .aggregating = state.phase {
            // The proposer of a result first collects keys, recovers the sum and waits for opinions.
            propose += UInt64(state.spec.deadlines.aggregateMs) + UInt64(state.spec.deadlines.opinionMs)
        }
        return ConsensusMachine(
            chain: state.chain, height: state.height + 1, electorate: state.electorate, order: state.nextProposers,
            me: state.height + 1 < silentBelow ? nil : me,
            timing: ConsensusTiming(proposeMs: propose, voteMs: UInt64(parameters.voteMs)))
    }

    // MARK: Life of a height

    /// After start: enters the phase that the stored blocks lead to.
    public mutating func resume(_ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        enterPhase(now, &out)
        return out
    }

    mutating func enterPhase(_ now: Instant, _ out: inout [ChainDirective]) {
        guard !state.isEnded, !isHalted else { return }
        phaseDeadlinePassed = false
        graceRunning = []
        gracePassed = []
        phaseStartedMs = now.monotonicMs
        if state.impliedControl != nil {
            guard state.scores.pending != nil else {
                phaseDurationMs = UInt64(state.genesis.parameters.proposeMs)
                drive(.start, now, &out)
                return
            }
            phaseDurationMs = UInt64(state.spec.deadlines.opinionMs)
            out.append(.schedule(.phase(height: height), afterMs: phaseDurationMs))
            replayDeferred(now, &out)
            react(now, &out)
            return
        }
        if state.isPaused {
            enterPause(now, &out)
            return
        }
        if state.isDirectionDue {
            enterDirection(now, &out)
            return
        }
        let deadlines = state.spec.deadlines
        switch state.phase {
        case .collecting:
            // Doubled deadlines end with the task at the latest.
            let left = state.expiresMs > now.wallMs ? state.expiresMs - now.wallMs : 0
            phaseDurationMs = min(
                UInt64(deadlines.submitMs) << UInt64(min(state.unkeyedAttempts, 10)),
                max(UInt64(deadlines.submitMs), left))
            out.append(.event(.roundStarted(round: state.round, attempt: state.attempt)))
            out.append(.schedule(.phase(height: height), afterMs: phaseDurationMs))
            beginAttempt(&out)
            if core.book.contains(.received, major: height, minor: 0, signer: me, chain: chain)
                || core.consensus.hasSigned
            {
                startVoting(now, &out)
            }
        case .aggregating:
            phaseDurationMs = UInt64(deadlines.aggregateMs) + UInt64(deadlines.opinionMs)
            out.append(.schedule(.phase(height: height), afterMs: phaseDurationMs))
            drive(.start, now, &out)
            if let job = keyJob, holderPlace != nil, ownKeyStatement == nil { out.append(.work(.deriveKeys(job))) }
        case .ended: break
        }
        replayDeferred(now, &out)
        if isOrderDue { startVoting(now, &out) }
        react(now, &out)
    }

    private mutating func beginAttempt(_ out: inout [ChainDirective]) {
        guard state.roster.contains(me) else { return }
        if let own = core.book.first(.submission, major: UInt64(state.round), minor: UInt32(state.attempt))
            .first(where: { $0.signer == me })
        {
            // Announced before a crash: the same bytes again, never another update.
            out.append(.broadcast(own))
            note(own, &out)
        } else if state.spec.voting == .automatic {
            out.append(.work(.train(trainingJob)))
        }
    }

    public var trainingJob: RoundJob {
        RoundJob(
            round: state.round, attempt: state.attempt, context: context.digest, seed: state.roundSeed,
            model: state.model)
    }

    var keyJob: KeyJob? {
        guard case .aggregating(let manifest, let set) = state.phase else { return nil }
        return KeyJob(
            manifest: manifest, round: state.round, attempt: state.attempt, context: context.digest, set: set,
            sums: state.sums(of: set), presence: state.presence, model: state.model)
    }

    mutating func startVoting(_ now: Instant, _ out: inout [ChainDirective]) {
        if !core.consensus.isStarted { drive(.start, now, &out) }
    }

    // MARK: Consensus

    mutating func drive(_ input: ConsensusInput, _ now: Instant, _ out: inout [ChainDirective]) {
        guard core.take(input) else { return }
        while let event = core.next() {
            switch event {
            case .directive(let directive): out.append(directive)
            case .requestProposal: offerProposal(now, &out)
            case .validate(let header, _): validate(header, now, &out)
            case .enteredView: enteredView(now, &out)
            case .decided(let block, let view):
                core.undelivered = (block, view)
                deliver(now, &out)
            }
        }
    }

    private mutating func enteredView(_ now: Instant, _ out: inout [ChainDirective]) {
        guard let job = keyJob else { return }
        if ownKeyStatement != nil { out.append(.work(.releaseKeys(job, to: aggregator))) }
        requestAggregation(&out)
    }

    mutating func validate(_ header: BlockHeader, _ now: Instant, _ out: inout [ChainDirective]) {
        guard core.isPresent(header) else { return }
        guard let body = core.bodies[header.body.id] else {
            waiting.wait(header, for: .body(header.body.id))
            out.append(.fetch(header.body, .blockBody, author: header.author))
            return
        }
        let content: TaskBlockContent
        do {
            try header.requireTime(now)
            content = try TaskRules.check(header: header, body: body, state: state)
        } catch {
            out.append(.event(.warning("proposal of \(header.author.short): \(error)")))
            drive(.validated(header.id, false), now, &out)
            return
        }
        switch content {
        case .manifest(let body, _):
            if let isRight = verdict(on: body.scores, of: header, &out) {
                drive(.validated(header.id, isRight), now, &out)
            }
        case .void(let body):
            if body.reason == .blame, body.blame?.chunks.isEmpty == false, !mayName(&out) {
                // Named clients may contradict first; the clock that runs for them brings this header back.
                waiting.wait(header, for: .rebuttal)
                return
            }
            let admitted =
                switch body.reason {
                case .deadline: mayGiveUp(&out)
                case .blame: !isRebutted(body)
                case .tooFew, .holders: true
                }
            drive(.validated(header.id, admitted), now, &out)
        case .control(.scores(let section)):
            if let isRight = verdict(on: section, of: header, &out) {
                drive(.validated(header.id, isRight), now, &out)
            }
        case .control(.noDirection):
            // Admission: this node has waited as long, and has heard of no commitment.
            drive(.validated(header.id, phaseDeadlinePassed && commitments.isEmpty), now, &out)
        case .control:
            drive(.validated(header.id, true), now, &out)
        case .result(let body, _):
            let candidate = Self.candidate(of: body)
            if let known = checked[candidate.payload] {
                drive(.validated(header.id, known.isValid), now, &out)
            } else {
                waiting.wait(header, for: .check(candidate.payload))
                requestCheck(candidate, by: header.author, view: view, &out)
            }
        }
    }

    static func candidate(of body: ResultBody) -> Candidate {
        Candidate(
            manifest: body.manifest,
            payload: TaskRules.payloadID(
                manifest: body.manifest, aggregate: body.aggregate, model: body.model, opening: body.opening),
            aggregate: body.aggregate, model: body.model, opening: body.opening)
    }

    /// Payloads whose candidates nothing may push out: the one that the present proposal waits for, and the good one. An
    /// aggregator that announces what another one proposes would own its place, and push it out with others of its own.
    private var neededPayloads: Set<PayloadID> {
        var needed: Set<PayloadID> = []
        for (header, reason) in waiting.all {
            if case .check(let payload) = reason, core.isPresent(header) { needed.insert(payload) }
        }
        if let (payload, _) = goodCandidate { needed.insert(payload) }
        return needed
    }

    /// - Parameter view: of which it was announced or proposed.
    mutating func requestCheck(
        _ candidate: Candidate, by author: NodeID, view: UInt32, _ out: inout [ChainDirective]
    ) {
        guard let job = keyJob, checked[candidate.payload] == nil, !checkRequested.contains(candidate.payload) else {
            return
        }
        // One of a view that passed may still be what the others gave their opinions on, but it takes no place of another.
        guard view >= self.view || candidates.count(of: author) < candidates.rule.quota else { return }
        let needed = neededPayloads
        candidates.protect(needed)
        switch candidates.insert(
            candidate, for: candidate.payload, by: author, isProtected: needed.contains(candidate.payload))
        {
        // Not one that is needed: two are at most, and each author has more places.
        case .refused: return
        case .displacing(let other, _):
            // Whoever announces it again has it checked again.
            checkRequested.remove(other)
            checked[other] = nil
        case .added, .replaced: break
        }
        checkRequested.insert(candidate.payload)
        out.append(.work(.checkCandidate(candidate, job)))
    }

    mutating func deliver(_ now: Instant, _ out: inout [ChainDirective]) {
        if let decided = core.deliverable(&out) { commit(decided, now, &out) }
    }

    mutating func commit(_ decided: DecidedBlock, _ now: Instant, _ out: inout [ChainDirective]) {
        let content: TaskBlockContent
        do {
            content = try TaskRules.check(header: decided.header, body: decided.body, state: state)
        } catch {
            out += core.refuse(decided.header, error, head: state.head, name: "task \(chain.short)", now)
            return
        }
        let anchors = state.registryAnchors.count
        let before = (state.round, state.attempt, state.scores.direction, state.scores.pending)
        state.apply(content, header: decided.header, block: decided.header.id)
        out.append(.commit(decided))
        out.append(.event(.decided(decided.header)))
        core.advance(to: Self.consensus(state, me: me, silentBelow: silentBelow), after: decided.certificate)
        waiting.removeAll()
        candidates.removeAll()
        checkRequested = []
        checked = [:]
        manualVerdict = nil
        if let order = pendingOrder?.control, order.sequence < nextOrder { pendingOrder = nil }
        if state.registryAnchors.count > anchors {
            // The proof of an order may start anew; the shell hands it in again.
            pendingAnchor = nil
            pendingOrder = nil
        }
        if before.3 != state.scores.pending {
            tally = ScoreTally()
            core.book.removeAll { $0.kind == .reveal || $0.kind == .score }
        }
        if (before.0, before.1, before.2) != (state.round, state.attempt, state.scores.direction) { forgetAttempt() }
        recall()
        enterPhase(now, &out)
    }

    private mutating func forgetAttempt() {
        context = RoundContext(state)
        headers.removeAll()
        stored = []
        badBodies = []
        openedSeeds = []
        openRequested = []
        unopenable = []
        complaints = [:]
        judged.removeAll()
        blameRequested = []
        namedChunks = nil
        core.book.removeAll {
            [.submission, .ready, .keyStatement, .complaint, .claim, .disclosure, .opening].contains($0.kind)
                || ($0.kind == .direction && $0.major != UInt64(state.round))
        }
    }

    // MARK: Digest

    public func digest() -> ChainDigest {
        ChainDigest(
            chain: chain, height: height, head: state.head, groups: core.book.groups(participants: participants),
            pending: [])
    }

    /// What the sender of a digest of this height lacks.
    public func answer(_ digest: ChainDigest, limit: Int = 64) -> [Envelope] {
        guard digest.height == height else { return [] }
        return core.book.missing(from: digest.groups, participants: participants, limit: limit)
    }
}

extension TaskMachine {
    /// Whether this node has signed its key statement of the present attempt.
    public var hasStatedKeys: Bool { ownKeyStatement != nil }
}
