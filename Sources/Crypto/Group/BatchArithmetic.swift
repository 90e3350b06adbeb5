/// Operations on many points with one shared inversion (Montgomery's trick).
enum BatchArithmetic {
    /// Replaces every element by its inverse; zeros stay zero. A zero is blended to one inside the product, so that a
    /// single identity among the inputs cannot ruin the others. Elements must be tight.
    static func invert(_ values: inout [FieldElement]) {
        var prefixes: [FieldElement] = []
        prefixes.reserveCapacity(values.count)
        var product = FieldElement.one
        for index in values.indices {
            prefixes.append(product)
            let value = values[index]
            product = product * value.selecting(.one, mask: FieldElement.mask(value.isZero))
        }
        var inverse = product.inverted
        for index in values.indices.reversed() {
            let value = values[index]
            let zero = FieldElement.mask(value.isZero)
            values[index] = (inverse * prefixes[index]).selecting(.zero, mask: zero)
            inverse = inverse * value.selecting(.one, mask: zero)
        }
    }

    /// Affine Niels forms of `points`.
    static func nielsPoints(_ points: [EdwardsPoint]) -> [AffineNielsPoint] {
        var inverses = points.map(\.z)
        invert(&inverses)
        return points.indices.map { index in
            AffineNielsPoint(x: points[index].x * inverses[index], y: points[index].y * inverses[index])
        }
    }

    /// Affine (x, y), 64 bytes a point: x then y, canonical little-endian. The identity gives (0, 1).
    static func affineBytes(_ points: [EdwardsPoint]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: points.count * 64)
        affineBytes(points, into: &result, at: 0)
        return result
    }

    static func affineBytes(_ points: [EdwardsPoint], into bytes: inout [UInt8], at offset: Int) {
        var inverses = points.map(\.z)
        invert(&inverses)
        for index in points.indices {
            storeWords((points[index].x * inverses[index]).words, into: &bytes, at: offset + index * 64)
            storeWords((points[index].y * inverses[index]).words, into: &bytes, at: offset + index * 64 + 32)
        }
    }

    /// The ristretto255 encodings of 2·P for every P, 32 bytes each, without a square root: doubling composes the
    /// isogeny with its dual, so the coordinates the encoding needs appear with a rational inverse only (the
    /// double-and-compress of curve25519-dalek).
    static func doubledRistrettoBytes(_ points: [EdwardsPoint]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: points.count * 32)
        doubledRistrettoBytes(points, into: &result, at: 0)
        return result
    }

    static func doubledRistrettoBytes(_ points: [EdwardsPoint], into bytes: inout [UInt8], at offset: Int) {
        struct State {
            var e: FieldElement
            var f: FieldElement
            var g: FieldElement
            var h: FieldElement
            var eg: FieldElement
            var fh: FieldElement
        }
        var states: [State] = []
        var inverses: [FieldElement] = []
        states.reserveCapacity(points.count)
        inverses.reserveCapacity(points.count)
        for point in points {
            let xx = point.x.squared
            let yy = point.y.squared
            let zz = point.z.squared
            let dtt = point.t.squared * CurveConstants.d
            let e = point.x * (point.y + point.y)
            let f = (zz + dtt).carried
            let g = (yy + xx).carried
            let h = (zz - dtt).carried
            let state = State(e: e, f: f, g: g, h: h, eg: e * g, fh: f * h)
            inverses.append(state.eg * state.fh)
            states.append(state)
        }
        invert(&inverses)
        for index in states.indices {
            let state = states[index]
            let zInverse = state.eg * inverses[index]
            let tInverse = state.fh * inverses[index]
            let rotate = FieldElement.mask((state.eg * zInverse).isNegative)
            let e = state.e.selecting(state.g, mask: rotate)
            var g = state.g.selecting(-state.e, mask: rotate)
            let h = state.h.selecting(state.f * CurveConstants.sqrtM1, mask: rotate)
            let magic = CurveConstants.inverseSqrtAMinusD.selecting(CurveConstants.sqrtM1, mask: rotate)
            g = g.negated(if: ((h * e) * zInverse).isNegative)
            let s = ((h - g) * (magic * (g * tInverse))).absolute
            storeWords(s.words, into: &bytes, at: offset + index * 32)
        }
    }
}
