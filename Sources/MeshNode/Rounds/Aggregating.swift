internal import Chain
internal import Learn
internal import MeshCrypto
internal import Wire

/// The members of a decided set with what their announcements and bodies say, in the set's order.
struct SetContent: Sendable {
    let headers: [SubmissionHeader]
    /// Encrypted elements.
    let bodies: [[UInt8]]
    /// Enrolled rows.
    let rows: [UInt32]
    /// The sums that are keyed, as places in the set: one of everybody, or one a bucket.
    let sums: [[Int]]

    /// The bodies as the sums that a round makes of them.
    func source(elements: Int) -> BodySource { BodySource(BodySource(bodies), sums: sums, elements: elements) }
}

/// The aggregator's part of a round: sum, unmask, bounded logarithm, next model, opening.
enum Aggregating {
    struct Outcome: Sendable {
        let candidate: Candidate
        let aggregate: [UInt8]
        let model: [UInt8]
    }

    enum Recovery: Sendable {
        case sum(Outcome)
        /// The lowest element whose sum is no packed sum within its bounds.
        case fails(element: Int)
    }

    /// - Parameters:
    ///   - keyVectors: one verified vector a component.
    ///   - base: the model that the round started from.
    static func run(
        policy: RoundPolicy, job: KeyJob, set: SetContent, keyVectors: [[UInt8]], base: [UInt8],
        logarithm: BoundedLogarithm, progress: (@Sendable (Int) -> Bool)? = nil
    ) throws(RoundError) -> Recovery {
        let round = job.round
        let (each, all) = (policy.elementCount(round: round), policy.elementCount(round: round) * set.sums.count)
        let values: [Int64]
        let opening: [UInt8]
        do {
            values = try Aggregate.decrypt(
                bodies: set.source(elements: each), encoding: policy.encoding, count: all, keyVectors: keyVectors,
                logarithm: logarithm, bound: policy.packing.range, progress: progress)
            // Beyond the digits' bounds is as bad as no logarithm at all.
            _ = try policy.packing.unpack(
                values, count: policy.coordinateCount(round: round), sums: set.sums.map(\.count))
            let seed = BlockProof.seed(context: job.context.bytes, manifest: job.manifest.bytes, values: values)
            opening = try BlockProof.kHat(seed: seed, keyVectors: keyVectors, count: all)
        } catch {
            switch error {
            case .noLogarithm(let element, _), .digitOutOfRange(let element, _, _, _): return .fails(element: element)
            default: throw .failed("recovery: \(error)")
            }
        }
        let model = try policy.nextModel(
            base: base, aggregate: values, rows: set.rows, sums: set.sums, round: round)
        let aggregate = policy.encode(aggregate: values)
        let aggregateReference = ContentReference.of(aggregate, kind: .aggregate)
        let modelReference = ContentReference.of(model, kind: .model)
        let candidate = Candidate(
            manifest: job.manifest,
            payload: TaskRules.payloadID(
                manifest: job.manifest, aggregate: aggregateReference, model: modelReference, opening: Digest(opening)),
            aggregate: aggregateReference, model: modelReference, opening: Digest(opening))
        return .sum(Outcome(candidate: candidate, aggregate: aggregate, model: model))
    }
}

/// What anybody checks of a result, without a secret: the block equation, the digits, the new model bit for bit.
enum ResultCheck {
    /// - Returns: the model that the server step gives.
    static func model(
        policy: RoundPolicy, context: Digest, manifest: BlockID, set: SetContent, aggregate: [UInt8], opening: Digest,
        base: [UInt8]
    ) throws(RoundError) -> [UInt8] {
        guard let round = set.headers.first?.round else { throw .rejected("an empty set") }
        let values = try policy.decode(aggregate: aggregate, round: round, sums: set.sums.count)
        do {
            // Exactly k_p balanced digits each, every one within its members·B.
            _ = try policy.digits(values, round: round, sums: set.sums)
            let seed = BlockProof.seed(context: context.bytes, manifest: manifest.bytes, values: values)
            guard
                try BlockProof.verify(
                    bodies: set.source(elements: policy.elementCount(round: round)), encoding: policy.encoding,
                    values: values, kHat: opening.bytes, seed: seed)
            else { throw RoundError.rejected("the block equation does not hold: e is not the sum of the submissions") }
        } catch let error as RoundError {
            throw error
        } catch { throw .rejected("\(error)") }
        return try policy.nextModel(
            base: base, aggregate: values, rows: set.rows, sums: set.sums, round: round)
    }

    static func check(
        policy: RoundPolicy, context: Digest, manifest: BlockID, set: SetContent, aggregate: [UInt8], opening: Digest,
        base: [UInt8], model: [UInt8]
    ) throws(RoundError) {
        let expected = try Self.model(
            policy: policy, context: context, manifest: manifest, set: set, aggregate: aggregate, opening: opening,
            base: base)
        guard expected == model else { throw .rejected("the new model is not what the server step gives") }
    }
}
