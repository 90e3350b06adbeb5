internal import TOMLKit
internal import Wire

/// A TOML value without the library's reference types.
enum TOMLNode: Equatable, Sendable {
    case text(String)
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case list([TOMLNode])
    case table([String: TOMLNode])
    case time

    /// What an error calls it.
    var kind: String {
        switch self {
        case .text: "a text"
        case .integer: "a whole number"
        case .number: "a number with a fraction"
        case .flag: "true or false"
        case .list: "a list"
        case .table: "a table"
        case .time: "a date or time"
        }
    }
}

/// Reads TOML text of bounded size.
enum TOMLDocument {
    static let longest = 1 << 20

    /// - Throws: one fault that names line and column; TOML's grammar allows no resumption after it.
    static func parse(_ text: String, file: String) throws(Fault) -> [String: TOMLNode] {
        guard text.utf8.count <= longest else {
            throw Fault(file, "\(text.utf8.count) bytes; at most \(longest) are read")
        }
        // The library hands texts over as C strings, so that a NUL would cut them short in silence.
        guard !text.utf8.contains(0), !text.lowercased().contains(/\\u0{4}(?![0-9a-f])|\\u0{8}|\\x00/) else {
            throw Fault(file, "holds a NUL character, which no value may contain")
        }
        do {
            return table(try TOMLTable(string: text))
        } catch let error as TOMLParseError {
            let place = error.source.begin
            throw Fault(file, "line \(place.line), column \(place.column): \(error.description)")
        } catch {
            throw Fault(file, "cannot be read as TOML: \(error)")
        }
    }

    private static func table(_ table: TOMLTable) -> [String: TOMLNode] {
        var result: [String: TOMLNode] = [:]
        for key in table.keys { if let value = table[key] { result[key] = node(value) } }
        return result
    }

    private static func node(_ value: any TOMLValueConvertible) -> TOMLNode {
        switch value.type {
        case .string: .text(value.string ?? "")
        case .int: .integer(Int64(value.int ?? 0))
        case .double: .number(value.double ?? .nan)
        case .bool: .flag(value.bool ?? false)
        case .array: .list((value.array.map { array in (0..<array.count).map { node(array[$0]) } }) ?? [])
        case .table: .table(value.table.map(table) ?? [:])
        default: .time
        }
    }
}
