internal import Foundation

/// The program's page of the manual, made from what its commands declare and nothing else.
struct ManualPage: Decodable {
    struct Name: Decodable {
        let kind: String
        let name: String

        var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
    }

    struct Argument: Decodable {
        let abstract: String?
        let defaultValue: String?
        let isOptional: Bool
        let isRepeating: Bool
        let kind: String
        let names: [Name]?
        let shouldDisplay: Bool
        let valueName: String

        var key: String { (names ?? []).map(\.text).sorted().joined() + (abstract ?? "") }
        var isFlag: Bool { kind == "flag" }

        /// As it is written on a command line.
        var words: String {
            guard kind != "positional" else { return ManualPage.emphasised(valueName) + (isRepeating ? " ..." : "") }
            let names = (names ?? []).sorted { $0.text.count < $1.text.count }.map { ManualPage.strong($0.text) }
            return names.joined(separator: ", ") + (isFlag ? "" : " " + ManualPage.emphasised(valueName))
        }

        /// What stands below it.
        var meaning: String {
            var text = abstract ?? ""
            if kind != "positional", !isOptional { text += text.isEmpty ? "Required." : " Required." }
            if let defaultValue, !isFlag { text += " (default: \(defaultValue))" }
            return text
        }
    }

    final class Command: Decodable {
        let abstract: String?
        let arguments: [Argument]?
        let commandName: String
        let discussion: String?
        let shouldDisplay: Bool
        let subcommands: [Command]?
    }

    let command: Command

    /// - Parameter declaration: what the argument parser says of the commands, as JSON.
    init(declaration: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(declaration.utf8)) }

    var text: String {
        let leaves = Self.leaves(command, [])
        let common = Self.common(leaves.map(\.command))
        let shared = Set(common.map(\.key))
        var lines = [
            ".\\\" Made by: `meshnode manual`", ".TH \(command.commandName.uppercased()) 1 \"\" \"\" \"User Commands\"",
            ".SH NAME", "\(command.commandName) \\- \(Self.escaped(command.abstract ?? ""))", ".SH SYNOPSIS",
            "\(Self.strong(command.commandName)) \(Self.emphasised("command")) [\(Self.emphasised("options"))]",
            ".SH DESCRIPTION",
        ]
        lines += Self.paragraphs(command.discussion)
        lines.append(".SH OPTIONS OF MOST COMMANDS")
        lines += common.flatMap(Self.entry)
        lines.append(".SH COMMANDS")
        for (path, leaf) in leaves {
            let arguments = (leaf.arguments ?? []).filter { $0.shouldDisplay && !shared.contains($0.key) }
            let positional = arguments.filter { $0.kind == "positional" }
                .map { $0.isOptional ? "[\($0.words)]" : $0.words }
            lines.append(".SS \(([Self.strong(path.joined(separator: " "))] + positional).joined(separator: " "))")
            lines += Self.paragraphs(leaf.abstract) + Self.paragraphs(leaf.discussion)
            lines += arguments.flatMap(Self.entry)
        }
        return lines.joined(separator: "\n")
    }

    // MARK: Parts

    /// Commands that do something, in the order of the help.
    private static func leaves(_ command: Command, _ path: [String]) -> [(path: [String], command: Command)] {
        let path = path + [command.commandName]
        let below = (command.subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
        return below.isEmpty ? [(path, command)] : below.flatMap { leaves($0, path) }
    }

    /// What more than half of the commands have.
    private static func common(_ commands: [Command]) -> [Argument] {
        var counts: [String: Int] = [:]
        for command in commands {
            for key in Set((command.arguments ?? []).map(\.key)) { counts[key, default: 0] += 1 }
        }
        let most = commands.max { ($0.arguments ?? []).count < ($1.arguments ?? []).count }
        return (most?.arguments ?? []).filter { $0.shouldDisplay && counts[$0.key, default: 0] * 2 > commands.count }
    }

    private static func entry(_ argument: Argument) -> [String] {
        [".TP", argument.words] + [escaped(argument.meaning)].filter { !$0.isEmpty }
    }

    private static func paragraphs(_ text: String?) -> [String] {
        guard let text, !text.isEmpty else { return [] }
        return [".PP"] + Array(text.split(separator: "\n").map { [escaped(String($0))] }.joined(separator: [".br"]))

    }

    fileprivate static func strong(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }
    fileprivate static func emphasised(_ text: String) -> String { "\\fI\(escaped(text))\\fR" }

    /// No character of a text is a request to the formatter.
    private static func escaped(_ text: String) -> String {
        let body = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
        return body.hasPrefix(".") || body.hasPrefix("'") ? "\\&" + body : body
    }
}
