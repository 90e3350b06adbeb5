public import Wire

/// What a node offers to its operator. The HTTP server speaks to this protocol alone, the node implements it.
///
/// Task and chain names that people write (prefixes, names) are resolved by the server from ``tasks()`` and
/// ``chains()``; the service sees full identifiers.
public protocol NodeService: NetworkService {
    func status() async -> NodeStatus
    func peers() async -> [PeerView]
    func ticket() async throws(ServiceError) -> TicketView

    /// Every task that the registry knows, oldest first.
    func tasks() async -> [TaskView]
    func task(_ task: TaskID) async throws(ServiceError) -> TaskView
    /// Signs and gossips a Publish transaction and serves the initial weights. The specification has been validated.
    /// - Parameters:
    ///   - again: also where a task of this node with the same name is pending or has not ended.
    ///   - anyway: also where this node's own rows do not fit the task.
    func publish(_ task: PreparedTask, again: Bool, anyway: Bool) async throws(ServiceError) -> PublishedView
    /// Signs and gossips an Enrol transaction with this node's own rows.
    /// - Parameter bond: credits; nil takes the configured bond.
    func join(_ task: TaskID, bond: UInt64?) async throws(ServiceError) -> Receipt

    /// Decided and running rounds in ascending order.
    /// - Parameter after: only rounds above this number; 0 for all.
    func rounds(of task: TaskID, after: UInt32) async throws(ServiceError) -> [RoundView]
    func round(_ round: UInt32, of task: TaskID) async throws(ServiceError) -> RoundView
    /// Scored rounds with their scores, and what these are worth.
    func scores(of task: TaskID) async throws(ServiceError) -> ScoresView

    /// Hands in an update made elsewhere: the safetensors of Δ = old − new in the task's manifest.
    ///
    /// The update says what it was trained on: its metadata names the base model (`content`), or one of the parameters does.
    /// - Parameters:
    ///   - rows: rows it was trained on; nil takes the enrolled number.
    ///   - round: the round that it is for.
    ///   - base: id of the base model, or its first digits.
    func submit(
        _ update: [UInt8], rows: UInt32?, round: UInt32?, base: String?, to task: TaskID
    ) async throws(ServiceError) -> Receipt
    /// The candidate of the present round and this node's own measurement of it.
    func candidate(of round: UInt32, task: TaskID) async throws(ServiceError) -> CandidateView
    /// Votes by hand where the task or this node's configuration says `manual`, once; VALID is signed only after the node's
    /// own check.
    func vote(_ vote: ManualVote, round: UInt32, task: TaskID) async throws(ServiceError) -> Receipt

    /// What became of a transaction.
    /// - Parameter height: registry height after which it was sent.
    func transaction(_ transaction: TransactionID, after height: UInt64) async throws(ServiceError) -> TransactionView
    /// Every account and escrow of the registry.
    func ledger() async -> LedgerView
    /// Changes of one account in order; nil is this node's own.
    func ledgerHistory(of node: NodeID?) async throws(ServiceError) -> [LedgerLine]
    /// Reputation from paid settlements, evidence and ratings alone.
    func contributors() async -> [ContributorView]
    /// - Parameter again: also where the same order of this node is pending.
    func transfer(_ credits: UInt64, to node: NodeID, again: Bool) async throws(ServiceError) -> Receipt
    /// Puts credits up as a validator of the registry, or takes them back.
    func bond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt
    func unbond(_ credits: UInt64, again: Bool) async throws(ServiceError) -> Receipt
    /// Takes an enrolment back before its task is closed.
    func leave(_ task: TaskID) async throws(ServiceError) -> Receipt
    /// Pauses, resumes or stops a task of this node.
    func control(_ action: ControlAction, task: TaskID) async throws(ServiceError) -> Receipt
    /// Opens the committed target of a task of this node.
    func reveal(_ targetPpm: UInt32, nonce: Digest, task: TaskID) async throws(ServiceError) -> Receipt
    /// Rates a member of a paid task of this node, 1 to 5 stars, once.
    func rate(_ node: NodeID, stars: UInt8, task: TaskID) async throws(ServiceError) -> Receipt

    func chains() async -> [ChainView]
    func block(_ height: UInt64, of chain: ChainID) async throws(ServiceError) -> BlockView

    /// Models of decided rounds that are stored here, in ascending order of round.
    func models(of task: TaskID) async throws(ServiceError) -> [ModelView]
    /// The safetensors file after `round`; nil: the latest, 0: the initial weights. Its metadata are a ``ModelCard``.
    /// - Parameter isCandidate: the one of the present round instead, which nobody has decided yet.
    func model(of task: TaskID, round: UInt32?, isCandidate: Bool) async throws(ServiceError) -> [UInt8]

    /// What happens here, numbered.
    var events: EventLog { get }

    /// Begins an orderly end; returns before the process does.
    func shutdown() async
}

/// Runs a node until it is told to stop. The command line calls it; the node module implements it.
public protocol NodeRunner: Sendable {
    /// - Parameters:
    ///   - home: exists, holds keys and genesis.
    /// - Throws: errors whose description is one clear line for the operator.
    func run(_ configuration: NodeConfiguration, home: HomeDirectory) async throws
}

/// Checks a home or an exported file offline, without secrets. The chain module implements it.
public protocol ChainVerification: Sendable {
    /// - Parameters:
    ///   - isFull: also the block equation and the new models; without it signatures, links and electorates.
    ///   - anchor: what the caller knows of the network from elsewhere.
    ///   - progress: called once a block.
    func verify(
        home: HomeDirectory, isFull: Bool, anchor: VerificationAnchor,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport
    /// The same for a file that `chain export` wrote; full as far as it holds contents.
    func verify(
        export path: String, isFull: Bool, anchor: VerificationAnchor,
        progress: @Sendable (VerificationProgress) -> Void
    ) throws -> VerificationReport
}
