internal import Learn
internal import MeshNode
internal import Wire

/// The task that a testnet publishes: every value written out, from the options and the data at hand.
struct TestnetTask {
    let options: TestnetOptions
    /// Rows as their file has them.
    let train: Dataset
    let smallestPart: Int
    let largestPart: Int
    /// Figures of the training rows, where the data are normalised.
    let normalisation: Standardisation?

    func spec() throws -> TaskSpec {
        if let normalisation {
            let advice = TaskDataLines.advice(normalisation, of: train)
            guard advice.isEmpty else {
                throw CommandFailure(
                    ExitStatus.data,
                    "--data \(options.data): a task cannot take these rows as they are:\n"
                        + advice.joined(separator: "\n"))
            }
        }
        let architecture = try ModelArchitecture(parsing: options.model)
        let isRegression = architecture == .linear
        let holders = options.holders.split(separator: ",").compactMap { UInt8($0) }
        let (kind, hidden): (TaskSpec.Architecture, [Int]) =
            switch architecture {
            case .linear: (.linear, [])
            case .softmax: (.softmax, [])
            case .mlp(let units): (.mlp, units)
            case .cnn(let channels): (.cnn, channels)
            }
        // Digits are small and the defaults are what the published figures were measured with.
        let isSmall = options.data == "digits" && kind != .cnn && hidden.allSatisfy { $0 <= 64 }
        // Where everybody answers, phases end with the last answer, however slow the machine is. Only where a node is killed,
        // keeps silent or has an owner who may refuse does a deadline end one, and is short.
        let isAwaited =
            options.killAggregator == nil && options.dropMiner == nil && options.attack != .silentHolder
            && options.ownerPolicy == nil
        let isQuick = isSmall && !isAwaited
        let compression = try compression()
        var spec = TaskSpec(
            name: options.name, seed: options.seed,
            model: .init(
                architecture: kind, hidden: hidden.map { UInt32($0) }, initial: ContentReference(id: .zero, length: 0)),
            data: .init(
                type: options.name, shape: train.sampleShape.map { UInt32($0) },
                labels: isRegression ? [] : train.classNames, targets: isRegression ? 1 : 0, columns: [],
                scalePpm: UInt64(options.scale(of: train)) * Ppm.one, resizes: false,
                meanPpm: try normalisation?.mean.map { try Self.millionths(Double($0), "mean") } ?? [],
                deviationPpm: try normalisation?.deviation.map {
                    UInt64(max(1, try Self.millionths(Double($0), "deviation")))
                } ?? [],
                minimumRows: UInt32(min(20, smallestPart))),
            rounds: UInt32(options.rounds),
            participants: .init(minimum: UInt32(options.nodes), maximum: UInt32(options.nodes), smallestSet: 4),
            deadlines: .init(
                enrolMs: 120_000, submitMs: isQuick ? 4_000 : 60_000, aggregateMs: isQuick ? 2_000 : 30_000,
                opinionMs: isQuick ? 1_000 : 15_000, expiryMs: 7_200_000),
            training: .init(
                trainer: TaskSpecValidator.trainer, localEpochs: 2, batchSize: 10, learningRatePpm: learningRate(kind),
                local: local(), server: try server(), serverRatePpm: serverRate, outer: outer,
                robust: .init(buckets: UInt16(clamping: options.buckets), hostile: UInt16(clamping: options.hostile)),
                weighting: options.weighting == "rows" ? .rows : .uniform,
                rowCap: options.weighting == "rows" ? UInt32(largestPart) : 0),
            update: .init(
                clipNormPpm: options.noise > 0 ? 1_000_000 : 100_000_000, bits: 10,
                // Residuals add up; a masked round trains at four times the rate; noise needs room.
                rangePpm: compression.kind == .none && options.noise == 0 ? 1_000_000 : 4_000_000,
                scale: options.scaleRule == "previous" ? .previous : .fixed, compression: compression.kind,
                support: compression.support, packing: 1, encoding: .affine),
            holders: .init(count: holders[0], threshold: holders[1]),
            evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            privacy: options.noise > 0
                ? .init(noisePpm: try Self.parts(options.noise, "--noise"), deltaPpm: 10) : .none,
            reward: .init(credits: 1000, rule: options.payout, minimumBond: 100), bodyRetention: 1000,
            voting: .automatic)
        if options.payout == .contribution {
            spec.reward.scoredRounds =
                options.scoredRounds > 0
                ? UInt32(clamping: options.scoredRounds) : TaskSpecValidator.mostScoredRounds(spec)
        }
        return spec
    }

    private static func millionths(_ value: Double, _ name: String) throws(CommandFailure) -> Int64 {
        guard let millionths = Ppm.nearest(value) else {
            throw CommandFailure(ExitStatus.data, "\(name) \(value): a task cannot take it; use 0.000001 to 1000000")
        }
        return millionths
    }

    private static func parts(_ value: Double, _ name: String) throws(CommandFailure) -> UInt32 {
        guard let parts = UInt32(exactly: try millionths(value, name)) else {
            throw CommandFailure(ExitStatus.usage, "\(name) \(value): a task cannot take it; use 0.000001 to 4000")
        }
        return parts
    }

    private func learningRate(_ kind: TaskSpec.Architecture) -> UInt32 {
        if options.optimiser == "adamw" { return 3_000 }
        // Momentum 0.9 makes steps ten times as long; a squared error has no bounded slope.
        return options.optimiser == "momentum" || kind == .linear ? 10_000 : 100_000
    }

    private func local() -> TaskSpec.LocalRecipe {
        var local = TaskSpec.LocalRecipe.sgd
        switch options.optimiser {
        case "momentum":
            local.optimiser = .momentum
            local.momentumPpm = 900_000
        case "adamw":
            local.optimiser = .adamW
            local.momentumPpm = 900_000
            local.secondMomentumPpm = 999_000
            local.epsilonPpm = 1
            local.weightDecayPpm = 10_000
        case "fedprox": local.proximalPpm = 10_000
        case "scaffold":
            local.correction = .scaffold
            local.controlRangePpm = 1_000_000
        default: break
        }
        return local
    }

    private func server() throws(CommandFailure) -> TaskSpec.ServerRule {
        guard let rule = TestnetOptions.servers[options.server] else {
            throw CommandFailure(ExitStatus.usage, "--server \(options.server) is unknown")
        }
        return rule
    }

    private var serverRate: UInt32 {
        switch options.server {
        case "fedadam", "fedyogi": 30_000
        case "diloco": 700_000
        case "fedavgm": 300_000
        default: 1_000_000
        }
    }

    private var outer: TaskSpec.OuterRecipe {
        switch options.server {
        case "fedadam", "fedyogi": .init(momentumPpm: 900_000, secondMomentumPpm: 990_000, tauPpm: 1_000)
        case "diloco": .init(momentumPpm: 600_000, secondMomentumPpm: 0, tauPpm: 0)
        case "fedavgm": .init(momentumPpm: 700_000, secondMomentumPpm: 0, tauPpm: 0)
        default: .none
        }
    }

    private func compression() throws -> (kind: TaskSpec.Compression, support: TaskSpec.Support) {
        guard let settings = try CompressionSettings.parse(options.compressionText) else { return (.none, .all) }
        let isMasked = settings.variant == .maskedTraining
        let decay = try Self.parts(Double(settings.decay), "--compression")
        let factor = try Self.parts(Double(settings.rateFactor), "--compression")
        return (
            isMasked ? .masked : .residual,
            .init(
                ratioPpm: try Self.parts(settings.ratio, "--compression"),
                decayPpm: isMasked ? 0 : decay,
                denseRounds: UInt32(settings.denseRounds),
                rateFactorPpm: isMasked ? factor : 0)
        )
    }
}
