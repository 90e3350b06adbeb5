public import Wire

/// The clocks that an input arrives with. Machines own no clock.
public struct Instant: Sendable, Equatable {
    /// Milliseconds of a monotonic clock: every deadline is measured with it.
    public let monotonicMs: UInt64
    /// Milliseconds since 1970 by this node's wall clock: only for block times and their admission.
    public let wallMs: UInt64

    public init(monotonicMs: UInt64, wallMs: UInt64) {
        self.monotonicMs = monotonicMs
        self.wallMs = wallMs
    }
}

extension BlockHeader {
    /// Admission, never validity: a time in the far future would leave the next blocks none. Whoever proposes asks this of
    /// its own block first, because it would not vote for it either.
    func requireTime(_ now: Instant) throws(ChainError) {
        try require(
            timeMs <= now.latestBlockMs,
            "its time is more than \(Limits.clockAheadMs / 1_000) s ahead of this node's clock")
    }
}

extension Instant {
    /// The latest time of a block that is voted for now.
    var latestBlockMs: UInt64 {
        wallMs.addingReportingOverflow(Limits.clockAheadMs).overflow ? .max : wallMs + Limits.clockAheadMs
    }

    /// How far this node's clock is behind the time of a decided block, if that is more than clocks may differ: then this
    /// node neither proposes nor votes for a fresh block, and says so.
    public func lagMs(behind headTimeMs: UInt64) -> UInt64? {
        headTimeMs > latestBlockMs ? headTimeMs - wallMs : nil
    }
}

/// What a peer's message was worth.
public enum Admission: Sendable, Equatable {
    /// New and valid: pass it on.
    case accept
    /// Provably wrong: whoever sent it did not check it. Penalise.
    case reject(String)
    /// Old, early, known or not for this node. No penalty.
    case ignore(String)
}

/// A clock that a chain asked for; it comes back as an input.
public enum ChainTimer: Hashable, Sendable {
    case consensus(height: UInt64, view: UInt32, step: VoteState.Step)
    /// The phase deadline of the height that is being decided.
    case phase(height: UInt64)
    /// Enough of something is there: the rest gets this long.
    case grace(height: UInt64, Grace)

    public enum Grace: UInt8, Hashable, Sendable {
        /// More than a third of the weight has listed: this node lists what it has after this.
        case lists
        /// A quorum of lists is there: the proposer waits this long for the rest.
        case manifest
        case ready
        case opinions
        /// The deadline has passed: who is still silent after this is listed as absent.
        case absences
        /// Holders differ: the result waits this long for the proof who of them lies.
        case blame
        /// Clients are about to be named: they may contradict the holders this long.
        case rebuttal
        /// A scored round is decided: reveal and openings have this long.
        case scores
        /// Too few holders have spoken: VOID by deadline waits this long for the absences that name them.
        case deadline
    }
}

/// What a chain asks of its shell. Directives are performed in order; a `persist` or `commit` is durable before
/// anything after it leaves the machine.
public enum ChainDirective: Sendable {
    /// Own slotted messages and the vote state, in one durable transaction.
    case persist([Envelope], VoteState?)
    /// A message of this node, for every peer of the topic.
    case broadcast(Envelope)
    /// Another node's message that counts here only now: it was kept for this height, or behind a missing nonce. It is passed
    /// on as one that came just now would be, to the mesh. A late node has thousands of them, and the others have them.
    case relay(Envelope)
    /// Keep and serve these bytes.
    case store([UInt8], ContentReference, ContentRole)
    /// Pull these bytes, from their author first, and hand them in with `content`.
    case fetch(ContentReference, ContentRole, author: NodeID)
    case commit(DecidedBlock)
    case schedule(ChainTimer, afterMs: UInt64)
    /// Registry: enrolment of a task is closed and its beacon known.
    case openTask(TaskGenesis)
    case work(RoundWork)
    /// Two different messages of one signer in one slot, which an honest node never signs: send them to the registry.
    case evidence(Envelope, Envelope)
    case event(ChainEvent)
    /// Two certificates at one height, or a decided block that cannot be applied: the chain stops, with an alarm.
    case halt(String)
}

/// Work of a round that takes data, group arithmetic or a peer's bytes. Results come back as inputs.
public enum RoundWork: Sendable, Equatable {
    /// Train on `model`, encrypt for `context`, persist, and answer with `trained`.
    case train(RoundJob)
    /// Pull and check the body of an announced submission, answer with `bodyChecked`.
    case pullBody(SubmissionID, SubmissionHeader)
    /// Open the seeds that are sealed to this holder, answer with `seedsOpened`.
    case openSeeds(SubmissionID)
    /// Derive, store and answer with `keysDerived`; only ever once for an attempt.
    case deriveKeys(KeyJob)
    /// Seal the stored vectors to this node and hand them over.
    case releaseKeys(KeyJob, to: NodeID)
    /// Collect vectors that match these statements, recover the sum, answer with `aggregated`.
    case aggregate(KeyJob, statements: [Envelope])
    /// A holder's masks of the claimed element: only after this node has found that the claim is true. Answer with
    /// `disclosed`.
    case disclose(KeyJob, BlameClaim, components: [Int])
    /// Open one seed of this node's own submission, answer with `seedOpened`.
    case openSeed(KeyJob, SubmissionID, component: Int)
    /// Compare this node's own masks of an element with what the holders agree on, by component; answer with
    /// `seedOpened` where they lie.
    case rebut(KeyJob, SubmissionID, element: Int, masks: [[UInt8]])
    /// Find the members whose element is out of range under these masks, by component and member; answer with
    /// `clientsNamed`.
    case nameClients(KeyJob, element: Int, masks: [[[UInt8]]])
    /// Check the block equation, the digits and the new model, evaluate; answer with `candidateChecked`.
    case checkCandidate(Candidate, KeyJob)
    /// Publisher: choose a direction at this round's base model, persist it, answer with `directionCommitted`.
    case commitDirection(RoundJob)
    /// Publisher: hand out the stored direction, answer with `directionRevealed`.
    case revealDirection(round: UInt32)
    /// Pull a revealed direction, hold it against commitment and conditions, answer with `directionJudged`.
    case judgeDirection(DirectionReveal, ScoreBook.Pending)
    /// Open this node's own submission along a direction that was found right, answer with `scoreOpened`.
    case openScore(DirectionReveal, ScoreBook.Pending)
    /// Check an opening against the stored body, answer with `scoreChecked`.
    case checkScore(ScoreStatement, DirectionReveal, ScoreBook.Pending)
}

/// What a miner trains on.
public struct RoundJob: Sendable, Equatable {
    public let round: UInt32
    public let attempt: UInt16
    public let context: Digest
    public let seed: Digest
    public let model: ContentReference
}

/// A decided set and what its key belongs to.
public struct KeyJob: Sendable, Equatable {
    public let manifest: BlockID
    public let round: UInt32
    public let attempt: UInt16
    public let context: Digest
    public let set: [TaskState.SetMember]
    /// The sums that are keyed, as places in the set: one of everybody, or one a bucket.
    public let sums: [[Int]]
    /// Who was present, and what drew who left: for a holder's own check.
    public let presence: TaskState.SetPresence
    public let model: ContentReference

    /// - Parameter presence: nil where exactly the members of the set are.
    public init(
        manifest: BlockID, round: UInt32, attempt: UInt16, context: Digest, set: [TaskState.SetMember],
        sums: [[Int]]? = nil, presence: TaskState.SetPresence? = nil, model: ContentReference
    ) {
        self.sums = sums ?? [Array(set.indices)]
        self.presence = presence ?? .init(submitters: set.map(\.node), beacon: .zero)
        self.manifest = manifest
        self.round = round
        self.attempt = attempt
        self.context = context
        self.set = set
        self.model = model
    }
}

/// What happened, for people and logs.
public enum ChainEvent: Sendable, Equatable {
    case roundStarted(round: UInt32, attempt: UInt16)
    case submission(NodeID, stored: Int, of: Int)
    case listSigned(count: Int)
    case keyStatement(NodeID)
    case candidate(aggregator: NodeID)
    case opinion(NodeID)
    case view(height: UInt64, UInt32, proposer: NodeID)
    case proposed(kind: BlockKind, height: UInt64, view: UInt32)
    /// This node voted for no block.
    case votedNil(height: UInt64, view: UInt32, Vote.Reason)
    case decided(BlockHeader)
    case conflict(NodeID, MessageKind)
    /// A holder proved that a submission's box is bad.
    case complaint(holder: NodeID, about: NodeID)
    /// A holder complained about a box that opens.
    case falseComplaint(holder: NodeID)
    case claim(aggregator: NodeID, element: UInt32)
    case convicted(holders: [NodeID])
    case named(clients: [NodeID])
    case absent([NodeID])
    /// The publisher revealed a direction that breaks a condition: nobody opens it.
    case badDirection(round: UInt32, reason: String)
    /// A client's opening is not that of its submission.
    case badScore(NodeID, round: UInt32)
    case warning(String)
}
