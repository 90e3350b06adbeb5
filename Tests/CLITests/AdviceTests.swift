import Foundation
import Logging
import Synchronization
import Testing
import Wire

@testable import MeshNodeCLI

/// Commands that messages name: every one of them is taken out of the sources and parsed as the program does.
@Suite("Commands in messages") struct AdviceTests {
    /// One line of a source file that is no comment.
    struct Line {
        let place: String
        let text: String
    }

    private static func lines() throws -> [Line] {
        let root = URL(fileURLWithPath: repository + "/Sources")
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        var lines: [Line] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            // The simulator is a program of its own.
            guard !file.path.contains("/MeshSimCLI/") else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                let trimmed = line.drop { $0 == " " }
                guard !trimmed.hasPrefix("//") else { continue }
                lines.append(Line(place: "\(file.lastPathComponent):\(number + 1)", text: String(trimmed)))
            }
        }
        return lines
    }

    private static let verbs = Set(
        MeshNodeCommand.configuration.subcommands.map { $0._commandName })

    /// Every command of a line: what stands in backticks, and examples of help texts, which end with their line.
    static func commands(in line: String) -> [String] {
        var found: [String] = []
        var rest = line[...]
        while let start = rest.firstRange(of: "`meshnode ") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstIndex(of: "`") else { break }
            found.append(String(rest[..<end]))
            rest = rest[rest.index(after: end)...]
        }
        for opening in ["Example: meshnode ", "meshnode "] {
            guard let start = line.firstRange(of: opening), found.isEmpty else { continue }
            guard opening.hasPrefix("Example") || start.lowerBound == line.startIndex else { continue }
            found.append(String(line[start.upperBound...].prefix { $0 != "\"" }))
        }
        return found
    }

    /// Commands of this line outside of backticks and examples.
    static func bare(in line: String) -> Bool {
        guard commands(in: line).isEmpty else { return false }
        var rest = line[...]
        while let start = rest.firstRange(of: "meshnode ") {
            rest = rest[start.upperBound...]
            if verbs.contains(String(rest.prefix { $0.isLetter })) { return true }
        }
        return false
    }

    /// Words as a shell splits them: `\(...)` and capitals are what is put in.
    static func words(_ command: String) -> [String] {
        var text = ""
        var depth = 0
        var last: Character = " "
        for character in command {
            if depth == 0, last == "\\", character == "(" {
                text.removeLast()
                text += "1"
                depth = 1
            } else if depth > 0 {
                depth += character == "(" ? 1 : character == ")" ? -1 : 0
            } else {
                text.append(character)
            }
            last = character
        }
        return text.split(separator: " ").map { word in
            word.allSatisfy { $0.isUppercase || $0 == "-" } && word.contains { $0.isUppercase } ? "1" : String(word)
        }
    }

    /// Why the program refuses these words; nil when it takes them.
    static func refusal(_ words: [String]) -> String? {
        do {
            _ = try MeshNodeCommand.parseAsRoot(GlobalArguments.moved(behindCommand: words))
            return nil
        } catch { return MeshNodeCommand.message(for: error) }
    }

    @Test func everyCommandInAMessageIsOneThatTheProgramTakes() throws {
        let lines = try Self.lines()
        let commands = lines.flatMap { line in Self.commands(in: line.text).map { (line.place, $0) } }
        #expect(commands.count > 60, "\(commands.count) commands were found in the sources")
        for (place, command) in commands {
            if let refusal = Self.refusal(Self.words(command)) {
                Issue.record("\(place): meshnode \(command): \(refusal)")
            }
        }
    }

    /// Options of other programs that messages name.
    private static let foreign: Set<String> = ["--ulimit", "--pids-limit"]

    /// Whatever a message tells its reader to give is an option of some command.
    @Test func optionsInMessagesExist() throws {
        var known = Self.foreign.union(["--help", "--version", "--generate-completion-script"])
        func collect(_ command: ManualPage.Command) {
            for name in (command.arguments ?? []).flatMap({ $0.names ?? [] }) { known.insert(name.text) }
            for below in command.subcommands ?? [] { collect(below) }
        }
        collect(try ManualPage(declaration: MeshNodeCommand._dumpHelp()).command)
        #expect(known.count > 60, "\(known.count) options were found")
        var found = 0
        for line in try Self.lines() where !line.place.contains("Sim") {
            for option in Self.options(in: line.text) {
                found += 1
                #expect(known.contains(option), "\(line.place): no command has the option \(option): \(line.text)")
            }
        }
        #expect(found > 60, "\(found) options were found in messages")
        #expect(
            Self.options(in: #"next: "give another name, or --force, not --min-rows=3""#) == ["--force", "--min-rows"])
        #expect(!known.contains("--min-rows"))
    }

    /// Every `--option` of a line that holds a text.
    private static func options(in line: String) -> [String] {
        guard line.contains("\"") else { return [] }
        var found: [String] = []
        var rest = line[...]
        while let start = rest.firstRange(of: "--") {
            let before = rest[..<start.lowerBound].last
            rest = rest[start.upperBound...]
            let word = rest.prefix { $0.isASCII && ($0.isLetter && $0.isLowercase || $0 == "-") }
            let isOption = word.first?.isLetter == true && before != "-" && before?.isLetter != true
            if isOption { found.append("--" + word) }
            rest = rest.dropFirst(word.count)
        }
        return found
    }

    @Test func commandsInMessagesStandInBackticks() throws {
        for line in try Self.lines() where Self.bare(in: line.text) {
            Issue.record("\(line.place): put the command in backticks, whole in one literal: \(line.text)")
        }
    }

    /// A home has a path with blanks as well.
    @Test func pathsInCommandsAreWordsOfAShell() throws {
        for line in try Self.lines() {
            for command in Self.commands(in: line.text) where command.contains("--home \\(") {
                #expect(command.contains(".shellWord)"), "\(line.place): \(command)")
            }
        }
        #expect("/srv/my höme/π node".shellWord == "'/srv/my höme/π node'")
        #expect("it's".shellWord == #"'it'\''s'"#)
        #expect("/home/a_1/b-2.c".shellWord == "/home/a_1/b-2.c" && "".shellWord == "''")
    }

    @Test func whatIsPlantedIsSeen() {
        func refused(_ line: String) -> Bool {
            Self.commands(in: line).contains { Self.refusal(Self.words($0)) != nil }
        }
        #expect(!refused(#"next: "see: `meshnode round list \(task.short)`")"#))
        #expect(refused(#"next: "see: `meshnode round list`")"#))
        #expect(refused(#"next: "see: `meshnode rounds list \(a)`")"#))
        #expect(refused(#"next: "`meshnode task join \(a(b)) --stake \(c)`""#))
        #expect(refused("Example: meshnode init --homes a"))
        #expect(!refused("Example: meshnode init --home a --set listen.port=7001"))
        #expect(Self.bare(in: #"next: "see: meshnode doctor""#))
        #expect(!Self.bare(in: #"what answers is no meshnode of this release"#))
        #expect(
            Self.words(#"vote \(x.first(y)!) \(z):LENGTH --invalid REASON"#) == [
                "vote", "1", "1:LENGTH", "--invalid", "1",
            ])
    }

    /// A line of a node's log is followed where it is read, which is another shell than the node's.
    @Test func linesOfALogNameTheHome() throws {
        let lines = Mutex<[String]>([])
        for (home, isJSON) in [("/srv/a", false), ("/srv/a", true), (nil, false)] as [(String?, Bool)] {
            let handler = LineLogHandler(label: "t", logLevel: .info, isJSON: isJSON, home: home) { line in
                lines.withLock { $0.append(line) }
            }
            let logger = Logger(label: "t") { _ in handler }
            logger.warning("no task; see: `meshnode task list`")
        }
        let told = lines.withLock { $0 }
        #expect(told.count == 3 && told[0].contains("`meshnode task list --home /srv/a`"), "\(told)")
        #expect(told[1].contains("`meshnode task list --home ") && told[2].contains("`meshnode task list`"), "\(told)")
    }

    /// Who gave `--home` is not sent to another home.
    @Test func commandsNameTheHomeThatWasGiven() {
        let text = "no block; see: `meshnode chain head`, or `meshnode data audit FILE`; `meshnode init --home NEW`"
        #expect(Advice.addressed(text, home: nil) == text)
        #expect(
            Advice.addressed(text, home: "/a b")
                == "no block; see: `meshnode chain head --home '/a b'`, or `meshnode data audit FILE`; `meshnode init --home NEW`"
        )
        #expect(Advice.addressed("open `meshnode task list\nnext`", home: "/a") == "open `meshnode task list\nnext`")
        #expect(GlobalArguments.home(in: ["task", "list", "--home=/x"]) == "/x")
        #expect(GlobalArguments.home(in: ["task", "list", "--", "--home", "/x"]) == nil)
    }
}
