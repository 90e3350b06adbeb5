internal import Chain
internal import MeshCrypto
internal import Wire

/// What a node keeps in memory for one task beside the task's state machine.
struct TaskRuntime {
    var machine: TaskMachine
    let policy: RoundPolicy
    /// This node's own rows in the task's form.
    let rows = FittedRows()
    /// This node's key for the task; nil when it takes no part or the task has ended.
    var sealingKey: RistrettoKey?
    var headers: [SubmissionID: SubmissionHeader] = [:]
    var stats = RoundStats()
    var aggregation: Aggregation?
    /// Verified vectors of the present set, by component and then holder.
    var vectors: [Int: [NodeID: [UInt8]]] = [:]
    /// What this node already sealed and sent: whoever asks again is told of the same contents.
    var released: [ReleaseKey: [PeerMessage.KeyRelease]] = [:]
    /// What is being sealed just now.
    var sealing: Set<ReleaseKey> = []
    /// Releases that wait for their statement or for this node to see the manifest. What a holder may name freely takes
    /// its own places only: a holder that invents manifests keeps out nobody's release.
    var releases = Bounded<NodeID, ReleaseName, PeerMessage.KeyRelease>(NodeTables.keyReleases)
    /// Model after each decided round, 0 for the initial one.
    var models: [UInt32: ContentReference] = [:]
    var lastRound: RoundView?
    /// When this node first found that nothing is left to be done; monotonic milliseconds.
    var settledMs: UInt64?
    var pause = TaskPause()
    /// This holder's memory of what it released keys for; nil before the first.
    var gate: KeyReleaseMemory?
    /// The direction of the round whose scores are open, once it was found right.
    var direction: (round: UInt32, direction: ScoreDirection)?

    struct ReleaseKey: Hashable {
        let manifest: BlockID
        let node: NodeID
    }

    struct ReleaseName: Hashable {
        let holder: NodeID
        let manifest: BlockID
        let component: UInt8
    }

    struct Aggregation {
        let job: KeyJob
        /// Released vectors that are being opened and hashed.
        var opening: Set<ReleaseName> = []
        /// For bodies and the model that the sum is made of.
        var isWaiting = false
        var isComputing = false
        var isRunning: Bool { isWaiting || isComputing }
        /// Of the computation that runs.
        var progress: RecoveryProgress?
        /// The sum is recovered: what it gives.
        var candidate: Candidate?
        var isDone: Bool { candidate != nil }
        /// Holders by component whose vectors were tried together.
        var tried: Set<[NodeID]> = []
        /// The latest of these and its lowest element without a value.
        var failure: (choice: [NodeID], element: Int)?
    }

    init(machine: TaskMachine, policy: RoundPolicy, sealingKey: RistrettoKey?) {
        self.machine = machine
        self.policy = policy
        self.sealingKey = sealingKey
        models[0] = policy.spec.model.initial
    }
}

/// When what happened in the present round, by this node's monotonic clock in milliseconds.
struct RoundStats {
    var startedMs: UInt64 = 0
    var train: Double?
    var encrypt: Double?
    var submittedMs: UInt64?
    var manifestMs: UInt64?
    var keysMs: UInt64?
    var recover: Double?
    var candidateMs: UInt64?
    var proposedMs: UInt64?
    var saturations: Int?
    /// L2 norm of this node's update before clipping.
    var norm: Double?
    var wasClipped: Bool?
    var trainingLoss: Double?
    var ownAccuracy: Double?
    var ownLoss: Double?
    var aggregator: NodeID?
    var bytesIn: UInt64 = 0
    var bytesOut: UInt64 = 0
    var submitted: Int = 0
    var containsOwn: Bool?
}
