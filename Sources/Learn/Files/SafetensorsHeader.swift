/// The JSON header of a safetensors file: one object of tensor records and an optional "__metadata__" of strings.
///
/// A parser of exactly this shape: no recursion, so depth cannot exhaust the stack; a repeated key, an unknown
/// field or a number that is not a plain whole number is refused.
struct SafetensorsHeader {
    struct Record: Equatable {
        var name: String
        var dtype: String
        var shape: [Int]
        var begin: Int
        var end: Int
    }

    private(set) var records: [Record] = []
    private(set) var metadata: [(key: String, value: String)] = []

    private let bytes: [UInt8]
    private var position = 0
    /// Also where they are empty.
    private var hasMetadata = false

    /// Nil with a reason in `fault` when the bytes are not such a header.
    static func parse(_ bytes: [UInt8], fault: inout String) -> SafetensorsHeader? {
        var header = SafetensorsHeader(bytes: bytes)
        guard header.document() else {
            fault = "the header is malformed near byte \(header.position)"
            return nil
        }
        var names = Set<String>()
        for record in header.records where !names.insert(record.name).inserted {
            fault = "tensor \"\(record.name.prefix(80))\" appears twice"
            return nil
        }
        // Of two texts of one name one reader would take the first and another the last.
        var keys = Set<String>()
        for (key, _) in header.metadata where !keys.insert(key).inserted {
            fault = "metadata \"\(key.prefix(80))\" appears twice"
            return nil
        }
        return header
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func document() -> Bool {
        guard accept("{") else { return false }
        if !accept("}") {
            repeat {
                guard let name = string(), accept(":") else { return false }
                if name == "__metadata__" {
                    guard !hasMetadata, readMetadata() else { return false }
                    hasMetadata = true
                } else {
                    guard records.count < ParameterManifest.Limits.entries, let record = readRecord(name) else {
                        return false
                    }
                    records.append(record)
                }
            } while accept(",")
            guard accept("}") else { return false }
        }
        skipSpace()
        return position == bytes.count
    }

    private mutating func readMetadata() -> Bool {
        guard accept("{") else { return false }
        if accept("}") { return true }
        repeat {
            guard metadata.count < 10_000, let key = string(), accept(":"), let value = string() else { return false }
            metadata.append((key, value))
        } while accept(",")
        return accept("}")
    }

    private mutating func readRecord(_ name: String) -> Record? {
        var record = Record(name: name, dtype: "", shape: [], begin: -1, end: -1)
        var seen = (dtype: false, shape: false, offsets: false)
        guard accept("{") else { return nil }
        repeat {
            guard let key = string(), accept(":") else { return nil }
            switch key {
            case "dtype":
                guard !seen.dtype, let value = string() else { return nil }
                record.dtype = value
                seen.dtype = true
            case "shape":
                guard !seen.shape, let value = integers(most: ParameterManifest.Limits.rank) else { return nil }
                record.shape = value
                seen.shape = true
            case "data_offsets":
                guard !seen.offsets, let value = integers(most: 2), value.count == 2 else { return nil }
                (record.begin, record.end) = (value[0], value[1])
                seen.offsets = true
            default: return nil
            }
        } while accept(",")
        return accept("}") && seen.dtype && seen.shape && seen.offsets ? record : nil
    }

    private mutating func integers(most: Int) -> [Int]? {
        guard accept("[") else { return nil }
        var result: [Int] = []
        if accept("]") { return result }
        repeat {
            guard result.count < most, let value = integer() else { return nil }
            result.append(value)
        } while accept(",")
        return accept("]") ? result : nil
    }

    private mutating func integer() -> Int? {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (next, carry) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
            guard !overflow, !carry else { return nil }
            value = next
            position += 1
        }
        let isPadded = position - start > 1 && bytes[start] == 0x30
        return position > start && !isPadded ? value : nil
    }

    private mutating func string() -> String? {
        guard accept("\"") else { return nil }
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x22: return String(validating: content, as: UTF8.self)
            case 0x00..<0x20: return nil
            case 0x5c:
                guard let scalar = escape() else { return nil }
                content += Array(String(scalar).utf8)
            default: content.append(byte)
            }
            guard content.count <= 1 << 20 else { return nil }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        guard position < bytes.count else { return nil }
        let byte = bytes[position]
        position += 1
        switch byte {
        case 0x22: return "\""
        case 0x5c: return "\\"
        case 0x2f: return "/"
        case 0x62: return "\u{8}"
        case 0x66: return "\u{c}"
        case 0x6e: return "\n"
        case 0x72: return "\r"
        case 0x74: return "\t"
        case 0x75:
            guard let unit = codeUnit() else { return nil }
            guard (0xd800..<0xdc00).contains(unit) else { return Unicode.Scalar(unit) }
            guard position + 1 < bytes.count, bytes[position] == 0x5c, bytes[position + 1] == 0x75 else { return nil }
            position += 2
            guard let low = codeUnit(), (0xdc00..<0xe000).contains(low) else { return nil }
            return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        default: return nil
        }
    }

    private mutating func codeUnit() -> UInt32? {
        guard position + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    private mutating func accept(_ character: Character) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }
}
