/// The canonical list of a model's trainable tensors: sorted names, shapes and offsets into one flat vector.
///
/// Every node flattens by it, so its bytes are hashed into the task.
public struct ParameterManifest: Equatable, Sendable {
    public struct Entry: Equatable, Sendable {
        public let name: String
        /// Extents, outermost first; empty for a scalar.
        public let shape: [Int]
        /// Index of the first element in the flat vector.
        public let offset: Int
        /// Elements.
        public let count: Int

        public var range: Range<Int> { offset..<offset + count }
    }

    /// In rising order of the name's UTF-8 bytes, without gaps.
    public let entries: [Entry]
    /// Elements of the whole flat vector (d).
    public let count: Int

    /// Limits that keep a hostile manifest from exhausting memory.
    public enum Limits {
        public static let entries = 100_000
        public static let nameBytes = 512
        public static let rank = 8
        public static let values = 1 << 31
    }

    /// - Throws: `.invalid` for a name that is empty, repeated or too long, and for shapes beyond the limits.
    public init(_ tensors: [(name: String, shape: [Int])]) throws(LearnError) {
        func refuse(_ name: String, _ reason: String) -> LearnError {
            .invalid(field: "manifest, tensor \"\(name.prefix(80))\"", reason: reason, next: "correct the model")
        }
        guard !tensors.isEmpty, tensors.count <= Limits.entries else {
            throw .invalid(
                field: "manifest", reason: "\(tensors.count) tensors", next: "use 1 to \(Limits.entries) tensors")
        }
        let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var entries: [Entry] = []
        var offset = 0
        for (index, tensor) in sorted.enumerated() {
            guard !tensor.name.isEmpty, tensor.name.utf8.count <= Limits.nameBytes else {
                throw refuse(tensor.name, "has no name or one above \(Limits.nameBytes) bytes")
            }
            if index > 0, Array(sorted[index - 1].name.utf8) == Array(tensor.name.utf8) {
                throw refuse(tensor.name, "appears twice")
            }
            guard tensor.shape.count <= Limits.rank else { throw refuse(tensor.name, "has more than 8 axes") }
            guard let size = Self.elements(of: tensor.shape), size <= Limits.values - offset else {
                throw refuse(tensor.name, "has an extent of 0 or less, or the model exceeds 2^31 values")
            }
            entries.append(Entry(name: tensor.name, shape: tensor.shape, offset: offset, count: size))
            offset += size
        }
        self.entries = entries
        count = offset
    }

    /// Product of the extents, or nil when one is not positive or the product passes the limit.
    static func elements(of shape: [Int]) -> Int? {
        Extents.elements(of: shape, atMost: Limits.values).flatMap { $0 > 0 ? $0 : nil }
    }

    public func entry(named name: String) -> Entry? { entries.first { $0.name == name } }

    private static let domain = Array("meshnode/manifest/v1".utf8)

    /// Domain, u32 entries, then per entry u32 name length, name, u8 element type (1: binary32), u8 rank and u64
    /// extents. All little-endian. Offsets follow from the order and are not written.
    public var canonicalBytes: [UInt8] {
        var bytes = Self.domain
        bytes.appendLittleEndian(UInt32(entries.count))
        for entry in entries {
            let name = Array(entry.name.utf8)
            bytes.appendLittleEndian(UInt32(name.count))
            bytes += name
            bytes.append(1)
            bytes.append(UInt8(entry.shape.count))
            for extent in entry.shape { bytes.appendLittleEndian(UInt64(extent)) }
        }
        return bytes
    }

    /// Reads `canonicalBytes`; any other spelling is refused.
    public init(canonicalBytes bytes: [UInt8]) throws(LearnError) {
        var reader = ByteReader(bytes)
        func refuse(_ reason: String) -> LearnError {
            .invalid(field: "manifest", reason: reason, next: "fetch the task again from another peer")
        }
        guard reader.take(Self.domain.count).map(Array.init) == Self.domain, let count = reader.u32(),
            Int(count) <= Limits.entries
        else { throw refuse("is not a manifest, or has too many tensors") }
        var tensors: [(name: String, shape: [Int])] = []
        for _ in 0..<Int(count) {
            guard let length = reader.u32(), Int(length) <= Limits.nameBytes, let raw = reader.take(Int(length)),
                let name = String(validating: raw, as: UTF8.self), reader.u8() == 1, let rank = reader.u8(),
                Int(rank) <= Limits.rank
            else { throw refuse("tensor \(tensors.count) is malformed") }
            var shape: [Int] = []
            for _ in 0..<Int(rank) {
                guard let extent = reader.u64(), extent <= UInt64(Limits.values) else {
                    throw refuse("tensor \(tensors.count) is too large")
                }
                shape.append(Int(extent))
            }
            tensors.append((name, shape))
        }
        guard reader.remaining == 0 else { throw refuse("has trailing bytes") }
        try self.init(tensors)
        guard canonicalBytes == bytes else { throw refuse("is not in canonical order") }
    }
}
