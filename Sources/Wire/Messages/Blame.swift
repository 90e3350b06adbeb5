/// Who summed says what went wrong, with what the holders signed about one element: their K_j with Merkle paths.
public struct BlameClaim: WireCodable, Hashable {
    public enum Kind: UInt8, Sendable {
        /// All roots agree and the element has no bounded logarithm.
        case recovery = 1
        /// Two holders of one component signed different vectors; the element is their first difference.
        case dispute = 2
    }

    public struct Entry: WireCodable, Hashable {
        /// Place of the holder whose statement has the root.
        public let holder: UInt8
        public let component: UInt8
        /// K^(a)_j, a canonical scalar.
        public let key: Digest
        public let path: [Digest]

        public init(holder: UInt8, component: UInt8, key: Digest, path: [Digest]) {
            self.holder = holder
            self.component = component
            self.key = key
            self.path = path
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(holder)
            encoder.u8(component)
            encoder.value(key)
            encoder.list(path)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            holder = try decoder.u8("holder")
            component = try decoder.u8("component")
            key = try decoder.value()
            path = try decoder.list(limit: Limits.pathLength, "path")
        }
    }

    public let context: Digest
    public let manifest: BlockID
    public let kind: Kind
    public let element: UInt32
    /// Ascending by component, then holder: one a component for `recovery`; every holder of one component for `dispute`.
    public let entries: [Entry]

    public init(context: Digest, manifest: BlockID, kind: Kind, element: UInt32, entries: [Entry]) {
        self.context = context
        self.manifest = manifest
        self.kind = kind
        self.element = element
        self.entries = entries
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.value(manifest)
        encoder.u8(kind.rawValue)
        encoder.u32(element)
        encoder.list(entries)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        manifest = try decoder.value()
        let number = try decoder.u8("kind")
        guard let kind = Kind(rawValue: number) else { throw .invalid(field: "kind", reason: "unknown \(number)") }
        self.kind = kind
        element = try decoder.u32("element")
        entries = try decoder.list(limit: Limits.components, "entries")
        guard zip(entries, entries.dropFirst()).allSatisfy({ ($0.component, $0.holder) < ($1.component, $1.holder) })
        else {
            throw .invalid(field: "entries", reason: "not in ascending order")
        }
    }
}

/// A holder's masks of one element: R_ij^(a) of every member of the decided set.
public struct Disclosure: WireCodable, Hashable {
    public struct Masks: WireCodable, Hashable {
        public let component: UInt8
        /// In the order of the set.
        public let values: [Digest]

        public init(component: UInt8, values: [Digest]) {
            self.component = component
            self.values = values
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.u8(component)
            encoder.list(values)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            component = try decoder.u8("component")
            values = try decoder.list(limit: Limits.submitters, "masks")
        }
    }

    public let context: Digest
    public let manifest: BlockID
    public let element: UInt32
    /// Ascending by component.
    public let masks: [Masks]

    public init(context: Digest, manifest: BlockID, element: UInt32, masks: [Masks]) {
        self.context = context
        self.manifest = manifest
        self.element = element
        self.masks = masks
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.value(manifest)
        encoder.u32(element)
        encoder.list(masks)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        manifest = try decoder.value()
        element = try decoder.u32("element")
        masks = try decoder.list(limit: Limits.components, "masks")
        guard zip(masks, masks.dropFirst()).allSatisfy({ $0.component < $1.component }) else {
            throw .invalid(field: "masks", reason: "not in ascending order of component")
        }
    }
}

/// A submitter opens one seed of its own, to settle what two holders say about it or to contradict both.
public struct SeedOpening: WireCodable, Hashable {
    public let context: Digest
    public let submission: SubmissionID
    public let component: UInt8
    /// σ.
    public let seed: Digest

    public init(context: Digest, submission: SubmissionID, component: UInt8, seed: Digest) {
        self.context = context
        self.submission = submission
        self.component = component
        self.seed = seed
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.value(submission)
        encoder.u8(component)
        encoder.value(seed)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        submission = try decoder.value()
        component = try decoder.u8("component")
        seed = try decoder.value()
    }
}

/// Everything that convicts a client or a holder, so that a block's validity is a function of what it carries.
public struct BlameProof: WireCodable, Hashable {
    /// A chunk of a member's elements with its path to the root that the member signed.
    public struct Chunk: WireCodable, Hashable {
        public let submission: SubmissionID
        public let bytes: [UInt8]
        public let path: [Digest]

        public init(submission: SubmissionID, bytes: [UInt8], path: [Digest]) {
            self.submission = submission
            self.bytes = bytes
            self.path = path
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(submission)
            encoder.data(bytes)
            encoder.list(path)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            submission = try decoder.value()
            bytes = try decoder.data(limit: 32 * 1024, "chunk")
            path = try decoder.list(limit: Limits.pathLength, "path")
        }
    }

    public let claim: Envelope
    /// Key statements, ascending by signer.
    public let statements: [Envelope]
    /// Ascending by signer.
    public let disclosures: [Envelope]
    /// Ascending by signer.
    public let openings: [Envelope]
    /// Announcements of the members that the proof is about, ascending by signer.
    public let submissions: [Envelope]
    /// For every client that is named, the chunk that holds the element; ascending by submission.
    public let chunks: [Chunk]

    public init(
        claim: Envelope, statements: [Envelope], disclosures: [Envelope], openings: [Envelope], submissions: [Envelope],
        chunks: [Chunk]
    ) {
        self.claim = claim
        self.statements = statements
        self.disclosures = disclosures
        self.openings = openings
        self.submissions = submissions
        self.chunks = chunks
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(claim)
        encoder.list(statements)
        encoder.list(disclosures)
        encoder.list(openings)
        encoder.list(submissions)
        encoder.list(chunks)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        claim = try decoder.value()
        statements = try decoder.list(limit: Limits.holders, "statements")
        disclosures = try decoder.list(limit: Limits.holders, "disclosures")
        openings = try decoder.list(limit: Limits.named, "openings")
        submissions = try decoder.list(limit: 2 * Limits.named, "submissions")
        chunks = try decoder.list(limit: Limits.named, "chunks")
    }
}
