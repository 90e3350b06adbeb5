/// Differential privacy of the decided sums: every member adds discrete Gaussian noise to its own integers, so that the
/// sum of the smallest allowed set carries noise of the wanted size (Kairouz, Liu, Steinke 2021).
///
/// The figure holds against who sees only the sums, while all members of a set add their noise. A member knows its own
/// share of the noise; against n - 1 members that work together only one share is left (`epsilonAgainstMembers`).
public struct PrivacySettings: Equatable, Sendable {
    /// Deviation of the noise on the sum over the largest norm of one member's integers.
    public var noise: Double
    public var delta: Double
    /// n_min: the sets that are ever decrypted have at least so many members.
    public var smallestSet: Int

    public init(noise: Double, delta: Double, smallestSet: Int) {
        self.noise = noise
        self.delta = delta
        self.smallestSet = smallestSet
    }

    public func validate() throws(LearnError) {
        guard noise >= 0.001, noise <= 1_000 else {
            throw .invalid(field: "privacy.noise", reason: "\(noise) is out of range", next: "use 0.001 to 1000")
        }
        guard delta > 0, delta < 1 else {
            throw .invalid(field: "privacy.delta", reason: "\(delta) is out of range", next: "use for example 0.00001")
        }
        guard smallestSet >= 1 else {
            throw .invalid(field: "participants.smallest_set", reason: "\(smallestSet)", next: "use 4 or more")
        }
    }

    /// Largest L2 norm of one member's integers: clip / step, and half a unit a coordinate for rounding.
    public func norm(quantiser: Quantiser, clipNorm: Float, coordinates: Int) -> Double {
        Double(clipNorm) / Double(quantiser.step) + Double(coordinates).squareRoot() / 2
    }

    /// sigma^2 of one member's noise in squared integer units.
    public func variance(quantiser: Quantiser, clipNorm: Float, coordinates: Int) -> UInt64 {
        let deviation = noise * norm(quantiser: quantiser, clipNorm: clipNorm, coordinates: coordinates)
        let variance = (deviation * deviation / Double(smallestSet)).rounded(.up)
        return UInt64(min(max(1, variance), Double(UInt64(1) << 40)))
    }

    /// Stochastic rounding, drawn again while the integers are longer than `norm` allows (conditional rounding); rounding
    /// to the nearest, which always fits, after 16 draws.
    func quantise(
        _ offered: [Float], quantiser: Quantiser, clipNorm: Float, share: (rows: Int, cap: Int), seed: [UInt8],
        saturations: inout Int
    ) throws(LearnError) -> [Int32] {
        let limit = norm(quantiser: quantiser, clipNorm: clipNorm, coordinates: offered.count)
        for attempt in 0..<16 {
            let drawn = try quantiser.quantise(
                offered, rows: share.rows, rowCap: share.cap,
                seed: attempt == 0 ? seed : Seed.derive(seed, label: "rounding", index: UInt64(attempt)))
            var squares = 0.0
            for value in drawn.values { squares += Double(value) * Double(value) }
            guard squares.squareRoot() <= limit else { continue }
            saturations = drawn.saturations
            return drawn.values
        }
        let weight = Double(share.rows) / Double(share.cap)
        let top = Double(quantiser.bound)
        return offered.map { Int32(min(top, max(-top, (Double($0) * weight / Double(quantiser.step)).rounded()))) }
    }

    func addNoise(
        to values: [Int32], quantiser: Quantiser, clipNorm: Float, using generator: inout some RandomNumberGenerator,
        cut: inout Int
    ) throws(LearnError) -> [Int32] {
        let gaussian = try DiscreteGaussian(
            variance: variance(quantiser: quantiser, clipNorm: clipNorm, coordinates: values.count))
        let noisy = gaussian.add(to: values, bound: quantiser.bound, using: &generator)
        cut += noisy.cut
        return noisy.values
    }
}

extension RoundRecipe {
    /// Epsilon after `rounds` decrypted sums (rejected ones count) against who sees only the sums; nil without noise.
    public func epsilon(after rounds: Int) throws(LearnError) -> Double? {
        try epsilon(after: rounds, counting: privacy?.smallestSet ?? 1)
    }

    /// The same where all other members work together: only this member's own noise is left.
    public func epsilonAgainstMembers(after rounds: Int) throws(LearnError) -> Double? {
        try epsilon(after: rounds, counting: 1)
    }

    private func epsilon(after rounds: Int, counting clients: Int) throws(LearnError) -> Double? {
        guard let privacy else { return nil }
        var accountant = PrivacyAccountant()
        let quantiser = try Quantiser(bits: bits, range: range)
        for round in 1...max(1, rounds) where round <= rounds {
            let count = coordinates(round: round)
            try accountant.addDistributedDiscreteGaussian(
                clients: clients,
                variance: Double(privacy.variance(quantiser: quantiser, clipNorm: clipNorm, coordinates: count)),
                l2: privacy.norm(quantiser: quantiser, clipNorm: clipNorm, coordinates: count), dimension: count,
                rounds: 1)
        }
        return try accountant.epsilon(delta: privacy.delta)
    }
}
