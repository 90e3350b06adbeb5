/// The single steps of `Blame`, for those who carry out blame message by message and check it from carried bytes.
extension Blame {
    /// Largest table that a check of one element builds: 20 ms, beyond it a few giant steps.
    public static let checkTable: Int64 = 1 << 16

    /// Whether Σ_i R_ij = K_j. Every mask and the key must be canonical, or the answer is no.
    public static func masksSum(_ masks: [[UInt8]], to key: [UInt8]) -> Bool {
        guard let expected = Scalar(canonical: key) else { return false }
        var sum = Scalar.zero
        for mask in masks {
            // Masks have 252 bits.
            guard mask.count == 32, mask[31] < 0x10, let scalar = Scalar(canonical: mask) else { return false }
            sum = sum + scalar
        }
        return sum == expected
    }

    /// R_ij^(a) as the committed seed gives it; nil where the seed is not the one of `commitment`.
    public static func mask(
        seed: SecretBytes, binding: SubmissionBinding, component: Int, element: Int, commitment: [UInt8]
    ) -> [UInt8]? {
        guard seed.count == 32, (0...255).contains(component), element >= 0, element < 1 << 32,
            MaskDerivation.componentCommitment(seed: seed, binding: binding, component: component) == commitment
        else { return nil }
        return MaskDerivation.mask(
            key: MaskDerivation.maskKey(seed: seed, binding: binding, component: component), element: element)
    }

    /// What an element has to be: balanced digits within submitters·B, filling zero.
    public struct ElementPolicy: Sendable {
        public let encoding: ElementEncoding
        public let packing: Packing
        /// d, the coordinates of the whole vector.
        public let coordinates: Int
        public let element: Int

        public init(encoding: ElementEncoding, packing: Packing, coordinates: Int, element: Int) {
            self.encoding = encoding
            self.packing = packing
            self.coordinates = coordinates
            self.element = element
        }

        /// Digits that count in this element; none for an element that the vector does not have.
        var digits: Int { max(0, min(packing.digits, coordinates - element * packing.digits)) }
    }

    /// Whether Σ U − (Σ keys)·H, over `elements` of as many submitters, is a packed sum within its bounds.
    ///
    /// With one element and its masks: whether a client kept to the range. With all elements of a set and K_j of every
    /// component: whether recovery works at j. A malformed element or key holds nothing.
    public static func holdsSum(
        elements: [[UInt8]], keys: [[UInt8]], policy: ElementPolicy, logarithm: BoundedLogarithm? = nil
    ) -> Bool {
        guard policy.digits > 0, !elements.isEmpty, elements.count <= policy.packing.maximumSubmitters else {
            return false
        }
        var key = Scalar.zero
        for bytes in keys {
            guard bytes.count == 32, let scalar = Scalar(canonical: bytes) else { return false }
            key = key + scalar
        }
        var sum = EdwardsPoint.identity
        for bytes in elements {
            guard bytes.count == policy.encoding.width,
                let point = try? ElementDecoding.decode(bytes[...], at: 0, encoding: policy.encoding)
            else { return false }
            sum = sum + point
        }
        let bare = sum - NDDFEBases.maskBase.vartimeMultiplied(by: key)
        let table = logarithm ?? BoundedLogarithm(bound: policy.packing.range, maximumTable: checkTable)
        guard let value = table.value(of: bare, bound: policy.packing.range) else { return false }
        return (try? policy.packing.unpack([value], count: policy.digits, submitters: elements.count)) != nil
    }

    /// Where element `element` stands in the chunk of a body that holds it.
    public static func chunkPlace(element: Int, encoding: ElementEncoding) -> (chunk: Int, bytes: Range<Int>) {
        let perChunk = SubmissionBody.chunkBytes / encoding.width
        let start = element % perChunk * encoding.width
        return (element / perChunk, start..<start + encoding.width)
    }
}
