/// Encrypts a vector: U_j = e_j·G + r_j·H.
public enum Encryptor {
    /// Encrypts `values` under the masks of all components.
    ///
    /// Deterministic in its arguments: a restart gives the same bytes. Zero is encrypted like any other value. A binding's
    /// keys must never serve two different vectors.
    ///
    /// - Parameters:
    ///   - values: packed values, one an element (see `Packing`); at most 2^32 of them.
    ///   - maskKeys: one key a component, from `MaskDerivation.maskKeys`.
    /// - Returns: values.count · encoding.width bytes.
    /// - Throws: `valueOutOfRange` where |value| > 2^46.
    public static func encrypt(
        values: [Int64], maskKeys: [SecretBytes], encoding: ElementEncoding
    ) throws(NDDFEError) -> [UInt8] {
        for (index, value) in values.enumerated() where value.magnitude > UInt64(CommitmentTables.maximumValue) {
            throw .valueOutOfRange(index: index, value: value, bound: CommitmentTables.maximumValue)
        }
        let tables = NDDFEBases.tables(elements: values.count)
        let kernel = NDDFEBases.kernel
        let ranges = Workers.ranges(values.count)
        let pieces = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            var masks = MaskDerivation.masks(keys: maskKeys, elements: range)
            defer { wipe(&masks) }
            return kernel.commit(values: values[range], masks: masks[...], tables: tables, encoding: encoding)
        }
        return concatenated(pieces)
    }

    /// r_j = Σ_a R^(a)_j mod ℓ: the opening of element j. Secret until it is published on purpose.
    public static func opening(maskKeys: [SecretBytes], element: Int) -> [UInt8] {
        precondition(element >= 0 && element < 1 << 32)
        return MaskDerivation.masks(keys: maskKeys, elements: element..<element + 1)
    }
}

func concatenated(_ pieces: [[UInt8]]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
    for piece in pieces { result.append(contentsOf: piece) }
    return result
}
