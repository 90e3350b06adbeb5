/// One measurement, printed as one JSON object a line.
public struct BenchRow: Sendable {
    /// What was measured.
    public var name: String
    /// "swift", "avx2" or "libsodium".
    public var kernel: String
    /// Submitters, 1 where there is none.
    public var n: Int
    /// Elements.
    public var d: Int
    /// Bits of a quantised coordinate.
    public var bits: Int
    /// Coordinates an element.
    public var packing: Int
    /// "ristretto", "affine" or "none".
    public var encoding: String
    /// log2 of the largest |value| recovery serves; 0 where it plays no part.
    public var rangeBits: Int
    /// Microseconds an element: thread CPU time for single operations, wall time over all cores for rounds.
    public var microseconds: Double
    /// `microseconds` / Y, Y being one `crypto_scalarmult_ristretto255_base` in the same run: 0.1 is ten times as fast.
    public var ratioToY: Double
    /// Bytes on the wire a coordinate; 0 where nothing travels.
    public var bytesPerCoordinate: Double
    /// Largest resident memory of the process so far, MiB.
    public var peakMiB: Int
    public var cpu: String

    public var json: String {
        "{\"name\":\"\(name)\",\"kernel\":\"\(kernel)\",\"n\":\(n),\"d\":\(d),\"bits\":\(bits),\"packing\":\(packing),"
            + "\"encoding\":\"\(encoding)\",\"range_bits\":\(rangeBits),\"us_per_element\":\(fixed(microseconds)),"
            + "\"ratio_to_y\":\(fixed(ratioToY)),\"bytes_per_coordinate\":\(fixed(bytesPerCoordinate)),"
            + "\"peak_mib\":\(peakMiB),\"cpu\":\"\(cpu)\"}"
    }

    /// Four decimals, without the locale.
    private func fixed(_ value: Double) -> String {
        guard value.isFinite, value.magnitude < 1e12 else { return "null" }
        let scaled = Int64((value * 10_000).rounded())
        let fraction = String(scaled.magnitude % 10_000)
        let sign = scaled < 0 ? "-" : ""
        return "\(sign)\(scaled.magnitude / 10_000)." + String(repeating: "0", count: 4 - fraction.count) + fraction
    }
}

/// A ratio that a measurement must reach.
public struct BenchGate: Sendable {
    public enum State: String, Sendable {
        case pass
        case fail
        /// The row was not produced: this machine or this run cannot say.
        case notMeasured = "not measured"
    }

    public let name: String
    public let kernel: String
    public let encoding: String
    /// Y divided by this is the longest time allowed.
    public let divisor: Double
    public let measuredDivisor: Double?
    public let state: State

    /// The gates of one run: a row below 0.8 of its gate fails.
    public static func evaluate(_ rows: [BenchRow]) -> [BenchGate] {
        let limits: [(String, String, String, Double)] = [
            ("encrypt", "swift", "affine", 6), ("encrypt", "avx2", "affine", 14),
            ("decode_add", "avx2", "affine", 200), ("unmask", "avx2", "affine", 15),
        ]
        return limits.map { name, kernel, encoding, divisor in
            let times = rows.filter { $0.name == name && $0.kernel == kernel && $0.encoding == encoding }
                .map(\.ratioToY)
            guard let best = times.min(), best > 0 else {
                return BenchGate(
                    name: name, kernel: kernel, encoding: encoding, divisor: divisor, measuredDivisor: nil,
                    state: .notMeasured)
            }
            return BenchGate(
                name: name, kernel: kernel, encoding: encoding, divisor: divisor, measuredDivisor: 1 / best,
                state: 1 / best >= 0.8 * divisor ? .pass : .fail)
        }
    }
}
