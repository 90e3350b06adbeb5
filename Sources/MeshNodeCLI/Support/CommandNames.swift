internal import ArgumentParser
internal import MeshNode
internal import Wire

/// Names of commands as people mistype them.
enum CommandNames {
    /// What to say where a word stands in the place of a command and is none; nil where every word is one.
    static func unknown(in arguments: [String]) -> String? {
        var command: any ParsableCommand.Type = MeshNodeCommand.self
        var path = ["meshnode"]
        var words = arguments[...]
        if words.first == "help" { words = words.dropFirst() }
        for word in words {
            let known = command.configuration.subcommands
            guard !known.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            if let next = known.first(where: { $0._commandName == word }) {
                command = next
                path.append(word)
                continue
            }
            // A command with a default one takes other words.
            guard command.configuration.defaultSubcommand == nil else { return nil }
            let names = known.map { $0._commandName }
            let near = names.map { (name: $0, distance: EditDistance.of($0, word)) }
                .filter { $0.distance <= 2 || $0.name.hasPrefix(word) }.min { $0.distance < $1.distance }
            let place = path.joined(separator: " ")
            return "\(place) has no command \(word.printableWord); "
                + (near.map { "did you mean `\(place) \($0.name)`?" }
                    ?? "it has: \(names.sorted().joined(separator: ", "))")
        }
        return nil
    }
}

extension String {
    /// As it is shown in a message.
    fileprivate var printableWord: String { "\"\(prefix(40).description.printable)\"" }
}

struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "This program's page of the manual, in the form that man(1) takes.")
    @OptionGroup var global: GlobalArguments

    func run() throws { Terminal.result(try ManualPage(declaration: MeshNodeCommand._dumpHelp()).text) }
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "The version of this program.")
    @OptionGroup var global: GlobalArguments

    struct Result: Encodable { let version: String }

    func run() { global.output.show(Result(version: programVersion)) { "meshnode \($0.version)" } }
}
