internal import Chain
internal import MeshCrypto
public import Wire

/// What a home's task chain decided, round by round, for those who check results against other figures.
public struct DecidedRounds: Sendable {
    public struct Round: Sendable {
        public let round: UInt32
        public let attempt: UInt16
        /// Members of the sum, ascending.
        public let set: [NodeID]
        /// The sums that were decrypted, as places in `set`: one of everybody, or one a bucket.
        public let buckets: [[Int]]
        /// e, unpacked: one integer a coordinate of the round, for each sum.
        public let sums: [[Int64]]
        public let isRejected: Bool
        /// Seed of the round's training orders.
        public let seed: Digest
        public let model: ContentReference
        public let aggregator: NodeID
        /// Views that the RESULT took; 1 is the least.
        public let views: UInt32
        /// Block of the RESULT.
        public let block: BlockID
    }

    /// A scored round.
    public struct Scores: Sendable {
        public let round: UInt32
        /// nil: no direction was revealed that enough voters found right.
        public let direction: ContentReference?
        /// The set; nil for who opened nothing.
        public let entries: [(node: NodeID, score: Int64?)]
    }

    public let spec: TaskSpec
    /// Enrolled rows by member.
    public let rows: [NodeID: UInt32]
    public private(set) var rounds: [Round] = []
    /// VOID blocks: round, attempt and reason.
    public private(set) var voids: [(round: UInt32, attempt: UInt16, reason: String)] = []
    public private(set) var height: UInt64 = 0
    public private(set) var head: BlockID
    public private(set) var finalModel: [UInt8] = []
    /// Members proven bad, ascending.
    public private(set) var evicted: [NodeID] = []
    /// Holders whose places went to others, in order.
    public private(set) var formerHolders: [NodeID] = []
    /// Holders that a decided block convicts of a wrong vector.
    public private(set) var liars: [NodeID] = []
    public private(set) var scores: [Scores] = []
    /// Whether the members' part of the reward goes by score.
    public private(set) var isPaidByScore = false
    /// The first member that holds no keys: in a test network the client that attacks.
    public let firstClient: NodeID?
    /// Whether the task ended with CONTROL(complete).
    public private(set) var isComplete = false

    /// Started tasks of a home, oldest first.
    public static func tasks(home: HomeDirectory) throws -> [(task: TaskID, name: String)] {
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        return try ChainReplay(store: store, genesis: try Genesis.read(bytes)).registry.everyOpenedTask().map {
            ($0.task, $0.spec.name)
        }
    }

    /// - Throws: `StorageError`, `NodeError`, `RoundError` for a home that does not hold the task whole.
    public init(home: HomeDirectory, task: TaskID) throws {
        let store = try ChainStore.openReadOnly(path: home.chainDatabase)
        let content = try ContentStore(reading: home)
        guard let bytes = try store.genesis() else { throw NodeError.notInitialised(home.path) }
        let replay = try ChainReplay(store: store, genesis: try Genesis.read(bytes))
        guard let genesis = replay.registry.everyOpenedTask().first(where: { $0.task == task }) else {
            throw RoundError.failed("task \(task.short) has not started in \(home.path)")
        }
        let policy = try RoundPolicy(genesis.spec)
        spec = genesis.spec
        let holders = genesis.holders.map(\.node)
        firstClient = genesis.members.map(\.node).first { !holders.contains($0) }
        rows = Dictionary(uniqueKeysWithValues: genesis.members.map { ($0.node, $0.enrolment.rows) })
        var state = Chain.TaskState(genesis: genesis)
        head = state.head
        try ChainReplay.forEach(store, task) { block in
            let before = state
            let found = try TaskRules.check(header: block.header, body: block.body, state: state)
            state.apply(found, header: block.header, block: block.header.id)
            switch found {
            case .result(let result, _):
                guard case .aggregating(_, let set) = before.phase,
                    let raw = try content.get(result.aggregate.id)
                else { throw RoundError.failed("the sum of round \(before.round) is not stored in \(home.path)") }
                let buckets = before.sums(of: set)
                liars += result.liars
                rounds.append(
                    Round(
                        round: before.round, attempt: before.attempt, set: set.map(\.node),
                        buckets: buckets,
                        sums: try policy.digits(
                            try policy.decode(aggregate: raw, round: before.round, sums: buckets.count),
                            round: before.round, sums: buckets),
                        isRejected: result.rejected, seed: before.roundSeed, model: result.model,
                        aggregator: block.header.author, views: block.certificate.view + 1, block: block.header.id))
            case .void(let body):
                if body.reason == .blame { liars += body.replaced }
                voids.append((before.round, before.attempt, BlockDescription.reason(body)))
            case .control(let control): isComplete = control == .complete
            case .manifest: break
            }
        }
        evicted = state.evicted
        formerHolders = state.formerHolders
        isPaidByScore = state.isPaidByScore
        scores = state.scores.rounds.map { round in
            Scores(
                round: round.round, direction: round.direction,
                entries: round.entries.map { (node: $0.node, score: $0.score) })
        }
        height = state.height
        head = state.head
        finalModel = try content.get(state.model.id) ?? []
    }
}
