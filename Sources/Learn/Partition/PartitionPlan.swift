/// K sorted lists of row numbers. Computed once, published by hash, checked by everyone, recomputed by nobody:
/// so differences in the drawing of gamma variates cannot fork a mesh.
public struct PartitionPlan: Equatable, Sendable {
    /// Strictly rising row numbers of each part.
    public let parts: [[Int]]
    /// Rows of the data set that was cut.
    public let rowCount: Int

    /// - Throws: `.invalid` when a list is not strictly rising or leaves 0..<rowCount.
    public init(parts: [[Int]], rowCount: Int) throws(LearnError) {
        guard (0...DataLimits.rows).contains(rowCount), parts.count <= 100_000 else {
            throw .invalid(
                field: "partition plan", reason: "\(parts.count) parts of \(rowCount) rows are out of range",
                next: "use at most 100000 parts and \(DataLimits.rows) rows")
        }
        for (index, part) in parts.enumerated() {
            var previous = -1
            for row in part {
                guard row > previous, row < rowCount else {
                    throw .invalid(
                        field: "partition plan, part \(index)", reason: "row \(row) is out of order or of range",
                        next: "compute the plan again")
                }
                previous = row
            }
        }
        self.parts = parts
        self.rowCount = rowCount
    }

    public var sizes: [Int] { parts.map(\.count) }
    /// Rows that at least one part holds.
    public var coveredRows: Int {
        var seen = [Bool](repeating: false, count: rowCount)
        for part in parts { for row in part { seen[row] = true } }
        return seen.count { $0 }
    }

    private static let domain = Array("meshnode/partition/v1".utf8)

    /// The bytes that are hashed and published: domain, u32 parts, u64 rows, then per part u32 count and the
    /// LEB128 differences of its rows, the first from -1. All little-endian.
    public var canonicalBytes: [UInt8] {
        var bytes = Self.domain
        bytes.appendLittleEndian(UInt32(parts.count))
        bytes.appendLittleEndian(UInt64(rowCount))
        for part in parts {
            bytes.appendLittleEndian(UInt32(part.count))
            var previous = -1
            for row in part {
                var difference = UInt64(row - previous)
                while difference >= 0x80 {
                    bytes.append(UInt8(difference & 0x7f) | 0x80)
                    difference >>= 7
                }
                bytes.append(UInt8(difference))
                previous = row
            }
        }
        return bytes
    }

    /// Reads `canonicalBytes`; anything else, also another spelling of the same plan, is refused.
    /// - Parameter rowLimit: rows of the data set at hand.
    public init(canonicalBytes bytes: [UInt8], rowLimit: Int) throws(LearnError) {
        var reader = ByteReader(bytes)
        func refuse(_ reason: String) -> LearnError {
            .invalid(field: "partition plan", reason: reason, next: "fetch the plan again from another peer")
        }
        guard reader.take(Self.domain.count).map(Array.init) == Self.domain, let count = reader.u32(),
            let rows = reader.u64(), count <= 100_000, rows <= UInt64(clamping: min(rowLimit, DataLimits.rows))
        else { throw refuse("is not a plan, or is larger than the data set") }
        var parts: [[Int]] = []
        for index in 0..<Int(count) {
            guard let size = reader.u32(), UInt64(size) <= rows, Int(size) <= reader.remaining else {
                throw refuse("part \(index) is longer than the data set")
            }
            var part: [Int] = []
            part.reserveCapacity(Int(size))
            var previous = -1
            for _ in 0..<Int(size) {
                guard let difference = reader.leb128(), difference >= 1, difference <= rows else {
                    throw refuse("part \(index) has a malformed difference")
                }
                let row = previous + Int(difference)
                guard row < Int(rows) else { throw refuse("part \(index) names row \(row) of \(rows)") }
                part.append(row)
                previous = row
            }
            parts.append(part)
        }
        guard reader.remaining == 0 else { throw refuse("has trailing bytes") }
        self.parts = parts
        rowCount = Int(rows)
    }

    /// The rows of one part.
    public func rows(of part: Int, in data: Dataset) throws(LearnError) -> Dataset {
        guard data.count == rowCount else {
            throw .mismatch(field: "rows of \(data.name)", expected: rowCount, found: data.count)
        }
        guard parts.indices.contains(part) else {
            throw .invalid(field: "part", reason: "\(part) of \(parts.count)", next: "use 0 to \(parts.count - 1)")
        }
        return data.selecting(parts[part], name: "\(data.name)/part\(part)")
    }
}
