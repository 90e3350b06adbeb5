/// Announces an encrypted update. Its payload hash is the submission's name; the body is pulled by content id.
public struct SubmissionHeader: WireMessage, Hashable {
    /// Hash of everything both sides must agree on before a value is encrypted.
    public let context: Digest
    public let round: UInt32
    public let attempt: UInt16
    public let submitter: NodeID
    /// 32 fresh bytes.
    public let nonce: Digest
    /// One per mask component.
    public let componentCommitments: [Digest]
    /// E = t·G, ristretto255; the identity is refused.
    public let ephemeral: Digest
    /// Schnorr proof of t, 64 bytes.
    public let proof: Signature
    public let boxesHash: Digest
    public let elementCount: UInt32
    /// Merkle root over the chunks of the elements.
    public let elementsRoot: Digest
    public let body: ContentReference
    /// In a later attempt of a keyed round: that this is the integer vector of the submission in the decided set.
    public var resubmission: Resubmission?

    /// λ with 8·Σ ρ_j·(U'_j − U_j) = 8·λ·H.
    public struct Resubmission: WireCodable, Hashable {
        public let previous: SubmissionID
        public let lambda: Digest

        public init(previous: SubmissionID, lambda: Digest) {
            self.previous = previous
            self.lambda = lambda
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(previous)
            encoder.value(lambda)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            previous = try decoder.value()
            lambda = try decoder.value()
        }
    }

    public init(
        context: Digest, round: UInt32, attempt: UInt16, submitter: NodeID, nonce: Digest,
        componentCommitments: [Digest], ephemeral: Digest, proof: Signature, boxesHash: Digest, elementCount: UInt32,
        elementsRoot: Digest, body: ContentReference, resubmission: Resubmission? = nil
    ) {
        self.resubmission = resubmission
        self.context = context
        self.round = round
        self.attempt = attempt
        self.submitter = submitter
        self.nonce = nonce
        self.componentCommitments = componentCommitments
        self.ephemeral = ephemeral
        self.proof = proof
        self.boxesHash = boxesHash
        self.elementCount = elementCount
        self.elementsRoot = elementsRoot
        self.body = body
    }

    public static var domain: WireDomain { .submissionHeader }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.u32(round)
        encoder.u16(attempt)
        encoder.value(submitter)
        encoder.value(nonce)
        encoder.list(componentCommitments)
        encoder.value(ephemeral)
        encoder.value(proof)
        encoder.value(boxesHash)
        encoder.u32(elementCount)
        encoder.value(elementsRoot)
        encoder.value(body)
        encoder.optional(resubmission)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        round = try decoder.u32("round")
        attempt = try decoder.u16("attempt")
        submitter = try decoder.value()
        nonce = try decoder.value()
        componentCommitments = try decoder.list(limit: Limits.components, "component commitments")
        ephemeral = try decoder.value()
        proof = try decoder.value()
        boxesHash = try decoder.value()
        elementCount = try decoder.u32("element count")
        guard elementCount <= Limits.elements else {
            throw .tooLong(field: "element count", length: UInt64(elementCount), limit: Limits.elements)
        }
        elementsRoot = try decoder.value()
        body = try decoder.value()
        resubmission = try decoder.optional("resubmission")
    }
}

/// The pulled part of a submission: sealed boxes, then the elements.
public struct SubmissionContent: WireMessage, Hashable {
    public let boxes: [[UInt8]]
    public let elements: [UInt8]

    public init(boxes: [[UInt8]], elements: [UInt8]) {
        self.boxes = boxes
        self.elements = elements
    }

    public static var domain: WireDomain { .submissionBody }

    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.list(boxes) { encoder, box in encoder.data(box) }
        encoder.data(elements)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        boxes = try decoder.list(limit: Limits.components * Limits.holders, "boxes") {
            (decoder: inout WireDecoder) throws(WireError) in try decoder.data(limit: 256, "box")
        }
        elements = try decoder.data(limit: Limits.elements * 64, "elements")
    }
}

/// The submissions that a voter saw in time and stored, in ascending order.
public struct Received: WireCodable, Hashable {
    public let submissions: [SubmissionID]

    public init(submissions: [SubmissionID]) { self.submissions = submissions }

    public func encode(into encoder: inout WireEncoder) { encoder.list(submissions) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        submissions = try decoder.list(limit: Limits.submitters, "submissions")
        guard zip(submissions, submissions.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .invalid(field: "submissions", reason: "not in ascending order")
        }
    }
}

/// The submissions whose sealed seeds a holder opened and found right, in ascending order.
public struct Ready: WireCodable, Hashable {
    public let context: Digest
    public let opened: [SubmissionID]

    public init(context: Digest, opened: [SubmissionID]) {
        self.context = context
        self.opened = opened
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.list(opened)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        opened = try decoder.list(limit: Limits.announcements, "opened")
        guard zip(opened, opened.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .invalid(field: "opened", reason: "not in ascending order")
        }
    }
}

/// A holder's one statement of an attempt: the root of the key vector of every component it knows.
public struct KeyStatement: WireCodable, Hashable {
    public struct ComponentRoot: WireCodable, Hashable {
        public let component: UInt8
        public let root: Digest

        public init(component: UInt8, root: Digest) {
            self.component = component
            self.root = root
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(component)
            encoder.value(root)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            component = try decoder.u8("component")
            root = try decoder.value()
        }
    }

    public let context: Digest
    /// The decided MANIFEST that the key belongs to.
    public let manifest: BlockID
    /// In ascending order of component.
    public let roots: [ComponentRoot]

    public init(context: Digest, manifest: BlockID, roots: [ComponentRoot]) {
        self.context = context
        self.manifest = manifest
        self.roots = roots
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.value(manifest)
        encoder.list(roots)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        manifest = try decoder.value()
        roots = try decoder.list(limit: Limits.components, "roots")
        guard zip(roots, roots.dropFirst()).allSatisfy({ $0.component < $1.component }) else {
            throw .invalid(field: "roots", reason: "not in ascending order of component")
        }
    }
}

/// What the aggregator recovered, before any vote: opinions name it by its payload id.
public struct Candidate: WireCodable, Hashable {
    public let manifest: BlockID
    public let payload: PayloadID
    /// e, raw little-endian integers.
    public let aggregate: ContentReference
    public let model: ContentReference
    /// k̂, the opening of the random combination.
    public let opening: Digest

    public init(
        manifest: BlockID, payload: PayloadID, aggregate: ContentReference, model: ContentReference, opening: Digest
    ) {
        self.manifest = manifest
        self.payload = payload
        self.aggregate = aggregate
        self.model = model
        self.opening = opening
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(manifest)
        encoder.value(payload)
        encoder.value(aggregate)
        encoder.value(model)
        encoder.value(opening)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        manifest = try decoder.value()
        payload = try decoder.value()
        aggregate = try decoder.value()
        model = try decoder.value()
        opening = try decoder.value()
    }
}

/// A voter's judgement of a candidate on its own held-out data. It never decides validity.
public struct Opinion: WireCodable, Hashable {
    public enum Verdict: UInt8, Sendable {
        case accept = 1
        case reject = 2
        case abstain = 3
    }

    /// What a verdict rests on; each belongs to one verdict, except that a person may give any.
    public enum Reason: UInt8, Sendable {
        /// Accept: on this voter's rows the accuracy fell by no more than the task tolerates.
        case withinTolerance = 1
        /// Reject: it fell by more.
        case accuracyFell = 2
        /// Abstain: this voter has no held-out rows.
        case noRows = 3
        /// Abstain: its rows do not fit the task or could not be evaluated.
        case unusableRows = 4
        /// Abstain: a person was asked and had not answered by the deadline.
        case unanswered = 5
        /// A person's verdict, with the person's words as remark.
        case byHand = 6

        func fits(_ verdict: Verdict) -> Bool {
            switch self {
            case .withinTolerance: verdict == .accept
            case .accuracyFell: verdict == .reject
            case .noRows, .unusableRows, .unanswered: verdict == .abstain
            case .byHand: true
            }
        }
    }

    public let payload: PayloadID
    public let verdict: Verdict
    public let reason: Reason
    /// A person's words, at most ``Limits/remark`` bytes of UTF-8; empty unless by hand.
    public let remark: String
    /// Parts per million; 0 with `evaluatedRows` 0 when abstaining.
    public let accuracyPpm: UInt32
    /// Mean cross-entropy in millionths of a nat.
    public let lossPpm: UInt64
    public let evaluatedRows: UInt32

    /// - Parameters:
    ///   - reason: one that fits the verdict; nil takes the one of a measurement, or "no rows" for an abstention.
    ///   - remark: only with `byHand`; cut to what fits.
    public init(
        payload: PayloadID, verdict: Verdict, reason: Reason? = nil, remark: String = "", accuracyPpm: UInt32,
        lossPpm: UInt64, evaluatedRows: UInt32
    ) {
        self.payload = payload
        self.verdict = verdict
        let measured: Reason =
            switch verdict {
            case .accept: .withinTolerance
            case .reject: .accuracyFell
            case .abstain: .noRows
            }
        let given = reason ?? measured
        self.reason = given.fits(verdict) ? given : measured
        var words = self.reason == .byHand ? remark : ""
        while words.utf8.count > Limits.remark { words.removeLast() }
        self.remark = words
        self.accuracyPpm = accuracyPpm
        self.lossPpm = lossPpm
        self.evaluatedRows = evaluatedRows
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(payload)
        encoder.u8(verdict.rawValue)
        encoder.u8(reason.rawValue)
        encoder.string(remark)
        encoder.u32(accuracyPpm)
        encoder.u64(lossPpm)
        encoder.u32(evaluatedRows)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        payload = try decoder.value()
        let number = try decoder.u8("verdict")
        guard let verdict = Verdict(rawValue: number) else {
            throw .invalid(field: "verdict", reason: "unknown \(number)")
        }
        self.verdict = verdict
        let reasonNumber = try decoder.u8("reason")
        guard let reason = Reason(rawValue: reasonNumber), reason.fits(verdict) else {
            throw .invalid(field: "reason", reason: "\(reasonNumber) is no reason to \(verdict)")
        }
        self.reason = reason
        remark = try decoder.string(limit: Limits.remark, "remark")
        guard remark.isEmpty || reason == .byHand else {
            throw .invalid(field: "remark", reason: "only a person's verdict has one")
        }
        accuracyPpm = try decoder.u32("accuracy")
        guard accuracyPpm <= 1_000_000 else { throw .invalid(field: "accuracy", reason: "above 1000000 ppm") }
        lossPpm = try decoder.u64("loss")
        evaluatedRows = try decoder.u32("evaluated rows")
    }
}
