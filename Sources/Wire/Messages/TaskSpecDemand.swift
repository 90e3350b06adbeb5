/// What carrying out a task takes of a node: formulas of the specification alone, so that every node comes to the same
/// answer to "can this be carried out?". `Learn`, `MeshCrypto` and the node hold no more for a round than this says.
public struct TaskDemand: Hashable, Sendable {
    /// Of the node that sums: key vectors, sums and the table of logarithms.
    public let recovery: RecoveryDemand
    /// Bytes of a member that trains or evaluates: a batch in every layer, and vectors of the model's size.
    public let trainingBytes: Int
    /// Bytes of a node that checks a result: sums as digits and means, the old and the new model with their state.
    public let checkingBytes: Int

    /// Why a task cannot be carried out.
    public struct Excess: Error, Hashable, Sendable {
        public let what: String
        public let needed: Int
        public let available: Int
        /// What its publisher can change.
        public let remedy: String
    }

    /// Vectors of the model's size that a training member holds at most: old, trained and returned weights, gradient, its
    /// parts, two moments, mask, correction, difference, clipped and offered values, kept memory twice.
    static let trainingVectors = 16
    /// The same of a checking node, old and new: weights, two moments, control or support, files of both.
    static let checkingVectors = 16
    /// Rows of a batch in which evaluation goes through the data, whatever the task's batch is.
    static let evaluationBatch = 256
    /// Values of unfolded windows that a convolution holds at once, where one picture does not need more.
    static let windowBudget = 1 << 18

    /// - Throws: the first limit that the task exceeds, with the numbers. Any specification may be given.
    public init(_ spec: TaskSpec) throws(Excess) {
        let limit = Limits.roundMemory
        guard let sizes = spec.sizes, let range = Self.range(sizes, maximum: spec.participants.maximum),
            let components = spec.holders.components
        else { throw Excess(what: "countable sizes", needed: .max, available: limit, remedy: "use smaller numbers") }
        do {
            recovery = try RecoveryDemand(
                range: range, elements: sizes.summedElements, elementBytes: spec.update.encoding.byteCount,
                components: components, memoryLimit: limit)
        } catch {
            throw Excess(
                what: error.what + " of whoever sums", needed: error.needed, available: error.available,
                remedy: "use a smaller model, update.packing = 2, fewer holders, or fewer buckets")
        }
        trainingBytes = Self.training(spec, parameters: sizes.parameters)
        guard trainingBytes <= limit else {
            throw Excess(
                what: "bytes of memory of a member that trains", needed: trainingBytes, available: limit,
                remedy: "use a smaller training.batch_size, smaller layers or fewer features")
        }
        // Integers, digits and their means for every sum.
        let sums = 28 * Checked(sizes.denseCoordinates) * Checked(sizes.buckets)
        checkingBytes = (sums + 4 * Checked(sizes.parameters) * Self.checkingVectors).value ?? .max
        guard checkingBytes <= limit else {
            throw Excess(
                what: "bytes of memory to check a result", needed: checkingBytes, available: limit,
                remedy: "use a smaller model or fewer buckets")
        }
    }

    /// The largest |sum| of an element; nil beyond what recovery serves.
    static func range(_ sizes: TaskSizes, maximum: UInt32) -> Int64? {
        let radix = 2 * Checked(maximum) * Checked(sizes.bound) + 1
        var power = Checked(1)
        for _ in 0..<sizes.packing { power = power * radix }
        let limit = sizes.packing == 1 ? TaskSpecValidator.unpackedRange : TaskSpecValidator.packedRange
        guard let value = power.value, value >= 3, UInt64((value - 1) / 2) <= limit else { return nil }
        return Int64((value - 1) / 2)
    }

    /// Values that one sample takes in every layer, and unfolded windows.
    private static func training(_ spec: TaskSpec, parameters: Int) -> Int {
        let features = Checked(spec.data.features)
        let outputs = Checked(spec.data.outputs)
        var (values, widest) = (2 * features, Checked.max(features, outputs))
        var windows = Checked(windowBudget)
        if spec.model.architecture == .cnn, spec.data.shape.count >= 2 {
            var channels = spec.data.shape.count == 3 ? spec.data.shape[0] : 1
            var (height, breadth) = (spec.data.shape.suffix(2).first ?? 0, spec.data.shape.last ?? 0)
            for next in spec.model.hidden {
                let pixels = Checked(height) * Checked(breadth)
                let pictures = pixels * Checked(next)
                windows = .max(windows, 9 * Checked(channels) * pixels)
                // The convolution, what is left above zero, the pooled picture, and its copy before a dense layer.
                values = values + 4 * pictures
                widest = .max(widest, pictures)
                (channels, height, breadth) = (next, height / 2, breadth / 2)
            }
        } else {
            for next in spec.model.hidden {
                values = values + 2 * Checked(next)
                widest = .max(widest, Checked(next))
            }
        }
        let batch = max(evaluationBatch, Int(spec.training.batchSize))
        let buffers = (values + outputs + outputs + 2 * widest) * batch
        return (4 * (buffers + 2 * windows + Checked(parameters) * trainingVectors)).value ?? .max
    }
}

extension TaskSpec.Holders {
    /// C(k, t): key vectors of a round; nil for a profile that does not exist.
    public var components: Int? {
        switch (count, threshold) {
        case (1, 0): 1
        case (3, 1): 3
        case (5, 2): 10
        case (7, 3): 35
        default: nil
        }
    }
}

extension TaskSpec.Encoding {
    /// Bytes of one encoded element.
    public var byteCount: Int { self == .ristretto ? 32 : 64 }
}

extension TaskSpecValidator {
    /// Whether a node can carry the task out. A task that none can would be decided, paid for and never trained.
    static func demand(_ spec: TaskSpec, _ check: inout SpecCheck) {
        // Everything that a size is made of; the rules about it have spoken already.
        let uses = [
            "model", "model.hidden", "data.shape", "data.labels", "data.targets", "participants.maximum", "holders",
            "holders.count", "holders.threshold", "training.batch_size", "training.server", "training.buckets",
            "training.correction", "update.bits", "update.compression", "update.ratio", "update.packing",
        ]
        guard check.stands(on: uses) else { return }
        do { _ = try TaskDemand(spec) } catch {
            check.require(
                "model", false, uses: uses,
                "the task cannot be carried out: it takes \(error.needed) \(error.what), \(error.available) are allowed; "
                    + error.remedy)
        }
    }
}
