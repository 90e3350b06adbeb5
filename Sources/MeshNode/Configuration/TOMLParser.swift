internal import Wire

/// Reads TOML 1.0 without dates and times, which no document of ours has.
///
/// Written here because a file, and through the API a request, must never be able to end the process: depth and length
/// are bounded, every fault is a fault. After one the next line is read, unless the fault lies inside of a value that
/// goes over several lines.
struct TOMLParser {
    /// Why a statement is not read.
    struct Refusal: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    static let deepestValue = 16
    static let longestPath = 8
    static let mostFaults = 20

    private let bytes: [UInt8]
    private var index = 0
    private var line = 1
    private var lineStart = 0
    private(set) var faults: [Fault] = []

    init(_ text: String) { bytes = Array(text.utf8) }

    mutating func parse() -> [String: TOMLNode] {
        let root = TOMLTable(.header)
        var current = root
        while index < bytes.count, faults.count < Self.mostFaults {
            let first = line
            do {
                try statement(root, &current)
            } catch {
                faults.append(Fault("line \(line), column \(index - lineStart + 1)", error.reason))
                guard line == first else { break }
                while index < bytes.count, bytes[index] != 0x0a { index += 1 }
                newline()
            }
        }
        return root.node
    }

    // MARK: Statements

    private mutating func statement(_ root: TOMLTable, _ current: inout TOMLTable) throws(Refusal) {
        blanks()
        if peek == 0x5b {
            index += 1
            let isArray = peek == 0x5b
            if isArray { index += 1 }
            let path = try key()
            try expect(0x5d, "]")
            if isArray { try expect(0x5d, "]") }
            try endOfLine()
            current = try root.open(path, isArray: isArray)
        } else if let byte = peek, byte != 0x23, byte != 0x0a, byte != 0x0d {
            let path = try key()
            try expect(0x3d, "=")
            blanks()
            let value = try value(depth: 0)
            try current.set(path, value)
            try endOfLine()
        } else {
            try endOfLine()
        }
    }

    private mutating func key() throws(Refusal) -> [String] {
        var path: [String] = []
        while true {
            blanks()
            switch peek {
            case 0x22: path.append(try basicText())
            case 0x27: path.append(try literalText())
            default:
                let start = index
                while let byte = peek, Self.isBare(byte) { index += 1 }
                guard index > start else { throw Refusal("a key is expected: letters, digits, - and _, or quotes") }
                path.append(String(decoding: bytes[start..<index], as: UTF8.self))
            }
            guard path.count <= Self.longestPath else { throw Refusal("a key of more than \(Self.longestPath) parts") }
            blanks()
            guard peek == 0x2e else { return path }
            index += 1
        }
    }

    static func isBare(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d
            || byte == 0x5f
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(Refusal) -> TOMLNode {
        guard depth < Self.deepestValue else { throw Refusal("lists and tables are nested too deeply") }
        switch peek {
        case 0x22: return .text(starts(with: "\"\"\"") ? try longText(0x22) : try basicText())
        case 0x27: return .text(starts(with: "'''") ? try longText(0x27) : try literalText())
        case 0x5b: return try list(depth: depth)
        case 0x7b: return try inlineTable(depth: depth)
        case nil, 0x0a, 0x0d, 0x23: throw Refusal("a value is expected")
        default: return try scalar()
        }
    }

    private mutating func list(depth: Int) throws(Refusal) -> TOMLNode {
        index += 1
        var items: [TOMLNode] = []
        while true {
            try blankLines()
            if peek == 0x5d { break }
            items.append(try value(depth: depth + 1))
            try blankLines()
            if peek == 0x2c {
                index += 1
            } else if peek != 0x5d {
                throw Refusal("a comma or ] is expected in a list")
            }
        }
        index += 1
        return .list(items)
    }

    private mutating func inlineTable(depth: Int) throws(Refusal) -> TOMLNode {
        index += 1
        let table = TOMLTable(.inline)
        blanks()
        if peek == 0x7d {
            index += 1
            return .table([:])
        }
        while true {
            let path = try key()
            try expect(0x3d, "=")
            blanks()
            let value = try value(depth: depth + 1)
            try table.set(path, value)
            blanks()
            if peek == 0x2c {
                index += 1
            } else {
                try expect(0x7d, "a comma or }")
                return .table(table.node)
            }
        }
    }

    private mutating func scalar() throws(Refusal) -> TOMLNode {
        let start = index
        while let byte = peek, Self.isBare(byte) || byte == 0x2b || byte == 0x2e || byte == 0x3a { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        guard !text.isEmpty else { throw Refusal("a value is expected; texts need quotes") }
        if let node = TOMLScalar.read(text) { return node }
        index = start
        if TOMLScalar.isWhole(text) {
            throw Refusal(
                "\(text.prefix(40)) is too large; whole numbers from \(Int64.min) to \(Int64.max) can be written")
        }
        throw Refusal("\"\(text.prefix(40))\" is no value; texts need quotes, dates are not known")
    }

    // MARK: Texts

    private mutating func literalText() throws(Refusal) -> String {
        index += 1
        let start = index
        while let byte = peek, byte != 0x27 {
            guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else { throw Refusal("a text must end on its line") }
            index += 1
        }
        try expectNow(0x27, "'")
        return String(decoding: bytes[start..<index - 1], as: UTF8.self)
    }

    private mutating func basicText() throws(Refusal) -> String {
        index += 1
        var text: [UInt8] = []
        while let byte = peek, byte != 0x22 {
            guard byte >= 0x20 && byte != 0x7f || byte == 0x09 else { throw Refusal("a text must end on its line") }
            index += 1
            if byte == 0x5c { text += try escape() } else { text.append(byte) }
        }
        try expectNow(0x22, "\"")
        return String(decoding: text, as: UTF8.self)
    }

    /// A text between three quotes: with escapes between double ones, as it is between single ones.
    private mutating func longText(_ quote: UInt8) throws(Refusal) -> String {
        index += 3
        if peek == 0x0d { index += 1 }
        if peek == 0x0a { newline() }
        var text: [UInt8] = []
        while let byte = peek {
            if byte == quote, starts(with: [quote, quote, quote]) {
                index += 3
                // Up to two quotes may stand before the closing three.
                for _ in 0..<2 where peek == quote {
                    text.append(quote)
                    index += 1
                }
                return String(decoding: text, as: UTF8.self)
            }
            if byte == 0x0a {
                newline()
                text.append(byte)
                continue
            }
            guard byte >= 0x20 && byte != 0x7f || byte == 0x09 || byte == 0x0d else {
                throw Refusal("a control character in a text")
            }
            index += 1
            guard byte == 0x5c, quote == 0x22 else {
                text.append(byte)
                continue
            }
            // A backslash at the end of a line takes the white space up to the next letter away.
            let mark = index
            blanks()
            if peek == 0x0a || peek == 0x0d {
                while peek == 0x20 || peek == 0x09 || peek == 0x0a || peek == 0x0d {
                    if peek == 0x0a { newline() } else { index += 1 }
                }
            } else {
                index = mark
                text += try escape()
            }
        }
        throw Refusal("the text does not end")
    }

    /// What follows a backslash.
    private mutating func escape() throws(Refusal) -> [UInt8] {
        guard let byte = peek else { throw Refusal("the text does not end") }
        index += 1
        switch byte {
        case 0x62: return [0x08]
        case 0x74: return [0x09]
        case 0x6e: return [0x0a]
        case 0x66: return [0x0c]
        case 0x72: return [0x0d]
        case 0x22, 0x5c: return [byte]
        case 0x75, 0x55:
            let count = byte == 0x75 ? 4 : 8
            guard index + count <= bytes.count,
                let code = UInt32(String(decoding: bytes[index..<index + count], as: UTF8.self), radix: 16),
                bytes[index] != 0x2b, bytes[index] != 0x2d, let scalar = Unicode.Scalar(code)
            else { throw Refusal("\\\(byte == 0x75 ? "u" : "U") needs \(count) hexadecimal digits of a character") }
            index += count
            return Array(String(Character(scalar)).utf8)
        default: throw Refusal("an unknown escape; \\\" and \\\\ write a quote and a backslash")
        }
    }

    // MARK: Letters

    private var peek: UInt8? { index < bytes.count ? bytes[index] : nil }

    private func starts(with text: String) -> Bool { starts(with: Array(text.utf8)) }

    private func starts(with expected: [UInt8]) -> Bool { bytes[index...].starts(with: expected) }

    private mutating func blanks() { while peek == 0x20 || peek == 0x09 { index += 1 } }

    /// Takes the newline at the index, if there is one.
    private mutating func newline() {
        guard peek == 0x0a else { return }
        index += 1
        line += 1
        lineStart = index
    }

    private mutating func expect(_ byte: UInt8, _ name: String) throws(Refusal) {
        blanks()
        try expectNow(byte, name)
    }

    private mutating func expectNow(_ byte: UInt8, _ name: String) throws(Refusal) {
        guard peek == byte else { throw Refusal("\(name) is expected") }
        index += 1
    }

    private mutating func comment() throws(Refusal) {
        guard peek == 0x23 else { return }
        while let byte = peek, byte != 0x0a {
            let isReturn = byte == 0x0d && index + 1 < bytes.count && bytes[index + 1] == 0x0a
            guard byte >= 0x20 && byte != 0x7f || byte == 0x09 || isReturn else {
                throw Refusal("a control character in a comment")
            }
            index += 1
        }
    }

    private mutating func endOfLine() throws(Refusal) {
        blanks()
        try comment()
        if peek == 0x0d { index += 1 }
        guard index < bytes.count else { return }
        guard peek == 0x0a else { throw Refusal("the end of the line is expected") }
        newline()
    }

    private mutating func blankLines() throws(Refusal) {
        while true {
            blanks()
            try comment()
            if peek == 0x0d { index += 1 }
            guard peek == 0x0a else { return }
            newline()
        }
    }
}

/// Numbers and flags.
enum TOMLScalar {
    /// Whether it is written as a whole number, of whatever size.
    static func isWhole(_ text: String) -> Bool {
        let rest = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
        guard let written = digits(rest) else { return false }
        return written.count == 1 || written.first != "0"
    }

    static func read(_ text: String) -> TOMLNode? {
        switch text {
        case "true": return .flag(true)
        case "false": return .flag(false)
        case "inf", "+inf": return .number(.infinity)
        case "-inf": return .number(-.infinity)
        case "nan", "+nan", "-nan": return .number(.nan)
        default: break
        }
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            return digits(text.dropFirst(2), radix: radix).flatMap { Int64($0, radix: radix) }.map { .integer($0) }
        }
        var rest = Substring(text)
        let sign = rest.first == "-" ? "-" : ""
        if rest.first == "-" || rest.first == "+" { rest = rest.dropFirst() }
        let whole = rest.prefix { $0 != "." && $0 != "e" && $0 != "E" }
        guard let wholeDigits = digits(whole), wholeDigits.count == 1 || wholeDigits.first != "0" else { return nil }
        rest = rest.dropFirst(whole.count)
        if rest.isEmpty { return Int64(sign + wholeDigits).map { .integer($0) } }
        var number = sign + wholeDigits
        if rest.first == "." {
            let fraction = rest.dropFirst().prefix { $0 != "e" && $0 != "E" }
            guard let fractionDigits = digits(fraction) else { return nil }
            number += "." + fractionDigits
            rest = rest.dropFirst(fraction.count + 1)
        }
        if let mark = rest.first {
            guard mark == "e" || mark == "E" else { return nil }
            var exponent = rest.dropFirst()
            number += "e"
            if let sign = exponent.first, sign == "-" || sign == "+" {
                number.append(sign)
                exponent = exponent.dropFirst()
            }
            guard let exponentDigits = digits(exponent) else { return nil }
            number += exponentDigits
        }
        return Double(number).map { .number($0) }
    }

    /// The digits without the underscores between them; nil when there are none or anything else.
    private static func digits(_ text: Substring, radix: Int = 10) -> String? {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        let isClean = parts.allSatisfy { part in
            !part.isEmpty && part.allSatisfy { $0.isASCII && $0.hexDigitValue.map { $0 < radix } == true }
        }
        return isClean ? parts.joined() : nil
    }
}
