/// How a participant steps through its own rows.
public enum Optimiser: Equatable, Sendable {
    case sgd
    /// Heavy-ball: m = momentum * m + g; w -= rate * m.
    case momentum(Float)
    /// Loshchilov, Hutter 2019: decoupled weight decay, bias-corrected moments.
    case adamW(beta1: Float, beta2: Float, epsilon: Float)
}

/// How the learning rate falls from round to round. A round is short, so the rate is constant within it.
public enum LearningRateSchedule: Equatable, Sendable {
    case constant
    /// Half a cosine from 1 to `floor` over the task's rounds.
    case cosine(floor: Float)
    /// Times `factor` after every `rounds` rounds.
    case step(rounds: Int, factor: Float)
    /// Rises linearly over the first `rounds` rounds, then constant.
    case warmUp(rounds: Int)
}

/// The whole local training recipe. Nothing is defaulted behind the caller's back but the extras, which are off.
public struct TrainingSettings: Equatable, Sendable {
    /// Passes over the rows, 1 to 1000.
    public var epochs: Int
    /// Rows a step, 1 to 10 000; the last batch of a pass may be smaller.
    public var batchSize: Int
    /// In (0, 100].
    public var learningRate: Float
    public var optimiser: Optimiser
    /// L2 term added to the gradient (SGD, momentum) or decoupled (AdamW); 0 is off.
    public var weightDecay: Float
    /// FedProx (Li et al. 2020): adds proximal * (w - w_global) to the gradient; 0 is off.
    public var proximal: Float
    /// Upper bound of the L2 norm of a step's gradient; nil is off.
    public var gradientClip: Float?
    public var schedule: LearningRateSchedule

    /// A parameter without gradient stays where it is.
    var isPlainSGD: Bool { optimiser == .sgd && weightDecay == 0 && proximal == 0 }

    public init(
        epochs: Int, batchSize: Int, learningRate: Float, optimiser: Optimiser = .sgd, weightDecay: Float = 0,
        proximal: Float = 0, gradientClip: Float? = nil, schedule: LearningRateSchedule = .constant
    ) {
        self.epochs = epochs
        self.batchSize = batchSize
        self.learningRate = learningRate
        self.optimiser = optimiser
        self.weightDecay = weightDecay
        self.proximal = proximal
        self.gradientClip = gradientClip
        self.schedule = schedule
    }

    /// - Throws: the first field that is out of range.
    public func validate() throws(LearnError) {
        func require(_ isMet: Bool, _ field: String, _ value: some Any, _ allowed: String) throws(LearnError) {
            guard isMet else {
                throw .invalid(field: "train.\(field)", reason: "\(value) is out of range", next: "use \(allowed)")
            }
        }
        try require((1...1000).contains(epochs), "epochs", epochs, "1 to 1000")
        try require((1...10_000).contains(batchSize), "batch_size", batchSize, "1 to 10000")
        try require(learningRate > 0 && learningRate <= 100, "learning_rate", learningRate, "a rate in (0, 100]")
        try require(weightDecay >= 0 && weightDecay <= 10, "weight_decay", weightDecay, "0 to 10")
        try require(proximal >= 0 && proximal <= 1000, "prox_mu", proximal, "0 to 1000")
        if let gradientClip {
            try require(gradientClip > 0 && gradientClip.isFinite, "gradient_clip", gradientClip, "a positive norm")
        }
        switch optimiser {
        case .sgd: break
        case .momentum(let factor): try require(factor >= 0 && factor < 1, "momentum", factor, "[0, 1)")
        case .adamW(let beta1, let beta2, let epsilon):
            try require(beta1 >= 0 && beta1 < 1, "beta1", beta1, "[0, 1)")
            try require(beta2 >= 0 && beta2 < 1, "beta2", beta2, "[0, 1)")
            try require(epsilon > 0 && epsilon <= 1, "epsilon", epsilon, "(0, 1]")
        }
        switch schedule {
        case .constant: break
        case .cosine(let floor): try require(floor >= 0 && floor <= 1, "schedule.floor", floor, "[0, 1]")
        case .step(let rounds, let factor):
            try require(rounds >= 1, "schedule.rounds", rounds, "1 or more")
            try require(factor > 0 && factor <= 1, "schedule.factor", factor, "(0, 1]")
        case .warmUp(let rounds): try require(rounds >= 1, "schedule.rounds", rounds, "1 or more")
        }
    }

    /// The rate of `round` (from 0) of `rounds`.
    public func learningRate(round: Int, of rounds: Int) -> Float {
        let done = max(0, round)
        switch schedule {
        case .constant: return learningRate
        case .cosine(let floor):
            let share = rounds > 1 ? Double(min(done, rounds - 1)) / Double(rounds - 1) : 0
            return learningRate * (floor + (1 - floor) * Float(0.5 * (1 + Cosine.of(share))))
        case .step(let every, let factor):
            var rate = learningRate
            for _ in 0..<min(done / max(1, every), 1_000) { rate *= factor }
            return rate
        case .warmUp(let warm): return learningRate * Float(min(done + 1, max(1, warm))) / Float(max(1, warm))
        }
    }
}
