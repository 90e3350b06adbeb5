/// The one boundary where bytes from a peer become a point.
enum ElementDecoding {
    /// Decodes the element at `offset`; the caller has checked that `encoding.width` bytes are there.
    ///
    /// ristretto255 is decoded strictly. An affine point must satisfy the curve equation and must not have order
    /// dividing 8; it may carry torsion, which the cofactored equations and the logarithm (on 8·P) do not see.
    @inline(__always)
    static func decode(
        _ bytes: ArraySlice<UInt8>, at offset: Int, encoding: ElementEncoding
    ) throws(ElementFault) -> EdwardsPoint {
        switch encoding {
        case .ristretto:
            let w = loadWords(bytes, at: offset)
            guard w.0 & 1 == 0, FieldElement(canonical: w.0, w.1, w.2, w.3) != nil else { throw .nonCanonical }
            guard let point = EdwardsPoint(ristrettoWords: w) else { throw .notOnCurve }
            if w.0 | w.1 | w.2 | w.3 == 0 { throw .smallOrder }
            return point
        case .affine:
            let (x, y) = try affine(bytes, at: offset)
            return EdwardsPoint(affineX: x, y: y)
        }
    }

    @inline(__always)
    static func affine(
        _ bytes: ArraySlice<UInt8>, at offset: Int
    ) throws(ElementFault) -> (FieldElement, FieldElement) {
        let a = loadWords(bytes, at: offset)
        let b = loadWords(bytes, at: offset + 32)
        guard let x = FieldElement(canonical: a.0, a.1, a.2, a.3),
            let y = FieldElement(canonical: b.0, b.1, b.2, b.3)
        else { throw .nonCanonical }
        let xx = x.squared
        let yy = y.squared
        // −x² + y² = 1 + d·x²·y²
        guard (yy - xx).equals(CurveConstants.d * (xx * yy) + .one) else { throw .notOnCurve }
        // Orders 1, 2 and 4 have a zero coordinate (canonical words), order 8 one of two known y.
        if (a.0 | a.1 | a.2 | a.3) == 0 || (b.0 | b.1 | b.2 | b.3) == 0 { throw .smallOrder }
        let y8 = CurveConstants.orderEightY
        if y.equals(y8) || y.equals(-y8) { throw .smallOrder }
        return (x, y)
    }

    /// Encodes a few points; loops over coordinates use the batch forms.
    static func encode(_ points: [EdwardsPoint], encoding: ElementEncoding) -> [UInt8] {
        switch encoding {
        case .ristretto: points.flatMap(\.ristrettoBytes)
        case .affine: BatchArithmetic.affineBytes(points)
        }
    }
}
