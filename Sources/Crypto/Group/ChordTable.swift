internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

/// A point of the Montgomery form v² = u³ + A·u² + u in affine coordinates, packed into one cache line.
struct ChordPoint: Sendable {
    var u, v: PackedElement
}

/// Tables for adding by chords on the Montgomery form of the curve, which with a shared inversion costs 5 products and a
/// squaring, against 7 products on the Edwards form.
///
/// Chords cannot add equal or opposite points or the identity. So digits are odd (never zero), table entries carry a
/// constant C of unknown logarithm that cancels in the end, and a batch in which two coordinates meet nevertheless (for
/// instance value 0 under mask 0) is detected by a zero denominator and computed the other way.
@safe
final class ChordTables: @unchecked Sendable {
    // Immutable after initialisation, hence safe to share.
    /// A of the Montgomery form.
    static let montgomeryA: UInt32 = 486_662
    /// √−486664, with x = c·u/v for an Edwards point (x, y).
    @inline(__always) static var c: FieldElement {
        FieldElement(0x604aaff457e06, 0x2296fa350598d, 0x7f13dfb16874f, 0x35de93d846e01, 0xf26edf460a00)
    }

    /// Bits of a digit of the mask.
    let window: Int
    let windows: Int
    /// What is added, one table after the other: for all windows but the top one a row of (2k + 1)·2^(window·w)·H/2; then
    /// the values, whose constants cancel C; then what sums start with. An entry is one cache line.
    let entries: UnsafeBufferPointer<ChordPoint>
    /// From here on (x − 2^11)·G/2 − C for 0 ≤ x < 2^12: values of twelve bits in one addition.
    let firstShortValue: Int
    /// x·G/2 − 2^24·G/2 − C − C′ for the low twelve bits, and x·2^12·G/2 + C′ for the upper thirteen.
    let firstLowValue: Int
    let firstHighValue: Int
    /// From here on ±(2k + 1)·2^(…)·H/2 + C for the top window: entries 2k (plus) and 2k + 1 (minus).
    let firstBlindedTop: Int
    /// From here on (2k + 1)·2^(…)·H/2 for the top window.
    let firstTop: Int
    /// The largest k of the top window: (ℓ/2) >> (window·(windows − 1)).
    let largestTopDigit: Int

    static let shortOffset: Int64 = 1 << 11
    static let longOffset: Int64 = 1 << 24

    /// - Parameters:
    ///   - halfValueBase: G/2.
    ///   - halfMaskBase: H/2.
    init(halfValueBase: EdwardsPoint, halfMaskBase: EdwardsPoint, window: Int) {
        precondition((8...14).contains(window))
        let windows = (253 + window - 1) / window
        let half = 1 << (window - 1)
        let blind = ChordTables.constant("meshnode/nddfe/v1/blind")
        let second = ChordTables.constant("meshnode/nddfe/v1/blind-high")
        let topCount = (1 << max(0, 251 - window * (windows - 1))) + 1
        let topBase = halfMaskBase.doubled(times: window * (windows - 1))
        var topPoints: [EdwardsPoint] = [topBase]
        let twice = topBase.doubled
        for _ in 1..<topCount { topPoints.append(topPoints[topPoints.count - 1] + twice) }
        let pieces = Workers.map(windows - 1) { row in
            ChordTables.multiples(
                start: halfMaskBase.doubled(times: window * row),
                step: halfMaskBase.doubled(times: window * row + 1), count: half)
        }
        self.window = window
        self.windows = windows
        largestTopDigit = topCount - 1
        let offsetShort = halfValueBase.vartimeMultiplied(by: Scalar(ChordTables.shortOffset))
        let offsetLong = halfValueBase.vartimeMultiplied(by: Scalar(ChordTables.longOffset))
        var all = pieces.flatMap { $0 }
        firstShortValue = all.count
        all += ChordTables.multiples(start: -(offsetShort + blind), step: halfValueBase, count: 1 << 12)
        firstLowValue = all.count
        all += ChordTables.multiples(start: -(offsetLong + blind + second), step: halfValueBase, count: 1 << 12)
        firstHighValue = all.count
        all += ChordTables.multiples(start: second, step: halfValueBase.doubled(times: 12), count: 1 << 13)
        firstBlindedTop = all.count
        all += ChordTables.pack(topPoints.flatMap { [$0 + blind, blind - $0] })
        firstTop = all.count
        all += ChordTables.pack(topPoints)
        unsafe entries = ChordTables.aligned(all)
    }

    deinit { unsafe entries.deallocate() }

    /// A copy on cache lines, and on large pages where the system grants them: those spare address translations.
    private static func aligned(_ points: [ChordPoint]) -> UnsafeBufferPointer<ChordPoint> {
        let bytes = points.count * MemoryLayout<ChordPoint>.stride
        let largePage = 2 << 20
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: bytes < largePage ? 64 : largePage)
        #if canImport(Glibc)
            _ = unsafe madvise(memory, bytes, Int32(MADV_HUGEPAGE))
        #endif
        let copy = unsafe UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: ChordPoint.self, capacity: points.count), count: points.count)
        _ = unsafe copy.initialize(from: points)
        return unsafe UnsafeBufferPointer(copy)
    }

    private static func constant(_ domain: String) -> EdwardsPoint {
        EdwardsPoint(uniform: blake2b(Array(domain.utf8), length: 64)).primeOrderRepresentative
    }

    /// start + k·step for 0 ≤ k < count.
    private static func multiples(start: EdwardsPoint, step: EdwardsPoint, count: Int) -> [ChordPoint] {
        let niels = BatchArithmetic.nielsPoints([step])[0]
        var result: [ChordPoint] = []
        result.reserveCapacity(count)
        var current = start
        var index = 0
        while index < count {
            let size = min(512, count - index)
            var points: [EdwardsPoint] = []
            for _ in 0..<size {
                points.append(current)
                current.add(niels)
            }
            result.append(contentsOf: pack(points))
            index += size
        }
        return result
    }

    /// u = (Z + Y)/(Z − Y), v = c·u/x. No point may be the identity or have x = 0.
    private static func pack(_ points: [EdwardsPoint]) -> [ChordPoint] {
        var inverses = points.map { ($0.z - $0.y) * $0.x }
        BatchArithmetic.invert(&inverses)
        return points.indices.map { index in
            let sum = (points[index].z + points[index].y) * inverses[index]
            return ChordPoint(
                u: PackedElement(sum * points[index].x), v: PackedElement((sum * points[index].z) * c))
        }
    }
}

/// Builds the tables on first use: a machine whose kernel is another one never does.
final class ChordTablesCache: Sendable {
    private let tables = Mutex<ChordTables?>(nil)
    private let halfValueBase: EdwardsPoint
    private let halfMaskBase: EdwardsPoint
    private let window: Int

    init(halfValueBase: EdwardsPoint, halfMaskBase: EdwardsPoint, window: Int) {
        self.halfValueBase = halfValueBase
        self.halfMaskBase = halfMaskBase
        self.window = window
    }

    var value: ChordTables {
        tables.withLock { tables in
            if let tables { return tables }
            let built = ChordTables(halfValueBase: halfValueBase, halfMaskBase: halfMaskBase, window: window)
            tables = built
            return built
        }
    }
}
