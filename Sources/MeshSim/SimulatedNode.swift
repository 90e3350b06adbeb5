internal import Chain
internal import MeshCrypto
internal import Wire

/// One node: its durable part, and the memory that a crash erases.
struct SimulatedNode {
    let index: Int
    let key: SigningKey
    let weight: UInt64
    var disk = SimulatedDisk()
    var wallSkewMs: Int64 = 0
    /// Grows with every start; what an earlier life scheduled is void.
    var life: UInt32 = 0
    var memory: Memory?

    var id: NodeID { key.nodeID }
    var isUp: Bool { memory != nil }

    struct Memory {
        var registry: RegistryMachine
        /// In order of chain.
        var tasks: [TaskMachine] = []
        var jobs: [Int: Job] = [:]
        var nextJob = 0
        var headers: [SubmissionID: SubmissionHeader] = [:]
        var setHeaders: [BlockID: [SubmissionHeader]] = [:]
        /// When each job's next look at its preconditions is due; jobs that wait are looked at on every arrival.
        var waiting: [Int] = []

        func taskIndex(_ chain: ChainID) -> Int? { tasks.firstIndex { $0.chain == chain } }
    }

    /// Something that takes virtual time, or bytes that are not here yet.
    struct Job {
        enum Kind {
            case work(RoundWork)
            case fetch(ContentReference, height: UInt64)
        }

        let chain: ChainID
        var kind: Kind
        var looks = 0
        /// All preconditions hold and the duration is running.
        var isRunning = false
    }
}
