internal import Sodium

/// A batch of sums on the Montgomery form that grow by one table entry each at a time, sharing one inversion.
///
/// Its memory is its own, wiped at the end, and read through pointers: bounds checks and copies of arrays cost a third of
/// the time here. Positions come from masked digits and from values within the documented bounds only.
@safe
struct ChordBatch: ~Copyable {
    private let count: Int
    private let u: UnsafeMutablePointer<PackedElement>
    private let v: UnsafeMutablePointer<PackedElement>
    private let prefixes: UnsafeMutablePointer<PackedElement>
    /// The entry that each member adds, copied out of the table.
    private let entries: UnsafeMutablePointer<ChordPoint>
    /// Where `entries` stand in the table, as 2·position + 1 if they are subtracted.
    private let picks: UnsafeMutablePointer<UInt32>
    /// (x − 1)/2 of each odd scalar, and whether it stands for the opposite one.
    private let halves: UnsafeMutablePointer<Scalar>
    private let signs: UnsafeMutablePointer<UInt32>

    /// Computes scalars[j]·H/2, plus values[j]·G/2 if there are values.
    ///
    /// A scalar is made odd (r or ℓ − r, ℓ being odd). An odd x below 2^(wm) is Σ d_i·2^(wi) with odd digits
    /// d_i = 2·b_i + 1 − 2^w, b_i being the digits of (x − 1)/2 + 2^(wm − 1).
    ///
    /// - Parameter values: of ±`ChordTables.longOffset`, one a scalar; those of ±`shortOffset` take one addition less.
    /// - Returns: `nil` where chords met a special case.
    init?(scalars: [Scalar], values: [Int64]? = nil, tables: ChordTables) {
        precondition(!scalars.isEmpty && values.map { $0.count == scalars.count } ?? true)
        // Two chains of prefix products run side by side: an even number of members.
        let count = (scalars.count + 1) & ~1
        self.count = count
        unsafe u = .allocate(capacity: count)
        unsafe v = .allocate(capacity: count)
        unsafe prefixes = .allocate(capacity: count)
        unsafe entries = .allocate(capacity: count)
        unsafe picks = .allocate(capacity: count)
        unsafe halves = .allocate(capacity: count)
        unsafe signs = .allocate(capacity: count)
        start(scalars, tables, blinded: values != nil)
        let offset = values.map { values in
            values.allSatisfy { $0 >= -ChordTables.shortOffset && $0 < ChordTables.shortOffset }
                ? ChordTables.shortOffset : ChordTables.longOffset
        }
        let rows = tables.windows - 1
        let additions = rows + (offset == nil ? 0 : offset == ChordTables.shortOffset ? 1 : 2)
        for addition in 0..<additions {
            if addition < rows {
                pickDigits(addition, tables)
            } else if let values, let offset {
                pick(values, offset, upper: addition + 1 < additions, tables)
            }
            guard unsafe addEntries(from: tables.entries.baseAddress!) else { return nil }
        }
    }

    deinit {
        for memory in unsafe [u, v, prefixes] { unsafe ChordBatch.release(memory, count) }
        for memory in unsafe [picks, signs] { unsafe ChordBatch.release(memory, count) }
        unsafe ChordBatch.release(entries, count)
        unsafe ChordBatch.release(halves, count)
    }

    private static func release<T>(_ memory: UnsafeMutablePointer<T>, _ count: Int) {
        unsafe sodium_memzero(memory, count * MemoryLayout<T>.stride)
        unsafe memory.deallocate()
    }

    /// Splits the scalars and sets the sums to their top digits, plus C if `blinded`.
    private func start(_ scalars: [Scalar], _ tables: ChordTables, blinded: Bool) {
        let topShift = tables.window * (tables.windows - 1)
        for index in 0..<count {
            let scalar = index < scalars.count ? scalars[index] : .one
            let even = FieldElement.mask(scalar.w0 & 1 == 0)
            var x = Scalar(unchecked: Scalar.order0, Scalar.order1, 0, Scalar.order3)
            x.subtractWords(scalar.w0, scalar.w1, scalar.w2, scalar.w3)
            x = Scalar(
                unchecked: scalar.w0 ^ (even & (scalar.w0 ^ x.w0)), scalar.w1 ^ (even & (scalar.w1 ^ x.w1)),
                scalar.w2 ^ (even & (scalar.w2 ^ x.w2)), scalar.w3 ^ (even & (scalar.w3 ^ x.w3)))
            let half = Scalar(
                unchecked: (x.w0 >> 1) | (x.w1 << 63), (x.w1 >> 1) | (x.w2 << 63), (x.w2 >> 1) | (x.w3 << 63),
                x.w3 >> 1)
            unsafe halves[index] = half
            unsafe signs[index] = UInt32(truncatingIfNeeded: even & 1)
            let digit = Int(half.bits(at: topShift, width: tables.window))
            let place = blinded ? tables.firstBlindedTop + 2 * digit + Int(even & 1) : tables.firstTop + digit
            let entry = unsafe tables.entries[place]
            unsafe u[index] = entry.u
            unsafe v[index] =
                blinded ? entry.v : .difference(entry.v, negatedBy: even, PackedElement(0, 0, 0, 0))
        }
    }

    /// Picks the digits of one window for the next addition.
    private func pickDigits(_ window: Int, _ tables: ChordTables) {
        let half: UInt64 = 1 << UInt64(tables.window - 1)
        let row = UInt64(window) * half
        for index in 0..<count {
            let bits = unsafe halves[index].bits(at: window * tables.window, width: tables.window)
            // The upper half of b is positive: d = 2·(b − 2^(w−1)) + 1; the lower half mirrors it.
            let negative = FieldElement.mask(bits < half)
            let position = row + ((bits ^ negative) & (half - 1))
            unsafe picks[index] = UInt32(truncatingIfNeeded: position << 1 | negative & 1) ^ signs[index]
        }
    }

    /// Picks the upper thirteen or the lower twelve bits of the values for the next addition.
    private func pick(_ values: [Int64], _ offset: Int64, upper: Bool, _ tables: ChordTables) {
        let first =
            upper
            ? tables.firstHighValue : offset == ChordTables.shortOffset ? tables.firstShortValue : tables.firstLowValue
        for index in 0..<count {
            let value = (index < values.count ? values[index] : 0) + offset
            let position = first + Int(upper ? value >> 12 & 0x1fff : value & 0xfff)
            unsafe picks[index] = UInt32(position) << 1
        }
    }

    /// (u, v) += ±entry for every member: λ = (v₂ − v₁)/(u₂ − u₁), u₃ = λ² − A − u₁ − u₂, v₃ = λ·(u₁ − u₃) − v₁.
    ///
    /// The random reads stand alone in one short loop, where many of them are under way at once: elsewhere each would be
    /// waited for.
    private func addEntries(from table: UnsafePointer<ChordPoint>) -> Bool {
        for index in 0..<count { unsafe entries[index] = table[Int(picks[index] >> 1)] }
        let half = count / 2
        var first = PackedElement.one
        var second = PackedElement.one
        for index in 0..<half {
            unsafe prefixes[index] = first
            unsafe prefixes[index + half] = second
            first = unsafe first * (entries[index].u - u[index])
            second = unsafe second * (entries[index + half].u - u[index + half])
        }
        let product = (first * second).element
        if product.isZero { return false }
        let inverse = PackedElement(product.inverted)
        var firstInverse = inverse * second
        var secondInverse = inverse * first
        for index in (0..<half).reversed() { step(index, index + half, &firstInverse, &secondInverse) }
        return true
    }

    /// Two members in step, so that each product waits for another member's and not for the one before it.
    @inline(__always)
    private func step(_ x: Int, _ y: Int, _ xInverse: inout PackedElement, _ yInverse: inout PackedElement) {
        let a = UInt64(ChordTables.montgomeryA)
        let (xNegative, yNegative) = unsafe (0 &- UInt64(picks[x] & 1), 0 &- UInt64(picks[y] & 1))
        let xQuotient = unsafe xInverse * prefixes[x]
        let yQuotient = unsafe yInverse * prefixes[y]
        let xLambda = unsafe xQuotient * .difference(entries[x].v, negatedBy: xNegative, v[x])
        let yLambda = unsafe yQuotient * .difference(entries[y].v, negatedBy: yNegative, v[y])
        xInverse = unsafe xInverse * (entries[x].u - u[x])
        yInverse = unsafe yInverse * (entries[y].u - u[y])
        let xSquare = xLambda.squared
        let ySquare = yLambda.squared
        let xResult = unsafe PackedElement.difference(xSquare, u[x], entries[x].u, a)
        let xChord = unsafe u[x] - xResult
        unsafe u[x] = xResult
        let yResult = unsafe PackedElement.difference(ySquare, u[y], entries[y].u, a)
        let yChord = unsafe u[y] - yResult
        unsafe u[y] = yResult
        unsafe v[x] = xLambda * xChord - v[x]
        unsafe v[y] = yLambda * yChord - v[y]
    }

    /// Member j as an extended point: x = c·u/v, y = (u − 1)/(u + 1).
    func points(_ wanted: Int) -> [EdwardsPoint] {
        (0..<wanted).map { index in
            let (u, v) = unsafe (u[index].element, v[index].element)
            let cu = ChordTables.c * u
            let plus = u + .one
            let minus = u - .one
            return EdwardsPoint(x: cu * plus, y: minus * v, z: v * plus, t: cu * minus)
        }
    }
}
