/// Everything that a training task fixes before it is published. No field has a silent default: a preset is written
/// out in full by whoever makes the spec. Fractions are integers in parts per million (`Ppm`), times milliseconds.
public struct TaskSpec: WireMessage, Hashable {
    public var name: String
    /// Seeds initial weights, training order and compression support. Chosen by the publisher.
    public var seed: UInt64
    public var model: Model
    public var data: Data
    public var rounds: UInt32
    public var participants: Participants
    public var deadlines: Deadlines
    public var training: Training
    public var update: Update
    public var holders: Holders
    public var evaluation: Evaluation
    public var privacy: Privacy
    public var reward: Reward
    /// Rounds that submission bodies are kept after their result.
    public var bodyRetention: UInt32
    public var voting: Voting

    public struct Participants: Hashable, Sendable {
        public var minimum: UInt32
        public var maximum: UInt32
        /// n_min: the smallest set that is ever keyed. Never below 4.
        public var smallestSet: UInt32
        /// The only nodes that can enrol, ascending; none: every account can.
        public var members: [NodeID]

        public init(minimum: UInt32, maximum: UInt32, smallestSet: UInt32, members: [NodeID] = []) {
            self.minimum = minimum
            self.maximum = maximum
            self.smallestSet = smallestSet
            self.members = members
        }
    }

    public struct Deadlines: Hashable, Sendable {
        public var enrolMs: UInt32
        public var submitMs: UInt32
        /// Between the manifest and the candidate: keys and recovery.
        public var aggregateMs: UInt32
        public var opinionMs: UInt32
        /// From publication; a task that is not terminal by then has failed.
        public var expiryMs: UInt64

        public init(enrolMs: UInt32, submitMs: UInt32, aggregateMs: UInt32, opinionMs: UInt32, expiryMs: UInt64) {
            self.enrolMs = enrolMs
            self.submitMs = submitMs
            self.aggregateMs = aggregateMs
            self.opinionMs = opinionMs
            self.expiryMs = expiryMs
        }
    }

    public struct Holders: Hashable, Sendable {
        public var count: UInt8
        public var threshold: UInt8

        public init(count: UInt8, threshold: UInt8) {
            self.count = count
            self.threshold = threshold
        }

        public var publisherAlone: Bool { count == 1 }
    }

    public struct Evaluation: Hashable, Sendable {
        /// A candidate whose accuracy on a voter's data falls by more than this is rejected by it; 1 000 000: never.
        public var tolerancePpm: UInt32
        /// Accuracy that ends the task early; 0: none.
        public var targetPpm: UInt32
        /// Hash of a target that the publisher opens after the last round; nil: none. A task that misses it pays
        /// nobody, one whose target is not opened pays everybody.
        public var targetCommitment: Digest?

        public init(tolerancePpm: UInt32, targetPpm: UInt32, targetCommitment: Digest? = nil) {
            self.tolerancePpm = tolerancePpm
            self.targetPpm = targetPpm
            self.targetCommitment = targetCommitment
        }
    }

    /// `contribution` pays by the scores of the task's scored rounds, by rows while none has counted.
    public enum PayoutRule: UInt8, Sendable { case equal = 1, rows = 2, contribution = 3 }

    public struct Reward: Hashable, Sendable {
        public var credits: UInt64
        public var rule: PayoutRule
        /// Rounds whose updates are scored; 1 or more exactly under `contribution`.
        public var scoredRounds: UInt32
        /// Smallest bond of a participant, in credits.
        public var minimumBond: UInt64

        public init(credits: UInt64, rule: PayoutRule, scoredRounds: UInt32 = 0, minimumBond: UInt64) {
            self.credits = credits
            self.rule = rule
            self.scoredRounds = scoredRounds
            self.minimumBond = minimumBond
        }
    }

    public enum Voting: UInt8, Sendable { case automatic = 1, manual = 2 }

    public init(
        name: String, seed: UInt64, model: Model, data: Data, rounds: UInt32, participants: Participants,
        deadlines: Deadlines, training: Training, update: Update, holders: Holders, evaluation: Evaluation,
        privacy: Privacy = .none, reward: Reward, bodyRetention: UInt32, voting: Voting
    ) {
        self.name = name
        self.seed = seed
        self.model = model
        self.data = data
        self.rounds = rounds
        self.participants = participants
        self.deadlines = deadlines
        self.training = training
        self.update = update
        self.holders = holders
        self.evaluation = evaluation
        self.privacy = privacy
        self.reward = reward
        self.bodyRetention = bodyRetention
        self.voting = voting
    }

    public static var domain: WireDomain { .taskSpec }
}
