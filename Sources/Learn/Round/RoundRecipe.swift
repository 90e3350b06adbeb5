/// Everything that a task fixes about a round, from base model to next model: training, clipping, support, integers,
/// server step. One value per task; a round's own state comes in as `TrainingState`.
public struct RoundRecipe: Sendable {
    public let model: Model
    public let training: TrainingSettings
    /// R; only schedules read it.
    public let rounds: Int
    public let step: ServerStep
    /// Combines the means of buckets; nil averages over everybody.
    public let robust: RobustRule?
    /// Nil sends every coordinate.
    public let compression: CompressionSettings?
    public let usesScaffold: Bool
    /// Bits of a quantised coordinate, sign included.
    public let bits: Int
    /// Largest value that an integer stands for, before any adaption.
    public let range: Float
    /// The same for SCAFFOLD's second vector.
    public let controlRange: Float
    /// The next round's range follows the aggregate; never above `range`.
    public let adaptsRange: Bool
    public let clipNorm: Float
    /// n_max: bounds what one coordinate of one member can be when the mean is known.
    public let largestGroup: Int
    /// Nil adds no noise.
    public let privacy: PrivacySettings?
    /// Breaks ties of the support.
    public let taskSeed: [UInt8]

    public init(
        model: Model, training: TrainingSettings, rounds: Int, rule: ServerRule, robust: RobustRule? = nil,
        compression: CompressionSettings?, usesScaffold: Bool, bits: Int, range: Float, controlRange: Float,
        adaptsRange: Bool, clipNorm: Float,
        largestGroup: Int, privacy: PrivacySettings?, taskSeed: [UInt8]
    ) throws(LearnError) {
        try training.validate()
        try compression?.validate()
        try privacy?.validate()
        self.model = model
        self.training = training
        self.rounds = rounds
        step = try ServerStep(rule: rule)
        self.robust = robust
        self.compression = compression
        self.usesScaffold = usesScaffold
        self.bits = bits
        self.range = range
        self.controlRange = controlRange
        self.adaptsRange = adaptsRange
        self.clipNorm = clipNorm
        self.largestGroup = max(1, largestGroup)
        self.privacy = privacy
        self.taskSeed = taskSeed
        _ = try Quantiser(bits: bits, range: range)
        guard !usesScaffold || (training.optimiser == .sgd && compression == nil) else {
            throw .invalid(
                field: "training.correction", reason: "scaffold needs plain SGD and every coordinate",
                next: "use optimiser sgd and compression none")
        }
        if usesScaffold { _ = try Quantiser(bits: bits, range: controlRange) }
        guard robust == nil || (!usesScaffold && !adaptsRange) else {
            throw .invalid(
                field: "training.server",
                reason: "a robust rule leaves out what scaffold and scale previous would read",
                next: "use correction none and scale fixed")
        }
        guard !adaptsRange || privacy == nil else {
            throw .invalid(
                field: "update.scale", reason: "a scale that follows the sums would make the noise follow them too",
                next: "use scale fixed with privacy")
        }
    }

    /// Whether a member keeps something of its own between rounds.
    public var keepsMemory: Bool { usesScaffold || compression?.variant == .residual }

    /// d.
    public var parameterCount: Int { model.parameterCount }

    /// Coordinates of the model's update that a round (from 1) sends: k.
    public func supportSize(round: Int) -> Int {
        guard let compression, round > compression.denseRounds else { return parameterCount }
        // In millionths, half up: the same integer rule as the task's own count.
        let parts = Int((compression.ratio * 1_000_000).rounded())
        return min(parameterCount, max(1, (parameterCount * parts + 500_000) / 1_000_000))
    }

    /// Integers of one member in a round: k, and d more for SCAFFOLD's second vector.
    public func coordinates(round: Int) -> Int { supportSize(round: round) + (usesScaffold ? parameterCount : 0) }

    /// The rising indices that a round sends; nil for all.
    public func support(_ state: TrainingState, round: Int) -> [Int]? {
        let size = supportSize(round: round)
        guard let support = state.support, size < parameterCount else { return nil }
        return support.support(size: size)
    }

    public func quantiser(_ state: TrainingState) throws(LearnError) -> Quantiser {
        try Quantiser(bits: bits, range: state.range)
    }

    private func controlQuantiser() throws(LearnError) -> Quantiser { try Quantiser(bits: bits, range: controlRange) }

    // MARK: Client

    /// One member's part of a round.
    /// - Parameters:
    ///   - memory: what this member kept of earlier rounds (`LocalUpdate.kept`); nil at the start.
    ///   - round: from 1.
    ///   - share: rows and cap that weigh the update; 1 and 1 under equal weights.
    ///   - seed: of this member and round: order of rows and rounding.
    ///   - noise: words of a cryptographic generator that starts from no known seed; needed where the task asks for
    ///     privacy, and only read there.
    public func train(
        _ state: TrainingState, memory: [Float]?, data: Dataset, round: Int, share: (rows: Int, cap: Int),
        seed: [UInt8],
        noise: (() -> UInt64)? = nil, isCancelled: (() -> Bool)? = nil
    ) throws(LearnError) -> LocalUpdate {
        if let memory, memory.count != parameterCount {
            throw .mismatch(field: "kept memory", expected: parameterCount, found: memory.count)
        }
        var settings = training
        let isMasked = compression?.variant == .maskedTraining
        if isMasked, let compression { settings.learningRate *= compression.rateFactor }
        let support = support(state, round: round)
        var scaffold = usesScaffold ? Scaffold(control: memory ?? [Float](repeating: 0, count: parameterCount)) : nil
        let outcome = try Trainer(model: model).train(
            parameters: state.weights, data: data, settings: settings, round: round - 1, rounds: rounds, seed: seed,
            mask: isMasked ? support : nil, correction: try scaffold?.correction(server: state.control),
            isCancelled: isCancelled)
        let delta = try UpdatePath.delta(old: state.weights, new: outcome.parameters)
        let norm = Clipping.norm(delta)
        let clipped = try Clipping.clip(delta, to: clipNorm)
        var sum: Residual?
        if compression?.variant == .residual {
            sum = try Residual(memory ?? [Float](repeating: 0, count: parameterCount)).adding(
                clipped.values, decay: compression?.decay ?? 1)
        }
        var offered = sum?.values ?? clipped.values
        if let support { offered = support.map { offered[$0] } }
        // A residual can be longer than one update; what privacy counts on is the length of what is sent.
        if privacy != nil { offered = try Clipping.clip(offered, to: clipNorm).values }
        let quantiser = try quantiser(state)
        var saturations = 0
        var values: [Int32]
        if let privacy {
            values = try privacy.quantise(
                offered, quantiser: quantiser, clipNorm: clipNorm, share: share, seed: seed, saturations: &saturations)
        } else {
            let quantised = try quantiser.quantise(offered, rows: share.rows, rowCap: share.cap, seed: seed)
            (values, saturations) = (quantised.values, quantised.saturations)
        }
        var kept: LocalUpdate.Kept?
        if let sum {
            let sent = quantiser.dequantise(values, rows: share.rows, rowCap: share.cap)
            let all = support ?? Array(0..<parameterCount)
            kept = .init(ifMissed: sum.values, ifContained: try sum.confirmed(support: all, sent: sent).values)
        }
        if var control = scaffold {
            let before = control.control
            let change = try control.update(
                old: state.weights, outcome: outcome, server: state.control, settings: settings)
            let second = try controlQuantiser().quantise(
                change, rows: 1, rowCap: 1, seed: Seed.derive(seed, label: "control"))
            values += second.values
            offered += change
            saturations += second.saturations
            kept = .init(ifMissed: before, ifContained: control.control)
            scaffold = control
        }
        if let privacy {
            guard let noise else {
                throw .invalid(
                    field: "noise", reason: "the task asks for privacy and no generator was given",
                    next: "hand in the operating system's generator")
            }
            var words = NoiseWords(next: noise)
            values = try privacy.addNoise(
                to: values, quantiser: quantiser, clipNorm: clipNorm, using: &words, cut: &saturations)
        }
        return LocalUpdate(
            values: values, offered: offered, saturations: saturations, loss: outcome.loss, norm: norm,
            wasClipped: clipped.wasClipped, kept: kept)
    }

    /// An update that was made elsewhere: delta = old - new in manifest order. Compression and SCAFFOLD need what only
    /// the built-in trainer keeps.
    public func integers(
        of delta: [Float], state: TrainingState, round: Int, share: (rows: Int, cap: Int), seed: [UInt8]
    ) throws(LearnError) -> LocalUpdate {
        guard !usesScaffold, compression == nil, privacy == nil else {
            throw .invalid(
                field: "update", reason: "this task keeps state or adds noise between training and encryption",
                next: "let the node train, or publish the task with compression none, correction none and no noise")
        }
        let norm = Clipping.norm(delta)
        let clipped = try Clipping.clip(delta, to: clipNorm)
        let quantised = try quantiser(state).quantise(clipped.values, rows: share.rows, rowCap: share.cap, seed: seed)
        return LocalUpdate(
            values: quantised.values, offered: clipped.values, saturations: quantised.saturations, loss: 0, norm: norm,
            wasClipped: clipped.wasClipped, kept: nil)
    }

    // MARK: Everybody

    /// The next state from a decided sum.
    /// - Parameters:
    ///   - sum: e, unpacked: `coordinates(round:)` integers.
    ///   - rows: sum of the members' rows; their number under equal weights.
    ///   - rowCap: n_cap; 1 under equal weights.
    public func next(
        _ state: TrainingState, sum: [Int64], round: Int, rows: Int, rowCap: Int, submitters: Int
    ) throws(LearnError) -> TrainingState {
        let size = supportSize(round: round)
        guard sum.count == coordinates(round: round) else {
            throw .mismatch(field: "sum", expected: coordinates(round: round), found: sum.count)
        }
        let mean = ServerStep.mean(
            of: Array(sum[..<size]),
            scale: try ServerStep.Scale(step: try quantiser(state).step, rows: rows, rowCap: rowCap))
        var control: [Float] = []
        if usesScaffold {
            control = ServerStep.mean(
                of: Array(sum[size...]),
                scale: try ServerStep.Scale(step: try controlQuantiser().step, rows: submitters, rowCap: 1))
        }
        return try next(state, mean: mean, controlMean: control, round: round, submitters: submitters)
    }

    /// The same from a mean in the update's own scale: what plaintext averaging is.
    public func next(
        _ state: TrainingState, mean: [Float], controlMean: [Float], round: Int, submitters: Int
    ) throws(LearnError) -> TrainingState {
        var result = state
        let support = support(state, round: round)
        (result.weights, result.server) = try step.apply(
            weights: state.weights, state: state.server, mean: mean, support: support)
        if usesScaffold {
            result.control = try Scaffold.serverControl(
                state.control, mean: controlMean, submitters: submitters, participants: max(submitters, largestGroup))
        }
        if result.support != nil {
            try result.support?.record(support: support ?? Array(0..<parameterCount), mean: mean)
        }
        if adaptsRange { result.range = nextRange(mean, after: state.range) }
        return result
    }

    /// The smallest range / 2^m, m up to 8, that holds 2 n_max times the largest coordinate of the mean: one member alone
    /// can have made a mean of n_max-th of its own value, and the factor 2 is room for growth. Exact in binary32.
    private func nextRange(_ mean: [Float], after previous: Float) -> Float {
        var largest: Float = 0
        for value in mean { largest = max(largest, abs(value)) }
        guard largest > 0 else { return previous }
        let needed = Float(2 * largestGroup) * largest
        var next = range
        for _ in 0..<8 where next * 0.5 >= needed && next * 0.5 >= 0x1p-20 { next *= 0.5 }
        return next
    }
}
