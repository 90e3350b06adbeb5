/// Counts that follow from a specification: coordinates, elements, the largest integer. A value exists only where every
/// one of them can be counted, so whoever has one computes without a check.
public struct TaskSizes: Hashable, Sendable {
    /// d: trainable values of the model.
    public let parameters: Int
    /// B: the largest absolute value of a quantised coordinate.
    public let bound: Int64
    /// Integers of one member in a round that sends everything; no round has more.
    public let denseCoordinates: Int
    /// Integers of one member in a round that sends the common support only.
    public let sparseCoordinates: Int
    /// The last round, from 1, that sends everything.
    public let denseRounds: UInt32
    /// Coordinates in one group element, 1 or more.
    public let packing: Int
    /// Sums of the largest round, 1 or more.
    public let buckets: Int
    /// Group elements of one member's largest update.
    public let largestElements: Int
    /// Group elements of all sums of the largest round.
    public let summedElements: Int

    /// Nil where a number cannot be counted, or the model vanishes. Any specification may be given, valid or not.
    public init?(_ spec: TaskSpec) {
        guard let size = spec.modelSize, let parameters = Int(exactly: size), let bound = spec.update.bound,
            spec.update.packing >= 1
        else { return nil }
        self.parameters = parameters
        self.bound = bound
        packing = Int(spec.update.packing)
        buckets = max(1, Int(spec.training.robust.buckets))
        let all = Checked(parameters)
        let dense = spec.training.local.correction == .scaffold ? 2 * all : all
        var sparse = dense
        if spec.training.local.correction == .none, spec.update.compression != .none {
            // In millionths, half up.
            let share = (all * Checked(spec.update.support.ratioPpm) + 500_000) / 1_000_000
            sparse = Checked.min(all, Checked.max(Checked(1), share))
            denseRounds = spec.update.support.denseRounds
        } else {
            denseRounds = .max
        }
        let elements = dense.pieces(of: packing)
        guard let denseCount = dense.value, let sparseCount = sparse.value, let elementCount = elements.value,
            let summed = (elements * buckets).value
        else { return nil }
        denseCoordinates = denseCount
        sparseCoordinates = sparseCount
        largestElements = elementCount
        summedElements = summed
    }

    /// Integers of one member in `round` (from 1): all coordinates, the support's, or with SCAFFOLD twice as many.
    public func coordinateCount(round: UInt32) -> Int { round > denseRounds ? sparseCoordinates : denseCoordinates }

    /// Group elements of one update of `round`, from 1.
    public func elementCount(round: UInt32) -> Int {
        let (count, rest) = coordinateCount(round: round).quotientAndRemainder(dividingBy: packing)
        return rest > 0 ? count + 1 : count
    }
}

extension TaskSpec.Update {
    /// B: the largest absolute value of a quantised coordinate; nil for bits that no quantiser has.
    public var bound: Int64? { (2...32).contains(bits) ? (1 << (Int64(bits) - 1)) - 1 : nil }
}

extension TaskSpec {
    /// The sizes of any specification, valid or not; nil where they cannot be counted.
    public var sizes: TaskSizes? { TaskSizes(self) }

    /// The sizes of a specification in which `TaskSpecValidator` has found no fault. Chains hold no other: a Publish of
    /// an invalid one is no transaction. Rules that look at a specification before it was validated ask for `sizes`.
    public var validatedSizes: TaskSizes {
        guard let sizes else { preconditionFailure("a specification was used before it was validated") }
        return sizes
    }

    /// d: trainable values of the model; nil when the numbers are too large to count or a picture is too small.
    public var modelSize: UInt64? {
        var total = Checked(0)
        var width = Checked(data.features)
        if model.architecture == .cnn {
            guard data.shape.count == 2 || data.shape.count == 3 else { return nil }
            var channels = data.shape.count == 3 ? data.shape[0] : 1
            var (height, breadth) = (data.shape[data.shape.count - 2], data.shape[data.shape.count - 1])
            for next in model.hidden {
                total = total + (9 * Checked(channels) + 1) * Checked(next)
                (channels, height, breadth) = (next, height / 2, breadth / 2)
                guard height > 0, breadth > 0 else { return nil }
            }
            width = Checked(height) * Checked(breadth) * Checked(channels)
        } else {
            for next in model.hidden {
                total = total + (width + 1) * Checked(next)
                width = Checked(next)
            }
        }
        return (total + (width + 1) * Checked(data.outputs)).value.map { UInt64($0) }
    }
}
