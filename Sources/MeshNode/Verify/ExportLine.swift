internal import Wire

/// One line of an exported file: a JSON object of exactly the fields that docs/protocol/export.md names, each once.
///
/// Other programs may write spaces between tokens. Strings are printable ASCII without escapes, numbers whole and
/// without leading zeros: one value has one text, so that two readers cannot read two things.
enum ExportLine {
    case head(rules: UInt64, network: [UInt8], genesis: [UInt8])
    case block(chain: ChainID, height: UInt64, header: [UInt8], body: [UInt8], certificate: [UInt8])
    case content(id: ContentID, kind: UInt8, bytes: [UInt8])
    case end(blocks: UInt64, contents: UInt64, missing: UInt64)

    static let format = "meshnode-export/1"
    /// A genesis of 64 MiB, the longest that is read, in hexadecimal; blocks are shorter.
    static let longest = 2 * (64 << 20) + names
    /// The content of a task whose rounds fit into a node's memory, in base64.
    static let longestContent = Limits.roundMemory / 3 * 4 + names
    /// Room for all but the long value of a line; the first of its names stands in it.
    static let names = 4 << 10

    /// - Throws: `RoundError.rejected` with what is wrong.
    init(_ line: [UInt8]) throws(RoundError) {
        var parser = Parser(bytes: line)
        let fields = try parser.object()
        var taken: Set<String> = []
        func field(_ name: String) throws(RoundError) -> Parser.Value {
            guard let value = fields.first(where: { $0.name == name })?.value else {
                throw .rejected("the field \"\(name)\" is missing")
            }
            taken.insert(name)
            return value
        }
        if fields.contains(where: { $0.name == "format" }) {
            let format = try field("format").text
            guard format.elementsEqual(Self.format.utf8) else {
                throw .rejected("another format than \(Self.format); use a release that writes this one")
            }
            // Exports of the first rules have no number.
            let rules =
                fields.contains { $0.name == "rules" } ? try field("rules").number : UInt64(RulesNumber.unwritten)
            guard rules == UInt64(RulesNumber.current) else {
                throw .rejected(RulesNumber.refusal(UInt16(clamping: rules)))
            }
            self = .head(rules: rules, network: try field("network").hex, genesis: try field("genesis").hex)
        } else if fields.contains(where: { $0.name == "chain" }) {
            self = .block(
                chain: ChainID(try field("chain").identifier), height: try field("height").number,
                header: try field("header").hex,
                body: try field("body").hex, certificate: try field("certificate").hex)
        } else if fields.contains(where: { $0.name == "content" }) {
            guard let kind = UInt8(exactly: try field("kind").number) else { throw .rejected("a kind is below 256") }
            self = .content(
                id: ContentID(try field("content").identifier), kind: kind, bytes: try field("bytes").base64)
        } else {
            guard case .yes = try field("end") else { throw .rejected("\"end\" is true") }
            self = .end(
                blocks: try field("blocks").number, contents: try field("contents").number,
                missing: try field("missing").number)
        }
        if let other = fields.first(where: { !taken.contains($0.name) }) {
            throw .rejected("the field \"\(other.name)\" is unknown here")
        }
    }
}

/// A JSON object of strings, whole numbers and `true`.
private struct Parser {
    enum Value {
        case string(ArraySlice<UInt8>)
        case whole(UInt64)
        case yes

        var text: ArraySlice<UInt8> {
            get throws(RoundError) {
                guard case .string(let bytes) = self else { throw .rejected("a text is expected") }
                return bytes
            }
        }

        var number: UInt64 {
            get throws(RoundError) {
                guard case .whole(let number) = self else { throw .rejected("a whole number is expected") }
                return number
            }
        }

        var hex: [UInt8] {
            get throws(RoundError) {
                let digits = try text
                guard digits.count.isMultiple(of: 2) else { throw .rejected("an odd number of hexadecimal digits") }
                var bytes: [UInt8] = []
                bytes.reserveCapacity(digits.count / 2)
                var high: UInt8 = 0
                for (place, digit) in digits.enumerated() {
                    let value: UInt8
                    switch digit {
                    case 0x30...0x39: value = digit - 0x30
                    case 0x61...0x66: value = digit - 0x61 + 10
                    default: throw .rejected("bytes are lower case hexadecimal digits")
                    }
                    if place.isMultiple(of: 2) { high = value << 4 } else { bytes.append(high | value) }
                }
                return bytes
            }
        }

        /// 64 digits.
        var identifier: [UInt8] {
            get throws(RoundError) {
                let bytes = try hex
                guard bytes.count == ContentID.byteCount else { throw .rejected("an id has 64 digits") }
                return bytes
            }
        }

        /// RFC 4648 with padding; what a decoder drops must be zero.
        var base64: [UInt8] {
            get throws(RoundError) {
                let digits = try text
                guard digits.count.isMultiple(of: 4) else { throw .rejected("base64 is padded to a multiple of 4") }
                let padding = digits.suffix(2).reversed().prefix { $0 == 0x3d }.count
                var bytes: [UInt8] = []
                bytes.reserveCapacity(digits.count / 4 * 3)
                var held: UInt32 = 0
                var bits = 0
                for digit in digits.dropLast(padding) {
                    let value: UInt8
                    switch digit {
                    case 0x41...0x5a: value = digit - 0x41
                    case 0x61...0x7a: value = digit - 0x61 + 26
                    case 0x30...0x39: value = digit - 0x30 + 52
                    case 0x2b: value = 62
                    case 0x2f: value = 63
                    default: throw .rejected("a character that base64 does not have")
                    }
                    held = (held & 0xff) << 6 | UInt32(value)
                    bits += 6
                    if bits >= 8 {
                        bits -= 8
                        bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
                    }
                }
                guard held & ((1 << UInt32(bits)) - 1) == 0 else {
                    throw .rejected("base64 whose unused bits are not zero")
                }
                return bytes
            }
        }
    }

    private let bytes: [UInt8]
    private var position = 0
    /// No line has more fields than a block's five.
    private static let fieldsMax = 8

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func object() throws(RoundError) -> [(name: String, value: Value)] {
        var fields: [(name: String, value: Value)] = []
        try expect(0x7b)
        repeat {
            let name = String(decoding: try string(), as: UTF8.self)
            guard !fields.contains(where: { $0.name == name }) else { throw .rejected("\"\(name)\" stands twice") }
            guard fields.count < Self.fieldsMax else { throw .rejected("too many fields") }
            try expect(0x3a)
            fields.append((name, try value()))
        } while accept(0x2c)
        try expect(0x7d)
        skipSpace()
        guard position == bytes.count else { throw fault }
        return fields
    }

    private mutating func value() throws(RoundError) -> Value {
        skipSpace()
        guard position < bytes.count else { throw fault }
        switch bytes[position] {
        case 0x22: return .string(try string())
        case 0x30...0x39:
            let start = position
            var number: UInt64 = 0
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
                let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
                let (next, carry) = tens.addingReportingOverflow(UInt64(bytes[position] - 0x30))
                guard !overflow, !carry else { throw .rejected("a number beyond 64 bits") }
                number = next
                position += 1
            }
            guard bytes[start] != 0x30 || position == start + 1 else { throw .rejected("a number with leading zeros") }
            return .whole(number)
        default:
            guard bytes[position...].starts(with: Array("true".utf8)) else { throw fault }
            position += 4
            return .yes
        }
    }

    private mutating func string() throws(RoundError) -> ArraySlice<UInt8> {
        try expect(0x22)
        let start = position
        while position < bytes.count, bytes[position] != 0x22 {
            guard (0x20...0x7e).contains(bytes[position]), bytes[position] != 0x5c else {
                throw .rejected("a text with escapes or other characters than ASCII")
            }
            position += 1
        }
        guard position < bytes.count else { throw fault }
        position += 1
        return bytes[start..<position - 1]
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(RoundError) { if !accept(byte) { throw fault } }

    private var fault: RoundError { .rejected("no JSON object of the documented form, near byte \(position)") }
}
