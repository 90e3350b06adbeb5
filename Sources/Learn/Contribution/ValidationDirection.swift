/// The public direction that updates are scored against: the sign of the larger half of the validation gradient.
///
/// A ternary direction ranks participants as well as the full gradient does and keeps the score's range small; it is
/// committed before the round and revealed after the result is decided.
public struct ValidationDirection: Equatable, Sendable {
    /// Each -1, 0 or 1, in manifest order.
    public let values: [Int8]

    /// - Parameter gradient: of the validation loss at the round's base model, finite.
    /// - Throws: `.invalid` when fewer than a quarter of the entries differ from zero, `.notFinite`.
    public init(gradient: [Float]) throws(LearnError) {
        if let bad = gradient.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(field: "validation gradient", index: bad)
        }
        let order = gradient.indices.sorted {
            let (left, right) = (abs(gradient[$0]), abs(gradient[$1]))
            return left == right ? $0 < $1 : left > right
        }
        var values = [Int8](repeating: 0, count: gradient.count)
        for index in order.prefix((gradient.count + 1) / 2) {
            values[index] = gradient[index] > 0 ? 1 : gradient[index] < 0 ? -1 : 0
        }
        try self.init(values: values)
    }

    /// A direction that came over the wire.
    public init(values: [Int8]) throws(LearnError) {
        let present = values.count { $0 != 0 }
        guard !values.isEmpty, present * 4 >= values.count, values.allSatisfy({ (-1...1).contains($0) }) else {
            throw .invalid(
                field: "direction", reason: "\(present) of \(values.count) entries point anywhere",
                next: "use -1, 0, 1 with at least a quarter not zero")
        }
        self.values = values
    }

    /// Sum of magnitudes; a score is at most B times this.
    public var magnitude: Int { values.reduce(0) { $0 + Int($1.magnitude) } }

    /// <a, x> of a quantised update. Updates are w_old - w_new, which points along the loss gradient when it helps,
    /// so helpful updates score above zero.
    public func score(_ update: [Int32]) throws(LearnError) -> Int64 {
        guard update.count == values.count else {
            throw .mismatch(field: "update", expected: values.count, found: update.count)
        }
        var sum: Int64 = 0
        for (sign, value) in zip(values, update) { sum += Int64(sign) * Int64(value) }
        return sum
    }
}
