/// A table as a file, so that a node builds 67 MB once in its life and reads it afterwards.
///
/// Layout, little-endian: "meshdlt1", u64 table range, u64 slot count, the slots, BLAKE2b-256 of everything before it.
extension BoundedLogarithm {
    private static let magic = Array("meshdlt1".utf8)

    /// The bytes of the file.
    public var cacheBytes: [UInt8] {
        var bytes = BoundedLogarithm.magic
        bytes.reserveCapacity(24 + slots.count * 8 + 32)
        for word in [UInt64(tableRange), UInt64(slots.count)] { BoundedLogarithm.append(word, to: &bytes) }
        for slot in slots { BoundedLogarithm.append(slot, to: &bytes) }
        bytes.append(contentsOf: blake2b(bytes))
        return bytes
    }

    /// Reads a table that `cacheBytes` wrote.
    ///
    /// A table that does not belong to (bound, maximumTable), was truncated or altered is refused; build it anew then. Even
    /// a table with a valid hash can only cause a missing logarithm, never a wrong one: every hit is verified.
    ///
    /// - Returns: `nil` where the file is not to be used.
    public init?(cached bytes: [UInt8], bound: Int64, maximumTable: Int64 = defaultMaximumTable) {
        precondition(bound >= 1 && maximumTable >= 1)
        let range = BoundedLogarithm.tableRange(bound: bound, maximumTable: maximumTable)
        let capacity = BoundedLogarithm.capacity(range: range)
        guard bytes.count == 24 + capacity * 8 + 32, Array(bytes[0..<8]) == BoundedLogarithm.magic,
            BoundedLogarithm.word(bytes, 8) == UInt64(range), BoundedLogarithm.word(bytes, 16) == UInt64(capacity),
            blake2b(Array(bytes.dropLast(32))) == Array(bytes.suffix(32))
        else { return nil }
        let slots = (0..<capacity).map { BoundedLogarithm.word(bytes, 24 + $0 * 8) }
        // A full table would make a look-up run for ever.
        guard slots.contains(0) else { return nil }
        self.init(bound: bound, tableRange: range, slots: slots)
    }

    private static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 0 as UInt64, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in (0..<8).reversed() { word = word << 8 | UInt64(bytes[offset + index]) }
        return word
    }
}
