/// The batch operations over coordinates, implemented twice: in Swift (`PortableKernel`, the reference and the
/// oracle) and with vector instructions. Both give the same bytes.
///
/// Scalars are 32 little-endian bytes below ℓ, concatenated. Lengths that do not match are programmer errors;
/// whatever a peer can influence is reported.
protocol GroupKernel: Sendable {
    /// "swift" or "avx2".
    var name: String { get }

    /// Commitments values[j]·G + masks[j]·H for the tables' bases, encoded one after the other.
    ///
    /// - Parameters:
    ///   - values: |value| ≤ `CommitmentTables.maximumValue`.
    ///   - masks: 32·values.count bytes, canonical scalars.
    /// - Returns: values.count · encoding.width bytes. An identity is encoded as 32 zeros or as (0, 1).
    func commit(
        values: ArraySlice<Int64>, masks: ArraySlice<UInt8>, tables: CommitmentTables, encoding: ElementEncoding
    ) -> [UInt8]

    /// Decodes, checks and adds elements: sums[j] += decode(bytes at j).
    ///
    /// - Parameter bytes: sums.count · encoding.width bytes.
    /// - Returns: the lowest index that is refused and why, or `nil`. After a refusal `sums` is unspecified.
    func accumulate(
        _ bytes: ArraySlice<UInt8>, encoding: ElementEncoding, into sums: inout [EdwardsPoint]
    ) -> ElementRefusal?

    /// sums[j] −= keys[j]·H.
    func unmask(_ sums: inout [EdwardsPoint], keys: ArraySlice<UInt8>, tables: CommitmentTables)

    /// A sum of public multiples of about `count` points.
    func pointSum(count: Int) -> any VartimePointSum

    /// The affine coordinates of 8·points[j]: 64 bytes each, x then y, canonical; the identity gives (0, 1).
    func affineOfEightfold(_ points: ArraySlice<EdwardsPoint>) -> [UInt8]
}

/// A refused element of one body.
struct ElementRefusal: Equatable {
    var index: Int
    var fault: ElementFault
}
