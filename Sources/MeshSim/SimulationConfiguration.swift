public import Wire

/// What a run of the simulator is made of. Together with the seed it fixes every event.
public struct SimulationConfiguration: Sendable {
    public var seed: UInt64
    /// Nodes of the mesh, 4 to 10; every one is a validator and a member of the task.
    public var nodes: Int
    /// Rounds of the task.
    public var rounds: UInt32
    public var faults: FaultProfile
    public var network: NetworkModel
    public var timing: TimingModel
    /// What happens at fixed times or stages, beside the random faults.
    public var script: [ScriptedEvent]
    /// Messages that never arrive, whoever passes them on.
    public var losses: [MessageLoss] = []
    /// Nodes that do not follow the protocol, by index.
    public var byzantine: [ByzantineNode]
    /// Every node has the same bond; else that is so in half of the runs.
    public var equalBonds = false
    /// A bug on purpose, to see an invariant catch it.
    public var planted: PlantedBug?
    /// Verdict of each node's opinions; absent: accept.
    public var rejecting: [Int]
    /// Random faults stop here and everything heals, microseconds of virtual time.
    public var healAt: UInt64
    /// The run ends here at the latest, microseconds of virtual time.
    public var horizon: UInt64
    /// Whether nodes of this run share the answers of signature checks. Off: every node checks every signature.
    public var remembersSignatures: Bool
    /// Keeps a line for every event, for a person to read.
    public var keepsTrace: Bool

    public init(seed: UInt64, nodes: Int = 5, rounds: UInt32 = 2, faults: FaultProfile = .none) {
        self.seed = seed
        self.nodes = nodes
        self.rounds = rounds
        self.faults = faults
        network = NetworkModel()
        timing = TimingModel()
        script = []
        byzantine = []
        planted = nil
        rejecting = []
        healAt = faults == .none ? 0 : 12_000_000
        horizon = 600_000_000
        keepsTrace = false
        remembersSignatures = true
    }

    /// Complaints need proofs, and these need sealed boxes: where a strategy is about them, and in a tenth of the runs.
    var sealsSeeds: Bool {
        let strategies = byzantine.map { $0.strategy.resolved(seed: seed) }
        return strategies.contains(.badSeeds) || strategies.contains(.falseComplaint)
            || strategies.contains(.badKeys) || seed.isMultiple(of: 10)
    }

    public var byzantineNodes: [Int] { byzantine.map(\.node).sorted() }
}

public enum FaultProfile: String, Sendable, CaseIterable {
    case none, loss, crash, partition, all
}

/// How packets travel. Times in microseconds.
public struct NetworkModel: Sendable {
    /// Each ordered pair of nodes draws its base delay from this range, once.
    public var latency: ClosedRange<UInt64> = 500...20_000
    /// Each packet adds a delay from 0 to this: packets overtake one another.
    public var jitter: UInt64 = 5_000
    /// Chances in a million while faults are on.
    public var lossPpm: UInt64 = 0
    public var duplicatePpm: UInt64 = 0
    /// Chance that a packet is late by up to `lateness`.
    public var latePpm: UInt64 = 0
    public var lateness: UInt64 = 400_000
    public var heartbeat: UInt64 = 200_000
    /// Bytes a second that a node can send; 0: any number. What would wait longer than `patience` is dropped.
    public var bytesPerSecond: UInt64 = 0
    public var patience: UInt64 = 2_000_000
    /// Bytes that a body or a key vector stands for on the wire.
    public var contentBytes: UInt64 = 20_000

    public init() {}
}

/// Deadlines and work durations. Milliseconds where the protocol has milliseconds, else microseconds.
public struct TimingModel: Sendable {
    public var proposeMs: UInt32 = 400
    public var voteMs: UInt32 = 100
    public var submitMs: UInt32 = 1_500
    public var aggregateMs: UInt32 = 800
    public var opinionMs: UInt32 = 400
    public var enrolMs: UInt32 = 2_000
    public var expiryMs: UInt64 = 240_000
    public var settleMs: UInt64 = 1_000
    public var evidenceMs: UInt64 = 2_000
    public var epochMs: UInt64 = 3_600_000
    public var train: ClosedRange<UInt64> = 50_000...400_000
    public var shortWork: ClosedRange<UInt64> = 1_000...20_000
    public var recovery: ClosedRange<UInt64> = 20_000...150_000

    public init() {}
}

/// What some nodes sign at a height of a task's chain and others never see: a schedule written by hand.
public struct MessageLoss: Sendable, Equatable {
    public var kind: MessageKind
    public var height: UInt64
    public var view: UInt32
    public var signers: [Int]
    public var receivers: [Int]

    public init(_ kind: MessageKind, height: UInt64, view: UInt32, from signers: [Int], to receivers: [Int]) {
        self.kind = kind
        self.height = height
        self.view = view
        self.signers = signers
        self.receivers = receivers
    }
}

public struct ByzantineNode: Sendable, Equatable {
    public var node: Int
    public var strategy: ByzantineStrategy

    public init(node: Int, strategy: ByzantineStrategy) {
        self.node = node
        self.strategy = strategy
    }
}

/// Something that the script makes happen.
public struct ScriptedEvent: Sendable, Equatable {
    public enum Trigger: Sendable, Equatable {
        /// Microseconds of virtual time.
        case at(UInt64)
        /// When the first node to which the stage applies reaches it in this round.
        case stage(Stage, round: UInt32)
    }

    public enum Stage: String, Sendable, CaseIterable {
        /// Some node is about to train.
        case training
        /// The proposer of the MANIFEST height's view 0 signs its list.
        case beforeManifest = "before-manifest"
        /// The aggregator has all key statements and is about to sum.
        case afterKeys = "after-keys"
        /// The aggregator has sent its RESULT proposal.
        case afterProposal = "after-proposal"
        /// A holder has signed its Ready.
        case ready
        /// An attempt of the round has ended in a VOID block.
        case voided
    }

    public enum Action: Sendable, Equatable {
        /// Stops a node; nil is the node that reached the stage. Restarts after this many microseconds, or never.
        case crash(node: Int?, restartAfter: UInt64?)
        /// Stops a key holder of the task that is not the aggregator, for good unless it restarts.
        case crashHolder(restartAfter: UInt64?)
        /// Only nodes of the same group hear one another; a node may be in several groups.
        case partition([[Int]])
        /// Nothing that nodes of the first list send reaches nodes of the second; the other way packets pass.
        case cut(from: [Int], to: [Int])
        case heal
        /// The publisher orders something about its task.
        case order(ControlAction)
        /// Moves a node's wall clock, milliseconds.
        case skew(node: Int, ms: Int64)
    }

    public var trigger: Trigger
    public var action: Action

    public init(_ trigger: Trigger, _ action: Action) {
        self.trigger = trigger
        self.action = action
    }
}
