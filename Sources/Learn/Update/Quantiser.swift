/// Maps an update to integers: `bits` bits with sign over [-range, +range], unbiased stochastic rounding
/// (QSGD, Alistarh et al. 2017, with one fixed scale instead of one a vector).
///
/// step = range / (2^(bits-1) - 1), both in binary32; an integer q stands for q * step. The largest magnitude is
/// B = 2^(bits-1) - 1, which is what fixes the logarithm's range before anything is encrypted.
public struct Quantiser: Equatable, Sendable {
    /// 2 to 24.
    public let bits: Int
    /// Largest value that is represented.
    public let range: Float

    /// 10 bits over +-4: the measured recipe.
    public static let standard = Quantiser(uncheckedBits: 10, range: 4)

    public init(bits: Int, range: Float) throws(LearnError) {
        guard (2...24).contains(bits) else {
            throw .invalid(field: "quantisation.bits", reason: "\(bits) is out of range", next: "use 2 to 24")
        }
        guard range >= 0x1p-20, range <= 0x1p20 else {
            throw .invalid(
                field: "quantisation.range", reason: "\(range) is out of range", next: "use a value from 2^-20 to 2^20")
        }
        self.bits = bits
        self.range = range
    }

    private init(uncheckedBits bits: Int, range: Float) {
        self.bits = bits
        self.range = range
    }

    /// B, the largest magnitude of a quantised coordinate.
    public var bound: Int32 { Int32(1) << Int32(bits - 1) - 1 }
    /// What one unit stands for: one correctly rounded binary32 quotient.
    public var step: Float { range / Float(bound) }

    public struct Quantised: Equatable, Sendable {
        /// Each in -B...B.
        public let values: [Int32]
        /// Coordinates that lay outside the range and were cut to +-B.
        public let saturations: Int
    }

    /// Weighted, rounded, bounded.
    /// - Parameters:
    ///   - update: finite values in manifest order (or on the round's support).
    ///   - rows: this participant's enrolled rows n_i.
    ///   - rowCap: n_cap of the task; the update is scaled by n_i / n_cap first. Equal weights: pass 1 and 1.
    ///   - seed: of this participant, round and attempt-independent, so that a resubmission has the same integers.
    /// - Throws: `.notFinite`; `.invalid` unless 1 <= rows <= rowCap.
    public func quantise(_ update: [Float], rows: Int, rowCap: Int, seed: [UInt8]) throws(LearnError) -> Quantised {
        guard rows >= 1, rows <= rowCap, rowCap <= DataLimits.rows else {
            throw .invalid(
                field: "rows", reason: "\(rows) with a cap of \(rowCap)",
                next: "use 1 to the task's n_cap, itself at most \(DataLimits.rows)")
        }
        if let bad = update.firstIndex(where: { !$0.isFinite }) { throw .notFinite(field: "update", index: bad) }
        var generator = DeterministicGenerator(seed: seed, label: "stochastic rounding")
        let share = Double(rows) / Double(rowCap)
        let top = Double(bound)
        var saturations = 0
        let values = update.map { value in
            let weighted = Double(value) * share
            let drawn = generator.unit()
            if abs(weighted) > Double(range) { saturations += 1 }
            return Int32(min(top, max(-top, (weighted / Double(step) + drawn).rounded(.down))))
        }
        return Quantised(values: values, saturations: saturations)
    }

    /// What integers of this participant stand for, back in the update's own scale (before n_i / n_cap).
    public func dequantise(_ values: [Int32], rows: Int, rowCap: Int) -> [Float] {
        precondition(rows >= 1 && rowCap >= rows, "rows \(rows), cap \(rowCap)")
        let scale = Double(step) * Double(rowCap) / Double(rows)
        return values.map { Float(Double($0) * scale) }
    }
}
