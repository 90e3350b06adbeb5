/// A table as a file, so that a node builds a large one once in its life and reads it afterwards.
///
/// Layout, little-endian: "meshdlt2", u64 kind, u64 table range, u64 bytes of slots, the slots, BLAKE2b-256 of everything
/// before it.
extension BoundedLogarithm {
    private static let magic = Array("meshdlt2".utf8)
    private static let headerBytes = 32

    /// The bytes of the file.
    public var cacheBytes: [UInt8] {
        let slots = table.slotBytes
        var bytes = BoundedLogarithm.header(kind: table.kind, range: tableRange, slotBytes: slots.count)
        bytes.reserveCapacity(bytes.count + slots.count + 32)
        bytes.append(contentsOf: slots)
        bytes.append(contentsOf: blake2b(bytes))
        return bytes
    }

    /// Reads a table that `cacheBytes` wrote on a machine with the same kernel.
    ///
    /// A table that does not belong to (bound, maximumTable) or to the kernel in use, was truncated or altered is refused;
    /// build it anew then. Even a table with a valid hash can only cause a missing logarithm, never a wrong one: every hit
    /// is verified.
    ///
    /// - Returns: `nil` where the file is not to be used.
    public init?(cached bytes: [UInt8], bound: Int64, maximumTable: Int64 = defaultMaximumTable) {
        precondition(bound >= 1 && maximumTable >= 1)
        let range = BoundedLogarithm.tableRange(bound: bound, maximumTable: maximumTable)
        let capacity = PortableLogarithms.capacity(range: range)
        let kind = BoundedLogarithm.kindInUse(bound: bound, range: range)
        let slotBytes = capacity * (kind == .portable ? 8 : 4)
        guard bytes.count == BoundedLogarithm.headerBytes + slotBytes + 32,
            bytes.starts(with: BoundedLogarithm.header(kind: kind, range: range, slotBytes: slotBytes)),
            blake2b(Array(bytes.dropLast(32))) == Array(bytes.suffix(32))
        else { return nil }
        let body = bytes[BoundedLogarithm.headerBytes..<bytes.count - 32]
        switch kind {
        case .portable:
            var slots = [UInt64](repeating: 0, count: capacity)
            unsafe slots.withUnsafeMutableBytes { unsafe $0.copyBytes(from: body) }
            // A full table would make a look-up run for ever.
            guard slots.contains(0) else { return nil }
            self.init(bound: bound, table: PortableLogarithms(bound: bound, tableRange: range, slots: slots))
        case .vector, .vectorWithSteps:
            #if canImport(Kernels)
                guard let table = VectorLogarithms(bound: bound, tableRange: range, slotBytes: body) else { return nil }
                self.init(bound: bound, table: table)
            #else
                return nil
            #endif
        }
    }

    /// The kind of table that `build` makes on this machine.
    private static func kindInUse(bound: Int64, range: Int64) -> LogarithmTableKind {
        if NDDFEBases.kernel.name == "swift" { return .portable }
        return bound > range ? .vectorWithSteps : .vector
    }

    private static func header(kind: LogarithmTableKind, range: Int64, slotBytes: Int) -> [UInt8] {
        var bytes = magic
        for word in [kind.rawValue, UInt64(range), UInt64(slotBytes)] {
            for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return bytes
    }
}
