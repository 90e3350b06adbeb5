/// How many key holders a task has and how many of them together still learn nothing.
///
/// Masks are sums of C(k, t) components, one for each t-subset of the holders; component a is known to the k − t holders
/// *outside* its subset. Any t + 1 holders know every component, any t miss at least one (the one of their own subset).
/// This is replicated secret sharing of a PRF key (Cramer, Damgård, Ishai, TCC 2005).
public struct HolderProfile: Sendable, Hashable {
    /// k, the number of holders.
    public let holders: Int
    /// t, the number that may collude.
    public let threshold: Int
    private let excluded: [[Int]]

    /// Only (1, 0), (3, 1), (5, 2) and (7, 3) exist.
    public init(holders: Int, threshold: Int) throws(NDDFEError) {
        switch (holders, threshold) {
        case (1, 0), (3, 1), (5, 2), (7, 3): break
        default: throw .unsupportedProfile(holders: holders, threshold: threshold)
        }
        self.init(checked: holders, threshold)
    }

    private init(checked holders: Int, _ threshold: Int) {
        self.holders = holders
        self.threshold = threshold
        excluded = HolderProfile.subsets(of: holders, size: threshold)
    }

    /// The publisher alone: the published trust model, in which one party can read every update.
    public static let publisherAlone = HolderProfile(checked: 1, 0)
    /// The default.
    public static let threeHolders = HolderProfile(checked: 3, 1)
    public static let fiveHolders = HolderProfile(checked: 5, 2)
    public static let sevenHolders = HolderProfile(checked: 7, 3)
    public static let all = [publisherAlone, threeHolders, fiveHolders, sevenHolders]

    /// C(k, t): 1, 3, 10 or 35.
    public var componentCount: Int { excluded.count }

    /// The k − t holders that know component `component`, ascending. An index out of range is a programmer error.
    public func holders(of component: Int) -> [Int] {
        (0..<holders).filter { !excluded[component].contains($0) }
    }

    /// The components that holder `holder` knows, ascending.
    public func components(of holder: Int) -> [Int] {
        excluded.indices.filter { !excluded[$0].contains(holder) }
    }

    /// Sealed boxes a submission carries: (k − t)·C(k, t).
    public var boxCount: Int { componentCount * (holders - threshold) }

    /// Where the box of `component` for `holder` stands, `nil` if that holder does not know it. Boxes are ordered by
    /// component, then holder.
    public func boxIndex(component: Int, holder: Int) -> Int? {
        guard excluded.indices.contains(component), (0..<holders).contains(holder) else { return nil }
        return holders(of: component).firstIndex(of: holder).map { component * (holders - threshold) + $0 }
    }

    /// The fewest submitters a task of this profile takes: (3, 1) and larger need 5, the publisher alone 4.
    public var minimumSubmitters: Int { threshold == 0 ? 4 : 5 }

    /// Published P(more than t bad holders) at 10, 20 and 33 % bad stake; `nil` for the publisher alone.
    public var compromiseProbabilities: (tenPercent: Double, twentyPercent: Double, thirtyThreePercent: Double)? {
        switch holders {
        case 3: (0.03, 0.10, 0.26)
        case 5: (0.01, 0.06, 0.21)
        case 7: (0.003, 0.03, 0.17)
        default: nil
        }
    }

    /// All subsets of {0, …, count − 1} with `size` members, lexicographic.
    private static func subsets(of count: Int, size: Int, from first: Int = 0) -> [[Int]] {
        if size == 0 { return [[]] }
        var result: [[Int]] = []
        for head in first..<max(first, count - size + 1) {
            for tail in subsets(of: count, size: size - 1, from: head + 1) { result.append([head] + tail) }
        }
        return result
    }
}
