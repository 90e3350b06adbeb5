/// An element of GF(2^255 − 19) in five limbs of 51 bits.
///
/// Bounds, in the words used below: a *tight* element has limbs below 2^51 + 2^14 and is what multiplication, squaring,
/// decoding and `carried` return. Addition and subtraction do not carry. A product takes operands with limbs below
/// 2^54. Subtraction adds 4p, so its right operand must be tight or the sum of two tight elements (limbs ≤ 2^53 − 152),
/// and its left operand must stay below 2^53 for the result to be a legal factor.
///
/// Nothing here branches on the value; functions that do say `vartime`.
struct FieldElement: Sendable {
    var l0: UInt64
    var l1: UInt64
    var l2: UInt64
    var l3: UInt64
    var l4: UInt64

    static let mask51: UInt64 = (1 << 51) - 1

    @inline(__always)
    init(_ l0: UInt64, _ l1: UInt64, _ l2: UInt64, _ l3: UInt64, _ l4: UInt64) {
        self.l0 = l0
        self.l1 = l1
        self.l2 = l2
        self.l3 = l3
        self.l4 = l4
    }

    @inline(__always)
    init(small value: UInt32) {
        self.init(UInt64(value), 0, 0, 0, 0)
    }

    @inline(__always) static var zero: FieldElement { FieldElement(0, 0, 0, 0, 0) }
    @inline(__always) static var one: FieldElement { FieldElement(1, 0, 0, 0, 0) }

    // MARK: Bytes

    /// Decodes 32 little-endian bytes given as four words. `nil` unless the value is below p, which also rejects bit 255.
    @inline(__always)
    init?(canonical w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        let top = UInt64.max >> 1
        if w3 > top { return nil }
        if w3 == top && w2 == .max && w1 == .max && w0 >= .max &- 18 { return nil }
        self.init(maskingTopBit: w0, w1, w2, w3)
    }

    /// Decodes four words modulo p, ignoring bit 255 (as the hash-to-group map of RFC 9496 asks).
    @inline(__always)
    init(maskingTopBit w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        let m = FieldElement.mask51
        self.init(
            w0 & m,
            ((w0 >> 51) | (w1 << 13)) & m,
            ((w1 >> 38) | (w2 << 26)) & m,
            ((w2 >> 25) | (w3 << 39)) & m,
            (w3 >> 12) & m)
    }

    /// The canonical value as four little-endian words. Limbs may be anything below 2^63.
    @inline(__always)
    var words: (UInt64, UInt64, UInt64, UInt64) {
        let m = FieldElement.mask51
        var h = carried
        // q is 1 exactly when the value is at least p.
        var q = (h.l0 &+ 19) >> 51
        q = (h.l1 &+ q) >> 51
        q = (h.l2 &+ q) >> 51
        q = (h.l3 &+ q) >> 51
        q = (h.l4 &+ q) >> 51
        h.l0 = h.l0 &+ 19 &* q
        h.l1 = h.l1 &+ (h.l0 >> 51)
        h.l0 &= m
        h.l2 = h.l2 &+ (h.l1 >> 51)
        h.l1 &= m
        h.l3 = h.l3 &+ (h.l2 >> 51)
        h.l2 &= m
        h.l4 = h.l4 &+ (h.l3 >> 51)
        h.l3 &= m
        h.l4 &= m
        return (
            h.l0 | (h.l1 << 51),
            (h.l1 >> 13) | (h.l2 << 38),
            (h.l2 >> 26) | (h.l3 << 25),
            (h.l3 >> 39) | (h.l4 << 12)
        )
    }

    /// One carry pass: a tight element of the same value.
    @inline(__always)
    var carried: FieldElement {
        let m = FieldElement.mask51
        let c0 = l0 >> 51
        let c1 = l1 >> 51
        let c2 = l2 >> 51
        let c3 = l3 >> 51
        let c4 = l4 >> 51
        return FieldElement((l0 & m) &+ 19 &* c4, (l1 & m) &+ c0, (l2 & m) &+ c1, (l3 & m) &+ c2, (l4 & m) &+ c3)
    }

    // MARK: Ring operations

    @inline(__always)
    static func + (a: FieldElement, b: FieldElement) -> FieldElement {
        FieldElement(a.l0 &+ b.l0, a.l1 &+ b.l1, a.l2 &+ b.l2, a.l3 &+ b.l3, a.l4 &+ b.l4)
    }

    @inline(__always)
    static func - (a: FieldElement, b: FieldElement) -> FieldElement {
        FieldElement(
            (a.l0 &+ 0x1f_ffff_ffff_ffb4) &- b.l0,
            (a.l1 &+ 0x1f_ffff_ffff_fffc) &- b.l1,
            (a.l2 &+ 0x1f_ffff_ffff_fffc) &- b.l2,
            (a.l3 &+ 0x1f_ffff_ffff_fffc) &- b.l3,
            (a.l4 &+ 0x1f_ffff_ffff_fffc) &- b.l4)
    }

    /// A tight −a for tight a.
    @inline(__always)
    static prefix func - (a: FieldElement) -> FieldElement {
        (FieldElement.zero - a).carried
    }

    @inline(__always)
    private static func wide(_ a: UInt64, _ b: UInt64) -> UInt128 {
        UInt128(a) &* UInt128(b)
    }

    @inline(__always)
    private static func reduce(
        _ r0: UInt128, _ r1: UInt128, _ r2: UInt128, _ r3: UInt128, _ r4: UInt128
    ) -> FieldElement {
        let m = mask51
        let s1 = r1 &+ UInt128(UInt64(truncatingIfNeeded: r0 &>> 51))
        let s2 = r2 &+ UInt128(UInt64(truncatingIfNeeded: s1 &>> 51))
        let s3 = r3 &+ UInt128(UInt64(truncatingIfNeeded: s2 &>> 51))
        let s4 = r4 &+ UInt128(UInt64(truncatingIfNeeded: s3 &>> 51))
        let t0 = (UInt64(truncatingIfNeeded: r0) & m) &+ 19 &* UInt64(truncatingIfNeeded: s4 &>> 51)
        return FieldElement(
            t0 & m,
            (UInt64(truncatingIfNeeded: s1) & m) &+ (t0 >> 51),
            UInt64(truncatingIfNeeded: s2) & m,
            UInt64(truncatingIfNeeded: s3) & m,
            UInt64(truncatingIfNeeded: s4) & m)
    }

    @inline(__always)
    static func * (a: FieldElement, b: FieldElement) -> FieldElement {
        let b1 = b.l1 &* 19
        let b2 = b.l2 &* 19
        let b3 = b.l3 &* 19
        let b4 = b.l4 &* 19
        let r0 = wide(a.l0, b.l0) &+ wide(a.l1, b4) &+ wide(a.l2, b3) &+ wide(a.l3, b2) &+ wide(a.l4, b1)
        let r1 = wide(a.l0, b.l1) &+ wide(a.l1, b.l0) &+ wide(a.l2, b4) &+ wide(a.l3, b3) &+ wide(a.l4, b2)
        let r2 = wide(a.l0, b.l2) &+ wide(a.l1, b.l1) &+ wide(a.l2, b.l0) &+ wide(a.l3, b4) &+ wide(a.l4, b3)
        let r3 = wide(a.l0, b.l3) &+ wide(a.l1, b.l2) &+ wide(a.l2, b.l1) &+ wide(a.l3, b.l0) &+ wide(a.l4, b4)
        let r4 = wide(a.l0, b.l4) &+ wide(a.l1, b.l3) &+ wide(a.l2, b.l2) &+ wide(a.l3, b.l1) &+ wide(a.l4, b.l0)
        return reduce(r0, r1, r2, r3, r4)
    }

    @inline(__always)
    var squared: FieldElement {
        let d0 = l0 &* 2
        let d1 = l1 &* 2
        let a3 = l3 &* 19
        let a4 = l4 &* 19
        let w = FieldElement.wide
        let r0 = w(l0, l0) &+ w(d1, a4) &+ w(l2 &* 2, a3)
        let r1 = w(d0, l1) &+ w(l2 &* 2, a4) &+ w(l3, a3)
        let r2 = w(d0, l2) &+ w(l1, l1) &+ w(l3 &* 2, a4)
        let r3 = w(d0, l3) &+ w(d1, l2) &+ w(l4, a4)
        let r4 = w(d0, l4) &+ w(d1, l3) &+ w(l2, l2)
        return FieldElement.reduce(r0, r1, r2, r3, r4)
    }

    @inline(never)
    func squared(times count: Int) -> FieldElement {
        var result = self
        for _ in 0..<count { result = result.squared }
        return result
    }

    // MARK: Powers

    /// (self^(2^250 − 1), self^11): the common prefix of inversion and square root.
    private var power250: (FieldElement, FieldElement) {
        let a2 = squared
        let a9 = a2.squared(times: 2) * self
        let a11 = a9 * a2
        let b5 = a11.squared * a9
        let b10 = b5.squared(times: 5) * b5
        let b20 = b10.squared(times: 10) * b10
        let b40 = b20.squared(times: 20) * b20
        let b50 = b40.squared(times: 10) * b10
        let b100 = b50.squared(times: 50) * b50
        let b200 = b100.squared(times: 100) * b100
        let b250 = b200.squared(times: 50) * b50
        return (b250, a11)
    }

    /// self^(p − 2); zero stays zero.
    @inline(never)
    var inverted: FieldElement {
        let (b250, a11) = power250
        return b250.squared(times: 5) * a11
    }

    /// self^((p − 5)/8).
    @inline(never)
    var power22523: FieldElement {
        let (b250, _) = power250
        return b250.squared(times: 2) * self
    }

    // MARK: Tests and selection

    @inline(__always)
    var isZero: Bool {
        let w = words
        return (w.0 | w.1 | w.2 | w.3) == 0
    }

    /// The low bit of the canonical value.
    @inline(__always)
    var isNegative: Bool { words.0 & 1 == 1 }

    @inline(__always)
    func equals(_ other: FieldElement) -> Bool {
        let a = words
        let b = other.words
        return ((a.0 ^ b.0) | (a.1 ^ b.1) | (a.2 ^ b.2) | (a.3 ^ b.3)) == 0
    }

    /// `other` where the mask is all ones, `self` where it is zero.
    @inline(__always)
    func selecting(_ other: FieldElement, mask: UInt64) -> FieldElement {
        FieldElement(
            l0 ^ (mask & (l0 ^ other.l0)),
            l1 ^ (mask & (l1 ^ other.l1)),
            l2 ^ (mask & (l2 ^ other.l2)),
            l3 ^ (mask & (l3 ^ other.l3)),
            l4 ^ (mask & (l4 ^ other.l4)))
    }

    @inline(__always)
    func negated(if condition: Bool) -> FieldElement {
        selecting(-self, mask: FieldElement.mask(condition))
    }

    @inline(__always)
    static func mask(_ condition: Bool) -> UInt64 {
        0 &- (condition ? 1 as UInt64 : 0)
    }

    /// The non-negative one of ±self.
    @inline(__always)
    var absolute: FieldElement { negated(if: isNegative) }

    /// SQRT_RATIO_M1 of RFC 9496 §4.2: (u/v is square, the non-negative root of u/v or of i·u/v).
    @inline(never)
    static func squareRootRatio(_ u: FieldElement, _ v: FieldElement) -> (wasSquare: Bool, root: FieldElement) {
        let v3 = v.squared * v
        let v7 = v3.squared * v
        var r = (u * v3) * (u * v7).power22523
        let check = v * r.squared
        let tightU = u.carried
        let minusU = -tightU
        let correct = check.equals(tightU)
        let flipped = check.equals(minusU)
        let flippedI = check.equals(minusU * CurveConstants.sqrtM1)
        r = r.selecting(r * CurveConstants.sqrtM1, mask: mask(flipped || flippedI))
        return (correct || flipped, r.absolute)
    }
}
