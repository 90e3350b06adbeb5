/// A point of edwards25519 in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
///
/// Coordinates are tight (see `FieldElement`). As a ristretto255 element a point stands for its coset of E[4].
struct EdwardsPoint: Sendable {
    var x: FieldElement
    var y: FieldElement
    var z: FieldElement
    var t: FieldElement

    @inline(__always)
    init(x: FieldElement, y: FieldElement, z: FieldElement, t: FieldElement) {
        self.x = x
        self.y = y
        self.z = z
        self.t = t
    }

    @inline(__always)
    init(affineX x: FieldElement, y: FieldElement) {
        self.init(x: x, y: y, z: .one, t: x * y)
    }

    @inline(__always) static var identity: EdwardsPoint {
        EdwardsPoint(x: .zero, y: .one, z: .one, t: .zero)
    }

    /// The base point G of RFC 9496, in the prime-order subgroup.
    static var base: EdwardsPoint {
        EdwardsPoint(affineX: CurveConstants.baseX, y: CurveConstants.baseY)
    }

    // MARK: Group law
    // Not inlined: a call costs a fiftieth of an addition, and their bodies many times over cost minutes of compilation.

    @inline(never)
    mutating func add(_ other: AffineNielsPoint) {
        let pp = (y + x) * other.yPlusX
        let mm = (y - x) * other.yMinusX
        let tt = t * other.xy2d
        let zz = z + z
        complete(pp - mm, pp + mm, zz + tt, zz - tt)
    }

    @inline(never)
    mutating func subtract(_ other: AffineNielsPoint) {
        let pp = (y + x) * other.yMinusX
        let mm = (y - x) * other.yPlusX
        let tt = t * other.xy2d
        let zz = z + z
        complete(pp - mm, pp + mm, zz - tt, zz + tt)
    }

    /// Adds ±other without a branch: the mask is all ones for minus.
    @inline(never)
    mutating func add(_ other: AffineNielsPoint, negatedBy mask: UInt64) {
        let pp = (y + x) * other.yPlusX.selecting(other.yMinusX, mask: mask)
        let mm = (y - x) * other.yMinusX.selecting(other.yPlusX, mask: mask)
        let tt = t * other.xy2d
        let zz = z + z
        let plus = zz + tt
        let minus = zz - tt
        complete(pp - mm, pp + mm, plus.selecting(minus, mask: mask), minus.selecting(plus, mask: mask))
    }

    @inline(__always)
    private mutating func complete(_ e: FieldElement, _ h: FieldElement, _ g: FieldElement, _ f: FieldElement) {
        x = e * f
        y = h * g
        z = g * f
        t = e * h
    }

    @inline(never)
    static func + (a: EdwardsPoint, b: EdwardsPoint) -> EdwardsPoint {
        var result = a
        let pp = (a.y + a.x) * (b.y + b.x)
        let mm = (a.y - a.x) * (b.y - b.x)
        let tt = (a.t * CurveConstants.twiceD) * b.t
        let zz = a.z * b.z
        let zz2 = zz + zz
        result.complete(pp - mm, pp + mm, zz2 + tt, zz2 - tt)
        return result
    }

    @inline(__always)
    static prefix func - (a: EdwardsPoint) -> EdwardsPoint {
        EdwardsPoint(x: -a.x, y: a.y, z: a.z, t: -a.t)
    }

    @inline(__always)
    static func - (a: EdwardsPoint, b: EdwardsPoint) -> EdwardsPoint { a + (-b) }

    @inline(never)
    var doubled: EdwardsPoint {
        let xx = x.squared
        let yy = y.squared
        let zz = z.squared
        let sum = yy + xx
        let e = (x + y).squared - sum
        let g = yy - xx
        // 2Z² − (Y² − X²), regrouped so that every subtrahend is tight.
        let f = (zz + zz + xx) - yy
        var result = self
        result.complete(e, sum, g, f)
        return result
    }

    /// 2^count · self.
    func doubled(times count: Int) -> EdwardsPoint {
        var result = self
        for _ in 0..<count { result = result.doubled }
        return result
    }

    // MARK: Relations

    /// Equality as curve points, not as ristretto255 elements.
    func isSamePoint(as other: EdwardsPoint) -> Bool {
        (x * other.z).equals(other.x * z) && (y * other.z).equals(other.y * z)
    }

    /// Equality as ristretto255 elements (RFC 9496 §4.3.3).
    func isSameElement(as other: EdwardsPoint) -> Bool {
        (x * other.y).equals(y * other.x) || (y * other.y).equals(x * other.x)
    }

    var isIdentityPoint: Bool { x.isZero && y.equals(z) }

    /// Whether 8·self is the identity.
    var isSmallOrder: Bool { doubled(times: 3).isIdentityPoint }

    /// Whether the coordinates satisfy the curve equation and T is consistent. For tests and assertions.
    var isOnCurve: Bool {
        let xx = x.squared
        let yy = y.squared
        let zz = z.squared
        let left = (yy - xx) * zz
        let right = zz.squared + CurveConstants.d * (xx * yy)
        return left.equals(right.carried) && (x * y).equals(z * t) && !z.isZero
    }

    // MARK: Multiplication

    /// scalar·self by signed digits of width 5. Time depends on the scalar: for public scalars only.
    func vartimeMultiplied(by scalar: Scalar) -> EdwardsPoint {
        var odd: [EdwardsPoint] = [self]
        let twice = doubled
        for index in 1..<8 { odd.append(odd[index - 1] + twice) }
        let naf = scalar.nonAdjacentForm(width: 5)
        var result = EdwardsPoint.identity
        for digit in naf.reversed() {
            result = result.doubled
            if digit > 0 {
                result = result + odd[Int(digit) / 2]
            } else if digit < 0 {
                result = result - odd[Int(-digit) / 2]
            }
        }
        return result
    }
}

/// An affine point as (y + x, y − x, 2d·x·y), all tight: the form that makes mixed addition cost seven products.
struct AffineNielsPoint: Sendable {
    var yPlusX: FieldElement
    var yMinusX: FieldElement
    var xy2d: FieldElement

    @inline(__always)
    init(x: FieldElement, y: FieldElement) {
        yPlusX = (y + x).carried
        yMinusX = (y - x).carried
        xy2d = (x * y) * CurveConstants.twiceD
    }

    @inline(__always) static var identity: AffineNielsPoint { AffineNielsPoint(x: .zero, y: .one) }

    /// ±self as an extended point with Z = 4, for one product: X = 4x, Y = 4y, T = 4xy.
    @inline(never)
    func extended(negatedBy mask: UInt64) -> EdwardsPoint {
        let plus = yPlusX.selecting(yMinusX, mask: mask)
        let minus = yMinusX.selecting(yPlusX, mask: mask)
        let x2 = (plus - minus).carried
        let y2 = (plus + minus).carried
        return EdwardsPoint(
            x: (x2 + x2).carried, y: (y2 + y2).carried, z: FieldElement(small: 4), t: x2 * y2)
    }
}
