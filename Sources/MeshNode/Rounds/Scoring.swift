internal import Chain
internal import Learn
internal import MeshCrypto
internal import Wire

/// Scored rounds: the publisher's direction, a client's opening, a voter's check.
enum Scoring {
    /// A salt and one byte an entry, as the publisher keeps them until the reveal.
    static func direction(
        policy: RoundPolicy, base: [UInt8], rows: Dataset, round: UInt32
    ) throws(RoundError) -> [UInt8] {
        let signs: [Int8]
        do {
            signs = try policy.recipe.direction(try policy.state(of: base), data: rows, round: Int(round))
        } catch let error as RoundError {
            throw error
        } catch { throw .failed("\(error)") }
        return randomBytes(saltBytes) + signs.map { UInt8(bitPattern: $0) }
    }

    static let saltBytes = 32

    /// What the publisher commits to.
    static func commitment(_ kept: [UInt8], policy: RoundPolicy, round: UInt32) throws(RoundError) -> Digest {
        let (salt, content) = (Array(kept.prefix(saltBytes)), kept.dropFirst(saltBytes))
        do {
            let direction = try ScoreDirection(
                signs: content.map { Int8(bitPattern: $0) }, metadata: policy.metadata(round: round))
            return Digest(direction.commitment(salt: salt))
        } catch { throw .failed("the direction: \(error)") }
    }

    /// - Throws: `rejected` with the condition that it breaks.
    static func judge(
        _ reveal: DirectionReveal, content: [UInt8], of pending: ScoreBook.Pending, policy: RoundPolicy
    ) throws(RoundError) -> ScoreDirection {
        guard content.count == policy.coordinateCount(round: pending.round) else {
            throw .rejected("a direction of \(content.count) entries")
        }
        do {
            return try ScoreCheck.direction(
                reveal, content: content, commitment: pending.commitment,
                metadata: policy.metadata(round: pending.round))
        } catch { throw .rejected("\(error)") }
    }

    static func open(
        values: [Int32], seeds: [SecretBytes], header: SubmissionHeader, direction: ScoreDirection, policy: RoundPolicy
    ) throws(RoundError) -> ScoreStatement {
        do {
            let opening = try ScoreOpening.make(
                values: values.map { Int64($0) },
                maskKeys: MaskDerivation.maskKeys(seeds: seeds, binding: try header.binding()), direction: direction,
                bound: policy.spec.bound)
            return ScoreStatement(
                submission: SubmissionID.of(headerBytes: header.wireBytes), score: opening.score,
                mask: Digest(opening.mask))
        } catch { throw .failed("score: \(error)") }
    }

    /// 8·Σ a_j·U_j = 8·(s·G + κ·Hb) and |s| ≤ B·‖a‖₁.
    ///
    /// - Throws: `rejected` where it does not hold.
    static func check(
        _ statement: ScoreStatement, body: [UInt8], header: SubmissionHeader, direction: ScoreDirection,
        policy: RoundPolicy
    ) throws(RoundError) {
        let content = try BodyCheck.decode(body, header: header, policy: policy)
        do {
            let isRight = try ScoreOpening(score: statement.score, mask: statement.mask.bytes).verify(
                body: content.elements, encoding: policy.encoding, direction: direction, packing: policy.packing)
            guard isRight else { throw RoundError.rejected("the opening is not that of the submission") }
        } catch let error as RoundError {
            throw error
        } catch { throw .rejected("\(error)") }
    }
}

extension RoundPolicy {
    /// Coordinates of a round that are no part of the model's update: SCAFFOLD's second vector.
    func metadata(round: UInt32) -> Range<Int> {
        recipe.supportSize(round: Int(round))..<coordinateCount(round: round)
    }
}
