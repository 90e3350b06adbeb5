public import Wire

/// Changes to one field of a specification each: what a peer can send that still decodes.
public enum SpecMutation {
    public typealias Change = @Sendable (inout TaskSpec, inout FuzzInput) -> Void

    /// Changes fields of `spec`, and half of the time says the length of weights that belongs to the model.
    public static func mutate(_ spec: inout TaskSpec, _ input: inout FuzzInput) {
        for _ in 0..<1 + input.pick(4) { input.pick(changes)(&spec, &input) }
        if input.bool() { repair(&spec) }
    }

    public static func repair(_ spec: inout TaskSpec) {
        guard let size = spec.modelSize, size < 1 << 40 else { return }
        spec.model.initial = .init(id: spec.model.initial.id, length: 4 * size + 512)
    }

    private static func field<Number: FixedWidthInteger & SendableMetatype>(
        _ path: any WritableKeyPath<TaskSpec, Number> & Sendable
    ) -> Change {
        { spec, input in spec[keyPath: path] = input.number(near: spec[keyPath: path]) }
    }

    private static func choice<Choice: RawRepresentable & SendableMetatype>(
        _ path: any WritableKeyPath<TaskSpec, Choice> & Sendable
    ) -> Change where Choice.RawValue == UInt8 {
        { spec, input in
            spec[keyPath: path] = input.pick((0...16).compactMap { Choice(rawValue: $0) })
        }
    }

    static let changes: [Change] = numbers + rules + lists

    private static let numbers: [Change] = [
        field(\.seed), field(\.rounds), field(\.bodyRetention),
        {
            let length: UInt64 = $1.number(near: $0.model.initial.length)
            $0.model.initial = .init(id: $0.model.initial.id, length: length)
        },
        field(\.participants.minimum), field(\.participants.maximum), field(\.participants.smallestSet),
        field(\.deadlines.enrolMs), field(\.deadlines.submitMs), field(\.deadlines.aggregateMs),
        field(\.deadlines.opinionMs), field(\.deadlines.expiryMs), field(\.data.targets),
        field(\.data.scalePpm),
        field(\.data.minimumRows), field(\.training.localEpochs), field(\.training.batchSize),
        field(\.training.learningRatePpm), field(\.training.local.momentumPpm),
        field(\.training.local.secondMomentumPpm), field(\.training.local.epsilonPpm),
        field(\.training.local.weightDecayPpm), field(\.training.local.proximalPpm),
        field(\.training.local.gradientClipPpm), field(\.training.local.scheduleRounds),
    ]

    private static let rules: [Change] = [
        field(\.training.local.scheduleFactorPpm), field(\.training.local.controlRangePpm),
        field(\.training.serverRatePpm), field(\.training.outer.momentumPpm),
        field(\.training.outer.secondMomentumPpm), field(\.training.outer.tauPpm),
        field(\.training.rowCap),
        field(\.training.robust.buckets), field(\.training.robust.hostile), field(\.update.clipNormPpm),
        field(\.update.bits), field(\.update.rangePpm), field(\.update.support.ratioPpm),
        field(\.update.support.decayPpm), field(\.update.support.denseRounds),
        field(\.update.support.rateFactorPpm), field(\.update.packing), field(\.holders.count),
        field(\.holders.threshold), field(\.evaluation.tolerancePpm), field(\.evaluation.targetPpm),
        field(\.privacy.noisePpm), field(\.privacy.deltaPpm), field(\.reward.credits),
        field(\.reward.scoredRounds), field(\.reward.minimumBond),
    ]

    private static let lists: [Change] = [
        choice(\.model.architecture), choice(\.model.start), choice(\.training.local.optimiser),
        choice(\.training.local.schedule), choice(\.training.local.correction),
        choice(\.training.server),
        choice(\.training.weighting), choice(\.update.scale), choice(\.update.compression),
        choice(\.update.encoding), choice(\.reward.rule), choice(\.voting),
        { $0.model.hidden = $1.list(upTo: 16) { $0.number(near: 32) } },
        { $0.model.hidden = $1.list(upTo: 4) { 1 + UInt32($0.pick(9_000)) } },
        { $0.data.shape = $1.list(upTo: 4) { $0.number(near: 8) } },
        { $0.data.shape = $1.list(upTo: 3) { 1 + UInt32($0.pick(300)) } },
        { spec, input in spec.data.labels = (0..<input.pick(40)).map(String.init) },
        { $0.data.columns = $1.list(upTo: 3) { "\($0.next())" } },
        { $0.data.meanPpm = $1.list(upTo: 3) { $0.number() } },
        { $0.data.deviationPpm = $1.list(upTo: 3) { $0.number() } },
        { $0.data.resizes = $1.bool() },
        { $0.evaluation.targetCommitment = $1.bool() ? .zero : nil },
        { $0.name = String(decoding: $1.take($1.pick(8)), as: UTF8.self) },
    ]

    /// A small valid task.
    public static func plain() -> TaskSpec {
        var spec = TaskSpec(
            name: "digits", seed: 1,
            model: .init(architecture: .softmax, hidden: [], initial: .init(id: .zero, length: 0)),
            data: .init(
                type: "digits", features: 64, labels: (0..<10).map(String.init), scalePpm: 16_000_000,
                minimumRows: 10),
            rounds: 3, participants: .init(minimum: 5, maximum: 5, smallestSet: 4),
            deadlines: .init(
                enrolMs: 60_000, submitMs: 10_000, aggregateMs: 10_000, opinionMs: 10_000,
                expiryMs: 3_600_000),
            training: .init(
                trainer: TaskSpecValidator.trainer, localEpochs: 1, batchSize: 10, learningRatePpm: 100_000,
                server: .fedAvg, serverRatePpm: 1_000_000, weighting: .uniform, rowCap: 0),
            update: .init(
                clipNormPpm: 1_000_000, bits: 10, rangePpm: 1_000_000, compression: .none, packing: 1,
                encoding: .affine),
            holders: .init(count: 3, threshold: 1),
            evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            reward: .init(credits: 100, rule: .equal, minimumBond: 50), bodyRetention: 3,
            voting: .automatic)
        repair(&spec)
        return spec
    }

    /// Valid ones of every kind that has rules of its own.
    public static let bases: [TaskSpec] = {
        let changes: [(inout TaskSpec) -> Void] = [
            { _ in },
            {
                $0.model.architecture = .mlp
                $0.model.hidden = [32, 16]
            },
            {
                $0.model.architecture = .cnn
                $0.model.hidden = [4, 8]
                $0.data.shape = [1, 8, 8]
            },
            {
                $0.model.architecture = .linear
                $0.data.labels = []
                $0.data.targets = 1
            },
            { robust(&$0, .median, 0) }, { robust(&$0, .trimmedMean, 1) }, { robust(&$0, .krum, 1) },
            {
                $0.training.local.correction = .scaffold
                $0.training.local.controlRangePpm = 1_000_000
            },
            {
                $0.update.compression = .residual
                $0.update.support = .init(
                    ratioPpm: 350_000, decayPpm: 950_000, denseRounds: 1, rateFactorPpm: 0)
            },
            {
                $0.update.compression = .masked
                $0.update.support = .init(
                    ratioPpm: 100_000, decayPpm: 0, denseRounds: 0, rateFactorPpm: 4_000_000)
            },
            {
                $0.update.packing = 2
                $0.update.bits = 6
                $0.participants.maximum = 8
            },
            {
                $0.reward.rule = .contribution
                $0.reward.scoredRounds = 2
            },
            { $0.privacy = .init(noisePpm: 1_000_000, deltaPpm: 10) },
        ]
        return changes.map { change in
            var spec = plain()
            change(&spec)
            repair(&spec)
            return spec
        }
    }()

    private static func robust(_ spec: inout TaskSpec, _ rule: TaskSpec.ServerRule, _ hostile: UInt16) {
        spec.training.server = rule
        spec.training.robust = .init(buckets: 5, hostile: hostile)
        spec.participants = .init(minimum: 20, maximum: 20, smallestSet: 4)
    }
}

extension FuzzTarget {
    /// The judge of specifications: faults, never a trap, and what has none can be carried out.
    static let specification = FuzzTarget(
        "specification", of: "Sources/Wire/Messages/TaskSpecValidation.swift"
    ) { input in
        var spec = input.pick(SpecMutation.bases)
        SpecMutation.mutate(&spec, &input)
        judge(spec)
    }

    static func judge(_ spec: TaskSpec) {
        let faults = TaskSpecValidator.faults(spec)
        _ = TaskSpecValidator.warnings(spec)
        _ = TaskSpecValidator.readers(spec.holders)
        _ = TaskSpecValidator.mostScoredRounds(spec)
        guard faults.isEmpty else { return }
        let sizes = spec.validatedSizes
        law(
            sizes.elementCount(round: spec.rounds) <= sizes.largestElements, "a round above the largest")
        law((try? TaskDemand(spec)) != nil, "a valid task that cannot be carried out")
        law((try? TaskSpec(wireBytes: spec.wireBytes)) == spec, "a valid task that does not decode")
    }
}
