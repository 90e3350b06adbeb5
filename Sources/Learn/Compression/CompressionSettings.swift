/// Sending a share of the coordinates a round, on a support that is common to all and computed from public data.
///
/// Per-client supports leak which coordinates moved and break the sum, so nobody chooses his own.
public struct CompressionSettings: Equatable, Sendable {
    public enum Variant: String, Sendable, CaseIterable {
        /// R: unsent mass waits in a private residual. Needs nothing of the trainer. The default.
        case residual
        /// T: the trainer changes only the support's coordinates, at a raised rate. No residual, nothing to lose.
        case maskedTraining
    }

    public var variant: Variant
    /// Share of the coordinates a round, in (0, 1].
    public var ratio: Double
    /// What remains of the residual a round: 0.9 up to 10 %, 0.95 above.
    public var decay: Float
    /// Rounds at the start that send everything: 1 up to 10 %, 0 above.
    public var denseRounds: Int
    /// T only: factor on the local learning rate, round 0 included.
    public var rateFactor: Float
    /// Guess the rate of unseen coordinates from their row and column; only without a dense round.
    public var imputes: Bool

    /// The measured recipe for a ratio.
    public init(ratio: Double, variant: Variant = .residual) {
        self.variant = variant
        self.ratio = ratio
        decay = ratio <= 0.1 ? 0.9 : 0.95
        denseRounds = ratio <= 0.1 ? 1 : 0
        rateFactor = variant == .maskedTraining ? 4 : 1
        imputes = false
    }

    /// Reads "none" (nil), "residual:0.1" or "masked:0.1".
    public static func parse(_ text: String) throws(LearnError) -> CompressionSettings? {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if pieces == ["none"] { return nil }
        let variants: [String: Variant] = ["residual": .residual, "masked": .maskedTraining]
        guard pieces.count == 2, let variant = variants[pieces[0]], let ratio = Double(pieces[1]) else {
            throw .invalid(
                field: "compression", reason: "\"\(text.prefix(40))\" is unknown",
                next: "use none, residual:RATIO or masked:RATIO")
        }
        let settings = CompressionSettings(ratio: ratio, variant: variant)
        try settings.validate()
        return settings
    }

    public func validate() throws(LearnError) {
        func require(_ isMet: Bool, _ field: String, _ value: some Any, _ allowed: String) throws(LearnError) {
            guard isMet else {
                throw .invalid(
                    field: "compression.\(field)", reason: "\(value) is out of range", next: "use \(allowed)")
            }
        }
        try require(ratio > 0 && ratio <= 1, "ratio", ratio, "a share in (0, 1]")
        try require(decay >= 0 && decay <= 1, "decay", decay, "[0, 1]")
        try require((0...1000).contains(denseRounds), "dense_rounds", denseRounds, "0 to 1000")
        try require(rateFactor > 0 && rateFactor <= 100, "rate_factor", rateFactor, "(0, 100]")
    }
}
