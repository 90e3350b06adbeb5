/// One run with what it must be read against, for every artifact.
public struct RunReport: Equatable, Sendable {
    public struct Phase: Equatable, Sendable {
        public let name: String
        public let seconds: Double
        public let bytes: Int

        public init(name: String, seconds: Double, bytes: Int) {
            self.name = name
            self.seconds = seconds
            self.bytes = bytes
        }
    }

    public struct Line: Equatable, Sendable {
        public let metrics: RoundMetrics
        /// Seconds and bytes of each phase; empty when not measured.
        public let phases: [Phase]
        /// Differential privacy spent so far; nil when off.
        public let epsilon: Double?

        public init(metrics: RoundMetrics, phases: [Phase] = [], epsilon: Double? = nil) {
            self.metrics = metrics
            self.phases = phases
            self.epsilon = epsilon
        }
    }

    public var title: String
    /// What was run, in the order in which it is shown.
    public var settings: [Setting]
    public var lines: [Line]
    /// Class names in order; empty for regression.
    public var classNames: [String]
    /// The centralised run on the same budget; empty when nobody could know it.
    public var centralised: [RoundMetrics]
    /// Accuracy of each participant on its own rows only; empty when not known.
    public var alone: [Double]

    public struct Setting: Equatable, Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public init(
        title: String, settings: [Setting], lines: [Line], classNames: [String], centralised: [RoundMetrics] = [],
        alone: [Double] = []
    ) {
        self.title = title
        self.settings = settings
        self.lines = lines
        self.classNames = classNames
        self.centralised = centralised
        self.alone = alone
    }

    public var final: Line? { lines.last }
    public var bestAlone: Double? { alone.max() }
    public var meanAlone: Double? { alone.isEmpty ? nil : alone.reduce(0, +) / Double(alone.count) }
    public var centralisedAccuracy: Double? { centralised.last?.test.accuracy }
    public var saturations: Int { lines.reduce(0) { $0 + $1.metrics.saturations } }
}
