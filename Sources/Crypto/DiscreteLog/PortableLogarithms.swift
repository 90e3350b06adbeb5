internal import Wire

/// The portable table of logarithms: the reference for `VectorLogarithms`, and what serves where that does not run.
///
/// It holds j·8G for 1 ≤ j ≤ T, keyed by the affine y that ±P share; the sign comes from the parity of x. A
/// look-up takes 8·P, which kills the torsion an affine element may carry. Beyond T it searches outwards in giant steps of
/// 2T + 1, the two of a pair sharing one inversion. Every hit is verified by computing j·8G.
struct PortableLogarithms: LogarithmTable {
    /// T: values up to ±T take one look-up.
    let tableRange: Int64
    /// Slots of 64 bits: 40 bits of y, 23 bits of j, one bit of x's parity; 0 is empty. At most half are used.
    let slots: [UInt64]
    private let slotMask: Int
    /// Multiples of 8G in windows of twelve bits, to verify hits.
    private let check: FixedBaseTable
    /// The largest magnitude `recover` may be asked for.
    let bound: Int64
    /// k·(2T + 1)·8G for k = 1, 2, … up to the bound, affine, with d·x·y.
    private let giants: [(x: FieldElement, y: FieldElement, dxy: FieldElement)]

    /// Builds the table.
    ///
    /// - Parameter progress: called with the number of entries done; `false` cancels.
    /// - Returns: `nil` if cancelled.
    init?(bound: Int64, tableRange: Int64, progress: (Int) -> Bool) {
        guard
            let slots = PortableLogarithms.build(
                base: EdwardsPoint.base.doubled(times: 3), range: Int(tableRange),
                capacity: PortableLogarithms.capacity(range: tableRange), progress: progress)
        else { return nil }
        self.init(bound: bound, tableRange: tableRange, slots: slots)
    }

    // Restores a table; the slots were checked against their hash.
    init(bound: Int64, tableRange: Int64, slots: [UInt64]) {
        self.bound = bound
        self.tableRange = tableRange
        self.slots = slots
        slotMask = slots.count - 1
        let base = EdwardsPoint.base.doubled(times: 3)
        check = FixedBaseTable(base: base, window: 12, bits: 25)
        giants = PortableLogarithms.giantSteps(base: base, range: tableRange, bound: bound)
    }

    /// Slots of a table of `range` entries: a power of two, at least twice as many.
    static func capacity(range: Int64) -> Int { RecoveryDemand.capacity(entries: range) }

    var kernel: String { "swift" }
    var kind: LogarithmTableKind { .portable }

    /// Bytes the table takes.
    var tableBytes: Int { slots.count * 8 + giants.count * 120 }

    var slotBytes: [UInt8] { unsafe slots.withUnsafeBytes { unsafe Array($0) } }

    // MARK: Table

    private static func build(base: EdwardsPoint, range: Int, capacity: Int, progress: (Int) -> Bool) -> [UInt64]? {
        var slots = [UInt64](repeating: 0, count: capacity)
        let mask = capacity - 1
        let ranges = Workers.ranges(range, size: 8192)
        // A few pieces at a time keep what is in flight small.
        var first = 0
        while first < ranges.count {
            guard progress(ranges[first].lowerBound) else { return nil }
            let last = min(ranges.count, first + 16)
            let base0 = first
            let pieces = Workers.map(last - first) { piece in
                entries(base: base, range: ranges[base0 + piece])
            }
            for piece in pieces {
                for (home, slot) in piece {
                    var position = home & mask
                    while slots[position] != 0 { position = (position + 1) & mask }
                    slots[position] = slot
                }
            }
            first = last
        }
        return slots
    }

    private static func giantSteps(
        base: EdwardsPoint, range: Int64, bound: Int64
    ) -> [(x: FieldElement, y: FieldElement, dxy: FieldElement)] {
        let width = 2 * range + 1
        let steps = Int((bound - range + width - 1) / width)
        guard steps > 0 else { return [] }
        var current = base.vartimeMultiplied(by: Scalar(width))
        let step = BatchArithmetic.nielsPoints([current])[0]
        var points: [EdwardsPoint] = []
        points.reserveCapacity(steps)
        for _ in 0..<steps {
            points.append(current)
            current.add(step)
        }
        var inverses = points.map(\.z)
        BatchArithmetic.invert(&inverses)
        return points.indices.map { index in
            let x = points[index].x * inverses[index]
            let y = points[index].y * inverses[index]
            return (x, y, (x * y) * CurveConstants.d)
        }
    }

    /// Slots for j = range.lowerBound + 1 … range.upperBound.
    private static func entries(base: EdwardsPoint, range: Range<Int>) -> [(Int, UInt64)] {
        let step = BatchArithmetic.nielsPoints([base])[0]
        var current = base.vartimeMultiplied(by: Scalar(Int64(range.lowerBound)))
        var result: [(Int, UInt64)] = []
        result.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            let count = min(512, range.upperBound - index)
            var points: [EdwardsPoint] = []
            points.reserveCapacity(count)
            for _ in 0..<count {
                current.add(step)
                points.append(current)
            }
            var inverses = points.map(\.z)
            BatchArithmetic.invert(&inverses)
            for offset in 0..<count {
                let y = (points[offset].y * inverses[offset]).words
                let odd = (points[offset].x * inverses[offset]).isNegative
                let value = UInt64(index + offset + 1)
                result.append((home(y), (tag(y) << 24) | (value << 1) | (odd ? 1 : 0)))
            }
            index += count
        }
        return result
    }

    @inline(__always)
    private static func home(_ y: (UInt64, UInt64, UInt64, UInt64)) -> Int { Int(truncatingIfNeeded: y.0 >> 1) }

    @inline(__always)
    private static func tag(_ y: (UInt64, UInt64, UInt64, UInt64)) -> UInt64 { y.1 >> 24 }

    /// The v in [−T, T] with v·8G = (x, y), verified, or `nil`.
    @inline(__always)
    func lookUp(
        x: (UInt64, UInt64, UInt64, UInt64), y: (UInt64, UInt64, UInt64, UInt64)
    ) -> Int64? {
        if (x.0 | x.1 | x.2 | x.3) == 0 { return y.0 == 1 && (y.1 | y.2 | y.3) == 0 ? 0 : nil }
        let wanted = PortableLogarithms.tag(y)
        var position = PortableLogarithms.home(y) & slotMask
        while true {
            let slot = slots[position]
            if slot == 0 { return nil }
            if slot >> 24 == wanted {
                let magnitude = Int64((slot >> 1) & 0x7f_ffff)
                let value = (slot & 1) == (x.0 & 1) ? magnitude : -magnitude
                if verifies(value, x: x, y: y) { return value }
            }
            position = (position + 1) & slotMask
        }
    }

    private func verifies(
        _ value: Int64, x: (UInt64, UInt64, UInt64, UInt64), y: (UInt64, UInt64, UInt64, UInt64)
    ) -> Bool {
        let magnitude = Scalar(unchecked: value.magnitude, 0, 0, 0)
        let negative = FieldElement.mask(value < 0)
        var carry: UInt64 = 0
        let (first, firstSign) = check.digit(magnitude, 0, carry: &carry)
        var point = check.entries[first].extended(negatedBy: firstSign ^ negative)
        let (second, secondSign) = check.digit(magnitude, 1, carry: &carry)
        if second != 0 { point.add(check.entries[check.stride + second], negatedBy: secondSign ^ negative) }
        let fx = FieldElement(maskingTopBit: x.0, x.1, x.2, x.3)
        let fy = FieldElement(maskingTopBit: y.0, y.1, y.2, y.3)
        return point.x.equals(fx * point.z) && point.y.equals(fy * point.z)
    }

    // MARK: Recovery

    /// e with |e| ≤ bound for every point, or `Int64.min` where there is none.
    func find(_ points: ArraySlice<EdwardsPoint>, bound: Int64) -> [Int64] {
        let coordinates = PortableKernel().affineOfEightfold(points)
        return (0..<points.count).map { index in
            let x = loadWords(coordinates[...], at: index * 64)
            let y = loadWords(coordinates[...], at: index * 64 + 32)
            guard let value = lookUp(x: x, y: y) ?? search(x: x, y: y, bound: bound), value.magnitude <= bound else {
                return .min
            }
            return value
        }
    }

    /// Giant steps outwards from ±1.
    private func search(
        x: (UInt64, UInt64, UInt64, UInt64), y: (UInt64, UInt64, UInt64, UInt64), bound: Int64
    ) -> Int64? {
        let width = 2 * tableRange + 1
        let steps = Int((max(0, bound - tableRange) + width - 1) / width)
        let px = FieldElement(maskingTopBit: x.0, x.1, x.2, x.3)
        let py = FieldElement(maskingTopBit: y.0, y.1, y.2, y.3)
        let pxy = px * py
        var done = 0
        while done < steps {
            let count = min(64, steps - done)
            // With A = y₁y₂, B = x₁x₂, D = d·A·B: y(P ± S) = (A ± B)/(1 ∓ D), x(P ± S) = (x₁y₂ ± y₁x₂)/(1 ± D).
            var products: [FieldElement] = []
            var denominators: [FieldElement] = []
            for index in 0..<count {
                let d = pxy * giants[done + index].dxy
                products.append(d)
                denominators.append((FieldElement.one - d.squared).carried)
            }
            BatchArithmetic.invert(&denominators)
            for index in 0..<count {
                let (sx, sy, _) = giants[done + index]
                let a = py * sy
                let b = px * sx
                let d = products[index]
                let onePlus = (FieldElement.one + d) * denominators[index]
                let oneMinus = (FieldElement.one - d) * denominators[index]
                let shift = Int64(done + index + 1) * width
                // P − S holds a value above, P + S one below. onePlus = 1/(1 − D), oneMinus = 1/(1 + D).
                let above = ((px * sy - py * sx) * onePlus, (a - b) * oneMinus)
                if let value = lookUp(x: above.0.words, y: above.1.words) { return value + shift }
                let below = ((px * sy + py * sx) * oneMinus, (a + b) * onePlus)
                if let value = lookUp(x: below.0.words, y: below.1.words) { return value - shift }
            }
            done += count
        }
        return nil
    }
}
