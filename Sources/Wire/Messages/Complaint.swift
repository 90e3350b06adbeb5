/// A holder's provable statement that boxes sealed to it do not open to what their headers commit to.
public struct Complaint: WireCodable, Hashable {
    public struct Entry: WireCodable, Hashable {
        public let submission: SubmissionID
        /// The component whose box is bad.
        public let component: UInt8
        /// D = p·E, the shared point of the holder's key and the submission's E.
        public let sharedPoint: Digest
        /// c ‖ z of the proof of equal logarithms.
        public let proof: Signature
        /// Every box of the submission, so that whoever has the header judges without the body.
        public let boxes: [[UInt8]]

        public init(
            submission: SubmissionID, component: UInt8, sharedPoint: Digest, proof: Signature, boxes: [[UInt8]]
        ) {
            self.submission = submission
            self.component = component
            self.sharedPoint = sharedPoint
            self.proof = proof
            self.boxes = boxes
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(submission)
            encoder.u8(component)
            encoder.value(sharedPoint)
            encoder.value(proof)
            encoder.list(boxes) { encoder, box in encoder.data(box) }
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            submission = try decoder.value()
            component = try decoder.u8("component")
            sharedPoint = try decoder.value()
            proof = try decoder.value()
            boxes = try decoder.list(limit: Limits.components * Limits.holders, "boxes") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.data(limit: 256, "box")
            }
        }
    }

    public let context: Digest
    /// Ascending by submission, one each.
    public let entries: [Entry]

    public init(context: Digest, entries: [Entry]) {
        self.context = context
        self.entries = entries
    }

    public func encode(into encoder: inout WireEncoder) {
        encoder.value(context)
        encoder.list(entries)
    }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        context = try decoder.value()
        entries = try decoder.list(limit: Limits.complaints, "entries")
        guard !entries.isEmpty else { throw .invalid(field: "entries", reason: "a complaint about nothing") }
        guard zip(entries, entries.dropFirst()).allSatisfy({ $0.submission < $1.submission }) else {
            throw .invalid(field: "entries", reason: "not in ascending order of submission")
        }
    }
}

/// The holders from which a voter had not heard what the phase needs when its deadline passed.
public struct Absence: WireCodable, Hashable {
    /// Ascending, not empty.
    public let holders: [NodeID]

    public init(holders: [NodeID]) { self.holders = holders }

    public func encode(into encoder: inout WireEncoder) { encoder.list(holders) }

    public init(from decoder: inout WireDecoder) throws(WireError) {
        holders = try decoder.list(limit: Limits.holders, "holders")
        guard !holders.isEmpty, zip(holders, holders.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .invalid(field: "holders", reason: "empty or not in ascending order")
        }
    }
}
