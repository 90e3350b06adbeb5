/// Spearman's rank correlation, ties by mean rank.
public enum RankCorrelation {
    /// - Returns: nil for fewer than two values, unequal lengths, or when one side is constant.
    public static func spearman(_ left: [Double], _ right: [Double]) -> Double? {
        guard left.count == right.count, left.count >= 2 else { return nil }
        let (a, b) = (ranks(left), ranks(right))
        let mean = Double(left.count + 1) / 2
        var (product, squaresA, squaresB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += (x - mean) * (y - mean)
            squaresA += (x - mean) * (x - mean)
            squaresB += (y - mean) * (y - mean)
        }
        guard squaresA > 0, squaresB > 0 else { return nil }
        return product / (squaresA * squaresB).squareRoot()
    }

    private static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var result = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start
            while end + 1 < order.count, values[order[end + 1]] == values[order[start]] { end += 1 }
            for position in start...end { result[order[position]] = Double(start + end) / 2 + 1 }
            start = end + 1
        }
        return result
    }
}
