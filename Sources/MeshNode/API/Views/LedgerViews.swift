/// One account of the registry. Credits are integers.
public struct AccountView: Codable, Equatable, Sendable {
    public var node: String
    public var balance: UInt64
    /// With tasks.
    public var bonded: UInt64
    /// As a validator of the registry.
    public var validatorBond: UInt64
    /// Taken back and still slashable.
    public var unbonding: UInt64
    /// Kept for its place in the registry.
    public var reserve: UInt64
    public var isSelf: Bool
    /// What of it comes back when, the earliest first.
    public var releases: [Release]

    public struct Release: Codable, Equatable, Sendable {
        public var credits: UInt64
        /// Milliseconds since 1970; it comes back with the first registry block after it.
        public var timeMs: UInt64

        public init(credits: UInt64, timeMs: UInt64) {
            self.credits = credits
            self.timeMs = timeMs
        }
    }

    public init(
        node: String, balance: UInt64, bonded: UInt64, validatorBond: UInt64, unbonding: UInt64, isSelf: Bool,
        releases: [Release] = [], reserve: UInt64 = 0
    ) {
        self.releases = releases
        self.node = node
        self.balance = balance
        self.bonded = bonded
        self.validatorBond = validatorBond
        self.unbonding = unbonding
        self.reserve = reserve
        self.isSelf = isSelf
    }
}

/// Every account, and where the rest of the credits is: the total never changes.
public struct LedgerView: Codable, Equatable, Sendable {
    public struct Escrow: Codable, Equatable, Sendable {
        public var task: String
        public var name: String
        public var credits: UInt64
        /// Milliseconds since 1970: when they are paid out, or at the latest.
        public var payoutMs: UInt64?
        /// Whether that is the date, since the task has ended; else it is the latest one.
        public var isDated: Bool

        public init(task: String, name: String, credits: UInt64, payoutMs: UInt64? = nil, isDated: Bool = false) {
            self.task = task
            self.name = name
            self.credits = credits
            self.payoutMs = payoutMs
            self.isDated = isDated
        }
    }

    /// What a publisher has put up for the place of a task; it comes back when the task leaves the registry.
    public struct Deposit: Codable, Equatable, Sendable {
        public var task: String
        public var name: String
        public var publisher: String
        public var credits: UInt64

        public init(task: String, name: String, publisher: String, credits: UInt64) {
            self.task = task
            self.name = name
            self.publisher = publisher
            self.credits = credits
        }
    }

    /// Registry height.
    public var height: UInt64
    /// Of all that follows: what accounts have free, with tasks, bonded and unbonding, escrows, deposits, and what is lost.
    public var total: UInt64
    /// Lost by evidence.
    public var burned: UInt64
    public var accounts: [AccountView]
    public var escrows: [Escrow]
    public var deposits: [Deposit]

    public init(
        height: UInt64, total: UInt64, burned: UInt64, accounts: [AccountView], escrows: [Escrow],
        deposits: [Deposit] = []
    ) {
        self.height = height
        self.total = total
        self.burned = burned
        self.accounts = accounts
        self.escrows = escrows
        self.deposits = deposits
    }
}

/// One change of an account.
public struct LedgerLine: Codable, Equatable, Sendable {
    public var height: UInt64
    public var timeMs: UInt64
    /// sent, received, escrow, enrolled, bonded, unbonding, unbonded, payout, refund or slashed.
    public var kind: String
    public var credits: Int64
    public var task: String?
    public var other: String?

    public init(
        height: UInt64, timeMs: UInt64, kind: String, credits: Int64, task: String? = nil, other: String? = nil
    ) {
        self.height = height
        self.timeMs = timeMs
        self.kind = kind
        self.credits = credits
        self.task = task
        self.other = other
    }
}

/// What one node did for all paid tasks: the same table on every node.
public struct ContributorView: Codable, Equatable, Sendable {
    public var node: String
    public var tasks: UInt64
    public var rounds: UInt64
    /// Accepted rounds of its paid tasks, with it or without.
    public var offered: UInt64
    public var aggregated: UInt64
    public var credits: UInt64
    /// Bonds lost by evidence.
    public var slashes: UInt64
    /// 0 to 1: (rounds + 1) / (offered + 2), halved for each bond lost.
    public var reputation: Double
    /// Ratings by publishers, and their mean, 1 to 5; absent without any.
    public var ratings: UInt64
    public var stars: Double?

    public init(
        node: String, tasks: UInt64, rounds: UInt64, offered: UInt64, aggregated: UInt64, credits: UInt64,
        slashes: UInt64, reputation: Double, ratings: UInt64 = 0, stars: Double? = nil
    ) {
        self.node = node
        self.tasks = tasks
        self.rounds = rounds
        self.offered = offered
        self.aggregated = aggregated
        self.credits = credits
        self.slashes = slashes
        self.reputation = reputation
        self.ratings = ratings
        self.stars = stars
    }
}
