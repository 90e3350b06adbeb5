/// An integer modulo ℓ = 2^252 + c, the order of ristretto255, canonical in four 64-bit words.
///
/// Arithmetic is free of branches on the value; functions that are not say `vartime` or are documented as public-only.
struct Scalar: Sendable, Equatable {
    var w0: UInt64
    var w1: UInt64
    var w2: UInt64
    var w3: UInt64

    static let order0: UInt64 = 0x5812_631a_5cf5_d3ed
    static let order1: UInt64 = 0x14de_f9de_a2f7_9cd6
    static let order3: UInt64 = 0x1000_0000_0000_0000

    @inline(__always)
    init(unchecked w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
    }

    static let zero = Scalar(unchecked: 0, 0, 0, 0)
    static let one = Scalar(unchecked: 1, 0, 0, 0)
    /// 2⁻¹ mod ℓ.
    static let half = Scalar(
        unchecked: 0x2c09_318d_2e7a_e9f7, 0x0a6f_7cef_517b_ce6b, 0, 0x0800_0000_0000_0000)
    /// 8⁻¹ mod ℓ.
    static let eighth = Scalar(
        unchecked: 0x6106_e529_e2dc_2f79, 0x07d3_9db3_7d1c_dad0, 0, 0x0600_0000_0000_0000)

    init(_ value: Int64) {
        let magnitude = Scalar(unchecked: value.magnitude, 0, 0, 0)
        self = value < 0 ? -magnitude : magnitude
    }

    /// Decodes 32 little-endian bytes; `nil` unless the value is below ℓ.
    init?(canonical bytes: ArraySlice<UInt8>) {
        guard bytes.count == 32 else { return nil }
        let w = loadWords(bytes, at: bytes.startIndex)
        let value = Scalar(unchecked: w.0, w.1, w.2, w.3)
        guard value.subtractingOrder().borrow else { return nil }
        self = value
    }

    init?(canonical bytes: [UInt8]) { self.init(canonical: bytes[...]) }

    /// Reduces 64 little-endian bytes modulo ℓ. Other lengths are a programmer error.
    init(reducing bytes: [UInt8]) {
        precondition(bytes.count == 64, "a wide scalar has 64 bytes")
        let low = loadWords(bytes[...], at: 0)
        let high = loadWords(bytes[...], at: 32)
        self.init(reducingWords: [low.0, low.1, low.2, low.3, high.0, high.1, high.2, high.3])
    }

    var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: 32)
        storeWords((w0, w1, w2, w3), into: &result, at: 0)
        return result
    }

    var isZero: Bool { (w0 | w1 | w2 | w3) == 0 }

    // MARK: Reduction

    /// Reduces x < 2^512 (eight words): 2^252 ≡ −c folds the high part three times.
    @inline(__always)
    init(reducingWords x: InlineArray<8, UInt64>) {
        // hi (260 bits) and lo of x at bit 252.
        let h0 = (x[3] >> 60) | (x[4] << 4)
        let h1 = (x[4] >> 60) | (x[5] << 4)
        let h2 = (x[5] >> 60) | (x[6] << 4)
        let h3 = (x[6] >> 60) | (x[7] << 4)
        let h4 = x[7] >> 60
        // p = hi·c, at most 385 bits in seven words.
        var p: InlineArray<7, UInt64> = [0, 0, 0, 0, 0, 0, 0]
        var carry: UInt64 = 0
        (p[0], carry) = Scalar.multiplyAdd(h0, Scalar.order0, 0, 0)
        (p[1], carry) = Scalar.multiplyAdd(h1, Scalar.order0, 0, carry)
        (p[2], carry) = Scalar.multiplyAdd(h2, Scalar.order0, 0, carry)
        (p[3], carry) = Scalar.multiplyAdd(h3, Scalar.order0, 0, carry)
        (p[4], p[5]) = Scalar.multiplyAdd(h4, Scalar.order0, 0, carry)
        (p[1], carry) = Scalar.multiplyAdd(h0, Scalar.order1, p[1], 0)
        (p[2], carry) = Scalar.multiplyAdd(h1, Scalar.order1, p[2], carry)
        (p[3], carry) = Scalar.multiplyAdd(h2, Scalar.order1, p[3], carry)
        (p[4], carry) = Scalar.multiplyAdd(h3, Scalar.order1, p[4], carry)
        (p[5], p[6]) = Scalar.multiplyAdd(h4, Scalar.order1, p[5], carry)
        // Second fold: hi2 has at most 133 bits.
        let i0 = (p[3] >> 60) | (p[4] << 4)
        let i1 = (p[4] >> 60) | (p[5] << 4)
        let i2 = (p[5] >> 60) | (p[6] << 4)
        var q0: UInt64 = 0
        var q1: UInt64 = 0
        var q2: UInt64 = 0
        var q3: UInt64 = 0
        var q4: UInt64 = 0
        (q0, carry) = Scalar.multiplyAdd(i0, Scalar.order0, 0, 0)
        (q1, carry) = Scalar.multiplyAdd(i1, Scalar.order0, 0, carry)
        (q2, q3) = Scalar.multiplyAdd(i2, Scalar.order0, 0, carry)
        (q1, carry) = Scalar.multiplyAdd(i0, Scalar.order1, q1, 0)
        (q2, carry) = Scalar.multiplyAdd(i1, Scalar.order1, q2, carry)
        (q3, q4) = Scalar.multiplyAdd(i2, Scalar.order1, q3, carry)
        // Third fold: hi3 has at most 6 bits.
        let k = (q3 >> 60) | (q4 << 4)
        let (m0, mc) = Scalar.multiplyAdd(k, Scalar.order0, 0, 0)
        let (m1, m2) = Scalar.multiplyAdd(k, Scalar.order1, 0, mc)
        // lo + lo3 + 2ℓ − lo2 − k·c lies in (0, 2^254).
        let top: UInt64 = (1 << 60) &- 1
        var s = Scalar(unchecked: x[0], x[1], x[2], x[3] & top)
        s.addWords(q0, q1, q2, q3 & top)
        s.addWords(Scalar.order0 << 1, (Scalar.order1 << 1) | (Scalar.order0 >> 63), Scalar.order1 >> 63, 1 << 61)
        s.subtractWords(p[0], p[1], p[2], p[3] & top)
        s.subtractWords(m0, m1, m2, 0)
        for _ in 0..<4 { s = s.reducedOnce() }
        self = s
    }

    /// Reduces x < 2^316 given as five words, in one fold: for sums of up to 2^60 masks.
    @inline(__always)
    init(reducingSum x0: UInt64, _ x1: UInt64, _ x2: UInt64, _ x3: UInt64, _ x4: UInt64) {
        let k = (x3 >> 60) | (x4 << 4)
        let (m0, mc) = Scalar.multiplyAdd(k, Scalar.order0, 0, 0)
        let (m1, m2) = Scalar.multiplyAdd(k, Scalar.order1, 0, mc)
        var s = Scalar(unchecked: x0, x1, x2, x3 & ((1 << 60) &- 1))
        s.addWords(Scalar.order0, Scalar.order1, 0, Scalar.order3)
        s.subtractWords(m0, m1, m2, 0)
        self = s.reducedOnce().reducedOnce()
    }

    /// (low, high) of a·b + c + d; cannot overflow 128 bits.
    @inline(__always)
    static func multiplyAdd(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) -> (UInt64, UInt64) {
        let r = UInt128(a) &* UInt128(b) &+ UInt128(c) &+ UInt128(d)
        return (UInt64(truncatingIfNeeded: r), UInt64(truncatingIfNeeded: r &>> 64))
    }

    @inline(__always)
    mutating func addWords(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
        let r0 = UInt128(w0) &+ UInt128(a)
        let r1 = UInt128(w1) &+ UInt128(b) &+ (r0 &>> 64)
        let r2 = UInt128(w2) &+ UInt128(c) &+ (r1 &>> 64)
        w0 = UInt64(truncatingIfNeeded: r0)
        w1 = UInt64(truncatingIfNeeded: r1)
        w2 = UInt64(truncatingIfNeeded: r2)
        w3 = w3 &+ d &+ UInt64(truncatingIfNeeded: r2 &>> 64)
    }

    @inline(__always)
    @discardableResult
    mutating func subtractWords(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) -> UInt64 {
        var borrow: UInt64 = 0
        w0 = Scalar.subtractBorrow(w0, a, &borrow)
        w1 = Scalar.subtractBorrow(w1, b, &borrow)
        w2 = Scalar.subtractBorrow(w2, c, &borrow)
        w3 = Scalar.subtractBorrow(w3, d, &borrow)
        return borrow
    }

    @inline(__always)
    private static func subtractBorrow(_ a: UInt64, _ b: UInt64, _ borrow: inout UInt64) -> UInt64 {
        let r = UInt128(a) &- UInt128(b) &- UInt128(borrow)
        borrow = UInt64(truncatingIfNeeded: r &>> 64) & 1
        return UInt64(truncatingIfNeeded: r)
    }

    @inline(__always)
    private func subtractingOrder() -> (value: Scalar, borrow: Bool) {
        var s = self
        let borrow = s.subtractWords(Scalar.order0, Scalar.order1, 0, Scalar.order3)
        return (s, borrow == 1)
    }

    /// self − ℓ if that is not negative, else self.
    @inline(__always)
    private func reducedOnce() -> Scalar {
        let (s, borrow) = subtractingOrder()
        let mask = FieldElement.mask(borrow)
        return Scalar(
            unchecked: s.w0 ^ (mask & (s.w0 ^ w0)), s.w1 ^ (mask & (s.w1 ^ w1)),
            s.w2 ^ (mask & (s.w2 ^ w2)), s.w3 ^ (mask & (s.w3 ^ w3)))
    }

    // MARK: Ring operations

    @inline(__always)
    static func + (a: Scalar, b: Scalar) -> Scalar {
        var s = a
        s.addWords(b.w0, b.w1, b.w2, b.w3)
        return s.reducedOnce()
    }

    @inline(__always)
    static prefix func - (a: Scalar) -> Scalar {
        var s = Scalar(unchecked: order0, order1, 0, order3)
        s.subtractWords(a.w0, a.w1, a.w2, a.w3)
        return s.reducedOnce()
    }

    @inline(__always)
    static func - (a: Scalar, b: Scalar) -> Scalar { a + (-b) }

    static func * (a: Scalar, b: Scalar) -> Scalar {
        var x: InlineArray<8, UInt64> = [0, 0, 0, 0, 0, 0, 0, 0]
        let left: InlineArray<4, UInt64> = [a.w0, a.w1, a.w2, a.w3]
        let right: InlineArray<4, UInt64> = [b.w0, b.w1, b.w2, b.w3]
        for i in 0..<4 {
            var carry: UInt64 = 0
            for j in 0..<4 {
                (x[i + j], carry) = multiplyAdd(left[i], right[j], x[i + j], carry)
            }
            x[i + 4] = carry
        }
        return Scalar(reducingWords: x)
    }

    /// self^(ℓ − 2); zero stays zero. The exponent is public.
    var inverted: Scalar {
        var exponent = Scalar(unchecked: Scalar.order0, Scalar.order1, 0, Scalar.order3)
        exponent.subtractWords(2, 0, 0, 0)
        var result = Scalar.one
        for bit in stride(from: 252, through: 0, by: -1) {
            result = result * result
            if exponent.bit(bit) { result = result * self }
        }
        return result
    }

    // MARK: Recoding

    @inline(__always)
    func word(_ index: Int) -> UInt64 {
        switch index {
        case 0: w0
        case 1: w1
        case 2: w2
        case 3: w3
        default: 0
        }
    }

    @inline(__always)
    func bit(_ index: Int) -> Bool { (word(index >> 6) >> UInt64(index & 63)) & 1 == 1 }

    /// `width` ≤ 32 bits from bit `offset` on.
    @inline(__always)
    func bits(at offset: Int, width: Int) -> UInt64 {
        let shift = UInt64(offset & 63)
        let low = word(offset >> 6) >> shift
        // Two shifts, so that a shift of zero gives zero from the next word.
        let high = (word((offset >> 6) + 1) << 1) << (63 &- shift)
        return (low | high) & ((1 << UInt64(width)) &- 1)
    }

    /// The representative of least magnitude, as (magnitude ≤ (ℓ − 1)/2, mask of ones if negative).
    @inline(__always)
    var centred: (magnitude: Scalar, negative: UInt64) {
        // self > (ℓ − 1)/2 exactly when ℓ − self < self.
        var opposite = Scalar(unchecked: Scalar.order0, Scalar.order1, 0, Scalar.order3)
        opposite.subtractWords(w0, w1, w2, w3)
        var probe = opposite
        let borrow = probe.subtractWords(w0, w1, w2, w3)
        let mask = 0 &- borrow
        return (
            Scalar(
                unchecked: w0 ^ (mask & (w0 ^ opposite.w0)), w1 ^ (mask & (w1 ^ opposite.w1)),
                w2 ^ (mask & (w2 ^ opposite.w2)), w3 ^ (mask & (w3 ^ opposite.w3))),
            mask
        )
    }

    /// Width-w non-adjacent form, least significant digit first. For public scalars only.
    func nonAdjacentForm(width: Int) -> [Int8] {
        var digits = [Int8](repeating: 0, count: 257)
        var position = 0
        var carry: UInt64 = 0
        let window: UInt64 = 1 << UInt64(width)
        while position < 256 {
            let value = carry &+ bits(at: position, width: width)
            if value & 1 == 0 {
                position += 1
                continue
            }
            if value < window / 2 {
                carry = 0
                digits[position] = Int8(truncatingIfNeeded: value)
            } else {
                carry = 1
                digits[position] = Int8(truncatingIfNeeded: Int64(value) - Int64(window))
            }
            position += width
        }
        digits[256] = Int8(carry)
        return digits
    }
}

/// Four little-endian words at `offset`; the caller guarantees 32 bytes.
@inline(__always)
func loadWords(_ bytes: ArraySlice<UInt8>, at offset: Int) -> (UInt64, UInt64, UInt64, UInt64) {
    unsafe bytes.withUnsafeBytes { raw in
        let start = offset - bytes.startIndex
        precondition(start >= 0 && start <= raw.count - 32)
        return unsafe (
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start, as: UInt64.self)),
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)),
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start + 16, as: UInt64.self)),
            UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: start + 24, as: UInt64.self))
        )
    }
}

/// Writes four words little-endian at `offset`; the caller guarantees 32 bytes.
@inline(__always)
func storeWords(_ words: (UInt64, UInt64, UInt64, UInt64), into bytes: inout [UInt8], at offset: Int) {
    unsafe bytes.withUnsafeMutableBytes { raw in
        precondition(offset >= 0 && offset <= raw.count - 32)
        unsafe raw.storeBytes(of: words.0.littleEndian, toByteOffset: offset, as: UInt64.self)
        unsafe raw.storeBytes(of: words.1.littleEndian, toByteOffset: offset + 8, as: UInt64.self)
        unsafe raw.storeBytes(of: words.2.littleEndian, toByteOffset: offset + 16, as: UInt64.self)
        unsafe raw.storeBytes(of: words.3.littleEndian, toByteOffset: offset + 24, as: UInt64.self)
    }
}
