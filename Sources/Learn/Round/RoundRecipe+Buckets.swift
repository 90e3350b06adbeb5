extension RoundRecipe {
    /// The next state from the decided sums of a round: the only one, or one a bucket.
    /// - Parameters:
    ///   - sums: e, unpacked: `coordinates(round:)` integers each.
    ///   - rows: of each sum's members together; their number under equal weights.
    ///   - rowCap: n_cap; 1 under equal weights.
    ///   - submitters: members of all sums together.
    /// - Throws: `.mismatch` where sums and rows do not fit each other or the recipe, `.invalid` for fewer buckets than the
    ///   rule needs.
    public func next(
        _ state: TrainingState, sums: [[Int64]], round: Int, rows: [Int], rowCap: Int, submitters: Int
    ) throws(LearnError) -> TrainingState {
        guard sums.count == rows.count else { throw .mismatch(field: "sums", expected: rows.count, found: sums.count) }
        guard let robust else {
            guard let sum = sums.first, sums.count == 1 else {
                throw .mismatch(field: "sums", expected: 1, found: sums.count)
            }
            return try next(
                state, sum: sum, round: round, rows: rows[0], rowCap: rowCap, submitters: submitters)
        }
        let step = try quantiser(state).step
        var means: [[Float]] = []
        for (sum, rows) in zip(sums, rows) {
            guard sum.count == coordinates(round: round) else {
                throw .mismatch(field: "sum", expected: coordinates(round: round), found: sum.count)
            }
            means.append(
                ServerStep.mean(of: sum, scale: try ServerStep.Scale(step: step, rows: rows, rowCap: rowCap)))
        }
        return try next(
            state, mean: try robust.combine(means), controlMean: [], round: round, submitters: submitters)
    }
}
