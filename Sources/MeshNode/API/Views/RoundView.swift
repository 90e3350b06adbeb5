/// One attempt of one round as this node saw it.
public struct RoundView: Codable, Equatable, Sendable {
    /// Seconds of each phase; absent where this node did not see or do it.
    public struct Seconds: Codable, Equatable, Sendable {
        public var train: Double?
        public var encrypt: Double?
        public var collect: Double?
        public var keys: Double?
        public var recover: Double?
        public var opinions: Double?
        public var vote: Double?
        /// From the base model's decision to this round's.
        public var total: Double?

        public init(
            train: Double? = nil, encrypt: Double? = nil, collect: Double? = nil, keys: Double? = nil,
            recover: Double? = nil, opinions: Double? = nil, vote: Double? = nil, total: Double? = nil
        ) {
            self.train = train
            self.encrypt = encrypt
            self.collect = collect
            self.keys = keys
            self.recover = recover
            self.opinions = opinions
            self.vote = vote
            self.total = total
        }

        /// Every phase with its name, in order.
        public var phases: [(name: String, seconds: Double?)] {
            [
                ("train", train), ("encrypt", encrypt), ("collect", collect), ("keys", keys), ("recover", recover),
                ("opinions", opinions), ("vote", vote),
            ]
        }
    }

    public enum Outcome: String, Codable, Equatable, Sendable { case running, accepted, rejected, void }

    public var task: String
    public var round: UInt32
    public var attempt: UInt16
    public var outcome: Outcome
    /// Why it is void or what it waits for.
    public var reason: String?
    /// k of n.
    public var submitted: Int?
    public var enrolled: Int
    public var aggregator: String?
    /// Views that the RESULT took; 1 is the least.
    public var views: UInt32?
    /// Weighted medians of the voters' own held-out data.
    public var accuracy: Double?
    public var loss: Double?
    /// On this node's own held-out data.
    public var ownAccuracy: Double?
    public var ownLoss: Double?
    /// Coordinates of this node's update that the quantiser cut.
    public var saturations: Int?
    /// Integers that each member sent, and their share of the model's parameters.
    public var coordinates: Int?
    public var ratio: Double?
    /// L2 norm of this node's update before clipping, and whether it was clipped.
    public var norm: Double?
    public var wasClipped: Bool?
    /// Mean loss on this node's own rows in its last epoch.
    public var trainingLoss: Double?
    /// Where the task adds noise: epsilon after this round against who sees only the sums, and against all other members
    /// together.
    public var epsilon: Double?
    public var epsilonAgainstMembers: Double?
    /// What each voter said of the round's result; absent where there is none.
    public var opinions: [OpinionView]?
    public var seconds: Seconds
    /// Sent and received by this node during the round.
    public var bytesIn: UInt64?
    public var bytesOut: UInt64?
    public var height: UInt64?
    /// Head of the task's chain after it.
    public var head: String?
    /// Content ids.
    public var aggregate: String?
    public var model: String?
    /// Whether the node's own quantised update is in the sum.
    public var containsOwnUpdate: Bool?
    /// What a scored round is scored along: content id of the revealed direction, or how far it is.
    public var direction: String?

    public init(
        task: String, round: UInt32, attempt: UInt16, outcome: Outcome, reason: String? = nil, submitted: Int? = nil,
        enrolled: Int, aggregator: String? = nil, views: UInt32? = nil, accuracy: Double? = nil, loss: Double? = nil,
        ownAccuracy: Double? = nil, ownLoss: Double? = nil, saturations: Int? = nil, seconds: Seconds = Seconds(),
        bytesIn: UInt64? = nil, bytesOut: UInt64? = nil, height: UInt64? = nil, head: String? = nil,
        aggregate: String? = nil, model: String? = nil, containsOwnUpdate: Bool? = nil
    ) {
        self.task = task
        self.round = round
        self.attempt = attempt
        self.outcome = outcome
        self.reason = reason
        self.submitted = submitted
        self.enrolled = enrolled
        self.aggregator = aggregator
        self.views = views
        self.accuracy = accuracy
        self.loss = loss
        self.ownAccuracy = ownAccuracy
        self.ownLoss = ownLoss
        self.saturations = saturations
        self.seconds = seconds
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.height = height
        self.head = head
        self.aggregate = aggregate
        self.model = model
        self.containsOwnUpdate = containsOwnUpdate
    }
}

/// A voter's opinion of a candidate, as it stands in the decided block.
public struct OpinionView: Codable, Equatable, Sendable {
    public var node: String
    /// accept, reject or abstain.
    public var verdict: String
    public var reason: String
    /// A person's words.
    public var remark: String?
    /// On its own held-out rows; absent without any.
    public var accuracy: Double?
    public var loss: Double?
    public var rows: UInt32

    public init(
        node: String, verdict: String, reason: String, remark: String?, accuracy: Double?, loss: Double?, rows: UInt32
    ) {
        self.node = node
        self.verdict = verdict
        self.reason = reason
        self.remark = remark
        self.accuracy = accuracy
        self.loss = loss
        self.rows = rows
    }
}

/// What there is to vote on, and what this node found when it checked it.
public struct CandidateView: Codable, Equatable, Sendable {
    public var task: String
    public var round: UInt32
    public var attempt: UInt16
    /// Content id of the model that the round would give.
    public var model: String
    /// Content id of the model that it starts from.
    public var base: String
    /// The node's own check is done.
    public var isChecked: Bool
    public var isValid: Bool?
    /// Why it is not valid.
    public var reason: String?
    /// On this node's own held-out rows.
    public var accuracy: Double?
    public var loss: Double?
    public var rows: UInt32
    /// The same for the model of the round before.
    public var accuracyBefore: Double?
    /// accept, reject or abstain, where this node has answered.
    public var ownAnswer: String?
    /// A person answers for this node.
    public var asksPerson: Bool

    public init(
        task: String, round: UInt32, attempt: UInt16, model: String, base: String, isChecked: Bool, isValid: Bool?,
        reason: String?, accuracy: Double?, loss: Double?, rows: UInt32, accuracyBefore: Double?, ownAnswer: String?,
        asksPerson: Bool
    ) {
        self.task = task
        self.round = round
        self.attempt = attempt
        self.model = model
        self.base = base
        self.isChecked = isChecked
        self.isValid = isValid
        self.reason = reason
        self.accuracy = accuracy
        self.loss = loss
        self.rows = rows
        self.accuracyBefore = accuracyBefore
        self.ownAnswer = ownAnswer
        self.asksPerson = asksPerson
    }
}
