/// How a data set is dealt to K participants.
public enum PartitionStrategy: Equatable, Sendable {
    /// Shuffled and cut evenly.
    case iid
    /// Cut evenly in the order of the rows.
    case sequential
    /// Every class cut evenly.
    case stratified
    /// Per class the shares are drawn from Dir(alpha, ..., alpha) (Hsu, Qi, Brown 2019).
    case dirichlet(alpha: Double)
    /// Each participant holds `classes` classes; nil means ceil(C / K).
    case labelSkew(classes: Int?)
    /// Rows sorted by class, cut in K * perPart pieces, `perPart` pieces each (McMahan et al. 2017).
    case shards(perPart: Int)
}

extension PartitionStrategy: CustomStringConvertible {
    /// What the parser accepts, for messages and help.
    public static let allowed =
        "iid, sequential, stratified, dirichlet:ALPHA, label_skew[:CLASSES], shards:COUNT, balanced, mild, moderate, extreme"

    public var description: String {
        switch self {
        case .iid: "iid"
        case .sequential: "sequential"
        case .stratified: "stratified"
        case .dirichlet(let alpha): "dirichlet:\(alpha)"
        case .labelSkew(nil): "label_skew"
        case .labelSkew(let classes?): "label_skew:\(classes)"
        case .shards(let count): "shards:\(count)"
        }
    }

    /// Reads "iid", "dirichlet:0.5", "shards:2", ...; also "dirichlet(0.5)" and the presets balanced (stratified),
    /// mild (alpha 2), moderate (0.5) and extreme (0.1).
    public init(parsing text: String) throws(LearnError) {
        var plain = Substring(text)
        if plain.hasSuffix(")"), let open = plain.firstIndex(of: "(") {
            plain = plain[..<open] + ":" + plain[plain.index(after: open)...].dropLast()
        }
        let pieces = plain.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let argument = pieces.count > 1 ? String(pieces[1]) : nil
        let name = pieces.first.map { $0.lowercased().replacing("-", with: "_") } ?? ""
        switch (name, argument) {
        case ("iid", nil), ("random", nil): self = .iid
        case ("sequential", nil): self = .sequential
        case ("stratified", nil), ("balanced", nil): self = .stratified
        case ("mild", nil): self = .dirichlet(alpha: 2)
        case ("moderate", nil): self = .dirichlet(alpha: 0.5)
        case ("extreme", nil): self = .dirichlet(alpha: 0.1)
        case ("dirichlet", let argument?), ("dir", let argument?), ("non_iid", let argument?):
            guard let alpha = Double(argument), Self.alphas.contains(alpha) else {
                throw Self.refusal("\"\(argument.prefix(40))\" is not a number from 0.000001 to 1000000")
            }
            self = .dirichlet(alpha: alpha)
        case ("label_skew", nil): self = .labelSkew(classes: nil)
        case ("label_skew", let argument?): self = .labelSkew(classes: try Self.count(argument))
        case ("shards", let argument?): self = .shards(perPart: try Self.count(argument))
        case ("dirichlet", nil), ("dir", nil), ("non_iid", nil): throw Self.refusal("dirichlet needs its alpha")
        case ("shards", nil): throw Self.refusal("shards needs its count")
        default: throw Self.refusal("\"\(text.prefix(40))\" is unknown")
        }
    }

    /// Of Dirichlet shares. Below the least, each is all or nothing; near zero every logarithm is minus infinity, and a share
    /// is no number any more.
    static let alphas = 1e-6...1e6

    private static func count(_ text: String) throws(LearnError) -> Int {
        guard let value = Int(text), value >= 1, value <= 10_000 else {
            throw refusal("\"\(text.prefix(40))\" is not a whole number from 1 to 10000")
        }
        return value
    }

    private static func refusal(_ reason: String) -> LearnError {
        .invalid(field: "partition", reason: reason, next: "use one of \(allowed)")
    }
}

/// A complete partition request: strategy, participants, seed, overlap and the check on small parts.
public struct PartitionSettings: Equatable, Sendable {
    public var strategy: PartitionStrategy
    /// Participants K, 1 to 100 000.
    public var parts: Int
    public var seed: [UInt8]
    /// In [0, 1): share of the next part's rows that each part receives on top.
    public var overlap: Double
    /// Every part must hold at least so many rows; a check, never a stretch.
    public var minSamples: Int

    public init(
        strategy: PartitionStrategy, parts: Int, seed: [UInt8], overlap: Double = 0, minSamples: Int = 1
    ) {
        self.strategy = strategy
        self.parts = parts
        self.seed = seed
        self.overlap = overlap
        self.minSamples = minSamples
    }

    /// Reads a strategy with optional ",overlap=0.1" and ",min_samples=20" behind it.
    public init(parsing text: String, parts: Int, seed: [UInt8]) throws(LearnError) {
        let pieces = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        self.init(strategy: try PartitionStrategy(parsing: pieces.first ?? ""), parts: parts, seed: seed)
        for piece in pieces.dropFirst() {
            let pair = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (pair.first, pair.count == 2 ? pair[1] : nil) {
            case ("overlap", let value?):
                guard let share = Double(value) else {
                    throw .invalid(
                        field: "partition.overlap", reason: "\"\(value.prefix(40))\" is not a number",
                        next: "use a share in [0, 1)")
                }
                overlap = share
            case ("min_samples", let value?):
                guard let least = Int(value) else {
                    throw .invalid(
                        field: "partition.min_samples", reason: "\"\(value.prefix(40))\" is not a whole number",
                        next: "use 1 or more")
                }
                minSamples = least
            default:
                throw .invalid(
                    field: "partition", reason: "\"\(piece.prefix(40))\" is unknown",
                    next: "only overlap=SHARE and min_samples=COUNT may follow the strategy")
            }
        }
        try validate()
    }

    /// - Throws: the first setting that is out of range.
    public func validate() throws(LearnError) {
        guard (1...100_000).contains(parts) else {
            throw .invalid(field: "partition.parts", reason: "\(parts) is out of range", next: "use 1 to 100000")
        }
        if case .dirichlet(let alpha) = strategy, !PartitionStrategy.alphas.contains(alpha) {
            throw .invalid(
                field: "partition.alpha", reason: "\(alpha) is out of range", next: "use 0.000001 to 1000000")
        }
        guard overlap >= 0, overlap < 1 else {
            throw .invalid(
                field: "partition.overlap", reason: "\(overlap) is out of range", next: "use a share in [0, 1)")
        }
        guard minSamples >= 1, minSamples <= DataLimits.rows else {
            throw .invalid(
                field: "partition.min_samples", reason: "\(minSamples) is out of range",
                next: "use 1 to \(DataLimits.rows)")
        }
    }
}
