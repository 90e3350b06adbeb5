/// Reads the canonical form that ``WireEncoder`` writes. Input is hostile: every length is checked against its
/// limit and against what is left before anything is allocated.
public struct WireDecoder: Sendable {
    private let bytes: [UInt8]
    private var offset = 0

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var remaining: Int { bytes.count - offset }

    public mutating func u8(_ field: String) throws(WireError) -> UInt8 {
        guard remaining >= 1 else { throw .truncated(field: field) }
        defer { offset += 1 }
        return bytes[offset]
    }

    public mutating func u16(_ field: String) throws(WireError) -> UInt16 { try integer(field) }
    public mutating func u32(_ field: String) throws(WireError) -> UInt32 { try integer(field) }
    public mutating func u64(_ field: String) throws(WireError) -> UInt64 { try integer(field) }
    public mutating func i32(_ field: String) throws(WireError) -> Int32 { Int32(bitPattern: try u32(field)) }
    public mutating func i64(_ field: String) throws(WireError) -> Int64 { Int64(bitPattern: try u64(field)) }

    public mutating func bool(_ field: String) throws(WireError) -> Bool {
        switch try u8(field) {
        case 0: return false
        case 1: return true
        case let other: throw .invalid(field: field, reason: "a boolean is 0 or 1, found \(other)")
        }
    }

    public mutating func fixed(_ count: Int, _ field: String) throws(WireError) -> [UInt8] {
        guard remaining >= count else { throw .truncated(field: field) }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    public mutating func data(limit: Int, _ field: String) throws(WireError) -> [UInt8] {
        let count = try length(limit: limit, field)
        return try fixed(count, field)
    }

    public mutating func string(limit: Int, _ field: String) throws(WireError) -> String {
        let raw = try data(limit: limit, field)
        guard let text = String(validating: raw, as: UTF8.self) else {
            throw .invalid(field: field, reason: "not UTF-8")
        }
        return text
    }

    public mutating func list<Element>(
        limit: Int, _ field: String, _ each: (inout WireDecoder) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let count = try u32(field)
        guard count <= limit else { throw .tooLong(field: field, length: UInt64(count), limit: limit) }
        // An element takes at least one byte, so a count beyond what is left is a lie told before allocating.
        guard count <= remaining else { throw .truncated(field: field) }
        var values: [Element] = []
        values.reserveCapacity(Int(count))
        for _ in 0..<count { values.append(try each(&self)) }
        return values
    }

    public mutating func list<Element: WireCodable>(
        of type: Element.Type = Element.self, limit: Int, _ field: String
    ) throws(WireError) -> [Element] {
        try list(limit: limit, field) { (decoder: inout WireDecoder) throws(WireError) in
            try Element(from: &decoder)
        }
    }

    public mutating func optional<Value: WireCodable>(
        of type: Value.Type = Value.self, _ field: String
    ) throws(WireError) -> Value? {
        try bool(field) ? try Value(from: &self) : nil
    }

    public mutating func value<Value: WireCodable>(of type: Value.Type = Value.self) throws(WireError) -> Value {
        try Value(from: &self)
    }

    /// Rejects whatever follows the last field.
    public func finish() throws(WireError) {
        guard remaining == 0 else { throw .trailingBytes(count: remaining) }
    }

    private mutating func length(limit: Int, _ field: String) throws(WireError) -> Int {
        let count = try u32(field)
        guard count <= limit else { throw .tooLong(field: field, length: UInt64(count), limit: limit) }
        guard Int(count) <= remaining else { throw .truncated(field: field) }
        return Int(count)
    }

    private mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(
        _ field: String
    ) throws(WireError) -> Value {
        let width = Value.bitWidth / 8
        guard remaining >= width else { throw .truncated(field: field) }
        var value: Value = 0
        for index in 0..<width { value |= Value(bytes[offset + index]) << Value(8 * index) }
        offset += width
        return value
    }
}
