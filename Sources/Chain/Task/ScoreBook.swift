internal import MeshCrypto
public import Wire

/// What a task chain knows of its scored rounds: which are left, whose scores are still open, what was scored.
public struct ScoreBook: Hashable, Sendable {
    /// What is decided about the direction of the present round.
    public enum Direction: Hashable, Sendable {
        case undecided
        case none
        case committed(Digest)
    }

    /// An accepted round whose scores no block has decided yet.
    public struct Pending: Hashable, Sendable {
        public let round: UInt32
        public let commitment: Digest
        public let set: [TaskState.SetMember]
    }

    /// A round with decided scores.
    public struct Round: Hashable, Sendable, WireCodable {
        public struct Entry: Hashable, Sendable, WireCodable {
            public let node: NodeID
            /// nil for a member of the set without a right opening in time.
            public let score: Int64?

            public init(node: NodeID, score: Int64?) {
                self.node = node
                self.score = score
            }

            public func encode(into encoder: inout WireEncoder) {
                encoder.value(node)
                encoder.bool(score != nil)
                if let score { encoder.i64(score) }
            }

            public init(from decoder: inout WireDecoder) throws(WireError) {
                node = try decoder.value()
                score = try decoder.bool("is scored") ? try decoder.i64("score") : nil
            }
        }

        public let round: UInt32
        /// nil where the publisher revealed nothing that enough voters found right.
        public let direction: ContentReference?
        /// The whole set, ascending by node; empty where nobody has opened anything.
        public let entries: [Entry]

        public init(round: UInt32, direction: ContentReference?, entries: [Entry]) {
            self.round = round
            self.direction = direction
            self.entries = entries
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u32(round)
            encoder.optional(direction)
            encoder.list(entries)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            round = try decoder.u32("round")
            direction = try decoder.optional("direction")
            entries = try decoder.list(limit: Limits.submitters, "entries")
        }
    }

    /// Scored rounds that the task has left, the present one included.
    public internal(set) var left: UInt32
    public internal(set) var direction = Direction.undecided
    public internal(set) var pending: Pending?
    public internal(set) var rounds: [Round] = []
    /// Credits of the rounds that each member aggregated, in the order of the payout table.
    public internal(set) var authored: [UInt64]

    init(_ genesis: TaskGenesis) {
        left = genesis.spec.reward.scoredRounds
        authored = [UInt64](repeating: 0, count: genesis.members.count)
    }

    func encode(into encoder: inout WireEncoder) {
        encoder.u32(left)
        switch direction {
        case .undecided: encoder.u8(0)
        case .none: encoder.u8(1)
        case .committed(let commitment):
            encoder.u8(2)
            encoder.value(commitment)
        }
        encoder.bool(pending != nil)
        if let pending {
            encoder.u32(pending.round)
            encoder.value(pending.commitment)
            encoder.list(pending.set)
        }
        encoder.list(rounds)
        encoder.list(authored) { encoder, credits in encoder.u64(credits) }
    }
}

extension TaskState {
    /// Whether the present round is one of the scored ones: drawn from its own seed, so that nobody knows before the round
    /// starts, and so that exactly `reward.scored_rounds` of `rounds` are drawn.
    public var isRoundScored: Bool {
        guard spec.reward.rule == .contribution, scores.left > 0, round <= spec.rounds else { return false }
        let remaining = UInt64(spec.rounds - round) + 1
        let hash = Transcript.hash("meshnode/scored-round/1", roundSeed.bytes)
        let drawn = hash.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return drawn % remaining < UInt64(scores.left)
    }

    /// Whether the chain waits for CONTROL(direction): only CONTROL may follow then.
    public var isDirectionDue: Bool {
        guard case .collecting = phase, impliedControl == nil, scores.direction == .undecided else { return false }
        return isRoundScored
    }

    /// The commitment that the present round's context holds; nil when it is not scored.
    public var directionCommitment: Digest? {
        if case .committed(let commitment) = scores.direction { commitment } else { nil }
    }

    // MARK: Fold

    mutating func decideDirection(_ envelope: Envelope?) {
        let commitment = envelope.flatMap { (try? DirectionCommitment(wireBytes: $0.payload))?.commitment }
        scores.direction = commitment.map { .committed($0) } ?? .none
    }

    /// A RESULT ends the round.
    ///
    /// - Parameter set: of an accepted result; nil for a rejected one, which scores nobody.
    mutating func endScoredRound(_ set: [SetMember]?) {
        if isRoundScored { scores.left -= 1 }
        if let set, let commitment = directionCommitment {
            scores.pending = .init(round: round, commitment: commitment, set: set)
        }
        scores.direction = .undecided
    }

    mutating func decideScores(_ section: ScoreSection?) {
        guard let section, let pending = scores.pending else { return }
        var opened: [NodeID: Int64] = [:]
        for envelope in section.openings {
            opened[envelope.signer] = (try? ScoreStatement(wireBytes: envelope.payload))?.score
        }
        let entries =
            opened.isEmpty
            ? []
            : pending.set.map(\.node).sorted().map { ScoreBook.Round.Entry(node: $0, score: opened[$0]) }
        let reveal = section.reveal.flatMap { try? DirectionReveal(wireBytes: $0.payload) }
        scores.rounds.append(.init(round: pending.round, direction: reveal?.direction, entries: entries))
        scores.pending = nil
        shareByContribution()
    }
}
