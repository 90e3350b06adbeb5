import Foundation
import MeshNode
import Testing

@testable import MeshNodeCLI

/// What commands print, and what they change of a home's configuration.
@Suite struct OutputTests {
    /// A table that is wider than the terminal goes on below itself; nothing of it is lost.
    @Test func aWideTableGoesOnBelowItself() {
        let header = ["NODE", "FIRST", "SECOND", "THIRD"]
        let rows = [["8c41b044", "1111", "2222", "3333"], ["77be0d4e", "4", "5", "6"]]
        let whole = Table.text(header, rows, width: nil)
        #expect(whole.split(separator: "\n").count == 3 && Table.text(header, rows, width: 80) == whole)
        let narrow = Table.text(header, rows, width: 25)
        #expect(
            narrow == """
                NODE      FIRST  SECOND
                8c41b044  1111   2222
                77be0d4e  4      5

                NODE      THIRD
                8c41b044  3333
                77be0d4e  6
                """, "\(narrow)")
        // However narrow: two columns a part.
        let parts = Table.text(header, rows, width: 1).components(separatedBy: "\n\n")
        #expect(parts.count == 3 && parts.allSatisfy { $0.hasPrefix("NODE") })
    }

    @Test func theHelpSaysWhereToBegin() async throws {
        let executable = try Executable()
        let help = try await executable.run(["--help"]).output
        for word in ["Start here: `meshnode demo`", "TASKS AND ROUNDS", "--generate-completion-script"] {
            #expect(help.contains(word), "\(word): \(help)")
        }
        #expect(try await executable.run(["init", "--help"]).output.contains("--set <PATH=VALUE>"))
        let unknown = try await executable.run(["help", "pubish"])
        #expect(unknown.status == 64 && unknown.errors.contains("no command"), "\(unknown.errors)")
        #expect(try await executable.run(["help", "task", "publish"]).status == 0)
    }

    @Test func configSetChangesOneValueAndNothingElse() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q", "--set", "listen.port=7000"]).status == 0)
        let file = home + "/config.toml"
        let before = try String(contentsOfFile: file, encoding: .utf8)
        let set = ["config", "set", "--home", home, "listen.port=7001", "miner.auto_join=true"]
        let changed = try await executable.run(set)
        #expect(changed.status == 0 && changed.output.contains("listen.port"), "\(changed.errors)")
        let after = try String(contentsOfFile: file, encoding: .utf8)
        let lines = zip(before.split(separator: "\n"), after.split(separator: "\n")).filter { $0 != $1 }.map { "\($1)" }
        #expect(lines == ["port = 7001", "auto_join = true"], "\(lines)")
        // What is refused changes nothing.
        for (wrong, word) in [
            ("listen.port=seventy", "whole number"), ("listen.prot=1", "did you mean listen.port?"),
            ("node.name=8c41b044", "digits of an id"), ("novalue", "PATH=VALUE"),
        ] {
            let refused = try await executable.run(["config", "set", "log.level=debug", wrong, "--home", home])
            #expect(refused.status != 0 && refused.errors.contains(word), "\(wrong): \(refused.errors)")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == after)
        }
        // Files as people write them: a comment behind a value, a list over lines, a table that is not there yet.
        try "[listen]\n  port = 7 # ours \"#\"\n\n[mesh]\nallow = [\n  # nobody\n]\nprofile = \"wan\"\n".write(
            toFile: file, atomically: true, encoding: .utf8)
        let own = try await executable.run(
            [
                "config", "set", "--home", home, "listen.port=8", "mesh.allow=", "mesh.profile=loopback",
                "node.name=ward \"3\"",
            ])
        #expect(own.status == 0, "\(own.errors)")
        #expect(
            try String(contentsOfFile: file, encoding: .utf8) == """
                [listen]
                port = 8  # ours "#"

                [mesh]
                allow = []
                profile = "loopback"

                [node]
                name = "ward \\"3\\""

                """)
        let elsewhere = try await executable.run(["config", "set", "listen.port=1", "--home", scratch.path + "/none"])
        #expect(elsewhere.status == 78 && elsewhere.errors.contains("meshnode init"), "\(elsewhere.errors)")
        // And what init cannot do it sends there.
        let again = try await executable.run(["init", "--home", home, "--set", "listen.port=9"])
        #expect(again.status == 78 && again.errors.contains("meshnode config set PATH=VALUE --home \(home)"))
    }

    /// The page that is shipped says what the commands say: after a change make it anew with `meshnode manual > docs/meshnode.1`.
    @Test func thePageOfTheManualIsCurrent() async throws {
        let made = try await Executable().run(["manual"])
        #expect(made.status == 0)
        #expect(made.output == (try String(contentsOfFile: repository + "/docs/meshnode.1", encoding: .utf8)))
        for word in [".TH MESHNODE 1", ".SS \\fBmeshnode genesis create\\fR", "\\fB\\-\\-epoch\\-seconds\\fR"] {
            #expect(made.output.contains(word), "\(word)")
        }
        // No line of a text is a request to the formatter.
        let requests = Set(made.output.split(separator: "\n").filter { $0.hasPrefix(".") }.map { $0.prefix(3) })
        #expect(requests == [".\\\"", ".TH", ".SH", ".SS", ".PP", ".TP", ".br"])
    }

    /// Its nodes could have no sockets there, which is known before anything is trained or written.
    @Test(arguments: ["testnet", "demo"]) func aFolderWithTooLongAPathIsRefusedAtOnce(command: String) async throws {
        let scratch = try Scratch()
        let out = scratch.path + "/" + String(repeating: "a", count: 100)
        let outcome = try await Executable().run([command, "--rounds", "1", "--out", out])
        #expect(outcome.status == 64 && outcome.errors.contains("give a shorter --out"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    /// Folders of demos do not pile up; nothing else of the temporary directory is touched.
    @Test func aDemoRemovesTheFolderOfAnEarlierOne() throws {
        let parent = NSTemporaryDirectory()
        // Above every number that Linux gives to a process.
        let ended = parent + "meshnode-demo-2147480001"
        let foreign = parent + "meshnode-demo-2147480002"
        defer { for path in [ended, foreign] { try? FileManager.default.removeItem(atPath: path) } }
        for path in [ended, foreign] {
            try FileManager.default.createDirectory(atPath: path + "/nodes", withIntermediateDirectories: true)
        }
        try "made by: `meshnode testnet`\n".write(toFile: ended + "/.testnet", atomically: true, encoding: .utf8)
        let own = try TestnetFolder.temporary(of: 2_147_480_003)
        #expect(own == parent + "meshnode-demo-2147480003")
        #expect(!FileManager.default.fileExists(atPath: ended))
        #expect(FileManager.default.fileExists(atPath: foreign), "no demo made it")
    }

    /// What an operator calls a node stands where a view has its whole id: not where another's begins with the same digits,
    /// and in no text.
    @Test func nodesAreCalledByTheNamesThatTheirOperatorGives() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        let node = "5eed0001" + String(repeating: "0", count: 56)
        let named = try await executable.run(["peers", "name", node, "ward-3", "--home", home])
        #expect(named.status == 0 && named.output.contains("is called ward-3 here"), "\(named.errors)")
        #expect(try String(contentsOfFile: home + "/names", encoding: .utf8) == "\(node) ward-3\n")
        for wrong in ["5eed0001", "two words", "a\u{202e}b", "", String(repeating: "x", count: 33)] {
            let refused = try await executable.run(["peers", "name", node, wrong, "--home", home])
            #expect(refused.status == 64 && refused.errors.contains("is no name"), "\(wrong): \(refused.errors)")
        }
        NodeNames.use(HomeDirectory(path: home))
        defer { NodeNames.use(HomeDirectory(path: scratch.path + "/none")) }
        let twin = "5eed0001" + String(repeating: "f", count: 56)
        #expect(
            Text.node(node) == "ward-3(5eed0001)" && Text.node(twin) == "5eed0001"
                && Text.node("5eed0001") == "5eed0001")
        #expect(
            Table.text(["NODE", "X"], [Text.node(node), Text.node(twin)].map { [$0, "5eed0001"] }, width: nil)
                == "NODE              X\nward-3(5eed0001)  5eed0001\n5eed0001          5eed0001")
        let event = NodeEvent(number: 1, timeMs: 0, kind: "banned", text: "5eed0001 is banned by the operator")
        #expect(WatchCommand.line(event).hasSuffix("banned  5eed0001 is banned by the operator"))
        #expect(try await executable.run(["peers", "name", node, "--home", home]).status == 0)
        #expect(try String(contentsOfFile: home + "/names", encoding: .utf8).isEmpty)
    }
}
