/// What one member hands to encryption, and what it must keep.
public struct LocalUpdate: Equatable, Sendable {
    /// What stays private until the round is decided: the residual (compression R) or c_i (SCAFFOLD), d values each.
    public struct Kept: Equatable, Sendable {
        /// After an accepted result without this member.
        public let ifMissed: [Float]
        /// After an accepted result that contains this member.
        public let ifContained: [Float]
    }

    /// The integers that are encrypted: `RoundRecipe.coordinates(round:)` of them, each within +-B.
    public private(set) var values: [Int32]
    /// The same before quantising and noise, unweighted: what a plaintext average takes.
    public let offered: [Float]
    /// Coordinates that were cut to the range, by the quantiser or after noise.
    public let saturations: Int
    /// Mean training loss of the last epoch.
    public let loss: Double
    /// L2 norm of the update before clipping.
    public let norm: Double
    public let wasClipped: Bool
    /// Nil where nothing is kept.
    public let kept: Kept?
}

extension LocalUpdate {
    /// Integers of an earlier attempt that are sent again; nothing else is known about them any more.
    public init(resending values: [Int32]) {
        self.init(values: values, offered: [], saturations: 0, loss: 0, norm: 0, wasClipped: false, kept: nil)
    }

    /// Replaces the integers: for members of test networks that cheat.
    public mutating func twist(_ change: ([Int32]) -> [Int32]) { values = change(values) }

    public var isResent: Bool { offered.isEmpty }
}
