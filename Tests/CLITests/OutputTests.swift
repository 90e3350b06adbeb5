import Foundation
import MeshNode
import Testing

@testable import MeshNodeCLI

/// What commands print, and what they change of a home's configuration.
@Suite struct OutputTests {
    /// The number fits an integer; with its places it does not.
    @Test func largeNumbersAreWrittenAsTheyAre() {
        #expect(Text.fixed(9.9e14, 4) == "990000000000000.0" && Text.fixed(-9.9e13, 4) == "-99000000000000.0000")
        #expect(
            Text.share(.nan) == "nan" && Text.share(-.infinity) == "-inf" && Text.fixed(9.9e14, 0) == "990000000000000")
    }

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
            #expect(!refused.errors.contains("--set"), "config set has no such option: \(refused.errors)")
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

    /// A run removes what an earlier one made in its folder, and nothing else.
    @Test func aTestnetLeavesWhatIsNotItsOwn() throws {
        let scratch = try Scratch()
        let nodes = scratch.path + "/nodes"
        for home in ["node1", "clinic"] {
            try FileManager.default.createDirectory(atPath: nodes + "/" + home, withIntermediateDirectories: true)
        }
        for file in ["node1.log", "nodes.log", "holdout.csv", "notes.txt"] {
            _ = try scratch.write("x", "nodes/" + file)
        }
        _ = try scratch.write("made by: `meshnode testnet`\n", ".testnet")
        try TestnetFolder(path: scratch.path).prepare()
        #expect(try FileManager.default.contentsOfDirectory(atPath: nodes).sorted() == ["clinic", "notes.txt"])
    }

    /// A file that a person has is theirs until the new one is whole, and nothing is left that would be in the way of another
    /// try: whatever command it is, and whatever fails after its file was named.
    @Test func aCommandThatFailsLeavesTheOldFile() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (folder, rows) = (scratch.path + "/out", scratch.path + "/rows.csv")
        for name in ["b.task.safetensors", "holdout.csv"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        let old = ["a", "b.task", "part-0.csv"]
        for name in old { try "old".write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8) }
        try "x,label\n1,a\n2,b\n3,a\n4,b\n".write(toFile: rows, atomically: true, encoding: .utf8)
        let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let (digits, none) = (repository + "/examples/digits.toml", scratch.path + "/none")
        for (command, words) in [
            (["chain", "export", "--home", none, "--out", folder + "/a", "--force"], "does not exist"),
            (["chain", "export", "--home", none, "--out", folder + "/new"], "does not exist"),
            (["chain", "export", "--home", none, "--out", "-", "--force"], "not to standard output"),
            (["task", "create", digits, "--out", folder + "/b.task", "--force"], "it is a directory"),
            (["data", "partition", rows, "--parts", "2", "--out", folder, "--force"], "it is a directory"),
        ] {
            let failed = try await executable.run(command)
            #expect(failed.status != 0 && failed.errors.contains(words), "\(command): \(failed.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before, "\(command)")
            for name in old {
                let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
                #expect(text == "old", "\(command): \(name)")
            }
        }
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

    /// Commands at the same time: each finds what the one before has written, and none leaves its lock.
    @Test func changesAtTheSameTimeAreAllKept() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        let values = [
            "listen.port=7001", "data.label=\"kind\"", "miner.bond=101", "miner.max_bond=102",
            "miner.max_total_bond=103", "miner.max_tasks=9", "miner.auto_join=true", "debug.drop_miner=7",
        ]
        let nodes = (0..<8).map { String(repeating: "\($0)", count: 64) }
        try await withThrowingTaskGroup(of: Executable.Outcome.self) { group in
            for value in values {
                group.addTask {
                    let plain = value.replacingOccurrences(of: "\"", with: "")
                    return try await executable.run(["config", "set", plain, "--home", home])
                }
            }
            for (place, node) in nodes.enumerated() {
                group.addTask { try await executable.run(["peers", "name", node, "ward-\(place)", "--home", home]) }
            }
            for try await outcome in group { #expect(outcome.status == 0, "\(outcome.errors)") }
        }
        let shown = try await executable.run(["config", "show", "--home", home]).output
        for value in values {
            #expect(shown.contains(value.replacingOccurrences(of: "=", with: " = ") + "\n"), "\(value): \(shown)")
        }
        let names = try String(contentsOfFile: home + "/names", encoding: .utf8).split(separator: "\n").sorted()
        #expect(names == nodes.enumerated().map { "\($1) ward-\($0)" }, "\(names)")
        #expect(!FileManager.default.fileExists(atPath: home + "/.editing"))
    }

    /// Names that cannot be read are not taken for none, which would be written back.
    @Test func namesThatCannotBeReadStay() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        let node = String(repeating: "5", count: 64)
        let lines = (0..<16_000).map { number in
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 64 - digits.count) + digits + " n-\(number)"
        }
        let long = lines.joined(separator: "\n") + "\n"
        let path = home + "/names"
        try long.write(toFile: path, atomically: true, encoding: .utf8)
        let refused = try await executable.run(["peers", "name", node, "ward", "--home", home])
        #expect(refused.status == 78 && refused.errors.contains("at most 1048576 are read"), "\(refused.errors)")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == long)
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: scratch.path + "/away")
        let dead = try await executable.run(["peers", "name", node, "ward", "--home", home])
        #expect(dead.status == 78 && dead.errors.contains("a link that leads nowhere"), "\(dead.errors)")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path) == scratch.path + "/away")
    }
}
