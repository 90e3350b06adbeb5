/// One group element a coordinate, decoded.
public struct PointVector: Sendable {
    var points: [EdwardsPoint]

    public var count: Int { points.count }

    /// The elements' canonical ristretto255 encodings: for tests and inspection, 10 µs each.
    public var encoded: [[UInt8]] { points.map(\.ristrettoBytes) }
}

/// Sums encrypted vectors and takes the masks off the sum.
public enum Aggregate {
    /// S_j = Σ_i U_ij over whole bodies.
    ///
    /// Holds 160 bytes an element; `decrypt` streams instead.
    ///
    /// - Throws: `wrongLength` naming the body, or `elementRejected` with the lowest body and its lowest bad element.
    public static func sum(
        bodies: [[UInt8]], encoding: ElementEncoding, count: Int
    ) throws(NDDFEError) -> PointVector {
        for (index, body) in bodies.enumerated() {
            try requireLength(body, count * encoding.width, "body \(index)")
        }
        let ranges = Workers.ranges(count)
        let pieces = Workers.map(ranges.count) { piece in
            sumPiece(bodies, range: ranges[piece], encoding: encoding)
        }
        return PointVector(points: try pieces.joinedPoints())
    }

    /// E_j = S_j − K_j·H with K_j = Σ_a K^(a)_j.
    public static func unmask(_ sum: PointVector, keyVectors: [[UInt8]]) throws(NDDFEError) -> PointVector {
        let keys = try KeyVector.combine(keyVectors, count: sum.count)
        let tables = NDDFEBases.tables(elements: sum.count)
        let kernel = NDDFEBases.kernel
        let ranges = Workers.ranges(sum.count)
        let pieces = Workers.map(ranges.count) { piece in
            let range = ranges[piece]
            var points = Array(sum.points[range])
            kernel.unmask(&points, keys: keys[range.lowerBound * 32..<range.upperBound * 32], tables: tables)
            return points
        }
        return PointVector(points: pieces.flatMap { $0 })
    }

    /// Decodes, checks and adds one range of all bodies.
    static func sumPiece(
        _ bodies: [[UInt8]], range: Range<Int>, encoding: ElementEncoding
    ) -> Result<[EdwardsPoint], NDDFEError> {
        BodySource(bodies).sum(range, encoding: encoding)
    }
}

extension [Result<[EdwardsPoint], NDDFEError>] {
    /// The points in order, or the error with the lowest body, then element.
    func joinedPoints() throws(NDDFEError) -> [EdwardsPoint] {
        if let error = lowestRefusal() { throw error }
        var points: [EdwardsPoint] = []
        for case .success(let piece) in self { points.append(contentsOf: piece) }
        return points
    }
}
