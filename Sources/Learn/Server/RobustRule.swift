/// Combining the means of buckets instead of adding them all: tolerates hostile buckets, not hostile majorities.
///
/// Single updates are never decrypted, so median and Krum run over bucket means (Karimireddy et al. 2022,
/// "bucketing"). Every step is a fixed sequence of correctly rounded operations, binary32 for the result and
/// binary64 for Krum's distances, in manifest order.
public enum RobustRule: Equatable, Sendable {
    /// Coordinate-wise median (Yin et al. 2018); of an even number the mean of the two middle values.
    case median
    /// Coordinate-wise mean without the `trim` smallest and largest values (Yin et al. 2018).
    case trimmedMean(trim: Int)
    /// The bucket mean nearest to its n - f - 2 neighbours (Blanchard et al. 2017).
    case krum(hostile: Int)
    /// The mean of the `keep` best by Krum's score.
    case multiKrum(hostile: Int, keep: Int)

    public static let allowed = "median, trimmed:COUNT, krum:HOSTILE, multikrum:HOSTILE-KEEP"

    /// - Throws: `.invalid` for a name that is unknown: never a silent substitute.
    public init(parsing text: String) throws(LearnError) {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let numbers =
            pieces.count > 1
            ? pieces[1].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? -1 } : []
        switch (pieces.first ?? "", numbers.count) {
        case ("median", 0) where pieces.count == 1: self = .median
        case ("trimmed", 1) where numbers[0] >= 0: self = .trimmedMean(trim: numbers[0])
        case ("krum", 1) where numbers[0] >= 0: self = .krum(hostile: numbers[0])
        case ("multikrum", 2) where numbers[0] >= 0 && numbers[1] >= 1:
            self = .multiKrum(hostile: numbers[0], keep: numbers[1])
        default:
            throw .invalid(
                field: "aggregation.robust", reason: "\"\(text.prefix(40))\" is unknown",
                next: "use one of \(Self.allowed)")
        }
    }

    /// Fewest buckets with which the rule can be computed; the median of two is their mean.
    public var leastBuckets: Int {
        switch self {
        case .median: 2
        case .trimmedMean(let trim): 2 * min(trim, 1 << 20) + 1
        case .krum(let hostile): 2 * min(hostile, 1 << 20) + 3
        case .multiKrum(let hostile, let keep): max(2 * min(hostile, 1 << 20) + 3, min(keep, 1 << 20))
        }
    }

    /// One vector from the buckets' means, for `ServerStep.apply(weights:state:mean:)`.
    /// - Parameter means: one a bucket, in bucket order, equally long, finite.
    public func combine(_ means: [[Float]]) throws(LearnError) -> [Float] {
        guard means.count >= leastBuckets, let first = means.first else {
            throw .invalid(
                field: "aggregation.robust",
                reason: "\(means.count) buckets are fewer than the \(leastBuckets) it needs",
                next: "enrol more participants or use smaller buckets")
        }
        for mean in means {
            guard mean.count == first.count else {
                throw .mismatch(field: "bucket mean", expected: first.count, found: mean.count)
            }
            if let bad = mean.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "bucket mean", index: bad) }
        }
        switch self {
        case .median:
            let middle = means.count / 2
            return first.indices.map { index in
                let sorted = means.map { $0[index] }.sorted()
                guard means.count.isMultiple(of: 2) else { return sorted[middle] }
                let sum = sorted[middle - 1] + sorted[middle]
                return sum * 0.5
            }
        case .trimmedMean(let trim):
            return first.indices.map { index in
                let kept = means.map { $0[index] }.sorted().dropFirst(trim).dropLast(trim)
                return Self.mean(kept)
            }
        case .krum(let hostile):
            return means[Self.ranking(means, hostile: hostile)[0]]
        case .multiKrum(let hostile, let keep):
            let chosen = Self.ranking(means, hostile: hostile).prefix(keep).sorted()
            return first.indices.map { index in Self.mean(chosen.map { means[$0][index] }) }
        }
    }

    private static func mean(_ values: some Collection<Float>) -> Float {
        var sum: Float = 0
        for value in values { sum = sum + value }
        return sum / Float(values.count)
    }

    /// Buckets by Krum's score, best first, ties by bucket number.
    private static func ranking(_ means: [[Float]], hostile: Int) -> [Int] {
        let count = means.count
        var distances = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        for left in 0..<count {
            for right in left + 1..<max(count, left + 1) {
                var sum = 0.0
                for (a, b) in zip(means[left], means[right]) {
                    let difference = Double(a) - Double(b)
                    let square = difference * difference
                    sum = sum + square
                }
                distances[left][right] = sum
                distances[right][left] = sum
            }
        }
        let scores = (0..<count).map { own in
            let others = (0..<count).filter { $0 != own }.map { distances[own][$0] }.sorted()
            var sum = 0.0
            for distance in others.prefix(count - hostile - 2) { sum = sum + distance }
            return sum
        }
        return (0..<count).sorted { scores[$0] == scores[$1] ? $0 < $1 : scores[$0] < scores[$1] }
    }
}
