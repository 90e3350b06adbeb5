public enum TaskState: String, Codable, Equatable, Sendable, CaseIterable {
    case announced, enrolling, running, paused, completed, failed, cancelled, expired
    /// This node takes no part: it cannot carry the task out, or what it has stored of its chain is damaged.
    case unsupported
}

public struct TaskView: Codable, Equatable, Sendable {
    public struct Participant: Codable, Equatable, Sendable {
        public var node: String
        public var rows: UInt32
        public var bond: UInt64
        public var votes: Bool
        public var holdsKeys: Bool

        public init(node: String, rows: UInt32, bond: UInt64, votes: Bool, holdsKeys: Bool) {
            self.node = node
            self.rows = rows
            self.bond = bond
            self.votes = votes
            self.holdsKeys = holdsKeys
        }
    }

    public var task: String
    public var name: String
    public var state: TaskState
    /// Why it failed or was cancelled, or what it waits for.
    public var reason: String?
    public var publisher: String
    /// Last decided round; 0 before the first.
    public var round: UInt32
    public var rounds: UInt32
    public var minimumParticipants: UInt32
    public var maximumParticipants: UInt32
    /// Ascending by node.
    public var participants: [Participant]
    /// Whether this node takes part.
    public var isMember: Bool
    /// Content id of the latest model.
    public var model: String?
    public var accuracy: Double?
    public var loss: Double?
    /// Who could read a single update.
    public var readers: String
    public var reward: UInt64
    /// Head of the task's chain.
    public var head: String?
    /// The specification as a task file.
    public var specification: String
    /// What leaves this machine and what taking part costs; only where one task is asked for.
    public var cost: CostView?
    /// When what comes next in it happens.
    public var dates: TaskDates?
    /// Which member's bond decides the task alone or can stop it; absent where none can, and of a task that is over.
    public var power: String?

    public init(
        task: String, name: String, state: TaskState, reason: String? = nil, publisher: String, round: UInt32,
        rounds: UInt32, minimumParticipants: UInt32, maximumParticipants: UInt32, participants: [Participant],
        isMember: Bool, model: String? = nil, accuracy: Double? = nil, loss: Double? = nil, readers: String,
        reward: UInt64, head: String? = nil, specification: String
    ) {
        self.task = task
        self.name = name
        self.state = state
        self.reason = reason
        self.publisher = publisher
        self.round = round
        self.rounds = rounds
        self.minimumParticipants = minimumParticipants
        self.maximumParticipants = maximumParticipants
        self.participants = participants
        self.isMember = isMember
        self.model = model
        self.accuracy = accuracy
        self.loss = loss
        self.readers = readers
        self.reward = reward
        self.head = head
        self.specification = specification
    }
}

public struct PublishedView: Codable, Equatable, Sendable {
    public var task: String
    public var transaction: String
    public var model: String
    public var warnings: [String]
    public var readers: String
    /// The registry's height when it was sent; it can only be decided above.
    public var height: UInt64
    /// The columns of the publisher's own rows, where the task named none.
    public var columns: [String]?
    /// Every table must have the columns in this order; else they are found by their titles.
    public var columnsInOrder: Bool?

    public init(
        task: String, transaction: String, model: String, warnings: [String], readers: String, height: UInt64,
        columns: [String]? = nil, columnsInOrder: Bool? = nil
    ) {
        self.columnsInOrder = columnsInOrder
        self.height = height
        self.task = task
        self.transaction = transaction
        self.model = model
        self.warnings = warnings
        self.readers = readers
        self.columns = columns
    }
}

public struct ModelView: Codable, Equatable, Sendable {
    public var task: String
    /// 0: the initial weights.
    public var round: UInt32
    /// Content id.
    public var model: String
    public var bytes: UInt64
    public var accuracy: Double?
    public var loss: Double?

    public init(task: String, round: UInt32, model: String, bytes: UInt64, accuracy: Double? = nil, loss: Double? = nil)
    {
        self.task = task
        self.round = round
        self.model = model
        self.bytes = bytes
        self.accuracy = accuracy
        self.loss = loss
    }
}
