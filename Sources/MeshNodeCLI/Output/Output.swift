internal import ArgumentParser
internal import Foundation
internal import Learn
internal import MeshNode
internal import Wire

enum OutputFormat: String, CaseIterable, ExpressibleByArgument {
    case text, json, jsonl
}

/// Writes results in the form that was asked for.
struct Output {
    let format: OutputFormat
    let isQuiet: Bool
    let isVerbose: Bool
    let usesColour: Bool
    /// The home that was named on the command line: commands in remarks name it too.
    let home: String?

    init(format: OutputFormat, isQuiet: Bool, isVerbose: Bool, home: String? = nil, usesColour: Bool) {
        self.format = format
        self.isQuiet = isQuiet
        self.isVerbose = isVerbose
        self.home = home
        self.usesColour = usesColour
    }

    /// As a person reads it: commands with the home that was given.
    private func shown(_ text: String) -> String { Advice.addressed(text, home: home) }

    /// One result.
    func show<Value: Encodable>(_ value: Value, text: (Value) -> String) {
        switch format {
        case .text: Terminal.result(shown(text(value)))
        case .json: Terminal.result(APICoding.text(value, pretty: true))
        case .jsonl: Terminal.result(APICoding.text(value))
        }
    }

    /// Many results: a table, an array, or a line each.
    func show<Value: Encodable>(_ values: [Value], empty: String, text: ([Value]) -> String) {
        switch format {
        case .text: values.isEmpty ? note(empty) : Terminal.result(shown(text(values)))
        case .json: Terminal.result(APICoding.text(values, pretty: true))
        case .jsonl: for value in values { Terminal.result(APICoding.text(value)) }
        }
    }

    /// A line of a long run: its result in text, else a remark beside the JSON that follows.
    var progress: @Sendable (String) -> Void {
        let (isText, isQuiet) = (format == .text, isQuiet)
        return { line in
            if isText { Terminal.result(line) } else if !isQuiet { Terminal.error(line) }
        }
    }

    /// The summary that a run wrote into its folder, where JSON was asked for.
    func showSummary(of folder: String) throws {
        guard format != .text else { return }
        let text = String(decoding: try Files.read("\(folder)/\(ReportFiles.summary)"), as: UTF8.self)
        Terminal.result(format == .json ? text : text.split(separator: "\n").map { $0.drop { $0 == " " } }.joined())
    }

    /// A remark for people, on stderr.
    func note(_ text: String) { if !isQuiet { Terminal.error(shown(text)) } }
    func detail(_ text: String) { if isVerbose { Terminal.error(shown(text)) } }

    func strong(_ text: String) -> String { usesColour ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    func faulty(_ text: String) -> String { usesColour ? "\u{1b}[31m\(text)\u{1b}[0m" : text }
}

/// Columns as wide as their widest cell.
enum Table {
    /// - Parameter width: of the terminal. A table that is wider goes on below itself, each part beginning with the first
    ///   column; nil for a file or a program, which gets one line a row.
    static func text(
        _ header: [String], _ rows: [[String]], width: Int? = Terminal.resultWidth
    ) -> String {
        // Cells may hold names that others chose.
        let lines = [header] + rows.map { $0.map { $0.printable } }
        let widths = header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return parts(widths, within: width).map { columns in
            lines.map { line in
                var text = ""
                for column in columns {
                    text += line[column]
                    guard column != columns.last else { break }
                    text += String(repeating: " ", count: widths[column] - line[column].count + 2)
                }
                return text
            }.joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    /// Columns of each part.
    private static func parts(_ widths: [Int], within width: Int?) -> [[Int]] {
        guard let width, widths.reduce(0, { $0 + $1 + 2 }) - 2 > width, widths.count > 2 else {
            return [Array(widths.indices)]
        }
        var parts: [[Int]] = []
        var used = 0
        for column in widths.indices.dropFirst() {
            // Two columns at least, however narrow the terminal is.
            if parts.isEmpty || used + 2 + widths[column] > width && parts[parts.count - 1].count > 1 {
                parts.append([0])
                used = widths[0]
            }
            parts[parts.count - 1].append(column)
            used += 2 + widths[column]
        }
        return parts
    }

    /// `name: value` lines with aligned values; absent values are "–".
    static func fields(_ fields: [(String, String?)]) -> String {
        let width = fields.map(\.0.count).max() ?? 0
        return fields.map { name, value in
            // Lines of our own are separate fields; within one, what others wrote stays on its line.
            name + String(repeating: " ", count: width - name.count + 2) + (value?.printable ?? Text.unknown)
        }.joined(separator: "\n")
    }
}

/// Values as people read them. Unknown is "–", never 0.
enum Text {
    static let unknown = "–"

    static func share(_ value: Double?) -> String { value.map { fixed($0, 4) } ?? unknown }
    static func number<Number: BinaryInteger>(_ value: Number?) -> String { value.map { "\($0)" } ?? unknown }
    static func seconds(_ value: Double?) -> String { value.map { fixed($0, 2) } ?? unknown }
    static func short(_ id: String?) -> String { id.map { String($0.prefix(8)) } ?? unknown }

    /// A node by its first digits, `ward(8c41b044)` where this home has a name for its whole id.
    static func node(_ id: String?) -> String {
        guard let id, let name = NodeNames.name(of: id) else { return short(id) }
        return "\(name)(\(short(id)))"
    }

    /// `2026-11-29 08:15:02 UTC`.
    static func time(_ ms: UInt64?) -> String {
        ms.flatMap(CalendarText.date) ?? unknown
    }

    static func bytes(_ count: UInt64?) -> String {
        guard let count else { return unknown }
        var value = Double(count)
        for unit in ["B", "KB", "MB", "GB"] {
            if value < 1000 { return unit == "B" ? "\(count) B" : "\(fixed(value, 1)) \(unit)" }
            value /= 1000
        }
        return "\(fixed(value, 1)) TB"
    }

    static func fixed(_ value: Double, _ places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        // The scaled number becomes an integer: it is what has to fit, not the number.
        guard value.magnitude < 1e15, value.magnitude * scale < 1e18 else { return "\(value)" }
        let units = Int64((value.magnitude * scale).rounded())
        let whole = units / Int64(scale)
        let rest = String(units % Int64(scale))
        let sign = value < 0 && units > 0 ? "-" : ""
        return places == 0
            ? "\(sign)\(whole)" : "\(sign)\(whole)." + String(repeating: "0", count: places - rest.count) + rest
    }
}
