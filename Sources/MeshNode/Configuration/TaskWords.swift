public import Wire

/// A choice of a task with the word that people write for it.
public protocol WordChoice: CaseIterable, Equatable, Sendable {
    var word: String { get }
}

extension WordChoice {
    init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

extension TaskSpec.Architecture: WordChoice {
    public static let allCases: [Self] = [.softmax, .mlp]
    public var word: String {
        switch self {
        case .softmax: "softmax"
        case .mlp: "mlp"
        }
    }
}

extension TaskSpec.ServerRule: WordChoice {
    public static let allCases: [Self] = [.fedAvg]
    public var word: String {
        switch self {
        case .fedAvg: "fedavg"
        }
    }
}

extension TaskSpec.Weighting: WordChoice {
    public static let allCases: [Self] = [.uniform, .rows]
    public var word: String {
        switch self {
        case .uniform: "uniform"
        case .rows: "rows"
        }
    }
}

extension TaskSpec.Compression: WordChoice {
    public static let allCases: [Self] = [.none]
    public var word: String {
        switch self {
        case .none: "none"
        }
    }
}

extension TaskSpec.Encoding: WordChoice {
    public static let allCases: [Self] = [.ristretto, .affine]
    public var word: String {
        switch self {
        case .ristretto: "ristretto"
        case .affine: "affine"
        }
    }
}

extension TaskSpec.PayoutRule: WordChoice {
    public static let allCases: [Self] = [.equal, .rows, .contribution]
    public var word: String {
        switch self {
        case .equal: "equal"
        case .rows: "rows"
        case .contribution: "contribution"
        }
    }
}

extension TaskSpec.Voting: WordChoice {
    public static let allCases: [Self] = [.automatic, .manual]
    public var word: String {
        switch self {
        case .automatic: "automatic"
        case .manual: "manual"
        }
    }
}

/// Durations as people write them: a whole number and ms, s, m, h or d.
enum DurationText {
    private static let units: [(name: String, milliseconds: UInt64)] = [
        ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Nil when it is no duration, or longer than a peer could mean.
    static func milliseconds(_ text: String) -> UInt64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits), let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
        else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        return overflow ? nil : product
    }

    /// In the largest unit that divides it.
    static func text(_ milliseconds: UInt64) -> String {
        let unit = units.last { milliseconds > 0 && milliseconds.isMultiple(of: $0.milliseconds) } ?? units[0]
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}
