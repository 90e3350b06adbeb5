internal import Wire

/// A TOML value.
enum TOMLNode: Equatable, Sendable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case list([TOMLNode])
    case table([String: TOMLNode])

    /// What an error calls it.
    var kind: String {
        switch self {
        case .text: "a text"
        case .integer: "a whole number"
        case .number: "a number with a fraction"
        case .flag: "true or false"
        case .list: "a list"
        case .table: "a table"
        }
    }
}

/// What a TOML text holds, and where it is not TOML.
struct TOMLDocument {
    static let longest = 1 << 20

    let root: [String: TOMLNode]
    /// Faults of grammar, each with its line and column as path; empty when the text is TOML.
    let faults: [Fault]

    init(_ text: String) {
        guard text.utf8.count <= Self.longest else {
            root = [:]
            faults = [Fault("", "\(text.utf8.count) bytes; at most \(Self.longest) are read")]
            return
        }
        var parser = TOMLParser(Self.withoutMark(text))
        root = parser.parse()
        faults = parser.faults
    }

    /// A byte order mark, which some editors put before a text, is no part of it.
    static func withoutMark(_ text: String) -> String {
        let bytes = text.utf8
        return bytes.starts(with: [0xef, 0xbb, 0xbf]) ? String(decoding: bytes.dropFirst(3), as: UTF8.self) : text
    }

    /// One value alone, as after the equals sign; nil when it is none.
    static func value(_ text: String) -> TOMLNode? {
        let document = TOMLDocument("value = \(text)")
        return document.faults.isEmpty && document.root.count == 1 ? document.root["value"] : nil
    }
}
