/// One measurement, printed as one JSON object a line.
public struct BenchRow: Sendable {
    /// What was measured.
    public var name: String
    /// "swift", "avx2" or "libsodium".
    public var kernel: String
    /// Submitters, 1 where there is none.
    public var n: Int
    /// Coordinates; `microseconds` counts elements, of which there are d / packing.
    public var d: Int
    /// Bits of a quantised coordinate.
    public var bits: Int
    /// Coordinates an element.
    public var packing: Int
    /// "ristretto", "affine" or "none".
    public var encoding: String
    /// log2 of the largest |value| recovery serves; 0 where it plays no part.
    public var rangeBits: Int
    /// Microseconds an element: thread CPU time, but wall time of all cores where the name has `_cores`.
    public var microseconds: Double
    /// `microseconds` / Y, Y being one `crypto_scalarmult_ristretto255_base` in the same run: 0.1 is ten times as fast.
    public var ratioToY: Double
    /// Bytes on the wire a coordinate; 0 where nothing travels.
    public var bytesPerCoordinate: Double
    /// Largest resident memory of the process so far, MiB.
    public var peakMiB: Int
    public var cpu: String

    /// The heading of `text`.
    public static let heading = line([
        "NAME", "KERNEL", "N", "D", "PACKING", "ENCODING", "RANGE", "US/ELEMENT", "OF Y", "BYTES/COORD", "PEAK MIB",
    ])

    /// One line of a table.
    public var text: String {
        BenchRow.line([
            name, kernel, "\(n)", "\(d)", "\(packing)", encoding, rangeBits == 0 ? "–" : "2^\(rangeBits)",
            fixed(microseconds),
            ratioToY > 0 && ratioToY < 1 ? "Y/" + fixed(1 / ratioToY, 1) : fixed(ratioToY, 1) + " Y",
            bytesPerCoordinate == 0 ? "–" : fixed(bytesPerCoordinate, 1), "\(peakMiB)",
        ])
    }

    private static func line(_ cells: [String]) -> String {
        let widths = [24, 10, 3, 8, 8, 10, 6, 11, 8, 12, 8]
        return zip(cells, widths).map { cell, width in
            cell + String(repeating: " ", count: max(1, width - cell.count))
        }.joined()
    }

    public var json: String {
        "{\"name\":\"\(name)\",\"kernel\":\"\(kernel)\",\"n\":\(n),\"d\":\(d),\"bits\":\(bits),\"packing\":\(packing),"
            + "\"encoding\":\"\(encoding)\",\"range_bits\":\(rangeBits),\"us_per_element\":\(fixed(microseconds)),"
            + "\"ratio_to_y\":\(fixed(ratioToY)),\"bytes_per_coordinate\":\(fixed(bytesPerCoordinate)),"
            + "\"peak_mib\":\(peakMiB),\"cpu\":\"\(cpu)\"}"
    }

    /// Decimals without the locale.
    private func fixed(_ value: Double, _ places: Int = 4) -> String {
        guard value.isFinite, value.magnitude < 1e12 else { return "null" }
        var scale: Int64 = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = Int64((value * Double(scale)).rounded())
        let fraction = String(scaled.magnitude % scale.magnitude)
        let sign = scaled < 0 ? "-" : ""
        return "\(sign)\(scaled.magnitude / scale.magnitude)." + String(repeating: "0", count: places - fraction.count)
            + fraction
    }
}
