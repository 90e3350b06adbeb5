/// A federated run inside one process: the reference that a mesh's figures stand beside.
public struct FederatedSettings: Equatable, Sendable {
    public var rounds: Int
    public var training: TrainingSettings
    /// Nil sums the updates as real numbers (plaintext FedAvg).
    public var quantiser: Quantiser?
    /// L2 bound of an update; nil does not clip.
    public var clipNorm: Float?
    /// By rows (n_i / sum n) or every participant alike.
    public var weighsByRows: Bool
    public var rule: ServerRule
    /// SCAFFOLD's second vector; needs plain SGD. Its changes are summed as real numbers here.
    public var usesScaffold = false
    /// Nil sends every coordinate.
    public var compression: CompressionSettings?

    public init(
        rounds: Int, training: TrainingSettings, quantiser: Quantiser? = .standard, clipNorm: Float? = nil,
        weighsByRows: Bool = true, rule: ServerRule = .fedAvg(rate: 1)
    ) {
        self.rounds = rounds
        self.training = training
        self.quantiser = quantiser
        self.clipNorm = clipNorm
        self.weighsByRows = weighsByRows
        self.rule = rule
    }

    public func validate() throws(LearnError) {
        guard (1...1000).contains(rounds) else {
            throw .invalid(field: "rounds", reason: "\(rounds) is out of range", next: "use 1 to 1000")
        }
        try training.validate()
        try rule.validate()
        guard !usesScaffold || training.optimiser == .sgd else {
            throw .invalid(field: "train.optimiser", reason: "SCAFFOLD needs plain SGD", next: "use sgd")
        }
        try compression?.validate()
        if let clipNorm, !(clipNorm > 0 && clipNorm.isFinite) {
            throw .invalid(field: "clip_norm", reason: "\(clipNorm) is not a positive norm", next: "use for example 10")
        }
    }
}

/// One line of a run.
public struct RoundMetrics: Equatable, Sendable {
    /// From 1; 0 is the initial model.
    public let round: Int
    /// On held-out rows, after the round.
    public let test: Metrics
    /// Mean of the participants' training loss by rows; nil for round 0.
    public let trainingLoss: Double?
    /// Coordinates cut by the quantiser, over all participants.
    public let saturations: Int
    /// Participants whose update was clipped.
    public let clipped: Int
    /// Coordinates that each participant sent.
    public let sent: Int

    public init(
        round: Int, test: Metrics, trainingLoss: Double?, saturations: Int = 0, clipped: Int = 0, sent: Int = 0
    ) {
        self.round = round
        self.test = test
        self.trainingLoss = trainingLoss
        self.saturations = saturations
        self.clipped = clipped
        self.sent = sent
    }
}
