/// A batch of sums on the Montgomery form that grow by one table entry each at a time, sharing one inversion.
struct ChordBatch {
    private var u: [FieldElement]
    private var v: [FieldElement]
    private var prefixes: [FieldElement]
    /// u₂ − u₁ and ±v₂ − v₁ of the addition under way.
    private var deltas: [FieldElement]
    private var numerators: [FieldElement]
    /// Entry of each member for the next addition, and a mask of ones where it is subtracted.
    private var picks: [(entry: Int, negative: UInt64)]
    private let count: Int

    /// Starts at scalars[j]·H/2, plus C if `blinded`.
    ///
    /// A scalar is made odd (r or ℓ − r, ℓ being odd). An odd x below 2^(wm) is Σ d_i·2^(wi) with odd digits
    /// d_i = 2·b_i + 1 − 2^w, b_i being the digits of (x − 1)/2 + 2^(wm − 1).
    ///
    /// - Returns: `nil` where chords met a special case.
    init?(scalars: [Scalar], tables: ChordTables, blinded: Bool) {
        precondition(!scalars.isEmpty)
        // Two chains of prefix products run side by side: an even number of members.
        count = (scalars.count + 1) & ~1
        var halves: [Scalar] = []
        var signs: [UInt64] = []
        halves.reserveCapacity(count)
        signs.reserveCapacity(count)
        for index in 0..<count {
            let scalar = index < scalars.count ? scalars[index] : .one
            let even = FieldElement.mask(scalar.w0 & 1 == 0)
            var x = Scalar(unchecked: Scalar.order0, Scalar.order1, 0, Scalar.order3)
            x.subtractWords(scalar.w0, scalar.w1, scalar.w2, scalar.w3)
            x = Scalar(
                unchecked: scalar.w0 ^ (even & (scalar.w0 ^ x.w0)), scalar.w1 ^ (even & (scalar.w1 ^ x.w1)),
                scalar.w2 ^ (even & (scalar.w2 ^ x.w2)), scalar.w3 ^ (even & (scalar.w3 ^ x.w3)))
            halves.append(
                Scalar(
                    unchecked: (x.w0 >> 1) | (x.w1 << 63), (x.w1 >> 1) | (x.w2 << 63), (x.w2 >> 1) | (x.w3 << 63),
                    x.w3 >> 1))
            signs.append(even)
        }
        u = []
        v = []
        u.reserveCapacity(count)
        v.reserveCapacity(count)
        let topShift = tables.window * (tables.windows - 1)
        for index in 0..<count {
            let digit = Int(halves[index].bits(at: topShift, width: tables.window))
            if blinded {
                let entry = tables.blindedTop[2 * digit + Int(signs[index] & 1)]
                u.append(entry.u)
                v.append(entry.v)
            } else {
                let entry = tables.top[digit]
                u.append(entry.u)
                v.append(entry.v.selecting(-entry.v, mask: signs[index]))
            }
        }
        prefixes = [FieldElement](repeating: .one, count: count)
        deltas = prefixes
        numerators = prefixes
        picks = Array(repeating: (0, 0), count: count)
        let half = 1 << (tables.window - 1)
        for window in 0..<tables.windows - 1 {
            let row = window * half
            for index in 0..<count {
                let bits = halves[index].bits(at: window * tables.window, width: tables.window)
                // The upper half of b is positive: d = 2·(b − 2^(w−1)) + 1; the lower half mirrors it.
                let negative = FieldElement.mask(bits < UInt64(half))
                let entry = Int(truncatingIfNeeded: (bits ^ negative) & UInt64(half - 1))
                picks[index] = (row + entry, negative ^ signs[index])
            }
            guard addPicks(from: tables.rows) else { return nil }
        }
    }

    /// Adds values[j]·G/2 − C. Values are within ±2^11, or ±2^24 for the long form.
    mutating func add(values: [Int64], tables: ChordTables) -> Bool {
        let short = values.allSatisfy { $0 >= -ChordTables.shortOffset && $0 < ChordTables.shortOffset }
        let offset = short ? ChordTables.shortOffset : ChordTables.longOffset
        if !short {
            for index in 0..<count {
                let value = index < values.count ? values[index] : 0
                picks[index] = (Int((value + offset) >> 12), 0)
            }
            guard addPicks(from: tables.highValues) else { return false }
        }
        for index in 0..<count {
            let value = index < values.count ? values[index] : 0
            picks[index] = (Int((value + offset) & 0xfff), 0)
        }
        return addPicks(from: short ? tables.shortValues : tables.lowValues)
    }

    /// (u, v) += ±entry for every member: λ = (v₂ − v₁)/(u₂ − u₁), u₃ = λ² − A − u₁ − u₂, v₃ = λ·(u₁ − u₃) − v₁.
    private mutating func addPicks(from table: [ChordPoint]) -> Bool {
        // The random reads stand alone in one loop, where many of them are under way at once; after it every array is
        // read in order.
        for index in 0..<count {
            let (position, negative) = picks[index]
            let entry = table[position]
            deltas[index] = (entry.u - u[index]).carried
            let v2 = entry.v
            numerators[index] = (v2.selecting(FieldElement.zero - v2, mask: negative) - v[index]).carried
        }
        // Two chains of products hide each other's latency.
        let half = count / 2
        var first = FieldElement.one
        var second = FieldElement.one
        for index in 0..<half {
            prefixes[index] = first
            prefixes[index + half] = second
            first = first * deltas[index]
            second = second * deltas[index + half]
        }
        let product = first * second
        if product.isZero { return false }
        let inverse = product.inverted
        var firstInverse = inverse * second
        var secondInverse = inverse * first
        for index in (0..<half).reversed() {
            step(index, &firstInverse)
            step(index + half, &secondInverse)
        }
        return true
    }

    @inline(__always)
    private mutating func step(_ index: Int, _ inverse: inout FieldElement) {
        let u1 = u[index]
        let delta = deltas[index]
        let lambda = numerators[index] * (inverse * prefixes[index])
        inverse = inverse * delta
        // −A is folded in as p − A; u₁ + u₂ = 2·u₁ + δ.
        let m = FieldElement.mask51
        let minusA = FieldElement(0x7_ffff_fff8_92e7, m, m, m, m)
        let u3 = ((lambda.squared + minusA) - (u1 + u1 + delta)).carried
        u[index] = u3
        v[index] = ((lambda * (u1 - u3)) - v[index]).carried
    }

    /// Member j as an extended point: x = c·u/v, y = (u − 1)/(u + 1).
    func points(_ wanted: Int) -> [EdwardsPoint] {
        (0..<wanted).map { index in
            let cu = ChordTables.c * u[index]
            let plus = u[index] + .one
            let minus = u[index] - .one
            return EdwardsPoint(x: cu * plus, y: minus * v[index], z: v[index] * plus, t: cu * minus)
        }
    }
}
