import Foundation

/// Renyi differential privacy of repeated noisy sums, and the (epsilon, delta) that it implies.
///
/// Client-level, add-or-remove neighbours, as dp-accounting computes it: Gaussian (Mironov 2017), Poisson-sampled
/// Gaussian (Mironov, Talwar, Zhang 2019), conversion after Canonne, Kamath, Steinke 2020.
/// A mesh in which everyone takes part every round has sampling rate 1. With few participants an epsilon below 8
/// needs noise that ruins the model: print the figure, promise nothing.
public struct PrivacyAccountant: Equatable, Sendable {
    /// Renyi orders that are tried: those of dp-accounting's default.
    public static let orders: [Double] = {
        var orders: [Double] = []
        for tenth in 1..<100 { orders.append(1 + Double(tenth) / 10) }
        for whole in 11..<64 { orders.append(Double(whole)) }
        orders += [128, 256, 512, 1024]
        return orders
    }()

    /// Accumulated divergence at each order.
    public private(set) var divergence = [Double](repeating: 0, count: orders.count)

    public init() {}

    /// Adds `rounds` releases of a sum with Gaussian noise.
    /// - Parameters:
    ///   - noiseMultiplier: standard deviation of the noise on the sum over the largest norm of one contribution.
    ///   - samplingRate: chance that a participant takes part in a round, 1 for all.
    public mutating func addGaussian(
        noiseMultiplier: Double, rounds: Int, samplingRate: Double = 1
    ) throws(LearnError) {
        guard noiseMultiplier >= 1e-3, noiseMultiplier <= 1e9 else {
            throw .invalid(
                field: "privacy.noise_multiplier", reason: "\(noiseMultiplier) is out of range",
                next: "use 0.001 to 1e9, for example 4")
        }
        guard rounds >= 0, samplingRate > 0, samplingRate <= 1 else {
            throw .invalid(
                field: "privacy.sampling_rate", reason: "\(samplingRate) over \(rounds) rounds",
                next: "use a rate in (0, 1]")
        }
        for (index, order) in Self.orders.enumerated() {
            divergence[index] += Double(rounds) * Self.gaussian(order, noiseMultiplier, samplingRate)
        }
    }

    /// Adds `rounds` releases with Skellam noise, the difference of two Poisson variables (Agarwal, Kairouz, Liu 2021,
    /// theorem 3.5): the noise of n participants adds up to Skellam exactly, in integers.
    /// - Parameters:
    ///   - variance: of the noise on the sum, in squared integer units.
    ///   - l2: largest L2 norm of one integer contribution; `l1` its largest L1 norm.
    public mutating func addSkellam(variance: Double, l2: Double, l1: Double, rounds: Int) throws(LearnError) {
        guard variance > 0, l2 > 0, l1 >= l2 * (1 - 1e-12), rounds >= 0, variance.isFinite, l1.isFinite else {
            throw .invalid(
                field: "privacy.variance", reason: "variance \(variance), norms \(l2) and \(l1)",
                next: "use positive values with the L1 norm at least the L2 norm")
        }
        for (index, order) in Self.orders.enumerated() {
            let main = order * l2 * l2 / (2 * variance)
            let first = ((2 * order - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance)
            let second = 3 * l1 / (2 * variance)
            // The bound is stated for whole orders; others take the next whole one, which only overstates.
            let whole = order.rounded(.up)
            let mainWhole = whole * l2 * l2 / (2 * variance)
            let firstWhole = ((2 * whole - 1) * l2 * l2 + 6 * l1) / (4 * variance * variance)
            divergence[index] += Double(rounds) * max(main + min(first, second), mainWhole + min(firstWhole, second))
        }
    }

    /// Adds `rounds` releases in which each of `clients` honest participants adds discrete Gaussian noise to its own
    /// integers (Kairouz, Liu, Steinke 2021, theorem 1): the sum is not quite discrete Gaussian, which the term tau pays.
    /// - Parameters:
    ///   - clients: those whose noise is counted: submitters less the ones that may collude or drop out.
    ///   - variance: of one participant's noise, in squared integer units.
    ///   - l2: largest L2 norm of one integer contribution; `dimension` coordinates.
    public mutating func addDistributedDiscreteGaussian(
        clients: Int, variance: Double, l2: Double, dimension: Int, rounds: Int
    ) throws(LearnError) {
        guard clients >= 1, clients <= 1_000_000, variance >= 0.25, variance.isFinite, l2 > 0, l2.isFinite,
            dimension >= 1,
            rounds >= 0
        else {
            throw .invalid(
                field: "privacy.variance", reason: "\(clients) participants with variance \(variance) each, norm \(l2)",
                next: "use a variance of at least 0.25 squared units and a positive norm")
        }
        var tau = 0.0
        for k in 1..<max(2, min(clients, 1_000)) where clients > 1 {
            tau += 10 * Foundation.exp(-2 * Double.pi * Double.pi * variance * Double(k) / Double(k + 1))
        }
        if clients > 1_000 {
            tau += 10 * Double(clients) * Foundation.exp(-2 * Double.pi * Double.pi * variance * 0.999)
        }
        let total = Double(clients) * variance
        let first = (l2 * l2 / total + tau * Double(dimension) / 2).squareRoot()
        let second = l2 / total.squareRoot() + tau * Double(dimension).squareRoot()
        let epsilon = min(first, second)
        for (index, order) in Self.orders.enumerated() {
            divergence[index] += Double(rounds) * order * epsilon * epsilon / 2
        }
    }

    /// Smallest epsilon for a delta in (0, 1).
    public func epsilon(delta: Double) throws(LearnError) -> Double {
        guard delta > 0, delta < 1 else {
            throw .invalid(field: "privacy.delta", reason: "\(delta) is out of range", next: "use for example 1e-5")
        }
        guard divergence.contains(where: { $0 > 0 }) else { return 0 }
        var best = Double.infinity
        for (index, order) in Self.orders.enumerated() where divergence[index].isFinite {
            let loss = divergence[index]
            if delta * delta + Foundation.expm1(-loss) > 0 { return 0 }
            guard order > 1.01 else { continue }
            let bound = loss + Foundation.log1p(-1 / order) - Foundation.log(delta * order) / (order - 1)
            best = min(best, bound)
        }
        return max(0, best)
    }

    /// Divergence of one release at one order.
    static func gaussian(_ order: Double, _ noise: Double, _ rate: Double) -> Double {
        guard rate < 1 else { return order / (2 * noise * noise) }
        let moment = order == order.rounded() ? wholeMoment(order, noise, rate) : integratedMoment(order, noise, rate)
        return max(0, moment / (order - 1))
    }

    /// Logarithm of the order's moment, by the binomial sum.
    private static func wholeMoment(_ order: Double, _ noise: Double, _ rate: Double) -> Double {
        var terms: [Double] = []
        for k in 0...Int(order) {
            let share = Double(k)
            let mixture = share * Foundation.log(rate) + (order - share) * Foundation.log1p(-rate)
            terms.append(logBinomial(order, share) + mixture + share * (share - 1) / (2 * noise * noise))
        }
        return logSum(terms)
    }

    /// The same for any order: E over N(0, s^2) of ((1 - q) + q exp((2 x - 1) / 2 s^2))^order, by the trapezoid rule,
    /// which converges exponentially for this analytic integrand.
    private static func integratedMoment(_ order: Double, _ noise: Double, _ rate: Double) -> Double {
        let step = noise / 32
        let low = -12 * noise
        let (logRate, logRest) = (Foundation.log(rate), Foundation.log1p(-rate))
        let count = Int(((order + 24 * noise) / step).rounded(.up))
        guard count < 4_000_000 else { return .infinity }
        var terms: [Double] = []
        terms.reserveCapacity(count + 1)
        for index in 0...count {
            let x = low + Double(index) * step
            let density = -x * x / (2 * noise * noise)
            let shifted = logRate + (2 * x - 1) / (2 * noise * noise)
            let ratio = max(shifted, logRest) + Foundation.log1p(Foundation.exp(-abs(shifted - logRest)))
            terms.append(density + order * ratio)
        }
        return logSum(terms) + Foundation.log(step / (noise * (2 * Double.pi).squareRoot()))
    }

    private static func logSum(_ terms: [Double]) -> Double {
        let top = terms.max() ?? 0
        return top + Foundation.log(terms.reduce(0) { $0 + Foundation.exp($1 - top) })
    }

    private static func logBinomial(_ n: Double, _ k: Double) -> Double {
        Foundation.lgamma(n + 1) - Foundation.lgamma(k + 1) - Foundation.lgamma(n - k + 1)
    }
}
