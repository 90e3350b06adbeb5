/// Writes the canonical binary form: fixed field order, little-endian fixed-width integers, `u32` lengths.
///
/// The form has no floats, no maps and no optional layout, so that one value has exactly one encoding and
/// `encode(decode(bytes)) == bytes` holds for every accepted input.
public struct WireEncoder: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reservingCapacity capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    public mutating func u8(_ value: UInt8) { bytes.append(value) }
    public mutating func u16(_ value: UInt16) { integer(value) }
    public mutating func u32(_ value: UInt32) { integer(value) }
    public mutating func u64(_ value: UInt64) { integer(value) }
    public mutating func i32(_ value: Int32) { integer(UInt32(bitPattern: value)) }
    public mutating func i64(_ value: Int64) { integer(UInt64(bitPattern: value)) }
    public mutating func bool(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// Appends bytes whose count both sides know.
    public mutating func fixed(_ value: some Sequence<UInt8>) { bytes.append(contentsOf: value) }

    /// Appends a `u32` count and the bytes.
    public mutating func data(_ value: [UInt8]) {
        u32(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends a `u32` count and the UTF-8 bytes.
    public mutating func string(_ value: String) { data(Array(value.utf8)) }

    /// Appends a `u32` count and each element.
    public mutating func list<Element>(_ values: [Element], _ each: (inout WireEncoder, Element) -> Void) {
        u32(UInt32(values.count))
        for value in values { each(&self, value) }
    }

    public mutating func list<Element: WireCodable>(_ values: [Element]) {
        list(values) { encoder, value in value.encode(into: &encoder) }
    }

    /// Appends a presence byte (0 or 1) and, if present, the value.
    public mutating func optional<Value: WireCodable>(_ value: Value?) {
        bool(value != nil)
        value?.encode(into: &self)
    }

    public mutating func value(_ value: some WireCodable) { value.encode(into: &self) }

    private mutating func integer<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
        var rest = value
        for _ in 0..<(Value.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }
}
