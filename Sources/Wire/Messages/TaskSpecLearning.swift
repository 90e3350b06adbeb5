/// What is learned, from what, and how it travels. Where a number belongs to a choice that was not made it is 0, which
/// the validator asks for: a value that nothing reads must not look as if it meant something.
extension TaskSpec {
    /// Numbers are never reused.
    public enum Architecture: UInt8, Sendable { case softmax = 1, mlp = 2, linear = 3, cnn = 4 }

    /// Where the initial weights come from.
    public enum Start: UInt8, Sendable {
        /// Drawn from the task's seed: anybody can make them again.
        case seed = 1
        /// Given by the publisher, for example a model of an earlier task.
        case given = 2
    }

    public struct Model: Hashable, Sendable {
        public var architecture: Architecture
        /// Units of each hidden layer (mlp) or channels of each block (cnn); empty for linear and softmax.
        public var hidden: [UInt32]
        public var start: Start
        /// Safetensors of the initial weights.
        public var initial: ContentReference

        public init(architecture: Architecture, hidden: [UInt32], start: Start = .seed, initial: ContentReference) {
            self.architecture = architecture
            self.hidden = hidden
            self.start = start
            self.initial = initial
        }
    }

    public struct Data: Hashable, Sendable {
        public var type: String
        /// One sample after preprocessing: [features], [height, width] or [channels, height, width].
        public var shape: [UInt32]
        /// The label map: class i is `labels[i]`; empty for regression.
        public var labels: [String]
        /// Outputs of a regression; 0 for classes.
        public var targets: UInt32
        /// Feature columns of tables in their order, or the channels of a picture; empty where nothing names them.
        public var columns: [String]
        /// Every table must have just these columns in this order: the titles of the publisher's own rows, written out at
        /// publication where its task named none. Otherwise columns are found by their titles.
        public var columnsInOrder: Bool
        /// Features are divided by this many millionths.
        public var scalePpm: UInt64
        /// Pictures of another size are resized to `shape` (bilinear) instead of refused.
        public var resizes: Bool
        /// After the scale, (x - mean) / deviation: one for all, one a channel or one a feature; empty is off.
        public var meanPpm: [Int64]
        public var deviationPpm: [UInt64]
        public var minimumRows: UInt32

        public init(
            type: String, shape: [UInt32], labels: [String], targets: UInt32, columns: [String], scalePpm: UInt64,
            resizes: Bool, meanPpm: [Int64], deviationPpm: [UInt64], minimumRows: UInt32, columnsInOrder: Bool = false
        ) {
            self.type = type
            self.shape = shape
            self.labels = labels
            self.targets = targets
            self.columns = columns
            self.columnsInOrder = columnsInOrder
            self.scalePpm = scalePpm
            self.resizes = resizes
            self.meanPpm = meanPpm
            self.deviationPpm = deviationPpm
            self.minimumRows = minimumRows
        }

        /// Classes from flat rows that are only scaled.
        public init(type: String, features: UInt32, labels: [String], scalePpm: UInt64, minimumRows: UInt32) {
            self.init(
                type: type, shape: [features], labels: labels, targets: 0, columns: [], scalePpm: scalePpm,
                resizes: false, meanPpm: [], deviationPpm: [], minimumRows: minimumRows)
        }

        /// Channels of a picture; 1 for everything else.
        public var channels: UInt32 { shape.count == 3 ? shape[0] : 1 }

        /// `columns` names the channels of pictures and not each feature.
        public var namesChannels: Bool {
            channels > 1 && columns.count == Int(channels) && columns.count != Int(features)
        }

        /// Product of the shape; the largest number where it has no product.
        public var features: UInt32 {
            var product: UInt32 = shape.isEmpty ? 0 : 1
            for extent in shape {
                let (next, overflow) = product.multipliedReportingOverflow(by: extent)
                if overflow { return .max }
                product = next
            }
            return product
        }

        /// Values that the model gives for one sample.
        public var outputs: UInt32 { labels.isEmpty ? targets : UInt32(clamping: labels.count) }
    }

    public enum Optimiser: UInt8, Sendable { case sgd = 1, momentum = 2, adamW = 3 }
    public enum Schedule: UInt8, Sendable { case constant = 1, cosine = 2, step = 3, warmUp = 4 }
    public enum Correction: UInt8, Sendable { case none = 1, scaffold = 2 }

    /// How a participant steps through its own rows.
    public struct LocalRecipe: Hashable, Sendable {
        public var optimiser: Optimiser
        /// Heavy-ball factor, or AdamW's first factor.
        public var momentumPpm: UInt32
        /// AdamW's second factor and its epsilon.
        public var secondMomentumPpm: UInt32
        public var epsilonPpm: UInt32
        public var weightDecayPpm: UInt32
        /// FedProx: the weight of (w - w_global).
        public var proximalPpm: UInt32
        /// Largest L2 norm of a step's gradient; 0: none.
        public var gradientClipPpm: UInt64
        public var schedule: Schedule
        public var scheduleRounds: UInt32
        /// Floor of the cosine, or factor of a step.
        public var scheduleFactorPpm: UInt32
        public var correction: Correction
        /// SCAFFOLD's second vector is quantised on plus or minus this many millionths.
        public var controlRangePpm: UInt32

        public static let sgd = LocalRecipe(
            optimiser: .sgd, momentumPpm: 0, secondMomentumPpm: 0, epsilonPpm: 0, weightDecayPpm: 0, proximalPpm: 0,
            gradientClipPpm: 0, schedule: .constant, scheduleRounds: 0, scheduleFactorPpm: 0, correction: .none,
            controlRangePpm: 0)

        public init(
            optimiser: Optimiser, momentumPpm: UInt32, secondMomentumPpm: UInt32, epsilonPpm: UInt32,
            weightDecayPpm: UInt32, proximalPpm: UInt32, gradientClipPpm: UInt64, schedule: Schedule,
            scheduleRounds: UInt32, scheduleFactorPpm: UInt32, correction: Correction, controlRangePpm: UInt32
        ) {
            self.optimiser = optimiser
            self.momentumPpm = momentumPpm
            self.secondMomentumPpm = secondMomentumPpm
            self.epsilonPpm = epsilonPpm
            self.weightDecayPpm = weightDecayPpm
            self.proximalPpm = proximalPpm
            self.gradientClipPpm = gradientClipPpm
            self.schedule = schedule
            self.scheduleRounds = scheduleRounds
            self.scheduleFactorPpm = scheduleFactorPpm
            self.correction = correction
            self.controlRangePpm = controlRangePpm
        }
    }

    public enum ServerRule: UInt8, Sendable {
        case fedAvg = 1, fedAvgM = 2, fedAdam = 3, fedYogi = 4, diLoCo = 5, median = 6, trimmedMean = 7, krum = 8
    }
    public enum Weighting: UInt8, Sendable { case uniform = 1, rows = 2 }

    /// The server rule's own numbers.
    public struct OuterRecipe: Hashable, Sendable {
        public var momentumPpm: UInt32
        public var secondMomentumPpm: UInt32
        public var tauPpm: UInt32

        public static let none = OuterRecipe(momentumPpm: 0, secondMomentumPpm: 0, tauPpm: 0)

        public init(momentumPpm: UInt32, secondMomentumPpm: UInt32, tauPpm: UInt32) {
            self.momentumPpm = momentumPpm
            self.secondMomentumPpm = secondMomentumPpm
            self.tauPpm = tauPpm
        }
    }

    public struct Training: Hashable, Sendable {
        public var trainer: String
        public var localEpochs: UInt32
        public var batchSize: UInt32
        public var learningRatePpm: UInt32
        public var local: LocalRecipe
        public var server: ServerRule
        public var serverRatePpm: UInt32
        public var outer: OuterRecipe
        public var robust: Robust
        public var weighting: Weighting
        /// n_cap: enrolled rows above it count as this many. Only with `rows`.
        public var rowCap: UInt32

        public init(
            trainer: String, localEpochs: UInt32, batchSize: UInt32, learningRatePpm: UInt32, local: LocalRecipe = .sgd,
            server: ServerRule, serverRatePpm: UInt32, outer: OuterRecipe = .none, robust: Robust = .none,
            weighting: Weighting, rowCap: UInt32
        ) {
            self.trainer = trainer
            self.localEpochs = localEpochs
            self.batchSize = batchSize
            self.learningRatePpm = learningRatePpm
            self.local = local
            self.server = server
            self.serverRatePpm = serverRatePpm
            self.outer = outer
            self.robust = robust
            self.weighting = weighting
            self.rowCap = rowCap
        }
    }

    public enum Scale: UInt8, Sendable {
        /// `rangePpm` in every round.
        case fixed = 1
        /// Follows the last decided sum, never above `rangePpm`.
        case previous = 2
    }

    /// `residual`: what is not sent waits at the member. `masked`: only the support is trained.
    public enum Compression: UInt8, Sendable { case none = 1, residual = 2, masked = 3 }
    public enum Encoding: UInt8, Sendable { case ristretto = 1, affine = 2 }

    /// The common support of compressed rounds.
    public struct Support: Hashable, Sendable {
        /// Share of the coordinates a round.
        public var ratioPpm: UInt32
        /// What remains of the residual a round.
        public var decayPpm: UInt32
        /// Rounds at the start that send everything.
        public var denseRounds: UInt32
        /// Factor on the local learning rate of `masked`.
        public var rateFactorPpm: UInt32

        public static let all = Support(ratioPpm: 0, decayPpm: 0, denseRounds: 0, rateFactorPpm: 0)

        public init(ratioPpm: UInt32, decayPpm: UInt32, denseRounds: UInt32, rateFactorPpm: UInt32) {
            self.ratioPpm = ratioPpm
            self.decayPpm = decayPpm
            self.denseRounds = denseRounds
            self.rateFactorPpm = rateFactorPpm
        }
    }

    public struct Update: Hashable, Sendable {
        /// Largest L2 norm of Δ, in millionths.
        public var clipNormPpm: UInt64
        public var bits: UInt8
        /// Coordinates are quantised on ±this many millionths.
        public var rangePpm: UInt32
        public var scale: Scale
        public var compression: Compression
        public var support: Support
        /// Coordinates in one group element.
        public var packing: UInt8
        public var encoding: Encoding

        public init(
            clipNormPpm: UInt64, bits: UInt8, rangePpm: UInt32, scale: Scale = .fixed, compression: Compression,
            support: Support = .all, packing: UInt8, encoding: Encoding
        ) {
            self.clipNormPpm = clipNormPpm
            self.bits = bits
            self.rangePpm = rangePpm
            self.scale = scale
            self.compression = compression
            self.support = support
            self.packing = packing
            self.encoding = encoding
        }
    }

    /// Noise that every member adds to its integers.
    public struct Privacy: Hashable, Sendable {
        /// Deviation of the noise on the sum of the smallest set over the largest norm of one member; 0: no noise.
        public var noisePpm: UInt32
        public var deltaPpm: UInt32

        public static let none = Privacy(noisePpm: 0, deltaPpm: 0)

        public init(noisePpm: UInt32, deltaPpm: UInt32) {
            self.noisePpm = noisePpm
            self.deltaPpm = deltaPpm
        }
    }
}
