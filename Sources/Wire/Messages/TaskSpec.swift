/// Everything that a training task fixes before it is published. No field has a silent default: a preset is written
/// out in full by whoever makes the spec. Fractions are integers in parts per million (`Ppm`), times milliseconds.
public struct TaskSpec: WireMessage, Hashable {
    public var name: String
    /// Seeds initial weights, training order and compression support. Chosen by the publisher.
    public var seed: UInt64
    public var model: Model
    public var data: Data
    public var rounds: UInt32
    public var participants: Participants
    public var deadlines: Deadlines
    public var training: Training
    public var update: Update
    public var holders: Holders
    public var evaluation: Evaluation
    public var reward: Reward
    /// Rounds that submission bodies are kept after their result.
    public var bodyRetention: UInt32
    public var voting: Voting

    public enum Architecture: UInt8, Sendable { case softmax = 1, mlp = 2 }

    public struct Model: Hashable, Sendable {
        public var architecture: Architecture
        /// Units of each hidden layer; empty for softmax.
        public var hidden: [UInt32]
        /// Safetensors of the initial weights.
        public var initial: ContentReference

        public init(architecture: Architecture, hidden: [UInt32], initial: ContentReference) {
            self.architecture = architecture
            self.hidden = hidden
            self.initial = initial
        }
    }

    public struct Data: Hashable, Sendable {
        public var type: String
        public var features: UInt32
        /// The label map: class i is `labels[i]`.
        public var labels: [String]
        /// Features are divided by this many millionths.
        public var scalePpm: UInt64
        public var minimumRows: UInt32

        public init(type: String, features: UInt32, labels: [String], scalePpm: UInt64, minimumRows: UInt32) {
            self.type = type
            self.features = features
            self.labels = labels
            self.scalePpm = scalePpm
            self.minimumRows = minimumRows
        }
    }

    public struct Participants: Hashable, Sendable {
        public var minimum: UInt32
        public var maximum: UInt32
        /// n_min: the smallest set that is ever keyed. Never below 4.
        public var smallestSet: UInt32

        public init(minimum: UInt32, maximum: UInt32, smallestSet: UInt32) {
            self.minimum = minimum
            self.maximum = maximum
            self.smallestSet = smallestSet
        }
    }

    public struct Deadlines: Hashable, Sendable {
        public var enrolMs: UInt32
        public var submitMs: UInt32
        /// Between the manifest and the candidate: keys and recovery.
        public var aggregateMs: UInt32
        public var opinionMs: UInt32
        /// From publication; a task that is not terminal by then has failed.
        public var expiryMs: UInt64

        public init(enrolMs: UInt32, submitMs: UInt32, aggregateMs: UInt32, opinionMs: UInt32, expiryMs: UInt64) {
            self.enrolMs = enrolMs
            self.submitMs = submitMs
            self.aggregateMs = aggregateMs
            self.opinionMs = opinionMs
            self.expiryMs = expiryMs
        }
    }

    public enum ServerRule: UInt8, Sendable { case fedAvg = 1 }
    public enum Weighting: UInt8, Sendable { case uniform = 1, rows = 2 }

    public struct Training: Hashable, Sendable {
        public var trainer: String
        public var localEpochs: UInt32
        public var batchSize: UInt32
        public var learningRatePpm: UInt32
        public var server: ServerRule
        public var serverRatePpm: UInt32
        public var weighting: Weighting
        /// n_cap: enrolled rows above it count as this many. Only with `rows`.
        public var rowCap: UInt32

        public init(
            trainer: String, localEpochs: UInt32, batchSize: UInt32, learningRatePpm: UInt32, server: ServerRule,
            serverRatePpm: UInt32, weighting: Weighting, rowCap: UInt32
        ) {
            self.trainer = trainer
            self.localEpochs = localEpochs
            self.batchSize = batchSize
            self.learningRatePpm = learningRatePpm
            self.server = server
            self.serverRatePpm = serverRatePpm
            self.weighting = weighting
            self.rowCap = rowCap
        }
    }

    public enum Compression: UInt8, Sendable { case none = 1 }
    public enum Encoding: UInt8, Sendable { case ristretto = 1, affine = 2 }

    public struct Update: Hashable, Sendable {
        /// Largest L2 norm of Δ, in millionths.
        public var clipNormPpm: UInt64
        public var bits: UInt8
        /// Coordinates are quantised on ±this many millionths.
        public var rangePpm: UInt32
        public var compression: Compression
        /// Coordinates in one group element.
        public var packing: UInt8
        public var encoding: Encoding

        public init(
            clipNormPpm: UInt64, bits: UInt8, rangePpm: UInt32, compression: Compression, packing: UInt8,
            encoding: Encoding
        ) {
            self.clipNormPpm = clipNormPpm
            self.bits = bits
            self.rangePpm = rangePpm
            self.compression = compression
            self.packing = packing
            self.encoding = encoding
        }

        /// B: the largest absolute value of a quantised coordinate.
        public var bound: Int64 { (1 << (Int64(bits) - 1)) - 1 }
    }

    public struct Holders: Hashable, Sendable {
        public var count: UInt8
        public var threshold: UInt8

        public init(count: UInt8, threshold: UInt8) {
            self.count = count
            self.threshold = threshold
        }

        public var publisherAlone: Bool { count == 1 }
    }

    public struct Evaluation: Hashable, Sendable {
        /// A candidate whose accuracy on a voter's data falls by more than this is rejected by it; 1 000 000: never.
        public var tolerancePpm: UInt32
        /// Accuracy that ends the task early; 0: none.
        public var targetPpm: UInt32
        /// Hash of a target that the publisher opens after the last round; nil: none. A task that misses it pays
        /// nobody, one whose target is not opened pays everybody.
        public var targetCommitment: Digest?

        public init(tolerancePpm: UInt32, targetPpm: UInt32, targetCommitment: Digest? = nil) {
            self.tolerancePpm = tolerancePpm
            self.targetPpm = targetPpm
            self.targetCommitment = targetCommitment
        }
    }

    /// `contribution` pays by rows while no round of the task is scored.
    public enum PayoutRule: UInt8, Sendable { case equal = 1, rows = 2, contribution = 3 }

    public struct Reward: Hashable, Sendable {
        public var credits: UInt64
        public var rule: PayoutRule
        /// Smallest bond of a participant, in credits.
        public var minimumBond: UInt64

        public init(credits: UInt64, rule: PayoutRule, minimumBond: UInt64) {
            self.credits = credits
            self.rule = rule
            self.minimumBond = minimumBond
        }
    }

    public enum Voting: UInt8, Sendable { case automatic = 1, manual = 2 }

    public init(
        name: String, seed: UInt64, model: Model, data: Data, rounds: UInt32, participants: Participants,
        deadlines: Deadlines, training: Training, update: Update, holders: Holders, evaluation: Evaluation,
        reward: Reward, bodyRetention: UInt32, voting: Voting
    ) {
        self.name = name
        self.seed = seed
        self.model = model
        self.data = data
        self.rounds = rounds
        self.participants = participants
        self.deadlines = deadlines
        self.training = training
        self.update = update
        self.holders = holders
        self.evaluation = evaluation
        self.reward = reward
        self.bodyRetention = bodyRetention
        self.voting = voting
    }

    public static var domain: WireDomain { .taskSpec }
}

extension TaskSpec {
    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.string(name)
        encoder.u64(seed)
        encoder.u8(model.architecture.rawValue)
        encoder.list(model.hidden) { encoder, units in encoder.u32(units) }
        encoder.value(model.initial)
        encoder.string(data.type)
        encoder.u32(data.features)
        encoder.list(data.labels) { encoder, label in encoder.string(label) }
        encoder.u64(data.scalePpm)
        encoder.u32(data.minimumRows)
        encoder.u32(rounds)
        encoder.u32(participants.minimum)
        encoder.u32(participants.maximum)
        encoder.u32(participants.smallestSet)
        encoder.u32(deadlines.enrolMs)
        encoder.u32(deadlines.submitMs)
        encoder.u32(deadlines.aggregateMs)
        encoder.u32(deadlines.opinionMs)
        encoder.u64(deadlines.expiryMs)
        encoder.string(training.trainer)
        encoder.u32(training.localEpochs)
        encoder.u32(training.batchSize)
        encoder.u32(training.learningRatePpm)
        encoder.u8(training.server.rawValue)
        encoder.u32(training.serverRatePpm)
        encoder.u8(training.weighting.rawValue)
        encoder.u32(training.rowCap)
        encoder.u64(update.clipNormPpm)
        encoder.u8(update.bits)
        encoder.u32(update.rangePpm)
        encoder.u8(update.compression.rawValue)
        encoder.u8(update.packing)
        encoder.u8(update.encoding.rawValue)
        encoder.u8(holders.count)
        encoder.u8(holders.threshold)
        encoder.u32(evaluation.tolerancePpm)
        encoder.u32(evaluation.targetPpm)
        encoder.optional(evaluation.targetCommitment)
        encoder.u64(reward.credits)
        encoder.u8(reward.rule.rawValue)
        encoder.u64(reward.minimumBond)
        encoder.u32(bodyRetention)
        encoder.u8(voting.rawValue)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        name = try decoder.string(limit: Limits.name, "name")
        seed = try decoder.u64("seed")
        model = Model(
            architecture: try decoder.choice("model.architecture"),
            hidden: try decoder.list(limit: Limits.layers, "model.hidden") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.u32("model.hidden")
            },
            initial: try decoder.value())
        data = Data(
            type: try decoder.string(limit: Limits.name, "data.type"), features: try decoder.u32("data.features"),
            labels: try decoder.list(limit: 10_000, "data.labels") {
                (decoder: inout WireDecoder) throws(WireError) in
                try decoder.string(limit: Limits.name, "data.labels")
            },
            scalePpm: try decoder.u64("data.scale"), minimumRows: try decoder.u32("data.minimum_rows"))
        rounds = try decoder.u32("rounds")
        participants = Participants(
            minimum: try decoder.u32("participants.minimum"), maximum: try decoder.u32("participants.maximum"),
            smallestSet: try decoder.u32("participants.smallest_set"))
        deadlines = Deadlines(
            enrolMs: try decoder.u32("deadlines.enrol"), submitMs: try decoder.u32("deadlines.submit"),
            aggregateMs: try decoder.u32("deadlines.aggregate"), opinionMs: try decoder.u32("deadlines.opinion"),
            expiryMs: try decoder.u64("deadlines.expiry"))
        training = Training(
            trainer: try decoder.string(limit: Limits.name, "training.trainer"),
            localEpochs: try decoder.u32("training.local_epochs"), batchSize: try decoder.u32("training.batch_size"),
            learningRatePpm: try decoder.u32("training.learning_rate"), server: try decoder.choice("training.server"),
            serverRatePpm: try decoder.u32("training.server_rate"),
            weighting: try decoder.choice("training.weighting"), rowCap: try decoder.u32("training.row_cap"))
        update = Update(
            clipNormPpm: try decoder.u64("update.clip_norm"), bits: try decoder.u8("update.bits"),
            rangePpm: try decoder.u32("update.range"), compression: try decoder.choice("update.compression"),
            packing: try decoder.u8("update.packing"), encoding: try decoder.choice("update.encoding"))
        holders = Holders(count: try decoder.u8("holders.count"), threshold: try decoder.u8("holders.threshold"))
        evaluation = Evaluation(
            tolerancePpm: try decoder.u32("evaluation.tolerance"), targetPpm: try decoder.u32("evaluation.target"),
            targetCommitment: try decoder.optional("evaluation.target_commitment"))
        reward = Reward(
            credits: try decoder.u64("reward.credits"), rule: try decoder.choice("reward.rule"),
            minimumBond: try decoder.u64("reward.minimum_bond"))
        bodyRetention = try decoder.u32("body_retention")
        voting = try decoder.choice("voting")
    }
}

extension WireDecoder {
    /// Reads one byte as a case of `Choice`; unknown numbers are an error that names the field.
    mutating func choice<Choice: RawRepresentable>(_ field: String) throws(WireError) -> Choice
    where Choice.RawValue == UInt8 {
        let number = try u8(field)
        guard let choice = Choice(rawValue: number) else { throw .invalid(field: field, reason: "unknown \(number)") }
        return choice
    }
}
