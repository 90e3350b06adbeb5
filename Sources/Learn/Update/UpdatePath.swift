/// From trained weights to the integers that are encrypted: delta = w_old - w_new, clip, quantise.
public enum UpdatePath {
    public struct Prepared: Equatable, Sendable {
        public let values: [Int32]
        public let saturations: Int
        /// L2 norm before clipping.
        public let norm: Double
        public let wasClipped: Bool
    }

    /// w_old - w_new: the server subtracts it.
    public static func delta(old: [Float], new: [Float]) throws(LearnError) -> [Float] {
        guard old.count == new.count else {
            throw .mismatch(field: "trained parameters", expected: old.count, found: new.count)
        }
        return zip(old, new).map { $0 - $1 }
    }

    /// - Parameter clipNorm: the task's norm; nil does not clip.
    public static func prepare(
        old: [Float], new: [Float], clipNorm: Float?, quantiser: Quantiser, rows: Int, rowCap: Int, seed: [UInt8]
    ) throws(LearnError) -> Prepared {
        var update = try delta(old: old, new: new)
        let norm = Clipping.norm(update)
        var wasClipped = false
        if let clipNorm { (update, wasClipped) = try Clipping.clip(update, to: clipNorm) }
        let quantised = try quantiser.quantise(update, rows: rows, rowCap: rowCap, seed: seed)
        return Prepared(
            values: quantised.values, saturations: quantised.saturations, norm: norm, wasClipped: wasClipped)
    }
}
