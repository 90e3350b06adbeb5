/// Exact discrete Gaussian noise in integer arithmetic (Canonne, Kamath, Steinke 2020, algorithms 1 to 3).
///
/// No floating point, so no leak through rounding (Mironov 2012). The caller brings the generator: for real noise it
/// must be a cryptographic one (`SystemRandomNumberGenerator`), never one that starts from a known seed.
public struct DiscreteGaussian: Equatable, Sendable {
    /// Parameter sigma^2 in squared integer units, 1 to 2^40; the variance is at most this, and nearly equal.
    public let variance: UInt64

    public init(variance: UInt64) throws(LearnError) {
        guard (1...1 << 40).contains(variance) else {
            throw .invalid(field: "privacy.variance", reason: "\(variance) is out of range", next: "use 1 to 2^40")
        }
        self.variance = variance
    }

    public func sample(using generator: inout some RandomNumberGenerator) -> Int64 {
        var scale: UInt64 = 1
        while (scale + 1) * (scale + 1) <= variance && scale < 1 << 20 { scale += Self.stride(scale, variance) }
        scale += 1
        while true {
            let drawn = Self.laplace(scale, using: &generator)
            let product = UInt128(drawn.magnitude) * UInt128(scale)
            let distance = product > UInt128(variance) ? product - UInt128(variance) : UInt128(variance) - product
            // A draw beyond 2^30 scales has no measurable chance and would overflow the square.
            guard distance < 1 << 62 else { continue }
            let denominator = 2 * UInt128(variance) * UInt128(scale) * UInt128(scale)
            if Self.bernoulliExponential(distance * distance, denominator, using: &generator) { return drawn }
        }
    }

    /// Adds noise to an update and keeps it within +-bound, which is post-processing and costs no privacy.
    /// - Returns: the noisy integers and how many were cut to the bound.
    public func add(
        to values: [Int32], bound: Int32, using generator: inout some RandomNumberGenerator
    ) -> (values: [Int32], cut: Int) {
        var cut = 0
        let limit = Int64(abs(max(bound, -Int32.max)))
        let noisy = values.map { value in
            let sum = Int64(value) + sample(using: &generator)
            if abs(sum) > limit { cut += 1 }
            return Int32(min(limit, max(-limit, sum)))
        }
        return (noisy, cut)
    }

    /// A step towards the square root that never passes it.
    private static func stride(_ scale: UInt64, _ variance: UInt64) -> UInt64 {
        var step: UInt64 = 1
        while (scale + 2 * step) * (scale + 2 * step) <= variance { step *= 2 }
        return step
    }

    private static func laplace(_ scale: UInt64, using generator: inout some RandomNumberGenerator) -> Int64 {
        while true {
            let offset = UInt64(below(UInt128(scale), using: &generator))
            guard bernoulliExponential(UInt128(offset), UInt128(scale), using: &generator) else { continue }
            var whole: UInt64 = 0
            while whole < 1 << 30, bernoulliExponential(1, 1, using: &generator) { whole += 1 }
            let magnitude = Int64(offset + scale * whole)
            let isNegative = below(2, using: &generator) == 1
            if isNegative && magnitude == 0 { continue }
            return isNegative ? -magnitude : magnitude
        }
    }

    /// True with probability exp(-numerator / denominator), exactly.
    static func bernoulliExponential(
        _ numerator: UInt128, _ denominator: UInt128, using generator: inout some RandomNumberGenerator
    ) -> Bool {
        var (whole, rest) = numerator.quotientAndRemainder(dividingBy: denominator)
        while whole > 0 {
            guard bernoulliFraction(1, 1, using: &generator) else { return false }
            whole -= 1
        }
        return bernoulliFraction(rest, denominator, using: &generator)
    }

    /// The same for a quotient of at most 1: von Neumann's alternating series.
    private static func bernoulliFraction(
        _ numerator: UInt128, _ denominator: UInt128, using generator: inout some RandomNumberGenerator
    ) -> Bool {
        var count: UInt128 = 1
        while count < 1 << 20, below(denominator * count, using: &generator) < numerator { count += 1 }
        return !count.isMultiple(of: 2)
    }

    /// Uniform in 0..<bound by masked rejection.
    private static func below(_ bound: UInt128, using generator: inout some RandomNumberGenerator) -> UInt128 {
        guard bound > 1 else { return 0 }
        let mask = UInt128.max >> UInt128((bound - 1).leadingZeroBitCount)
        while true {
            var word = UInt128(generator.next())
            if mask > UInt128(UInt64.max) { word |= UInt128(generator.next()) << 64 }
            word &= mask
            if word < bound { return word }
        }
    }
}
