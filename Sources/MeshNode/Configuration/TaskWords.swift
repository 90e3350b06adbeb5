internal import Learn
public import Wire

/// A choice of a task with the word that people write for it.
public protocol WordChoice: CaseIterable, Equatable, Sendable {
    var word: String { get }
    /// Why a word that people may expect here is no choice; nil for those that are merely unknown.
    static func refusal(of word: String) -> String?
}

extension WordChoice {
    public static func refusal(of word: String) -> String? { nil }

    /// The choices, as an error lists them.
    static var listed: String { allCases.map { "\"\($0.word)\"" }.joined(separator: " or ") }

    /// What is wrong with a word that is no choice, and what can be written instead.
    static func fault(of word: String) -> String {
        let quoted = String(word.prefix(40)).tomlWord
        return refusal(of: word).map { "\(quoted) is no choice: \($0); use \(listed)" }
            ?? "\(quoted) is unknown; use \(listed)"
    }

    init?(word: String) {
        guard let found = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = found
    }
}

extension TaskSpec.Architecture: WordChoice {
    public static let allCases: [Self] = [.softmax, .mlp, .linear, .cnn]
    public var word: String {
        switch self {
        case .softmax: "softmax"
        case .mlp: "mlp"
        case .linear: "linear"
        case .cnn: "cnn"
        }
    }
}

extension TaskSpec.Start: WordChoice {
    public static let allCases: [Self] = [.seed, .given]
    public var word: String { self == .seed ? "seed" : "given" }
}

extension TaskSpec.Optimiser: WordChoice {
    public static let allCases: [Self] = [.sgd, .momentum, .adamW]
    public var word: String {
        switch self {
        case .sgd: "sgd"
        case .momentum: "momentum"
        case .adamW: "adamw"
        }
    }
}

extension TaskSpec.Schedule: WordChoice {
    public static let allCases: [Self] = [.constant, .cosine, .step, .warmUp]
    public var word: String {
        switch self {
        case .constant: "constant"
        case .cosine: "cosine"
        case .step: "step"
        case .warmUp: "warm_up"
        }
    }
}

extension TaskSpec.Correction: WordChoice {
    public static let allCases: [Self] = [.none, .scaffold]
    public var word: String { self == .none ? "none" : "scaffold" }
}

extension TaskSpec.Scale: WordChoice {
    public static let allCases: [Self] = [.fixed, .previous]
    public var word: String { self == .fixed ? "fixed" : "previous" }
}

extension TaskSpec.ServerRule: WordChoice {
    public static let allCases: [Self] = [
        .fedAvg, .fedAvgM, .fedAdam, .fedYogi, .diLoCo, .median, .trimmedMean, .krum,
    ]
    public var word: String {
        switch self {
        case .fedAvg: "fedavg"
        case .fedAvgM: "fedavgm"
        case .fedAdam: "fedadam"
        case .fedYogi: "fedyogi"
        case .diLoCo: "diloco"
        case .median: "median"
        case .trimmedMean: "trimmed_mean"
        case .krum: "krum"
        }
    }

    /// As papers write it.
    public var title: String {
        switch self {
        case .fedAvg: "FedAvg"
        case .fedAvgM: "FedAvgM"
        case .fedAdam: "FedAdam"
        case .fedYogi: "FedYogi"
        case .diLoCo: "DiLoCo"
        case .median: "median"
        case .trimmedMean: "trimmed mean"
        case .krum: "Krum"
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
    public static let allCases: [Self] = [.none, .residual, .masked]
    public var word: String {
        switch self {
        case .none: "none"
        case .residual: "residual"
        case .masked: "masked"
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

    /// See docs/adr/0016-no-pay-by-norm.md.
    public static func refusal(of word: String) -> String? {
        guard word == "norm" else { return nil }
        return "encryption hides the norm of an update, the openings that a member can afford do not prove it, and "
            + "noise has the largest one"
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
