import Foundation

/// Draws from the symmetric Dirichlet distribution.
enum Dirichlet {
    /// Shares that sum to 1. Gamma variates after Marsaglia, Tsang 2000, kept as logarithms so that a small alpha
    /// does not underflow to 0 / 0.
    static func draw(alpha: Double, count: Int, generator: inout DeterministicGenerator) -> [Double] {
        let logarithms = (0..<count).map { _ in logGamma(alpha, generator: &generator) }
        let top = logarithms.max() ?? 0
        let scaled = logarithms.map { Foundation.exp($0 - top) }
        let total = scaled.reduce(0, +)
        return scaled.map { $0 / total }
    }

    /// Whole numbers that sum to `total`, by largest remainder, ties to the lower index.
    static func largestRemainder(_ shares: [Double], total: Int) -> [Int] {
        let exact = shares.map { $0 * Double(total) }
        var counts = exact.map { min(total, Int($0.rounded(.down))) }
        var missing = total - counts.reduce(0, +)
        let order = exact.indices.sorted {
            let left = exact[$0] - exact[$0].rounded(.down)
            let right = exact[$1] - exact[$1].rounded(.down)
            return left == right ? $0 < $1 : left > right
        }
        var index = 0
        while missing > 0 {
            counts[order[index % order.count]] += 1
            missing -= 1
            index += 1
        }
        while missing < 0, let largest = counts.indices.max(by: { counts[$0] < counts[$1] }) {
            counts[largest] -= 1
            missing += 1
        }
        return counts
    }

    private static func logGamma(_ shape: Double, generator: inout DeterministicGenerator) -> Double {
        guard shape >= 1 else {
            let boost = Foundation.log(max(generator.unit(), 0x1p-53)) / shape
            return logGamma(shape + 1, generator: &generator) + boost
        }
        let d = shape - 1.0 / 3.0
        let c = 1.0 / (9.0 * d).squareRoot()
        while true {
            let x = generator.normal()
            let base = 1 + c * x
            guard base > 0 else { continue }
            let v = base * base * base
            let u = max(generator.unit(), 0x1p-53)
            if Foundation.log(u) < 0.5 * x * x + d - d * v + d * Foundation.log(v) {
                return Foundation.log(d) + Foundation.log(v)
            }
        }
    }
}

extension DeterministicGenerator {
    /// Standard normal by Marsaglia's polar method; uses libm, so never for consensus bytes.
    mutating func normal() -> Double {
        while true {
            let x = 2 * unit() - 1
            let y = 2 * unit() - 1
            let radius = x * x + y * y
            if radius > 0, radius < 1 { return x * (-2 * Foundation.log(radius) / radius).squareRoot() }
        }
    }
}
