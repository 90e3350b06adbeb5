/// Multiples of one public base for signed windows: entry (w, j) is j·2^(window·w)·base for 0 ≤ j ≤ 2^(window − 1).
///
/// A scalar is read in its representative of least magnitude (at most 2^251 + 2^124), so that 21 windows of twelve bits
/// or 26 of ten cover it. Look-ups are indexed by digits of the scalar: they are not constant time against somebody who
/// shares the machine's caches.
struct FixedBaseTable: Sendable {
    /// Bits a window, 2...14.
    let window: Int
    /// Number of windows.
    let windows: Int
    /// Entries a window: 2^(window − 1) + 1.
    let stride: Int
    /// `windows * stride` points, window after window.
    let entries: [AffineNielsPoint]

    /// - Parameter bits: the largest magnitude a scalar may have is 2^(bits − 1) − 1; 252 serves every scalar.
    init(base: EdwardsPoint, window: Int, bits: Int = 252) {
        precondition((2...14).contains(window) && (1...252).contains(bits))
        self.window = window
        windows = (bits + window - 1) / window
        stride = (1 << (window - 1)) + 1
        var all: [AffineNielsPoint] = []
        all.reserveCapacity(windows * stride)
        var current = base
        for _ in 0..<windows {
            let step = BatchArithmetic.nielsPoints([current])[0]
            var row: [EdwardsPoint] = [.identity]
            row.reserveCapacity(stride)
            for index in 1..<stride {
                var next = row[index - 1]
                next.add(step)
                row.append(next)
            }
            all.append(contentsOf: BatchArithmetic.nielsPoints(row))
            current = row[stride - 1].doubled
        }
        entries = all
    }

    /// The signed digit of window `index` of the magnitude `m`, given the carry from the window below; updates it.
    @inline(__always)
    func digit(_ m: Scalar, _ index: Int, carry: inout UInt64) -> (entry: Int, negative: UInt64) {
        let value = m.bits(at: index * window, width: window) &+ carry
        let half: UInt64 = 1 << UInt64(window - 1)
        // Above half: value − 2^window, that is −(2^window − value) with a carry up.
        carry = value > half ? 1 : 0
        let mask = 0 &- carry
        let folded = (value ^ mask) &+ (((1 << UInt64(window)) &+ 1) & mask)
        return (Int(truncatingIfNeeded: folded), mask)
    }

    /// scalar·base.
    func multiply(_ scalar: Scalar) -> EdwardsPoint {
        let (magnitude, negative) = scalar.centred
        var result = EdwardsPoint.identity
        var carry: UInt64 = 0
        for index in 0..<windows {
            let (entry, sign) = digit(magnitude, index, carry: &carry)
            result.add(entries[index * stride + entry], negatedBy: sign ^ negative)
        }
        return result
    }
}
