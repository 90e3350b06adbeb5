/// One component of the functional key: K^(a)_j = Σ_{i∈S} R^(a)_ij mod ℓ for every element j.
public enum KeyVector {
    static let domain = "meshnode/nddfe/v1/key"

    /// Sums the masks of one component over the submitters.
    ///
    /// - Parameters:
    ///   - maskKeys: K_{i,a} of every i in S, in any order.
    ///   - count: d, the number of elements.
    /// - Returns: 32·count bytes of canonical scalars.
    public static func sum(maskKeys: [SecretBytes], count: Int) -> [UInt8] {
        let ranges = Workers.ranges(count)
        return concatenated(
            Workers.map(ranges.count) { MaskDerivation.masks(keys: maskKeys, elements: ranges[$0]) })
    }

    /// K_j = Σ_a K^(a)_j mod ℓ from the vectors of all components.
    ///
    /// - Throws: `wrongLength` or `invalidScalar` (naming the component) for a vector that is not `count` canonical scalars.
    public static func combine(_ components: [[UInt8]], count: Int) throws(NDDFEError) -> [UInt8] {
        for (index, vector) in components.enumerated() {
            try requireLength(vector, count * 32, "key vector of component \(index)")
        }
        let ranges = Workers.ranges(count)
        let pieces: [(bytes: [UInt8], bad: Int?)] = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            var output = [UInt8](repeating: 0, count: range.count * 32)
            for (position, element) in range.enumerated() {
                var sum = Scalar.zero
                for (component, vector) in components.enumerated() {
                    guard let key = Scalar(canonical: vector[element * 32..<element * 32 + 32]) else {
                        return ([], component)
                    }
                    sum = sum + key
                }
                storeWords((sum.w0, sum.w1, sum.w2, sum.w3), into: &output, at: position * 32)
            }
            return (output, nil)
        }
        if let bad = pieces.compactMap(\.bad).min() {
            throw .invalidScalar(field: "key vector of component \(bad)")
        }
        return concatenated(pieces.map(\.bytes))
    }

    /// The tree over j whose root the signed key statement carries. `vector` holds 32 bytes an element, at least one.
    public static func tree(_ vector: [UInt8]) -> MerkleTree {
        precondition(vector.count % 32 == 0)
        return MerkleTree(domain: domain, count: vector.count / 32) { vector[$0 * 32..<$0 * 32 + 32] }
    }

    /// Whether `key` is K^(a)_j of a vector of `count` elements with this root.
    public static func verify(root: [UInt8], key: [UInt8], element: Int, count: Int, path: [[UInt8]]) -> Bool {
        key.count == 32
            && MerkleTree.verify(
                root: root, domain: domain, index: element, count: count, payload: key[...], path: path)
    }
}
