/// A table of multiples by which values are looked up; two kinds exist.
protocol LogarithmTable: Sendable {
    /// "swift" or "avx2".
    var kernel: String { get }
    var kind: LogarithmTableKind { get }
    /// T: values up to ±T take one look-up.
    var tableRange: Int64 { get }
    /// Bytes the table takes.
    var tableBytes: Int { get }
    /// What a file keeps, in this machine's byte order (little-endian on every supported one).
    var slotBytes: [UInt8] { get }

    /// e with |e| ≤ bound for every point, each verified, or `Int64.min` where there is none.
    func find(_ points: ArraySlice<EdwardsPoint>, bound: Int64) -> [Int64]
}

/// What the slots of a table mean; the number stands in its file.
enum LogarithmTableKind: UInt64, Sendable {
    /// j·8G by y, 64-bit slots.
    case portable = 1
    /// j·G by x, 32-bit slots: no value lies beyond the table.
    case vector = 2
    /// j·8G by x, 32-bit slots: searched in giant steps.
    case vectorWithSteps = 3
}
