/// Bounding an update's length before it is quantised.
public enum Clipping {
    /// L2 norm, summed in binary64 in index order.
    public static func norm(_ values: [Float]) -> Double {
        var sum = 0.0
        for value in values { sum += Double(value) * Double(value) }
        return sum.squareRoot()
    }

    /// Scales `values` down to `limit` when they are longer.
    /// - Returns: the values and whether they were scaled.
    /// - Throws: `.notFinite` for NaN and infinities, `.invalid` for a limit that is not positive.
    public static func clip(_ values: [Float], to limit: Float) throws(LearnError) -> (
        values: [Float], wasClipped: Bool
    ) {
        guard limit > 0, limit.isFinite else {
            throw .invalid(field: "clip_norm", reason: "\(limit) is not a positive norm", next: "use for example 10")
        }
        if let bad = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "update", index: bad) }
        let length = norm(values)
        guard length > Double(limit) else { return (values, false) }
        let factor = Double(limit) / length
        return (values.map { Float(Double($0) * factor) }, true)
    }
}
