/// What the publisher says before a scored round: the commitment to its direction, or that there is none.
public struct DirectionCommitment: WireCodable, Hashable {
    /// Hash of salt and signs; nil: this round is not scored.
    public let commitment: Digest?

    public init(commitment: Digest?) { self.commitment = commitment }

    public func encode(into encoder: inout WireEncoder) { encoder.optional(commitment) }
    public init(from decoder: inout WireDecoder) throws(WireError) { commitment = try decoder.optional("commitment") }
}

/// Opens the commitment after the round's RESULT is decided.
public struct DirectionReveal: WireCodable, Hashable {
    public let salt: Digest
    /// One byte an element: 0, 1, or 255 for minus one. Content of kind direction.
    public let direction: ContentReference

    public init(salt: Digest, direction: ContentReference) {
        self.salt = salt
        self.direction = direction
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(salt)
        encoder.value(direction)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        salt = try decoder.value()
        direction = try decoder.value()
    }
}

/// A client's opening of one linear functional of its update: s = <a, x> and the mask's share of it.
public struct ScoreStatement: WireCodable, Hashable {
    public let submission: SubmissionID
    public let score: Int64
    /// κ, a canonical scalar.
    public let mask: Digest

    public init(submission: SubmissionID, score: Int64, mask: Digest) {
        self.submission = submission
        self.score = score
        self.mask = mask
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(submission)
        encoder.i64(score)
        encoder.value(mask)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        submission = try decoder.value()
        score = try decoder.i64("score")
        mask = try decoder.value()
    }
}

/// The scores of a round as a block decides them.
public struct ScoreSection: WireCodable, Hashable {
    /// The publisher's reveal; there exactly when openings are.
    public let reveal: Envelope?
    /// Every submission that a list names, ascending.
    public let union: [SubmissionID]
    /// Voters' lists of the submissions whose opening they found right, one per signer, ascending by signer.
    public let lists: [ReceivedList]
    /// The openings that lists of at least T weight name, ascending by signer.
    public let openings: [Envelope]

    public init(reveal: Envelope?, union: [SubmissionID], lists: [ReceivedList], openings: [Envelope]) {
        self.reveal = reveal
        self.union = union
        self.lists = lists
        self.openings = openings
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.optional(reveal)
        encoder.list(union)
        encoder.list(lists)
        encoder.list(openings)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        reveal = try decoder.optional("reveal")
        union = try decoder.list(limit: Limits.submitters, "union")
        lists = try decoder.list(limit: Limits.voters, "lists")
        openings = try decoder.list(limit: Limits.submitters, "openings")
    }
}
