/// What a peer has done for and against this node: first deliveries − invalid² − misbehaviour².
public struct TopicScore: Sendable, Equatable {
    public private(set) var firstDeliveries = 0.0
    /// Messages that are provably wrong, or frames that mean nothing.
    public private(set) var invalid = 0.0
    /// Grafts within the back-off, floods of requests.
    public private(set) var misbehaviour = 0.0

    public init() {}

    public var value: Double { firstDeliveries - invalid * invalid - misbehaviour * misbehaviour }

    mutating func delivered(_ settings: TopicScoreSettings) {
        firstDeliveries = min(settings.firstDeliveriesMax, firstDeliveries + 1)
    }

    mutating func sentInvalid(_ count: Double = 1, _ settings: TopicScoreSettings) {
        invalid = min(settings.wrongsMax, invalid + count)
    }

    mutating func misbehaved(_ count: Double = 1, _ settings: TopicScoreSettings) {
        misbehaviour = min(settings.wrongsMax, misbehaviour + count)
    }

    mutating func decay(_ settings: TopicScoreSettings) {
        firstDeliveries = Self.faded(firstDeliveries, settings.firstDeliveriesDecay)
        invalid = Self.faded(invalid, settings.decay)
        misbehaviour = Self.faded(misbehaviour, settings.decay)
    }

    /// Nothing is left to remember.
    var isBlank: Bool { invalid == 0 && misbehaviour == 0 }

    private static func faded(_ value: Double, _ factor: Double) -> Double { value < 0.01 ? 0 : value * factor }
}
