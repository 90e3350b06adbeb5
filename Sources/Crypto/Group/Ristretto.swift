/// The ristretto255 maps of RFC 9496 over `EdwardsPoint`.
extension EdwardsPoint {
    /// Decodes 32 bytes strictly (RFC 9496 §4.3.1): bit 255, values ≥ p, negative s and non-elements give `nil`.
    /// The identity decodes; callers for whom it is illegal test for it. Time depends on the (public) bytes.
    init?(ristretto bytes: ArraySlice<UInt8>) {
        guard bytes.count == 32 else { return nil }
        let w = loadWords(bytes, at: bytes.startIndex)
        self.init(ristrettoWords: w)
    }

    init?(ristretto bytes: [UInt8]) { self.init(ristretto: bytes[...]) }

    @inline(__always)
    init?(ristrettoWords w: (UInt64, UInt64, UInt64, UInt64)) {
        guard w.0 & 1 == 0, let s = FieldElement(canonical: w.0, w.1, w.2, w.3) else { return nil }
        let ss = s.squared
        let u1 = (FieldElement.one - ss).carried
        let u2 = (FieldElement.one + ss).carried
        let u2Squared = u2.squared
        // v = −d·u1² − u2²
        let v = (-(CurveConstants.d * u1.squared) - u2Squared).carried
        let (wasSquare, inverse) = FieldElement.squareRootRatio(.one, v * u2Squared)
        let denominatorX = inverse * u2
        let denominatorY = (inverse * denominatorX) * v
        let x = ((s + s) * denominatorX).absolute
        let y = u1 * denominatorY
        let t = x * y
        guard wasSquare, !t.isNegative, !y.isZero else { return nil }
        self.init(x: x, y: y, z: .one, t: t)
    }

    /// The canonical encoding (RFC 9496 §4.3.2).
    var ristrettoBytes: [UInt8] {
        let u1 = (z + y) * (z - y)
        let u2 = x * y
        let (_, inverse) = FieldElement.squareRootRatio(.one, u1 * u2.squared)
        let denominator1 = inverse * u1
        let denominator2 = inverse * u2
        let zInverse = denominator1 * (denominator2 * t)
        let rotate = FieldElement.mask((t * zInverse).isNegative)
        let enchanted = denominator1 * CurveConstants.inverseSqrtAMinusD
        let rotatedX = x.selecting(y * CurveConstants.sqrtM1, mask: rotate)
        var rotatedY = y.selecting(x * CurveConstants.sqrtM1, mask: rotate)
        let denominator = denominator2.selecting(enchanted, mask: rotate)
        rotatedY = rotatedY.negated(if: (rotatedX * zInverse).isNegative)
        let s = (denominator * (z - rotatedY)).absolute
        var bytes = [UInt8](repeating: 0, count: 32)
        storeWords(s.words, into: &bytes, at: 0)
        return bytes
    }

    /// The element derivation of RFC 9496 §4.3.4 from 64 uniform bytes.
    init(uniform bytes: [UInt8]) {
        precondition(bytes.count == 64, "hashing to the group takes 64 bytes")
        self =
            EdwardsPoint.elligator(loadWords(bytes[...], at: 0)) + EdwardsPoint.elligator(loadWords(bytes[...], at: 32))
    }

    private static func elligator(_ w: (UInt64, UInt64, UInt64, UInt64)) -> EdwardsPoint {
        let top = UInt64.max >> 1
        let t = FieldElement(maskingTopBit: w.0, w.1, w.2, w.3 & top)
        let r = CurveConstants.sqrtM1 * t.squared
        let u = (r + .one) * CurveConstants.oneMinusDSquared
        let minusOne = -FieldElement.one
        let v = (minusOne - r * CurveConstants.d) * (r + CurveConstants.d)
        let (wasSquare, root) = FieldElement.squareRootRatio(u, v)
        let sPrime = -((root * t).absolute)
        let mask = FieldElement.mask(!wasSquare)
        let s = root.selecting(sPrime, mask: mask)
        let c = minusOne.selecting(r, mask: mask)
        let n = (c * (r - .one)) * CurveConstants.dMinusOneSquared - v
        let ss = s.squared
        let w0 = (s + s) * v
        let w1 = n * CurveConstants.sqrtADMinusOne
        let w2 = FieldElement.one - ss
        let w3 = FieldElement.one + ss
        return EdwardsPoint(x: w0 * w3, y: w2 * w1, z: w1 * w3, t: w0 * w2)
    }

    /// The member of the coset self + E[8] that lies in the prime-order subgroup.
    var primeOrderRepresentative: EdwardsPoint {
        vartimeMultiplied(by: .eighth).doubled(times: 3)
    }
}
