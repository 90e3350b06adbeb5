internal import Chain
internal import MeshCrypto
internal import Wire

/// What anybody checks of a result, without a secret: the digits, the block equation, the new model bit for bit.
enum ResultCheck {
    /// The part that takes no body: that e has the right size, that every digit is within its members·B, and that the
    /// opening is a scalar.
    ///
    /// - Returns: e, one integer an element.
    static func values(
        policy: RoundPolicy, round: UInt32, aggregate: [UInt8], opening: Digest, sums: [[Int]]
    ) throws(RoundError) -> [Int64] {
        let values = try policy.decode(aggregate: aggregate, round: round, sums: sums.count)
        // Exactly k_p balanced digits each, every one within its members·B.
        _ = try policy.digits(values, round: round, sums: sums)
        guard BlockProof.isScalar(opening.bytes) else { throw .rejected("the opening is no canonical scalar") }
        return values
    }

    /// The block equation over the bodies of everybody in the sums.
    static func equation(
        policy: RoundPolicy, context: Digest, manifest: BlockID, set: SetContent, round: UInt32, values: [Int64],
        opening: Digest
    ) throws(RoundError) {
        do {
            let seed = BlockProof.seed(context: context.bytes, manifest: manifest.bytes, values: values)
            guard
                try BlockProof.verify(
                    bodies: set.source(elements: policy.elementCount(round: round)), encoding: policy.encoding,
                    values: values, kHat: opening.bytes, seed: seed)
            else { throw RoundError.rejected("the block equation does not hold: e is not the sum of the submissions") }
        } catch let error as RoundError {
            throw error
        } catch { throw .rejected("\(error)") }
    }

    /// - Returns: the model that the server step gives.
    static func model(
        policy: RoundPolicy, context: Digest, manifest: BlockID, set: SetContent, aggregate: [UInt8], opening: Digest,
        base: [UInt8]
    ) throws(RoundError) -> [UInt8] {
        guard let round = set.headers.first?.round else { throw .rejected("an empty set") }
        let values = try values(
            policy: policy, round: round, aggregate: aggregate, opening: opening, sums: set.sums)
        try equation(
            policy: policy, context: context, manifest: manifest, set: set, round: round, values: values,
            opening: opening)
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
