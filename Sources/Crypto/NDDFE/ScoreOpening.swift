/// A public direction a ∈ {−1, 0, 1}^d along which scored updates are measured.
///
/// It must be broad: at least a quarter of its entries non-zero, and zero on metadata, so that one opening can never be one
/// coordinate. Its commitment is decided before the round and is part of ctx; it is revealed after the RESULT is decided.
public struct ScoreDirection: Sendable, Hashable {
    public let signs: [Int8]
    /// ‖a‖₁.
    public let weight: Int

    /// - Parameters:
    ///   - signs: one of −1, 0, 1 an element; elements hold one coordinate (k_p = 1).
    ///   - metadata: elements that are not part of the model; must be zero.
    /// - Throws: `valueOutOfRange` for another sign or a non-zero metadata entry, `wrongCount` when fewer than d/4 entries
    ///   are non-zero.
    public init(signs: [Int8], metadata: Range<Int> = 0..<0) throws(NDDFEError) {
        var weight = 0
        for (index, sign) in signs.enumerated() {
            guard (-1...1).contains(sign) else { throw .valueOutOfRange(index: index, value: Int64(sign), bound: 1) }
            guard sign == 0 || !metadata.contains(index) else {
                throw .valueOutOfRange(index: index, value: Int64(sign), bound: 0)
            }
            if sign != 0 { weight += 1 }
        }
        guard !signs.isEmpty, 4 * weight >= signs.count else {
            throw .wrongCount(
                field: "non-zero entries of the direction", expected: (signs.count + 3) / 4, found: weight)
        }
        self.signs = signs
        self.weight = weight
    }

    /// What is decided before the round: a salted hash, so that a guess at the direction cannot be tested.
    ///
    /// - Parameter salt: 32 random bytes, revealed with the direction.
    public func commitment(salt: [UInt8]) -> [UInt8] {
        Transcript.hash("meshnode/nddfe/v1/direction", salt, signs.map { UInt8(bitPattern: $0) })
    }

    /// The most scored rounds a task of d coordinates may have: min(5, d/50).
    public static func maximumScoredRounds(coordinates: Int) -> Int { min(5, max(0, coordinates) / 50) }
}

/// The opening of one linear functional of an encrypted update: s = ⟨a, x⟩ and κ = Σ a_j·r_j.
///
/// Everybody checks 8·Σ a_j·U_j = 8·(s·G + κ·H). Exactly one linear functional of the update is revealed; it hints at label
/// mix and membership.
public struct ScoreOpening: Sendable, Hashable {
    /// s.
    public let score: Int64
    /// κ, 32 bytes.
    public let mask: [UInt8]

    public init(score: Int64, mask: [UInt8]) {
        self.score = score
        self.mask = mask
    }

    /// Opens the functional of one's own update.
    ///
    /// - Parameters:
    ///   - values: the encrypted integers; one coordinate an element.
    ///   - bound: B; |value| ≤ B.
    public static func make(
        values: [Int64], maskKeys: [SecretBytes], direction: ScoreDirection, bound: Int64
    ) throws(NDDFEError) -> ScoreOpening {
        guard values.count == direction.signs.count else {
            throw .wrongCount(field: "direction", expected: values.count, found: direction.signs.count)
        }
        let limit = try scoreLimit(bound: bound, direction: direction)
        for (index, value) in values.enumerated() where value.magnitude > UInt64(bound) {
            throw .valueOutOfRange(index: index, value: value, bound: bound)
        }
        let ranges = Workers.ranges(values.count)
        let parts = Workers.map(ranges.count) { piece in
            var masks = MaskDerivation.masks(keys: maskKeys, elements: ranges[piece])
            defer { wipe(&masks) }
            var sum = Scalar.zero
            for (position, element) in ranges[piece].enumerated() where direction.signs[element] != 0 {
                let w = loadWords(masks[...], at: position * 32)
                let mask = Scalar(unchecked: w.0, w.1, w.2, w.3)
                sum = direction.signs[element] > 0 ? sum + mask : sum - mask
            }
            return sum
        }
        var score: Int64 = 0
        for (value, sign) in zip(values, direction.signs) { score += value * Int64(sign) }
        precondition(score.magnitude <= UInt64(limit))
        return ScoreOpening(score: score, mask: parts.reduce(Scalar.zero, +).bytes)
    }

    /// Whether the opening is right for `body`.
    ///
    /// - Parameters:
    ///   - packing: must hold one coordinate an element; gives B.
    /// - Returns: `false` where |s| > B·‖a‖₁ or the equation does not hold.
    /// - Throws: `packingRefused` for k_p > 1; errors of malformed bodies and scalars.
    public func verify(
        body: [UInt8], encoding: ElementEncoding, direction: ScoreDirection, packing: Packing
    ) throws(NDDFEError) -> Bool {
        guard packing.digits == 1 else {
            throw .packingRefused(
                digits: packing.digits, radix: packing.radix, reason: "scored rounds hold one coordinate an element")
        }
        try requireLength(body, direction.signs.count * encoding.width, "body")
        let kappa = try requireScalar(mask, "score mask")
        let limit = try ScoreOpening.scoreLimit(bound: packing.bound, direction: direction)
        guard score.magnitude <= UInt64(limit) else { return false }
        let ranges = Workers.ranges(direction.signs.count)
        let pieces = Workers.map(ranges.count) { piece in
            Aggregate.sumPiece([body], range: ranges[piece], encoding: encoding).map { points in
                var sum = EdwardsPoint.identity
                for (position, element) in ranges[piece].enumerated() {
                    switch direction.signs[element] {
                    case 1: sum = sum + points[position]
                    case -1: sum = sum - points[position]
                    default: break
                    }
                }
                return [sum]
            }
        }
        let left = try pieces.joinedPoints().reduce(EdwardsPoint.identity, +)
        let right =
            EdwardsPoint.base.vartimeMultiplied(by: Scalar(score))
            + NDDFEBases.maskBase.vartimeMultiplied(by: kappa)
        return (left - right).isSmallOrder
    }

    /// B·‖a‖₁.
    private static func scoreLimit(bound: Int64, direction: ScoreDirection) throws(NDDFEError) -> Int64 {
        let (limit, overflow) = bound.multipliedReportingOverflow(by: Int64(direction.weight))
        guard bound > 0, !overflow, limit <= 1 << 62 else {
            throw .packingRefused(
                digits: 1, radix: 0, reason: "bound \(bound) times weight \(direction.weight) is too large")
        }
        return limit
    }
}
