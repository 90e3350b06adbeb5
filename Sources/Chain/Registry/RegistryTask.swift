public import Wire

extension RegistryState {
    /// What the registry knows of one task.
    public struct TaskRecord: Hashable, Sendable {
        public let task: TaskID
        public let spec: TaskSpec
        public let publisher: NodeID
        public let sealingKey: SealingKey
        public let publishedMs: UInt64
        public let publishedHeight: UInt64
        /// How many tasks were published before it.
        public let number: Int
        public var escrow: UInt64
        /// What the publisher locked up for the task's place in the registry; it returns when the task leaves.
        public var deposit: UInt64
        /// In order of arrival; each counts from the height after its own.
        public var enrolments: [Enrolled]
        public var closed: Closed?
        /// The publisher's orders after the Close, sequence 1 first, with the height of each.
        public var orders: [Order] = []
        /// Stopped before its Close: everything went back.
        public var isCancelled = false
        /// The highest decided header that was settled.
        public var settlement: Settled?
        public var revealedTargetPpm: UInt32?
        /// When the payout is due; nil until a terminal settlement or the expiry.
        public var windowEndsMs: UInt64?
        /// When the escrow was paid out; once.
        public var paidMs: UInt64?
        public var bondsReleased = false
        /// Members whose bond was lost, ascending.
        public var slashed: [NodeID] = []
        /// The publisher's ratings of members, ascending by node, one each.
        public var ratings: [Rating] = []

        public var expiresMs: UInt64 { publishedMs &+ spec.deadlines.expiryMs }

        /// Whether the publisher has paused it, by the registry's orders.
        public var isPaused: Bool { orders.last?.action == .pause }
        public var isStopped: Bool { isCancelled || orders.last?.action == .stop }

        /// Whether it still runs or waits for its members: what an account may have a limited number of.
        public var isOpen: Bool { !isCancelled && windowEndsMs == nil }

        /// Whether this member's bond of this task can still be lost.
        public func isSlashable(_ node: NodeID) -> Bool {
            !bondsReleased && !isCancelled && !slashed.contains(node) && enrolments.contains { $0.node == node }
        }
    }

    /// What is kept of a task that has left: enough to tell it from any other and to hold its chain against.
    public struct EndedTask: Hashable, Sendable {
        public let task: TaskID
        /// The header that was settled last; nil: none was.
        public let settledHeight: UInt64?
        public let settledBlock: BlockID
        /// Hash of its record as it left.
        public let digest: Digest
    }

    public struct Enrolled: Hashable, Sendable {
        public let node: NodeID
        public let height: UInt64
        public package(set) var enrolment: Enrolment
    }

    public struct Closed: Hashable, Sendable {
        public let height: UInt64
        public var block: BlockID
        /// R of the height two after; nil until it is decided.
        public var beacon: Digest?
        /// The registry's electorates of the two heights after that one: what the proof of a Control starts from.
        public var electorates: RegistryAnchor?
    }

    public struct Order: Hashable, Sendable {
        public let height: UInt64
        public let action: ControlAction
    }

    public struct Rating: Hashable, Sendable {
        public let node: NodeID
        /// 1 to 5.
        public let stars: UInt8
    }

    public struct Settled: Hashable, Sendable {
        public let height: UInt64
        public let block: BlockID
        public let payouts: PayoutTable
    }
}

/// The electorates of the registry after a height that a task chain starts from.
public struct RegistryAnchor: Hashable, Sendable {
    /// The last registry height that the task's genesis rests on.
    public let height: UInt64
    /// Hashes of the electorates of the next height and of the one after.
    public let next: Digest
    public let second: Digest

    public init(height: UInt64, next: Digest, second: Digest) {
        self.height = height
        self.next = next
        self.second = second
    }
}
