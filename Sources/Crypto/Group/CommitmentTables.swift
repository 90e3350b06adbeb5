/// The tables by which a commitment e·G + r·H is computed: multiples of G/2 and H/2.
///
/// The bases are halved so that the batch encoder, which emits 2·P without a square root, gives the commitment itself;
/// the affine encoding doubles the scalars instead. Both bases are in the prime-order subgroup.
struct CommitmentTables: Sendable {
    /// Multiples of G/2 for values up to 2^46.
    let value: FixedBaseTable
    /// Multiples of H/2 for every scalar.
    let mask: FixedBaseTable

    /// The same bases for additions by chords, built on first use.
    let chords: ChordTablesCache

    /// Largest magnitude of a committed value (2^46); far above what a bounded logarithm can recover.
    static let maximumValue: Int64 = 1 << 46

    init(valueBase: EdwardsPoint, maskBase: EdwardsPoint, window: Int) {
        let halfValueBase = valueBase.vartimeMultiplied(by: .half)
        let halfMaskBase = maskBase.vartimeMultiplied(by: .half)
        value = FixedBaseTable(base: halfValueBase, window: 12, bits: 48)
        mask = FixedBaseTable(base: halfMaskBase, window: window)
        chords = ChordTablesCache(
            halfValueBase: halfValueBase, halfMaskBase: halfMaskBase, window: window <= 10 ? 11 : 14)
    }
}
