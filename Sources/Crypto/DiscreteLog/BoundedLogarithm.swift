internal import Wire

/// Logarithms to the base G of elements known to lie within a bound.
///
/// A table of multiples answers values up to ±T in one look-up; beyond, the search goes outwards in giant steps of 2T + 1, the
/// two of a pair sharing one inversion. Torsion that an affine element may carry has no effect, and every hit is verified
/// by computing the multiple. With AVX2 the table is `VectorLogarithms`, elsewhere `PortableLogarithms`, which give the same
/// answers. Time depends on the values, which are public once recovered.
public struct BoundedLogarithm: Sendable {
    let table: any LogarithmTable
    /// The largest magnitude `recover` may be asked for.
    public let bound: Int64

    /// 2^22 entries, 34 MB with AVX2 and 67 MB without: the largest table that is built unasked.
    public static let defaultMaximumTable: Int64 = RecoveryDemand.defaultTable
    /// More entries than a slot can name do not exist.
    static let largestTable: Int64 = RecoveryDemand.largestTable

    /// T: values up to ±T take one look-up.
    public var tableRange: Int64 { table.tableRange }
    /// Bytes the table takes.
    public var tableBytes: Int { table.tableBytes }

    init(bound: Int64, table: any LogarithmTable) {
        self.bound = bound
        self.table = table
    }

    /// Builds a table for values up to ±bound, of at most `maximumTable` entries (0.1 µs each with AVX2, 0.3 µs without).
    public init(bound: Int64, maximumTable: Int64 = defaultMaximumTable) {
        // Without a progress handler nothing cancels.
        self = BoundedLogarithm.build(bound: bound, maximumTable: maximumTable, vectorised: true) { _, _ in true }!
    }

    /// The same with progress.
    ///
    /// - Parameter progress: called about a hundred times with the entries done and their number; `false` cancels.
    /// - Throws: `cancelled`.
    public init(
        bound: Int64, maximumTable: Int64 = defaultMaximumTable, progress: (_ done: Int, _ total: Int) -> Bool
    ) throws(NDDFEError) {
        guard
            let built = BoundedLogarithm.build(
                bound: bound, maximumTable: maximumTable, vectorised: true, progress: progress)
        else { throw .cancelled }
        self = built
    }

    /// - Parameter vectorised: whether the vector table is taken where it runs.
    static func build(
        bound: Int64, maximumTable: Int64, vectorised: Bool, progress: (Int, Int) -> Bool
    ) -> BoundedLogarithm? {
        precondition(bound >= 1 && maximumTable >= 1)
        let range = tableRange(bound: bound, maximumTable: maximumTable)
        let total = Int(range)
        #if canImport(Kernels)
            if vectorised, let table = VectorLogarithms(bound: bound, tableRange: range) {
                switch table.fill(progress: { progress($0, total) }) {
                case .complete: return BoundedLogarithm(bound: bound, table: table)
                case .cancelled: return nil
                case .failed: break
                }
            }
        #endif
        return PortableLogarithms(bound: bound, tableRange: range, progress: { progress($0, total) })
            .map { BoundedLogarithm(bound: bound, table: $0) }
    }

    static func tableRange(bound: Int64, maximumTable: Int64) -> Int64 { min(bound, min(maximumTable, largestTable)) }

    /// e_j with points[j] = e_j·G and |e_j| ≤ bound, for every j.
    ///
    /// - Parameters:
    ///   - bound: at most the bound the table was built for.
    ///   - progress: called with the number of elements done, from any thread; `false` cancels.
    /// - Throws: `noLogarithm` with the lowest element that has none; `cancelled`.
    public func recover(
        _ points: PointVector, bound: Int64, progress: (@Sendable (Int) -> Bool)? = nil
    ) throws(NDDFEError) -> [Int64] {
        precondition(bound <= self.bound, "the table was built for a smaller bound")
        let ranges = Workers.ranges(points.count)
        let pieces = Workers.map(ranges.count) { piece -> Result<[Int64], NDDFEError> in
            if let progress, !progress(ranges[piece].lowerBound) { return .failure(.cancelled) }
            return recover(points.points[ranges[piece]], firstElement: ranges[piece].lowerBound, bound: bound)
        }
        var values: [Int64] = []
        values.reserveCapacity(points.count)
        for piece in pieces { values.append(contentsOf: try piece.get()) }
        return values
    }

    func recover(
        _ points: ArraySlice<EdwardsPoint>, firstElement: Int, bound: Int64
    ) -> Result<[Int64], NDDFEError> {
        precondition(bound <= self.bound)
        let values = table.find(points, bound: bound)
        // The smallest magnitude of what is missing is beyond every bound.
        if let index = values.firstIndex(where: { $0.magnitude > UInt64(bound) }) {
            return .failure(.noLogarithm(element: firstElement + index, bound: bound))
        }
        return .success(values)
    }

    /// The value of one element; `nil` if it has none within the bound.
    func value(of point: EdwardsPoint, bound: Int64) -> Int64? {
        try? recover([point][...], firstElement: 0, bound: bound).get()[0]
    }
}
