/// One voter's Received list inside a MANIFEST: a bit per id of the block's sorted union.
public struct ReceivedList: WireCodable, Hashable {
    public let signer: NodeID
    /// ⌈ids/8⌉ bytes, least significant bit first, unused bits zero.
    public let bitmap: [UInt8]
    public let signature: Signature

    public init(signer: NodeID, bitmap: [UInt8], signature: Signature) {
        self.signer = signer
        self.bitmap = bitmap
        self.signature = signature
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(signer)
        encoder.data(bitmap)
        encoder.value(signature)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        signer = try decoder.value()
        bitmap = try decoder.data(limit: (Limits.announcements + 7) / 8, "bitmap")
        signature = try decoder.value()
    }
}

/// Decides who is in the sum: everything its validity needs is inside.
public struct ManifestBody: WireCodable, Hashable {
    public let context: Digest
    /// Every id named by a list, ascending.
    public let union: [SubmissionID]
    /// One per signer, ascending by signer, together at least a quorum.
    public let lists: [ReceivedList]
    /// The signed announcements of all of L, ascending by submitter.
    public let submissions: [Envelope]
    /// The holders' Readys that cover S, ascending by signer.
    public let readys: [Envelope]
    /// Complaints that prove submissions of L bad, ascending by signer.
    public let complaints: [Envelope]
    /// Their submitters, ascending.
    public let evicted: [NodeID]
    /// The scores of an earlier round that are not decided yet; nil where there are none.
    public let scores: ScoreSection?

    public init(
        context: Digest, union: [SubmissionID], lists: [ReceivedList], submissions: [Envelope], readys: [Envelope],
        complaints: [Envelope] = [], evicted: [NodeID] = [], scores: ScoreSection? = nil
    ) {
        self.scores = scores
        self.complaints = complaints
        self.evicted = evicted
        self.context = context
        self.union = union
        self.lists = lists
        self.submissions = submissions
        self.readys = readys
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.list(union)
        encoder.list(lists)
        encoder.list(submissions)
        encoder.list(readys)
        encoder.list(complaints)
        encoder.list(evicted)
        encoder.optional(scores)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        union = try decoder.list(limit: Limits.announcements, "union")
        lists = try decoder.list(limit: Limits.voters, "lists")
        submissions = try decoder.list(limit: Limits.announcements, "submissions")
        readys = try decoder.list(limit: Limits.holders, "readys")
        complaints = try decoder.list(limit: Limits.holders, "complaints")
        evicted = try decoder.list(limit: Limits.evictions, "evicted")
        scores = try decoder.optional("scores")
    }
}

/// Decides what the sum is and which model follows.
public struct ResultBody: WireCodable, Hashable {
    public let manifest: BlockID
    public let aggregate: ContentReference
    public let model: ContentReference
    public let opening: Digest
    /// Whether opinions of more than a third of the weight rejected it: the old model stays.
    public let rejected: Bool
    /// The holders' statements, ascending by signer.
    public let keyStatements: [Envelope]
    /// Opinions of at least a quorum, ascending by signer.
    public let opinions: [Envelope]
    /// Convicts holders that signed a wrong vector; nil where nobody is convicted.
    public let blame: BlameProof?
    /// Those holders, ascending: replaced from the next attempt on.
    public let liars: [NodeID]

    public init(
        manifest: BlockID, aggregate: ContentReference, model: ContentReference, opening: Digest, rejected: Bool,
        keyStatements: [Envelope], opinions: [Envelope], blame: BlameProof? = nil, liars: [NodeID] = []
    ) {
        self.blame = blame
        self.liars = liars
        self.manifest = manifest
        self.aggregate = aggregate
        self.model = model
        self.opening = opening
        self.rejected = rejected
        self.keyStatements = keyStatements
        self.opinions = opinions
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(manifest)
        encoder.value(aggregate)
        encoder.value(model)
        encoder.value(opening)
        encoder.bool(rejected)
        encoder.list(keyStatements)
        encoder.list(opinions)
        encoder.optional(blame)
        encoder.list(liars)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        manifest = try decoder.value()
        aggregate = try decoder.value()
        model = try decoder.value()
        opening = try decoder.value()
        rejected = try decoder.bool("rejected")
        keyStatements = try decoder.list(limit: Limits.holders, "key statements")
        opinions = try decoder.list(limit: Limits.voters, "opinions")
        blame = try decoder.optional("blame")
        liars = try decoder.list(limit: Limits.holders, "liars")
    }
}

/// Why an attempt ends without a result. Numbers are never reused.
public enum VoidReason: UInt8, Sendable, WireCodable, CaseIterable {
    /// Fewer than n_min submissions were received by enough weight.
    case tooFew = 1
    /// A deadline passed and nobody could propose a manifest or result.
    case deadline = 2
    /// So many holders were silent at a deadline that the others do not know every component.
    case holders = 3
    /// A submission was proven bad after the manifest.
    case blame = 4

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let number = try decoder.u8("void reason")
        guard let reason = VoidReason(rawValue: number) else {
            throw .invalid(field: "void reason", reason: "unknown \(number)")
        }
        self = reason
    }
}

public struct VoidBody: WireCodable, Hashable {
    public let reason: VoidReason
    /// Members proven bad, ascending.
    public let evicted: [NodeID]
    /// For `tooFew`: the lists that prove it. Otherwise empty.
    public let union: [SubmissionID]
    public let lists: [ReceivedList]
    /// Holders that are replaced from the next attempt on, ascending: silent ones for `holders`, liars for `blame`.
    public let replaced: [NodeID]
    /// For `holders`: statements of voters, ascending by signer. Otherwise empty.
    public let absences: [Envelope]
    /// Complaints that prove submissions bad, ascending by signer.
    public let complaints: [Envelope]
    /// The announcements that the complaints are about, ascending by submitter.
    public let submissions: [Envelope]
    /// For `blame`, unless a complaint proves it all.
    public let blame: BlameProof?

    public init(
        reason: VoidReason, evicted: [NodeID], union: [SubmissionID], lists: [ReceivedList], replaced: [NodeID] = [],
        absences: [Envelope] = [], complaints: [Envelope] = [], submissions: [Envelope] = [], blame: BlameProof? = nil
    ) {
        self.replaced = replaced
        self.absences = absences
        self.complaints = complaints
        self.submissions = submissions
        self.blame = blame
        self.reason = reason
        self.evicted = evicted
        self.union = union
        self.lists = lists
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(reason)
        encoder.list(evicted)
        encoder.list(union)
        encoder.list(lists)
        encoder.list(replaced)
        encoder.list(absences)
        encoder.list(complaints)
        encoder.list(submissions)
        encoder.optional(blame)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        reason = try decoder.value()
        evicted = try decoder.list(limit: Limits.evictions, "evicted")
        union = try decoder.list(limit: Limits.announcements, "union")
        lists = try decoder.list(limit: Limits.voters, "lists")
        replaced = try decoder.list(limit: Limits.holders, "replaced")
        absences = try decoder.list(limit: Limits.voters, "absences")
        complaints = try decoder.list(limit: Limits.holders, "complaints")
        submissions = try decoder.list(limit: Limits.complaints * Limits.holders, "submissions")
        blame = try decoder.optional("blame")
    }
}

/// Why a task ended short of its last round. Numbers are never reused.
public enum FailureReason: UInt8, Sendable, WireCodable {
    /// Three attempts of one round with a decided manifest gave no result.
    case attempts = 1
    /// Three results in a row were rejected.
    case quality = 2
    /// The task's expiry passed.
    case expired = 3
    /// More holders failed than the profile lets replace.
    case holders = 4

    public func encode(into encoder: inout WireEncoder) { encoder.u8(rawValue) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let number = try decoder.u8("failure reason")
        guard let reason = FailureReason(rawValue: number) else {
            throw .invalid(field: "failure reason", reason: "unknown \(number)")
        }
        self = reason
    }
}

/// A change of the task's course. `complete` and `failed` follow from decided blocks alone and need no transaction.
public enum ControlBody: WireCodable, Hashable {
    case complete
    case failed(FailureReason)
    /// What the publisher ordered, with the registry's proof.
    case ordered(ControlOrder)
    /// Opens a scored round with the publisher's commitment.
    indirect case direction(Envelope)
    /// The deadline of the commitment passed without one: the round is not scored.
    case noDirection
    /// The scores of the last scored round, where no MANIFEST follows that could carry them.
    indirect case scores(ScoreSection)
    /// Moves the registry electorate that this chain knows over the next changes of it, so that the proof of an order never
    /// grows beyond `Limits.proofSteps`. By any member.
    case anchor([RegistryStep])

    public func encode(into encoder: inout WireEncoder) {
        switch self {
        case .complete: encoder.u8(1)
        case .failed(let reason):
            encoder.u8(2)
            encoder.value(reason)
        case .ordered(let order):
            encoder.u8(3)
            encoder.value(order)
        case .direction(let commitment):
            encoder.u8(4)
            encoder.value(commitment)
        case .noDirection: encoder.u8(6)
        case .scores(let section):
            encoder.u8(5)
            encoder.value(section)
        case .anchor(let steps):
            encoder.u8(7)
            encoder.list(steps)
        }
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        switch try decoder.u8("control") {
        case 1: self = .complete
        case 2: self = .failed(try decoder.value())
        case 3: self = .ordered(try decoder.value())
        case 4: self = .direction(try decoder.value())
        case 5: self = .scores(try decoder.value())
        case 6: self = .noDirection
        case 7: self = .anchor(try decoder.list(limit: Limits.proofSteps, "steps"))
        case let other: throw .invalid(field: "control", reason: "unknown \(other)")
        }
    }
}

/// The transactions of a registry block, in order.
public struct RegistryBody: WireCodable, Hashable {
    public let transactions: [Envelope]

    public init(transactions: [Envelope]) { self.transactions = transactions }

    public func encode(into encoder: inout WireEncoder) { encoder.list(transactions) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        transactions = try decoder.list(limit: Limits.transactionsPerBlock, "transactions")
    }
}
