/// What a run showed.
public struct SimulationReport: Sendable, Equatable {
    /// How the task ended at every honest node, or that it did not.
    public enum Outcome: Sendable, Equatable, CustomStringConvertible {
        case completed
        case failed(String)
        /// By its publisher.
        case stopped
        case unfinished(String)

        public var description: String {
            switch self {
            case .completed: "completed"
            case .stopped: "stopped"
            case .failed(let reason): "failed(\(reason))"
            case .unfinished(let reason): "unfinished: \(reason)"
            }
        }
    }

    public var seed: UInt64
    public var nodes: Int
    /// Nodes that follow the protocol, by index.
    public var honest: [Int]
    public var violations: [Violation]
    public var outcome: Outcome
    public var traceHash: UInt64
    public var events: Int
    /// Virtual time at the end, microseconds.
    public var virtualTime: UInt64
    public var crashes: Int
    public var partitions: Int
    /// Writes that crashes took.
    public var lostWrites: Int
    /// From the end of the faults to the next decision, and the timeout of one round then; microseconds. nil: no faults,
    /// or nothing was left to decide.
    public var recovery: UInt64?
    public var roundTimeout: UInt64?
    public var registryHeight: UInt64
    public var taskHeight: UInt64
    /// Decided RESULT, VOID and MANIFEST blocks of the task.
    public var results: Int
    public var voids: Int
    public var manifests: Int
    /// The largest view that decided a block of either chain.
    public var highestView: UInt32
    /// Conflicting messages of one signer in one slot that honest nodes saw.
    public var conflictsSeen: Int
    /// Pairs of messages that honest nodes could hand to the registry as evidence.
    public var evidence: Int
    /// What came of two certificates at one height.
    public var alarms: [Alarm]
    /// Nodes that lost a bond by evidence, by index.
    public var slashed: [Int]
    /// Members that lost their place in the task, by index, and complaints that honest nodes judged.
    public var evicted: [Int]
    public var complaints: Int
    /// Credits that the task has paid to its members.
    public var paid: UInt64
    public var rejectedMessages: Int
    /// Decided task blocks in order, for tests that look at one run closely.
    public var blocks: [DecidedSummary]
    public var trace: [String]

    /// An honest node stopped a chain because it saw two certificates at one height.
    public struct Alarm: Sendable, Equatable {
        public var node: Int
        public var isRegistry: Bool
        /// Nodes against which it holds two messages of one slot, by index.
        public var accused: [Int]
    }

    public struct DecidedSummary: Sendable, Equatable {
        public var height: UInt64
        public var kind: String
        public var round: UInt32
        public var attempt: UInt16
        public var author: Int
        public var originView: UInt32
        public var decidedView: UInt32
        /// MANIFEST: members by node index. VOID: empty.
        public var members: [Int]
        public var reason: String
        /// Virtual time of the first commit anywhere, microseconds.
        public var time: UInt64
    }
}

/// An invariant that did not hold, with where and when.
public struct Violation: Sendable, Equatable, CustomStringConvertible {
    public enum Invariant: String, Sendable, CaseIterable {
        case oneBlockPerHeight = "one decided block per height"
        case oneMessagePerSlot = "no honest key signs twice in a slot"
        case durableBeforeSent = "a message is durable before it is sent"
        case certificate = "certificates are valid"
        case credits = "the sum of credits is constant"
        case nestedSets = "sets on one base model are nested"
        case listedSubmissions = "what all honest voters stored is in the set's lists, what nobody honest has is not"
        case exactSum = "a decided sum is the sum of the decided set"
        case boundedQueues = "queues are bounded"
        case progress = "after healing there is progress"
        case ending = "every task ends"
        case noHalt = "no honest node halts"
        case ordersArrive = "an order of the publisher reaches the registry"
        case payouts = "a task pays what its chain says"
        case places = "an account's next transaction finds a place"
        case ordersFollowed = "an order that the registry holds reaches the task"
        case honestRejected = "nobody rejects what an honest node passes on"
        case heldKeys = "every member holds the key that it joined with"
        case listedOnce = "an honest list names one announcement a member"
        case innocence = "nobody honest is evicted or loses a bond"
        case paidPlaces = "every place in the registry is paid for, and no account has too many"
        case boundedAnswers = "answers are bounded by what was asked and by time"
        case storedBeforeListed = "bodies are stored before a list names them"
    }

    public var invariant: Invariant
    public var time: UInt64
    public var detail: String

    public var description: String {
        "\(invariant.rawValue): \(detail) (at \(time / 1_000) ms)"
    }
}
