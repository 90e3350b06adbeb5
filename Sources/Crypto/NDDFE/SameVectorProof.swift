/// The proof that a resubmission after VOID holds the same integer vector as the submission it replaces: one scalar λ with
/// 8·Σ ρ_j·(U′_j − U_j) = 8·λ·H, that is λ = Σ ρ_j·(r′_j − r_j).
///
/// A client that changes any coordinate would need log_G H or a 2^−128 event. Without it, a client could learn from a
/// failed attempt and answer with another vector.
public struct SameVectorProof: Sendable, Hashable {
    /// λ, 32 bytes.
    public let lambda: [UInt8]

    public init(lambda: [UInt8]) { self.lambda = lambda }

    /// What seeds ρ: both submission ids and the new submission's ctx, nonce and body root. 32 bytes each.
    public struct Statement: Sendable, Hashable {
        public let previous: [UInt8]
        public let replacement: [UInt8]
        public let context: [UInt8]
        public let nonce: [UInt8]
        public let root: [UInt8]

        public init(previous: [UInt8], replacement: [UInt8], context: [UInt8], nonce: [UInt8], root: [UInt8]) {
            self.previous = previous
            self.replacement = replacement
            self.context = context
            self.nonce = nonce
            self.root = root
        }

        var seed: [UInt8] {
            Transcript.hash("meshnode/nddfe/v1/same-vector", previous, replacement, context, nonce, root)
        }
    }

    /// Proves it from the mask keys of both submissions.
    ///
    /// - Parameter count: the number of elements.
    public static func make(
        previousKeys: [SecretBytes], replacementKeys: [SecretBytes], count: Int, statement: Statement
    ) -> SameVectorProof {
        let seed = statement.seed
        let ranges = Workers.ranges(count)
        let parts = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            let rho = BlockProof.rho(seed: seed, elements: range)
            func weighted(_ keys: [SecretBytes]) -> Scalar {
                var masks = MaskDerivation.masks(keys: keys, elements: range)
                defer { wipe(&masks) }
                var sum = WideSum()
                for position in 0..<range.count {
                    sum.add(rho[position], times: loadWords(masks[...], at: position * 32))
                }
                return sum.reduced
            }
            return weighted(replacementKeys) - weighted(previousKeys)
        }
        return SameVectorProof(lambda: parts.reduce(Scalar.zero, +).bytes)
    }

    /// Whether both bodies hold the same integers.
    ///
    /// - Throws: `elementRejected` with body 0 for the previous, 1 for the replacement; `invalidScalar` for λ.
    public func verify(
        previous: [UInt8], replacement: [UInt8], encoding: ElementEncoding, count: Int, statement: Statement
    ) throws(NDDFEError) -> Bool {
        try requireLength(previous, count * encoding.width, "previous body")
        try requireLength(replacement, count * encoding.width, "replacement body")
        let scalar = try requireScalar(lambda, "λ")
        let seed = statement.seed
        let ranges = Workers.ranges(count, size: 16_384)
        let pieces: [Result<[EdwardsPoint], NDDFEError>] = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            let old: [EdwardsPoint]
            let new: [EdwardsPoint]
            do throws(NDDFEError) {
                old = try Aggregate.sumPiece([previous], range: range, encoding: encoding).get()
            } catch {
                return .failure(error)
            }
            do throws(NDDFEError) {
                new = try Aggregate.sumPiece([replacement], range: range, encoding: encoding).get()
            } catch {
                guard case .elementRejected(_, let element, let fault) = error else { return .failure(error) }
                return .failure(.elementRejected(body: 1, element: element, fault: fault))
            }
            let differences = zip(new, old).map(-)
            return .success([MultiScalar.vartimeSum(BlockProof.rho(seed: seed, elements: range), differences)])
        }
        let left = try pieces.joinedPoints().reduce(EdwardsPoint.identity, +)
        return (left - NDDFEBases.maskBase.vartimeMultiplied(by: scalar)).isSmallOrder
    }
}
