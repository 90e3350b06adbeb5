/// The built-in models.
public enum ModelArchitecture: Equatable, Hashable, Sendable {
    /// Linear regression, mean squared error.
    case linear
    /// Multinomial logistic regression.
    case softmax
    /// Fully connected layers with ReLU between them; a classifier, or a regressor on a regression set.
    case mlp(hidden: [Int])
    /// Blocks of 3 x 3 convolution (padding 1), ReLU and 2 x 2 max pooling, then one fully connected layer.
    case cnn(channels: [Int])
}

extension ModelArchitecture: CustomStringConvertible {
    public static let allowed = "linear, softmax, mlp:WIDTH[-WIDTH...], cnn:CHANNELS[-CHANNELS...]"

    public var description: String {
        func joined(_ widths: [Int]) -> String { widths.map(String.init).joined(separator: "-") }
        return switch self {
        case .linear: "linear"
        case .softmax: "softmax"
        case .mlp(let hidden): "mlp:\(joined(hidden))"
        case .cnn(let channels): "cnn:\(joined(channels))"
        }
    }

    /// Reads "linear", "softmax", "mlp:256-128", "cnn:8-16".
    public init(parsing text: String) throws(LearnError) {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (pieces.first ?? "", pieces.count > 1 ? pieces[1] : nil) {
        case ("linear", nil): self = .linear
        case ("softmax", nil): self = .softmax
        case ("mlp", let widths?): self = .mlp(hidden: try Self.widths(widths, most: 16, top: 65_536))
        case ("cnn", let widths?): self = .cnn(channels: try Self.widths(widths, most: 8, top: 4_096))
        default:
            throw .invalid(
                field: "model", reason: "\"\(text.prefix(40))\" is unknown", next: "use one of \(Self.allowed)")
        }
    }

    private static func widths(_ text: String, most: Int, top: Int) throws(LearnError) -> [Int] {
        let values = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        let known = values.compactMap { $0 }
        guard known.count == values.count, known.count <= most, known.allSatisfy({ (1...top).contains($0) }) else {
            throw .invalid(
                field: "model", reason: "\"\(text.prefix(40))\" is not a list of 1 to \(most) widths from 1 to \(top)",
                next: "write for example mlp:256-128")
        }
        return known
    }
}
