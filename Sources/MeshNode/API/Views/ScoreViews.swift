/// Who was scored with what, and what that is worth so far.
public struct ScoresView: Codable, Equatable, Sendable {
    public struct Score: Codable, Equatable, Sendable {
        public var node: String
        /// s = <a, x>, an integer; absent where the member opened nothing in time, which counts -1.5.
        public var score: Int64?
        /// Score over the median of the positive ones, cut at 1.5 both ways; absent where the round does not count.
        public var unit: Double?

        public init(node: String, score: Int64?, unit: Double?) {
            self.node = node
            self.score = score
            self.unit = unit
        }
    }

    public struct Round: Codable, Equatable, Sendable {
        public var round: UInt32
        /// Content id of the revealed direction; absent where none was found right.
        public var direction: String?
        /// Whether enough scores are positive.
        public var counts: Bool
        public var scores: [Score]

        public init(round: UInt32, direction: String?, counts: Bool, scores: [Score]) {
            self.round = round
            self.direction = direction
            self.counts = counts
            self.scores = scores
        }
    }

    public struct Member: Codable, Equatable, Sendable {
        public var node: String
        /// Sum of the units over the rounds that count.
        public var sum: Double
        /// Part of the members' nine tenths that goes by score.
        public var share: Double
        /// What it would be paid if the task ended now, its tenths as aggregator included.
        public var credits: UInt64

        public init(node: String, sum: Double, share: Double, credits: UInt64) {
            self.node = node
            self.sum = sum
            self.share = share
            self.credits = credits
        }
    }

    public var task: String
    /// equal, rows or contribution.
    public var rule: String
    /// Scored rounds that the task has left.
    public var left: UInt32
    /// The accepted round whose scores no block has decided yet.
    public var open: UInt32?
    /// Whether the shares go by score; by rows while no member is above the cut.
    public var isByScore: Bool
    public var rounds: [Round]
    public var members: [Member]

    public init(
        task: String, rule: String, left: UInt32, open: UInt32?, isByScore: Bool, rounds: [Round], members: [Member]
    ) {
        self.task = task
        self.rule = rule
        self.left = left
        self.open = open
        self.isByScore = isByScore
        self.rounds = rounds
        self.members = members
    }
}
