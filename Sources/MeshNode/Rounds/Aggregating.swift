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

    /// Decodes the members' bodies, which is most of the work: never on the actor's queue.
    ///
    /// - Parameter members: in the set's order.
    /// - Returns: nil where one of them is no body of its announcement.
    static func decoded(
        _ members: [Member], contents: [[UInt8]], sums: [[Int]], policy: RoundPolicy
    ) -> SetContent? {
        var bodies: [[UInt8]] = []
        for (member, bytes) in zip(members, contents) {
            guard let content = try? BodyCheck.decode(bytes, header: member.header, policy: policy) else { return nil }
            bodies.append(content.elements)
        }
        return SetContent(headers: members.map(\.header), bodies: bodies, rows: members.map(\.rows), sums: sums)
    }

    struct Member: Sendable {
        let header: SubmissionHeader
        /// Enrolled.
        let rows: UInt32
    }

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
