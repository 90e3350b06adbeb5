import Foundation

enum Cosine {
    /// cos(pi * share).
    static func of(_ share: Double) -> Double { Foundation.cos(Double.pi * share) }
}

extension Optimiser {
    public static let allowed = "sgd, momentum:FACTOR, adamw"

    /// Reads "sgd", "momentum:0.9", "adamw" (0.9, 0.999, 1e-8).
    public init(parsing text: String) throws(LearnError) {
        let pieces = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch (pieces.first ?? "", pieces.count > 1 ? Float(pieces[1]) : nil, pieces.count) {
        case ("sgd", nil, 1): self = .sgd
        case ("momentum", let factor?, 2): self = .momentum(factor)
        case ("adamw", nil, 1): self = .adamW(beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
        default:
            throw .invalid(
                field: "train.optimiser", reason: "\"\(text.prefix(40))\" is unknown",
                next: "use one of \(Self.allowed)")
        }
    }
}
