internal import Chain
internal import MeshCrypto
internal import Wire

/// A stand-in for the encryption: bodies, roots and sums are hashes and word sums, so that all honest nodes agree on
/// them and anything wrong is seen, at no cost. Learning is one hash.
enum NullScheme {
    /// A submission's pulled part: a flag that says what is wrong with it (0: nothing), then four words.
    static func body(submitter: NodeID, context: Digest, variant: UInt8 = 0, flaw: UInt8 = 0) -> [UInt8] {
        [flaw] + Transcript.hash("sim/body", submitter.bytes, context.bytes, [variant])
    }

    static let flawless: UInt8 = 0
    /// Everybody sees that the body is bad.
    static let flawedBody: UInt8 = 1
    /// The body is right, but the seeds sealed to the first holder do not open.
    static let flawedSeeds: UInt8 = 2

    static func header(
        submitter: NodeID, job: RoundJob, state: TaskState, body: [UInt8], nonce: UInt8 = 0, sealed: SealedSeeds? = nil
    ) -> SubmissionHeader {
        let components = state.holderProfile?.componentCount ?? 0
        let earlier = state.resubmits.first { $0.node == submitter }
        return SubmissionHeader(
            context: job.context, round: job.round, attempt: job.attempt, submitter: submitter,
            nonce: Self.nonce(submitter: submitter, context: job.context, nonce),
            componentCommitments: sealed?.commitments.map { Digest($0) }
                ?? (0..<components).map {
                    Digest(Transcript.hash("sim/commitment", submitter.bytes, job.context.bytes, [UInt8($0)]))
                },
            ephemeral: Digest(
                sealed?.ephemeral ?? Transcript.hash("sim/ephemeral", submitter.bytes, job.context.bytes)),
            proof: Signature(sealed?.proof ?? [UInt8](repeating: 0, count: 64)),
            boxesHash: Digest(sealed?.boxesHash ?? Transcript.hash("sim/boxes", submitter.bytes, job.context.bytes)),
            elementCount: UInt32(state.spec.elementCount(round: job.round)),
            elementsRoot: Digest(Transcript.hash("sim/elements", body)), body: .of(body, kind: .submission),
            resubmission: earlier.map { .init(previous: $0.submission, lambda: .zero) })
    }

    static func nonce(submitter: NodeID, context: Digest, _ nonce: UInt8) -> Digest {
        Digest(Transcript.hash("sim/nonce", submitter.bytes, context.bytes, [nonce]))
    }

    static func isValid(_ body: [UInt8], _ header: SubmissionHeader) -> Bool {
        body.count >= 33 && body[0] != flawedBody
            && header.elementsRoot == Digest(Transcript.hash("sim/elements", body))
    }

    static func opens(_ body: [UInt8], holderPlace: Int) -> Bool {
        body.first != flawedSeeds || holderPlace != 0
    }

    static func root(component: Int, job: KeyJob) -> Digest {
        Digest(Transcript.hash("sim/root", [UInt8(component)], setBytes(job)))
    }

    /// The sum of the set's words, the bodies in any order.
    static func aggregate(_ bodies: [[UInt8]]) -> [UInt8] {
        var words: [UInt64] = [0, 0, 0, 0]
        for body in bodies where body.count >= 33 {
            for index in 0..<32 { words[index / 8] &+= UInt64(body[1 + index]) << UInt64(8 * (index % 8)) }
        }
        return words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    static func model(after old: ContentReference, aggregate: [UInt8]) -> [UInt8] {
        Transcript.hash("sim/model", old.wireBytes, aggregate) + aggregate
    }

    static func opening(_ job: KeyJob) -> Digest { Digest(Transcript.hash("sim/opening", setBytes(job))) }

    static func candidate(job: KeyJob, aggregate: [UInt8]) -> (Candidate, model: [UInt8]) {
        let model = model(after: job.model, aggregate: aggregate)
        let sum = ContentReference.of(aggregate, kind: .aggregate)
        let next = ContentReference.of(model, kind: .model)
        let opening = opening(job)
        return (
            Candidate(
                manifest: job.manifest,
                payload: TaskRules.payloadID(manifest: job.manifest, aggregate: sum, model: next, opening: opening),
                aggregate: sum, model: next, opening: opening), model
        )
    }

    private static func setBytes(_ job: KeyJob) -> [UInt8] {
        var encoder = WireEncoder()
        encoder.value(job.manifest)
        encoder.value(job.context)
        encoder.list(job.set)
        return encoder.bytes
    }
}
