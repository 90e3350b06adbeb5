internal import Chain
public import Learn
internal import MeshCrypto
public import Wire

/// A task's rounds in plaintext integers, everyone in every round: what a mesh computes, without mesh and encryption.
public struct PlainRun: Sendable {
    public private(set) var weights: [Float] = []
    public private(set) var trainSeconds = 0.0
    public private(set) var prepareSeconds = 0.0
    public private(set) var serverSeconds = 0.0
    /// Integers that one member sent, over all rounds, and their share of the dense ones.
    public private(set) var coordinates = 0
    public private(set) var ratio = 0.0
    public private(set) var saturations = 0
    private var decided: [[Int64]] = []

    /// - Parameter parts: each member's rows in the task's form.
    public init(spec: TaskSpec, parts: [Dataset]) throws {
        let policy = try RoundPolicy(spec)
        let recipe = policy.recipe
        let clock = ContinuousClock()
        var file = try recipe.model.initialFile(seed: Seed.number(spec.seed))
        // Under a robust rule the members are dealt into buckets one after the other: here nobody could have drawn them.
        let count = max(1, min(Int(spec.training.robust.buckets), parts.count / Int(spec.participants.smallestSet)))
        let buckets = (0..<count).map { bucket in parts.indices.filter { $0 % count == bucket } }
        var memory = [[Float]?](repeating: nil, count: parts.count)
        for round in 1...Int(spec.rounds) {
            let start = clock.now
            let state = try policy.state(of: file)
            let loaded = clock.now
            var sums = buckets.map { _ in [Int64](repeating: 0, count: recipe.coordinates(round: round)) }
            let shares = parts.map { policy.weight(rows: UInt32(clamping: $0.count)) }
            for (index, part) in parts.enumerated() {
                let update = try recipe.train(
                    state, memory: memory[index], data: part, round: round, share: shares[index],
                    seed: Seed.derive(Seed.number(spec.seed), label: "member \(index)", index: UInt64(round)),
                    noise: Submitting.systemWord)
                memory[index] = update.kept?.ifContained
                saturations += update.saturations
                for (place, value) in update.values.enumerated() { sums[index % count][place] += Int64(value) }
            }
            let trained = clock.now
            let next = try recipe.next(
                state, sums: sums, round: round, rows: buckets.map { $0.reduce(0) { $0 + shares[$1].rows } },
                rowCap: shares[0].cap, submitters: parts.count)
            file = try recipe.file(of: next)
            let ended = clock.now
            prepareSeconds += Self.seconds(loaded - start)
            trainSeconds += Self.seconds(trained - loaded)
            serverSeconds += Self.seconds(ended - trained)
            coordinates += sums[0].count
            decided.append(sums.flatMap { $0 })
            weights = next.weights
        }
        ratio = Double(coordinates) / Double(max(1, recipe.parameterCount * Int(spec.rounds)))
    }

    public func largestSumDifference(to other: PlainRun) -> Int64 {
        var largest: Int64 = 0
        for (left, right) in zip(decided, other.decided) {
            for (a, b) in zip(left, right) { largest = max(largest, abs(a - b)) }
        }
        return largest
    }

    public func largestWeightDifference(to other: PlainRun) -> Float {
        zip(weights, other.weights).reduce(0) { max($0, abs($1.0 - $1.1)) }
    }

    private static func seconds(_ duration: Duration) -> Double {
        let parts = duration.components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }
}
