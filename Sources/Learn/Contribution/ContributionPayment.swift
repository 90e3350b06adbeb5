/// From scores to credits, in integers, the same on every node.
///
/// Per round u = clip(s / m, -1.5, 1.5) with m the median of the positive scores, in units of 2^-16, floored; a missing
/// score counts -1.5, so that withholding a bad one does not pay. Per task t = sum of u; pay goes by
/// max(0, t - theta * M) with M the median of the positive sums, theta 1/4, or 1/2 below five scored rounds.
/// Signed summing before the cut is what keeps noise at zero; the cap is what keeps scaling from paying.
public enum ContributionPayment {
    /// Fewest positive scores with which a round counts.
    public static let leastPositive = 3
    /// 1.5 in units of 2^-16.
    public static let cap: Int64 = 98_304

    public struct Result: Equatable, Sendable {
        /// Credits, one a participant.
        public let payments: [Int64]
        /// What is left for the publisher: rounding, or all of it when nobody earned.
        public let remainder: Int64
        /// Rounds that counted.
        public let countedRounds: Int
        /// Signed sums t in units of 2^-16.
        public let sums: [Int64]
    }

    /// - Parameters:
    ///   - scores: one array a scored round, one entry a participant, nil when missing or invalid; |s| < 2^62.
    ///   - pool: credits to divide, 0 or more.
    public static func divide(scores: [[Int64?]], pool: Int64) throws(LearnError) -> Result {
        guard let width = scores.first?.count, width >= 1, width <= 100_000, scores.count <= 1_000 else {
            throw .invalid(field: "scores", reason: "no round was scored", next: "divide by rows instead")
        }
        guard pool >= 0 else {
            throw .invalid(field: "pool", reason: "\(pool) is negative", next: "use 0 or more credits")
        }
        var sums = [Int64](repeating: 0, count: width)
        var counted = 0
        for round in scores {
            guard round.count == width else { throw .mismatch(field: "scores", expected: width, found: round.count) }
            guard round.allSatisfy({ $0.map { $0.magnitude < 1 << 62 } ?? true }) else {
                throw .invalid(
                    field: "scores", reason: "a score is beyond 2^62", next: "check it against B * |a| first")
            }
            let positive = round.compactMap { $0 }.filter { $0 > 0 }.sorted()
            guard positive.count >= leastPositive else { continue }
            counted += 1
            // Twice the median, so that an even count needs no fraction.
            let median = Int128(positive[(positive.count - 1) / 2]) + Int128(positive[positive.count / 2])
            for (index, score) in round.enumerated() {
                guard let score else {
                    sums[index] -= cap
                    continue
                }
                let scaled = Self.floorDivide(Int128(score) << 17, median)
                sums[index] += Int64(clamping: min(Int128(cap), max(Int128(-cap), scaled)))
            }
        }
        let positive = sums.filter { $0 > 0 }.sorted()
        guard counted > 0, !positive.isEmpty else {
            return Result(
                payments: [Int64](repeating: 0, count: width), remainder: pool, countedRounds: counted, sums: sums)
        }
        let median = Int128(positive[(positive.count - 1) / 2]) + Int128(positive[positive.count / 2])
        // Eight times (t - theta * M): 8 t - 2 theta (2 M) * 2.
        let dead = counted < 5 ? 2 * median : median
        let shares = sums.map { max(Int128(0), 8 * Int128($0) - dead) }
        let total = shares.reduce(0, +)
        guard total > 0 else {
            return Result(
                payments: [Int64](repeating: 0, count: width), remainder: pool, countedRounds: counted, sums: sums)
        }
        let payments = shares.map { Int64(Int128(pool) * $0 / total) }
        return Result(
            payments: payments, remainder: pool - payments.reduce(0, +), countedRounds: counted, sums: sums)
    }

    private static func floorDivide(_ dividend: Int128, _ divisor: Int128) -> Int128 {
        let (quotient, rest) = dividend.quotientAndRemainder(dividingBy: divisor)
        return rest < 0 ? quotient - 1 : quotient
    }
}
