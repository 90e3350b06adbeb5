/// The rules about scored rounds and payment by contribution.
extension TaskSpecValidator {
    /// min(5, d/50) scored rounds, d the coordinates of the smallest round, and no more than rounds.
    public static func mostScoredRounds(_ spec: TaskSpec) -> UInt32 {
        guard let sizes = spec.sizes, spec.rounds >= 1 else { return Limits.scoredRounds }
        // Rounds are dense first, so the last one is the smallest; SCAFFOLD's second vector is no part of a score.
        let scored = min(sizes.parameters, sizes.coordinateCount(round: spec.rounds))
        return min(Limits.scoredRounds, spec.rounds, UInt32(clamping: scored / Limits.coordinatesPerScore))
    }

    static func scores(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let owner = "reward.rule"
        guard spec.reward.rule == .contribution else {
            check.require(
                "reward.scored_rounds", spec.reward.scoredRounds == 0, uses: [owner],
                "\(spec.reward.scoredRounds): only contribution reads it; use 0")
            return
        }
        let most = mostScoredRounds(spec)
        let size = [
            "model", "model.hidden", "data.shape", "data.labels", "data.targets", "rounds", "update.bits",
            "update.packing",
            "update.ratio", "update.dense_rounds",
        ]
        check.require(
            owner, most >= 1, uses: size,
            "a round of fewer than \(Limits.coordinatesPerScore) coordinates cannot be scored; use \"rows\" or a larger "
                + "model")
        check.require(
            "reward.scored_rounds", most < 1 || (1...most).contains(spec.reward.scoredRounds), uses: [owner] + size,
            "\(spec.reward.scoredRounds) is out of range; 1 to \(most) is allowed: at most \(Limits.scoredRounds), one "
                + "for each \(Limits.coordinatesPerScore) coordinates of the smallest round, no more than rounds")
        check.require(
            "update.packing", spec.update.packing == 1, uses: [owner],
            "\(spec.update.packing): a score needs one coordinate an element; use 1 with contribution")
    }

    static func scoreWarnings(_ spec: TaskSpec) -> [String] {
        guard spec.reward.rule == .contribution else { return [] }
        return [
            "reward.rule = contribution: \(spec.reward.scoredRounds) scored rounds each tell everybody one number about "
                + "every member's update; it hints at the labels that a member holds and at single rows"
        ]
    }
}
