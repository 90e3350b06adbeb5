/// Σ ρ_j·P_j for public 128-bit scalars: Pippenger's buckets with signed digits.
enum MultiScalar {
    /// Time depends on the scalars; they are public.
    ///
    /// - Parameter scalars: (low, high) words, as many as points.
    static func vartimeSum(_ scalars: [(low: UInt64, high: UInt64)], _ points: [EdwardsPoint]) -> EdwardsPoint {
        precondition(scalars.count == points.count)
        guard !points.isEmpty else { return .identity }
        let window = bestWindow(points.count)
        // 128 bits and one for the last carry.
        let windows = (129 + window - 1) / window
        let niels = BatchArithmetic.nielsPoints(points)
        let half = 1 << (window - 1)
        var carries = [UInt8](repeating: 0, count: points.count)
        var sums: [EdwardsPoint] = []
        sums.reserveCapacity(windows)
        for index in 0..<windows {
            var buckets = [EdwardsPoint](repeating: .identity, count: half + 1)
            for position in points.indices {
                let scalar = Scalar(unchecked: scalars[position].low, scalars[position].high, 0, 0)
                var digit = Int(scalar.bits(at: index * window, width: window)) + Int(carries[position])
                if digit > half {
                    digit -= 2 * half
                    carries[position] = 1
                } else {
                    carries[position] = 0
                }
                if digit > 0 {
                    buckets[digit].add(niels[position])
                } else if digit < 0 {
                    buckets[-digit].subtract(niels[position])
                }
            }
            // Σ k·bucket[k] by running sums.
            var running = EdwardsPoint.identity
            var total = EdwardsPoint.identity
            for bucket in stride(from: half, through: 1, by: -1) {
                running = running + buckets[bucket]
                total = total + running
            }
            sums.append(total)
        }
        var result = EdwardsPoint.identity
        for sum in sums.reversed() { result = result.doubled(times: window) + sum }
        return result
    }

    private static func bestWindow(_ count: Int) -> Int {
        switch count {
        case ..<16: 3
        case ..<128: 5
        case ..<1024: 7
        case ..<8192: 9
        case ..<65_536: 11
        default: 13
        }
    }
}
