/// A ratio that a measurement must reach.
public struct BenchGate: Sendable {
    public enum State: String, Sendable {
        case pass
        case fail
        /// The row was not produced: this machine or this run cannot say.
        case notMeasured = "not measured"
    }

    /// The row that the gate is about.
    public struct Key: Sendable, Hashable {
        public var name: String
        public var kernel: String
        public var encoding = "affine"
        public var rangeBits = 0
    }

    public let key: Key
    /// Y divided by this is the longest time allowed.
    public let divisor: Double
    public let measuredDivisor: Double?
    public let state: State

    private static let limits: [(key: Key, divisor: Double)] = [
        (Key(name: "encrypt", kernel: "swift"), 6), (Key(name: "encrypt", kernel: "avx2"), 14),
        (Key(name: "decode_add", kernel: "avx2"), 200), (Key(name: "unmask", kernel: "avx2"), 15),
        (Key(name: "recover", kernel: "avx2", encoding: "none", rangeBits: 22), 150),
    ]

    /// The gates of one run: a row below 0.8 of its gate fails, which leaves room for a busy machine.
    public static func evaluate(_ rows: [BenchRow]) -> [BenchGate] {
        limits.map { key, divisor in
            let best = rows.filter {
                key == Key(name: $0.name, kernel: $0.kernel, encoding: $0.encoding, rangeBits: $0.rangeBits)
            }.map(\.ratioToY).min()
            guard let best, best > 0 else {
                return BenchGate(key: key, divisor: divisor, measuredDivisor: nil, state: .notMeasured)
            }
            return BenchGate(
                key: key, divisor: divisor, measuredDivisor: 1 / best, state: 1 / best >= 0.8 * divisor ? .pass : .fail)
        }
    }

    /// "encrypt avx2 affine: Y/18.2, gate Y/14: pass".
    public var text: String {
        let range = key.rangeBits == 0 ? "" : " 2^\(key.rangeBits)"
        let found = measuredDivisor.map { "Y/\(Double(Int($0 * 10)) / 10)" } ?? "–"
        return "\(key.name) \(key.kernel) \(key.encoding)\(range): \(found), gate Y/\(Int(divisor)): \(state.rawValue)"
    }
}
