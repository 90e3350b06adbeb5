internal import Learn

/// A configured value as it is read, shown and written.
public enum SettingValue: Equatable, Sendable {
    case text(String)
    case integer(Int64)
    case flag(Bool)
    case list([String])

    /// As TOML writes it.
    public var toml: String {
        switch self {
        case .text(let text): text.tomlWord
        case .integer(let number): "\(number)"
        case .flag(let flag): "\(flag)"
        case .list(let items): "[" + items.map(\.tomlWord).joined(separator: ", ") + "]"
        }
    }
}

/// Where a value comes from. A later case wins over an earlier one.
public enum SettingOrigin: Equatable, Sendable, CustomStringConvertible {
    case builtIn
    case file(String)
    case environment(String)
    case flag

    public var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path): "file \(path)"
        case .environment(let name): "environment \(name)"
        case .flag: "flag"
        }
    }
}

/// One key of the node's configuration: everything that is said about it is said here.
public struct Setting: Sendable {
    public enum Kind: Sendable {
        /// Up to so many bytes.
        case text(Int)
        case choice([String])
        case integer(ClosedRange<Int64>)
        case flag
        case list
    }

    /// `table.key`.
    public let path: String
    public let kind: Kind
    public let builtIn: SettingValue
    /// For the annotated file; lines end with "\n".
    public let meaning: String

    /// `MESHNODE_TABLE_KEY`.
    public var environmentName: String {
        "MESHNODE_" + path.uppercased().replacing(".", with: "_")
    }

    public var allowed: String {
        switch kind {
        case .text(let bytes): "a text of up to \(bytes) bytes"
        case .choice(let names): names.map { "\"\($0)\"" }.joined(separator: " or ")
        case .integer(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .list: "a list of texts"
        }
    }

    /// Reads a value from the environment or a flag; nil when it is none of this kind.
    func parse(_ text: String) -> SettingValue? {
        switch kind {
        case .text, .choice: return check(.text(text))
        case .integer: return Int64(text).flatMap { check(.integer($0)) }
        case .flag:
            switch text.lowercased() {
            case "true", "yes", "on", "1": return .flag(true)
            case "false", "no", "off", "0": return .flag(false)
            default: return nil
            }
        case .list:
            let items = text.split(separator: ",").map { String($0.trimmingSpaces) }
            return .list(items.filter { !$0.isEmpty })
        }
    }

    /// Reads a value from the file; nil when it is none of this kind.
    func read(_ node: TOMLNode) -> SettingValue? {
        switch node {
        case .text(let text): check(.text(text))
        case .integer(let number): check(.integer(number))
        case .flag(let flag): check(.flag(flag))
        case .list(let items):
            items.allSatisfy { if case .text = $0 { true } else { false } }
                ? check(.list(items.compactMap { if case .text(let text) = $0 { text } else { nil } })) : nil
        default: nil
        }
    }

    private func check(_ value: SettingValue) -> SettingValue? {
        switch (kind, value) {
        case (.text(let bytes), .text(let text)): text.utf8.count <= bytes ? value : nil
        case (.choice(let names), .text(let text)): names.contains(text) ? value : nil
        case (.integer(let range), .integer(let number)): range.contains(number) ? value : nil
        case (.flag, .flag), (.list, .list): value
        default: nil
        }
    }
}

extension Substring {
    var trimmingSpaces: Substring {
        var rest = self
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
