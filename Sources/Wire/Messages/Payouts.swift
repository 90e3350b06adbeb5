/// How a task chain stands, or how it ended. Numbers are never reused.
public enum TaskOutcome: WireCodable, Hashable {
    case running
    case complete
    case failed(FailureReason)
    /// Ended by its publisher.
    case stopped

    public var isTerminal: Bool { self != .running }

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .running: encoder.u8(0)
        case .complete: encoder.u8(1)
        case .failed(let reason):
            encoder.u8(2)
            encoder.value(reason)
        case .stopped: encoder.u8(3)
        }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("outcome") {
        case 0: self = .running
        case 1: self = .complete
        case 2: self = .failed(try decoder.value())
        case 3: self = .stopped
        case let other: throw .invalid(field: "outcome", reason: "unknown \(other)")
        }
    }
}

/// What the decided blocks of a task have earned its members so far. A task block's payout root is its hash.
public struct PayoutTable: WireCodable, Hashable {
    public struct Entry: WireCodable, Hashable {
        public let node: NodeID
        /// Rounds in whose accepted sum this member was.
        public var rounds: UInt32
        /// Accepted rounds that it aggregated.
        public var aggregated: UInt32
        /// Credits earned by both, from the task's escrow.
        public var credits: UInt64

        public init(node: NodeID, rounds: UInt32, aggregated: UInt32, credits: UInt64) {
            self.node = node
            self.rounds = rounds
            self.aggregated = aggregated
            self.credits = credits
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(node)
            encoder.u32(rounds)
            encoder.u32(aggregated)
            encoder.u64(credits)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            node = try decoder.value()
            rounds = try decoder.u32("rounds")
            aggregated = try decoder.u32("aggregated")
            credits = try decoder.u64("credits")
        }
    }

    public var outcome: TaskOutcome
    /// Accepted rounds.
    public var rounds: UInt32
    /// Weight-median accuracy of the last accepted round, ppm.
    public var accuracyPpm: UInt32
    /// Every member, ascending.
    public var entries: [Entry]

    public init(outcome: TaskOutcome, rounds: UInt32, accuracyPpm: UInt32, entries: [Entry]) {
        self.outcome = outcome
        self.rounds = rounds
        self.accuracyPpm = accuracyPpm
        self.entries = entries
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(outcome)
        encoder.u32(rounds)
        encoder.u32(accuracyPpm)
        encoder.list(entries)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        outcome = try decoder.value()
        rounds = try decoder.u32("rounds")
        accuracyPpm = try decoder.u32("accuracy")
        entries = try decoder.list(limit: Limits.submitters, "entries")
        guard zip(entries, entries.dropFirst()).allSatisfy({ $0.node < $1.node }) else {
            throw .invalid(field: "entries", reason: "not in ascending order of node")
        }
    }
}

/// A decided task header with what it says that its members have earned.
public struct Settlement: WireCodable, Hashable {
    public let header: BlockHeader
    public let certificate: Certificate
    /// Its hash is the header's payout root.
    public let payouts: PayoutTable

    public init(header: BlockHeader, certificate: Certificate, payouts: PayoutTable) {
        self.header = header
        self.certificate = certificate
        self.payouts = payouts
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(header)
        encoder.value(certificate)
        encoder.value(payouts)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        header = try decoder.value()
        certificate = try decoder.value()
        payouts = try decoder.value()
    }
}
