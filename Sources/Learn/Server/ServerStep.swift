/// W_new = ServerStep(W, e): what every voter recomputes bit for bit.
///
/// A fixed sequence of correctly rounded IEEE 754 binary32 operations (+ - x / sqrt, conversions from integers) in
/// manifest order. No BLAS, no fused multiply-add, no libm. Swift marks no floating-point operation as contractible,
/// so no compiler setting of ours can fuse them; `Tests/Vectors/learn-server-step.json` holds bytes that another
/// implementation (NumPy binary32) gives.
public struct ServerStep: Equatable, Sendable {
    /// What an integer of the sum stands for.
    public struct Scale: Equatable, Sendable {
        /// The quantiser's step.
        public let step: Float
        /// Sum of the submitters' enrolled rows; with equal weights their number.
        public let rows: Int
        /// n_cap of the task; with equal weights 1.
        public let rowCap: Int

        /// - Throws: `.invalid` unless step is positive, and 1 <= rowCap, 1 <= rows < 2^53.
        public init(step: Float, rows: Int, rowCap: Int) throws(LearnError) {
            guard step > 0, step.isFinite else {
                throw .invalid(field: "scale.step", reason: "\(step) is not positive", next: "use the task's quantiser")
            }
            guard rows >= 1, rowCap >= 1, rows < 1 << 53, rowCap < 1 << 53 else {
                throw .invalid(
                    field: "scale.rows", reason: "\(rows) rows with a cap of \(rowCap)",
                    next: "use the enrolled rows of the manifest's submitters")
            }
            self.step = step
            self.rows = rows
            self.rowCap = rowCap
        }

        /// The divisor: sum of n_i / n_cap, one rounding for each conversion and one for the quotient.
        public var weight: Float { Float(rows) / Float(rowCap) }
    }

    public let rule: ServerRule

    public init(rule: ServerRule) throws(LearnError) {
        try rule.validate()
        self.rule = rule
    }

    /// D_j = (Float(e_j) * step) / weight: three roundings.
    public static func mean(of sum: [Int64], scale: Scale) -> [Float] {
        let weight = scale.weight
        return sum.map { entry in
            let value = Float(entry) * scale.step
            return value / weight
        }
    }

    /// One round.
    /// - Parameters:
    ///   - weights: the base model in manifest order.
    ///   - state: of the previous round, empty before the first.
    ///   - sum: e, the integer sum over the submitters, as long as `weights` or as `support`.
    ///   - support: rising indices that `sum` covers, nil for all.
    /// - Throws: `.mismatch`, `.invalid` for a support that is not rising,
    ///   `.notFinite` when the result leaves binary32.
    public func apply(
        weights: [Float], state: ServerState, sum: [Int64], scale: Scale, support: [Int]? = nil
    ) throws(LearnError) -> (weights: [Float], state: ServerState) {
        guard sum.count == support?.count ?? weights.count else {
            throw .mismatch(field: "sum", expected: support?.count ?? weights.count, found: sum.count)
        }
        return try apply(weights: weights, state: state, mean: Self.mean(of: sum, scale: scale), support: support)
    }

    /// The step on a mean over `support`. Coordinates outside it stay, weights and moments: a moment only moves in the
    /// rounds that send its coordinate.
    public func apply(
        weights: [Float], state: ServerState, mean: [Float], support: [Int]?
    ) throws(LearnError) -> (weights: [Float], state: ServerState) {
        guard let support else { return try apply(weights: weights, state: state, mean: mean) }
        guard mean.count == support.count else {
            throw .mismatch(field: "mean", expected: support.count, found: mean.count)
        }
        var previous = -1
        for index in support {
            guard index > previous, index < weights.count else {
                throw .invalid(
                    field: "support", reason: "index \(index) is out of order or of range",
                    next: "recompute the support from the decided rounds")
            }
            previous = index
        }
        // Moments start whole, so that coordinates which are sent later find the start value.
        var whole = state
        switch rule {
        case .fedAvg: break
        case .fedAvgM, .diLoCo: try Self.prepare(&whole.first, count: weights.count, start: 0)
        case .fedAdam(_, _, _, let tau), .fedYogi(_, _, _, let tau):
            try Self.prepare(&whole.first, count: weights.count, start: 0)
            try Self.prepare(&whole.second, count: weights.count, start: tau * tau)
        }
        let part = ServerState(
            first: whole.first.isEmpty ? [] : support.map { whole.first[$0] },
            second: whole.second.isEmpty ? [] : support.map { whole.second[$0] })
        let moved = try apply(weights: support.map { weights[$0] }, state: part, mean: mean)
        var result = weights
        for (position, index) in support.enumerated() {
            result[index] = moved.weights[position]
            if !whole.first.isEmpty { whole.first[index] = moved.state.first[position] }
            if !whole.second.isEmpty { whole.second[index] = moved.state.second[position] }
        }
        return (result, whole)
    }

    /// The step on a mean that is already in the update's scale, in manifest order.
    public func apply(
        weights: [Float], state: ServerState, mean: [Float]
    ) throws(LearnError) -> (weights: [Float], state: ServerState) {
        guard mean.count == weights.count else {
            throw .mismatch(field: "mean", expected: weights.count, found: mean.count)
        }
        var result = weights
        var next = state
        switch rule {
        case .fedAvg(let rate):
            for index in result.indices {
                let move = rate * mean[index]
                result[index] = weights[index] - move
            }
        case .fedAvgM(let rate, let momentum):
            try Self.prepare(&next.first, count: weights.count, start: 0)
            for index in result.indices {
                let kept = momentum * next.first[index]
                next.first[index] = kept + mean[index]
                let move = rate * next.first[index]
                result[index] = weights[index] - move
            }
        case .diLoCo(let rate, let momentum):
            try Self.prepare(&next.first, count: weights.count, start: 0)
            for index in result.indices {
                let kept = momentum * next.first[index]
                next.first[index] = kept + mean[index]
                let ahead = momentum * next.first[index]
                let direction = mean[index] + ahead
                let move = rate * direction
                result[index] = weights[index] - move
            }
        case .fedAdam(let rate, let beta1, let beta2, let tau):
            try adaptive(&result, &next, mean, rate, beta1, beta2, tau) { second, square in
                let kept = beta2 * second
                let rest = (1 - beta2) * square
                return kept + rest
            }
        case .fedYogi(let rate, let beta1, let beta2, let tau):
            try adaptive(&result, &next, mean, rate, beta1, beta2, tau) { second, square in
                let change = (1 - beta2) * square
                if second > square { return second - change }
                return second < square ? second + change : second
            }
        }
        try Self.check(result, field: "new model")
        try Self.check(next.first, field: "first moment")
        try Self.check(next.second, field: "second moment")
        return (result, next)
    }

    private func adaptive(
        _ weights: inout [Float], _ state: inout ServerState, _ mean: [Float], _ rate: Float, _ beta1: Float,
        _ beta2: Float, _ tau: Float, second update: (Float, Float) -> Float
    ) throws(LearnError) {
        try Self.prepare(&state.first, count: weights.count, start: 0)
        try Self.prepare(&state.second, count: weights.count, start: tau * tau)
        let rest = 1 - beta1
        for index in weights.indices {
            let kept = beta1 * state.first[index]
            let fresh = rest * mean[index]
            state.first[index] = kept + fresh
            let square = mean[index] * mean[index]
            state.second[index] = update(state.second[index], square)
            let spread = state.second[index].squareRoot() + tau
            let scaled = rate * state.first[index]
            let move = scaled / spread
            weights[index] = weights[index] - move
        }
    }

    private static func prepare(_ moment: inout [Float], count: Int, start: Float) throws(LearnError) {
        if moment.isEmpty { moment = [Float](repeating: start, count: count) }
        guard moment.count == count else {
            throw .mismatch(field: "server state", expected: count, found: moment.count)
        }
    }

    private static func check(_ values: [Float], field: String) throws(LearnError) {
        if let bad = values.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: field, index: bad) }
    }
}
