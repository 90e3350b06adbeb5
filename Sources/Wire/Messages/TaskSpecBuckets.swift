/// Robust rules: the round's set is cut into buckets, one sum a bucket is decrypted, and the rule works on their means.
extension TaskSpec {
    public struct Robust: Hashable, Sendable {
        /// Most buckets of a round; 1 with rules that use one sum.
        public var buckets: UInt16
        /// Buckets that may be hostile: those that `trimmed_mean` cuts off on each side, those that `krum` expects.
        public var hostile: UInt16

        public static let none = Robust(buckets: 1, hostile: 0)

        public init(buckets: UInt16, hostile: UInt16) {
            self.buckets = buckets
            self.hostile = hostile
        }
    }

    /// Fewest buckets with which the rule can be computed; 1 for rules that use one sum.
    public var leastBuckets: Int {
        switch training.server {
        case .median: 2
        case .trimmedMean: 2 * Int(training.robust.hostile) + 1
        case .krum: 2 * Int(training.robust.hostile) + 3
        case .fedAvg, .fedAvgM, .fedAdam, .fedYogi, .diLoCo: 1
        }
    }

    /// Fewest members of a decided set: n_min, or n_min in each of the fewest buckets.
    public var leastMembers: Int { leastBuckets * Int(participants.smallestSet) }
}

extension TaskSpec.ServerRule {
    /// Whether it works on the means of buckets.
    public var isRobust: Bool {
        switch self {
        case .median, .trimmedMean, .krum: true
        case .fedAvg, .fedAvgM, .fedAdam, .fedYogi, .diLoCo: false
        }
    }
}

extension TaskSpecValidator {
    static func buckets(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let (robust, group) = (spec.training.robust, spec.participants)
        guard spec.training.server.isRobust else {
            check.require(
                "training.buckets", robust == .none, uses: ["training.server"],
                "only median, trimmed_mean and krum work on buckets; leave buckets and hostile out")
            return
        }
        check.require(
            "training.buckets", (2...Limits.buckets).contains(Int(robust.buckets)), uses: ["training.server"],
            "\(robust.buckets) is out of range; 2 to \(Limits.buckets) is allowed")
        check.require(
            "training.hostile", spec.training.server == .median ? robust.hostile == 0 : robust.hostile >= 1,
            uses: ["training.server"],
            spec.training.server == .median
                ? "\(robust.hostile): only trimmed_mean and krum read it; use 0"
                : "\(robust.hostile): how many buckets may be hostile, 1 or more")
        check.require(
            "training.buckets", Int(robust.buckets) >= spec.leastBuckets,
            uses: ["training.server", "training.hostile"],
            "\(robust.buckets) with hostile = \(robust.hostile): the rule needs \(spec.leastBuckets) buckets or more")
        check.require(
            "participants.minimum",
            UInt64(group.minimum) >= UInt64(robust.buckets) * UInt64(group.smallestSet),
            uses: ["training.server", "training.buckets", "participants.smallest_set"],
            "\(group.minimum) participants do not fill \(robust.buckets) buckets of \(group.smallestSet); use "
                + "\(UInt64(robust.buckets) * UInt64(group.smallestSet)) or more, or fewer buckets")
        check.require(
            "training.correction", spec.training.local.correction == .none, uses: ["training.server"],
            "scaffold averages a second vector, which a robust rule does not; use \"none\"")
        check.require(
            "update.scale", spec.update.scale == .fixed, uses: ["training.server"],
            "what a robust rule leaves out would not fit a range that follows its result; use \"fixed\"")
        check.require(
            "training.buckets", spec.sizes.map { $0.summedElements <= Limits.elements } ?? false,
            uses: [
                "model", "model.hidden", "data.shape", "data.labels", "data.targets", "update.bits", "update.packing",
            ],
            "\(robust.buckets) sums of this model have more than \(Limits.elements) elements; use fewer buckets")
    }

    /// What a publisher should know about buckets.
    static func bucketWarnings(_ spec: TaskSpec) -> [String] {
        guard spec.training.server.isRobust else { return [] }
        var lines = [
            "a robust rule over buckets: sums of as few as \(spec.participants.smallestSet) members are "
                + "decrypted and public, not one sum of all"
        ]
        if spec.training.server == .median, spec.training.robust.buckets < 3 {
            lines.append("the median of 2 buckets is their mean: it withstands no hostile member; use 3 or more")
        }
        // A bucket that loses a member goes as a whole unless it has twice the smallest set and one.
        let smallest = max(1, UInt64(spec.participants.smallestSet))
        let count = max(1, min(UInt64(spec.training.robust.buckets), UInt64(spec.participants.minimum) / smallest))
        if count <= UInt64(spec.leastBuckets), UInt64(spec.participants.minimum) / count <= 2 * smallest {
            lines.append(
                "one bucket less is too few for the rule: a member that is lost for good after its round was keyed and "
                    + "voided ends the task")
        }
        return lines
    }
}
