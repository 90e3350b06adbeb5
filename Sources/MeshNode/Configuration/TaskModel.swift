public import Learn
public import Wire

extension TaskSpec {
    /// The model of this task as the learning module builds it.
    /// - Throws: `LearnError.invalid` where the numbers make no model.
    public func learnModel() throws(LearnError) -> Learn.Model {
        let units = model.hidden.map { Int($0) }
        let architecture: ModelArchitecture =
            switch model.architecture {
            case .softmax: .softmax
            case .mlp: .mlp(hidden: units)
            case .linear: .linear
            case .cnn: .cnn(channels: units)
            }
        return try Learn.Model(
            architecture, sampleShape: data.shape.map { Int($0) }, outputs: Int(data.outputs),
            loss: data.labels.isEmpty ? .squaredError : .crossEntropy)
    }

    /// A participant's local recipe.
    public var learnSettings: TrainingSettings {
        let local = training.local
        let optimiser: Learn.Optimiser =
            switch local.optimiser {
            case .sgd: .sgd
            case .momentum: .momentum(Self.fraction(local.momentumPpm))
            case .adamW:
                .adamW(
                    beta1: Self.fraction(local.momentumPpm), beta2: Self.fraction(local.secondMomentumPpm),
                    epsilon: Self.fraction(local.epsilonPpm))
            }
        let schedule: LearningRateSchedule =
            switch local.schedule {
            case .constant: .constant
            case .cosine: .cosine(floor: Self.fraction(local.scheduleFactorPpm))
            case .step:
                .step(rounds: Int(local.scheduleRounds), factor: Self.fraction(local.scheduleFactorPpm))
            case .warmUp: .warmUp(rounds: Int(local.scheduleRounds))
            }
        return TrainingSettings(
            epochs: Int(training.localEpochs), batchSize: Int(training.batchSize),
            learningRate: Self.fraction(training.learningRatePpm), optimiser: optimiser,
            weightDecay: Self.fraction(local.weightDecayPpm), proximal: Self.fraction(local.proximalPpm),
            gradientClip: local.gradientClipPpm == 0 ? nil : Self.fraction(local.gradientClipPpm), schedule: schedule)
    }

    /// How the decided sum moves the model.
    public var learnRule: Learn.ServerRule {
        let rate = Self.fraction(training.serverRatePpm)
        let momentum = Self.fraction(training.outer.momentumPpm)
        let second = Self.fraction(training.outer.secondMomentumPpm)
        let tau = Self.fraction(training.outer.tauPpm)
        return switch training.server {
        // What a robust rule leaves of the buckets' means is applied as a mean is.
        case .fedAvg, .median, .trimmedMean, .krum: .fedAvg(rate: rate)
        case .fedAvgM: .fedAvgM(rate: rate, momentum: momentum)
        case .fedAdam: .fedAdam(rate: rate, beta1: momentum, beta2: second, tau: tau)
        case .fedYogi: .fedYogi(rate: rate, beta1: momentum, beta2: second, tau: tau)
        case .diLoCo: .diLoCo(rate: rate, momentum: momentum)
        }
    }

    /// How the means of buckets are combined; nil where there is one sum.
    public var learnRobustRule: RobustRule? {
        let hostile = Int(training.robust.hostile)
        return switch training.server {
        case .median: .median
        case .trimmedMean: .trimmedMean(trim: hostile)
        case .krum: .krum(hostile: hostile)
        case .fedAvg, .fedAvgM, .fedAdam, .fedYogi, .diLoCo: nil
        }
    }

    /// What travels of an update; nil for every coordinate.
    public var learnCompression: CompressionSettings? {
        guard update.compression != .none else { return nil }
        var settings = CompressionSettings(
            ratio: Double(update.support.ratioPpm) / 1_000_000,
            variant: update.compression == .residual ? .residual : .maskedTraining)
        settings.decay = Self.fraction(update.support.decayPpm)
        settings.denseRounds = Int(update.support.denseRounds)
        settings.rateFactor = update.compression == .masked ? Self.fraction(update.support.rateFactorPpm) : 1
        return settings
    }

    /// Everything about a round, from base model to next model.
    public func learnRecipe() throws(LearnError) -> RoundRecipe {
        try RoundRecipe(
            model: try learnModel(), training: learnSettings, rounds: Int(rounds), rule: learnRule,
            robust: learnRobustRule, compression: learnCompression,
            usesScaffold: training.local.correction == .scaffold,
            bits: Int(update.bits), range: Self.fraction(update.rangePpm),
            controlRange: Self.fraction(training.local.controlRangePpm), adaptsRange: update.scale == .previous,
            clipNorm: Self.fraction(update.clipNormPpm), largestGroup: Int(participants.maximum),
            privacy: privacy.noisePpm == 0
                ? nil
                : PrivacySettings(
                    noise: Double(privacy.noisePpm) / 1_000_000, delta: Double(privacy.deltaPpm) / 1_000_000,
                    smallestSet: Int(participants.smallestSet)),
            taskSeed: Seed.number(seed))
    }

    /// What is done to raw samples before training, the same for everyone.
    public var preprocessing: Preprocessing {
        let spatial = data.resizes ? data.shape.suffix(2).map { Int($0) } : []
        return Preprocessing(
            height: spatial.first, width: spatial.last, scale: Float(1_000_000 / Double(max(1, data.scalePpm))),
            mean: data.meanPpm.map { Float(Double($0) / 1_000_000) },
            deviation: data.deviationPpm.map { Float(Double($0) / 1_000_000) })
    }

    private static func fraction<Number: BinaryInteger>(_ millionths: Number) -> Float {
        Float(Double(millionths) / 1_000_000)
    }
}
