/// An element of GF(2^255 − 19) in four full words: any value below 2^256 stands for its residue.
///
/// 2^256 ≡ 38. Products take a quarter less time here than in the five limbs of `FieldElement`, which run out of
/// registers, and table entries need no unpacking; sums take longer, for their carries. So this form serves the one loop
/// that is nearly all products, and results leave it as a `FieldElement`. Nothing branches on the value: carries are
/// written as sums of wide words because the compiler turns flags of overflow into jumps.
struct PackedElement: Sendable {
    var w0: UInt64
    var w1: UInt64
    var w2: UInt64
    var w3: UInt64

    @inline(__always)
    init(_ w0: UInt64, _ w1: UInt64, _ w2: UInt64, _ w3: UInt64) {
        self.w0 = w0
        self.w1 = w1
        self.w2 = w2
        self.w3 = w3
    }

    /// The canonical value of `element`.
    @inline(__always)
    init(_ element: FieldElement) {
        let words = element.words
        self.init(words.0, words.1, words.2, words.3)
    }

    @inline(__always) static var one: PackedElement { PackedElement(1, 0, 0, 0) }

    /// The same value, tight.
    @inline(__always)
    var element: FieldElement {
        var result = FieldElement(maskingTopBit: w0, w1, w2, w3)
        result.l0 &+= 19 &* (w3 >> 63)
        return result
    }

    // MARK: Words

    @inline(__always)
    private static func low(_ wide: UInt128) -> UInt64 { UInt64(truncatingIfNeeded: wide) }

    @inline(__always)
    private static func high(_ wide: UInt128) -> UInt64 { UInt64(truncatingIfNeeded: wide &>> 64) }

    /// (low, high) of a·b + c + d; cannot overflow.
    @inline(__always)
    private static func product(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) -> (UInt64, UInt64) {
        let wide = UInt128(a) &* UInt128(b) &+ UInt128(c) &+ UInt128(d)
        return (low(wide), high(wide))
    }

    /// a + b + carry, and the carry out.
    @inline(__always)
    private static func sum(_ a: UInt64, _ b: UInt64, _ carry: inout UInt64) -> UInt64 {
        let (partial, first) = a.addingReportingOverflow(b)
        let (total, second) = partial.addingReportingOverflow(carry)
        carry = (first ? 1 : 0) | (second ? 1 : 0)
        return total
    }

    /// self + small. A carry out comes back as 38, which cannot overflow again: what is left then is below `small`, which
    /// must be at most 2^64 − 39.
    @inline(__always)
    private func adding(_ small: UInt64) -> PackedElement {
        let r0 = UInt128(w0) &+ UInt128(small)
        let r1 = UInt128(w1) &+ (r0 &>> 64)
        let r2 = UInt128(w2) &+ (r1 &>> 64)
        let r3 = UInt128(w3) &+ (r2 &>> 64)
        typealias P = PackedElement
        return P(P.low(r0) &+ 38 &* P.high(r3), P.low(r1), P.low(r2), P.low(r3))
    }

    /// a − b modulo 2^256, and 1 where it did not borrow: a + ~b + 1.
    @inline(__always)
    private static func difference(_ a: PackedElement, _ b: PackedElement) -> (PackedElement, noBorrow: UInt64) {
        let r0 = UInt128(a.w0) &+ UInt128(~b.w0) &+ 1
        let r1 = UInt128(a.w1) &+ UInt128(~b.w1) &+ UInt128(high(r0))
        let r2 = UInt128(a.w2) &+ UInt128(~b.w2) &+ UInt128(high(r1))
        let r3 = UInt128(a.w3) &+ UInt128(~b.w3) &+ UInt128(high(r2))
        return (PackedElement(low(r0), low(r1), low(r2), low(r3)), high(r3))
    }

    /// self − small. A borrow takes off 38, which cannot borrow again: what is left then is above 2^256 − small.
    @inline(__always)
    private func subtracting(_ small: UInt64) -> PackedElement {
        let (result, noBorrow) = PackedElement.difference(self, PackedElement(small, 0, 0, 0))
        return PackedElement(result.w0 &- (38 & (noBorrow &- 1)), result.w1, result.w2, result.w3)
    }

    /// Σ words·2^(64 k) for eight words: the upper four count 38 times.
    @inline(__always)
    private static func folded(
        _ r0: UInt64, _ r1: UInt64, _ r2: UInt64, _ r3: UInt64, _ r4: UInt64, _ r5: UInt64, _ r6: UInt64, _ r7: UInt64
    ) -> PackedElement {
        let (t0, c0) = product(r4, 38, r0, 0)
        let (t1, c1) = product(r5, 38, r1, c0)
        let (t2, c2) = product(r6, 38, r2, c1)
        let (t3, c3) = product(r7, 38, r3, c2)
        return PackedElement(t0, t1, t2, t3).adding(38 &* c3)
    }

    // MARK: Ring operations

    @inline(__always)
    static func - (a: PackedElement, b: PackedElement) -> PackedElement {
        let (result, noBorrow) = difference(a, b)
        return result.subtracting(38 & (noBorrow &- 1))
    }

    /// a − b − c − small; small is at most 2^32.
    @inline(__always)
    static func difference(
        _ a: PackedElement, _ b: PackedElement, _ c: PackedElement, _ small: UInt64
    ) -> PackedElement {
        let (first, one) = difference(a, b)
        let (second, two) = difference(first, c)
        return second.subtracting(small &+ (38 & (one &- 1)) &+ (38 & (two &- 1)))
    }

    /// a − b, or −a − b where the mask is all ones: −a ≡ ~a − 37.
    @inline(__always)
    static func difference(_ a: PackedElement, negatedBy mask: UInt64, _ b: PackedElement) -> PackedElement {
        let (result, noBorrow) = difference(
            PackedElement(a.w0 ^ mask, a.w1 ^ mask, a.w2 ^ mask, a.w3 ^ mask), b)
        return result.subtracting((37 & mask) &+ (38 & (noBorrow &- 1)))
    }

    @inline(__always)
    static func * (a: PackedElement, b: PackedElement) -> PackedElement {
        var c: UInt64
        var (r0, r1, r2, r3, r4, r5, r6, r7): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
        (r0, c) = product(a.w0, b.w0, 0, 0)
        (r1, c) = product(a.w0, b.w1, c, 0)
        (r2, c) = product(a.w0, b.w2, c, 0)
        (r3, r4) = product(a.w0, b.w3, c, 0)
        (r1, c) = product(a.w1, b.w0, r1, 0)
        (r2, c) = product(a.w1, b.w1, r2, c)
        (r3, c) = product(a.w1, b.w2, r3, c)
        (r4, r5) = product(a.w1, b.w3, r4, c)
        (r2, c) = product(a.w2, b.w0, r2, 0)
        (r3, c) = product(a.w2, b.w1, r3, c)
        (r4, c) = product(a.w2, b.w2, r4, c)
        (r5, r6) = product(a.w2, b.w3, r5, c)
        (r3, c) = product(a.w3, b.w0, r3, 0)
        (r4, c) = product(a.w3, b.w1, r4, c)
        (r5, c) = product(a.w3, b.w2, r5, c)
        (r6, r7) = product(a.w3, b.w3, r6, c)
        return folded(r0, r1, r2, r3, r4, r5, r6, r7)
    }

    @inline(__always)
    var squared: PackedElement {
        typealias P = PackedElement
        // The six products of different words, twice, and the four squares.
        var c: UInt64
        var (r1, r2, r3, r4, r5, r6): (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)
        (r1, c) = P.product(w0, w1, 0, 0)
        (r2, c) = P.product(w0, w2, c, 0)
        (r3, r4) = P.product(w0, w3, c, 0)
        (r3, c) = P.product(w1, w2, r3, 0)
        (r4, r5) = P.product(w1, w3, r4, c)
        (r5, r6) = P.product(w2, w3, r5, 0)
        let r7 = r6 >> 63
        r6 = r6 << 1 | r5 >> 63
        r5 = r5 << 1 | r4 >> 63
        r4 = r4 << 1 | r3 >> 63
        r3 = r3 << 1 | r2 >> 63
        r2 = r2 << 1 | r1 >> 63
        r1 = r1 << 1
        let (d0, d1) = (UInt128(w0) &* UInt128(w0), UInt128(w1) &* UInt128(w1))
        let (d2, d3) = (UInt128(w2) &* UInt128(w2), UInt128(w3) &* UInt128(w3))
        c = 0
        r1 = P.sum(P.high(d0), r1, &c)
        r2 = P.sum(P.low(d1), r2, &c)
        r3 = P.sum(P.high(d1), r3, &c)
        r4 = P.sum(P.low(d2), r4, &c)
        r5 = P.sum(P.high(d2), r5, &c)
        r6 = P.sum(P.low(d3), r6, &c)
        return P.folded(P.low(d0), r1, r2, r3, r4, r5, r6, P.high(d3) &+ r7 &+ c)
    }
}
