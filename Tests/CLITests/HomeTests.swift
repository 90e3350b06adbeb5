import Foundation
import MeshNode
import Testing

@Suite struct HomeTests {
    private func permissions(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func networkFromNothing() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        var nodes: [String] = []
        var lines: [String] = []
        for name in ["a", "b", "c", "d"] {
            let made = try await executable.run(
                [
                    "init", "--home", "\(scratch.path)/\(name)", "--name", name, "--listen", "[::1]:70\(nodes.count)0",
                    "--json",
                ])
            #expect(made.status == 0, "\(made.errors)")
            nodes.append(try #require(try json(made.output)["node"] as? String))
            lines.append(try #require(try json(made.output)["member_line"] as? String))
        }
        #expect(Set(nodes).count == 4)
        let home = scratch.path + "/a"
        #expect(try permissions(home) == 0o700)
        #expect(try permissions(home + "/keys/identity.key") == 0o600)
        let shown = try await executable.run(["config", "show", "--origin", "--home", home])
        #expect(shown.output.contains("listen.port = 7000  # file \(home)/config.toml"))
        #expect(shown.output.contains("listen.host = \"::1\""))

        let members = ["a", "b", "c"].flatMap { ["--member", "\(scratch.path)/\($0)"] }
        let genesis = scratch.path + "/lab.genesis"
        let fourth = "\(lines[3])=500:20"
        func create(_ out: String, _ extra: [String] = []) async throws -> Executable.Outcome {
            try await executable.run(
                [
                    "genesis", "create", "--name", "lab", "--time-ms", "1000", "--account", fourth, "--out", out,
                    "--json",
                ]
                    + members + extra)
        }
        let made = try await create(genesis)
        #expect(made.status == 0, "\(made.errors)")
        let network = try #require(try json(made.output)["network"] as? String)
        // The same agreement has the same name, whatever the order of its accounts.
        #expect(try json(try await create(scratch.path + "/again").output)["network"] as? String == network)
        #expect(try await create(scratch.path + "/x", ["--account", "\(nodes[0])=1"]).status == 65)

        // Keys stay when the genesis is imported, and another network is refused.
        let imported = try await executable.run(["init", "--home", home, "--genesis", genesis, "--json"])
        #expect(imported.status == 0, "\(imported.errors)")
        #expect(try json(imported.output)["node"] as? String == nodes[0])
        #expect(try json(imported.output)["network"] as? String == network)
        #expect(try await executable.run(["init", "--home", home, "--genesis", genesis]).status == 0)
        _ = try await executable.run(
            ["genesis", "create", "--name", "other", "--out", scratch.path + "/other"] + members)
        #expect(try await executable.run(["init", "--home", home, "--genesis", scratch.path + "/other"]).status == 78)
        #expect(try await executable.run(["init", "--home", home, "--genesis", home + "/config.toml"]).status == 65)
        #expect(try await executable.run(["init", "--home", home, "--name", "late"]).status == 78)
    }

    @Test func aGenesisOfOtherRulesIsRefusedByItsNumber() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let old = scratch.path + "/old.genesis"
        let lines = try String(contentsOfFile: repository + "/Tests/Vectors/wire/rules.txt", encoding: .utf8)
        let hex = try #require(lines.split(separator: "\n").first { $0.hasPrefix("1 ") }).dropFirst(2)
        var bytes = Data()
        var digits = hex[...]
        while !digits.isEmpty {
            bytes.append(try #require(UInt8(digits.prefix(2), radix: 16)))
            digits = digits.dropFirst(2)
        }
        try bytes.write(to: URL(fileURLWithPath: old))
        let outcome = try await executable.run(["init", "--home", scratch.path + "/h", "--genesis", old])
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("rules 1 (meshnode 0.1.0)") && outcome.errors.contains("use meshnode 0.1.0"))
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/h"))
    }

    /// Nobody becomes a validator by somebody else's word: lines prove that their node holds the keys, and each node
    /// compares what the genesis says of it with its own.
    @Test func membersProveTheirKeys() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        var lines: [String] = []
        for name in ["a", "b"] {
            let made = try await executable.run(["init", "--home", "\(scratch.path)/\(name)", "--json"])
            lines.append(try #require(try json(made.output)["member_line"] as? String))
            let shown = try await executable.run(["init", "--home", "\(scratch.path)/\(name)"])
            #expect(shown.output.contains(lines[lines.count - 1]))
        }
        func create(_ text: String, out: String, _ extra: [String] = []) async throws -> Executable.Outcome {
            let file = scratch.path + "/members.txt"
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            return try await executable.run(
                ["genesis", "create", "--name", "n", "--member-file", file, "--out", scratch.path + "/" + out] + extra)
        }
        let good = try await create("# two members\n\(lines[0])\n\(lines[1]) 700 70 # fewer\n", out: "g", ["--json"])
        #expect(good.status == 0, "\(good.errors)")
        #expect(try json(good.output)["validators"] as? Int == 2)
        for home in ["a", "b"] {
            let imported = try await executable.run([
                "init", "--home", "\(scratch.path)/\(home)", "--genesis", scratch.path + "/g",
            ])
            #expect(imported.status == 0 && !imported.errors.contains("no account"), "\(imported.errors)")
        }
        let stranger = try await executable.run([
            "init", "--home", scratch.path + "/c", "--genesis", scratch.path + "/g",
        ])
        #expect(stranger.status == 0)
        #expect(
            try await executable.run(["init", "--home", scratch.path + "/c", "--genesis", scratch.path + "/g"]).errors
                .contains("has no account in this genesis"))

        // One letter, a cut line, a line twice, no line, a number that is none. A file is named that is not there yet, which
        // would be reason enough.
        let letter = lines[0].last == "a" ? "q" : "a"
        let wrong: [(String, String)] = [
            (lines[0].dropLast() + letter, "the checksum does not match"),
            (String(lines[0].dropLast(9)), "damaged member line"), ("\(lines[0])\n\(lines[0])", "named twice"),
            ("# nobody", "no member line"), ("\(lines[0]) many", "write MEMBER_LINE"),
        ]
        for (text, words) in wrong {
            let outcome = try await create(text, out: "none")
            #expect(outcome.status == 65 && outcome.errors.contains(words), "\(text.prefix(20)): \(outcome.errors)")
        }
        // A key by hand has no proof.
        let node = try #require(
            try json(try await executable.run(["init", "--home", scratch.path + "/a", "--json"]).output)["node"]
                as? String)
        let byHand = try await executable.run([
            "genesis", "create", "--name", "n", "--account", "\(node)=5:5:\(node)", "--out", scratch.path + "/h",
        ])
        #expect(byHand.status == 65 && byHand.errors.contains("member line"), "\(byHand.errors)")
    }

    @Test func wideKeyIsDenied() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        #expect(try await executable.run(["init", "--home", home]).status == 0)
        chmod(home + "/keys/identity.key", 0o644)
        let outcome = try await executable.run(["init", "--home", home])
        #expect(outcome.status == 77)
        #expect(outcome.errors.contains("chmod 600"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test func genesisWithoutValidatorIsRefused() async throws {
        let scratch = try Scratch()
        let account = String(repeating: "0", count: 64) + "=5"
        let outcome = try await Executable().run(
            ["genesis", "create", "--name", "n", "--account", account, "--out", scratch.path + "/g"])
        #expect(outcome.status == 65)
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/g"))
        let large = account.dropLast() + "18446744073709551615:18446744073709551615"
        #expect(
            try await Executable().run([
                "genesis", "create", "--name", "n", "--account", String(large), "--out", scratch.path + "/g",
            ])
            .status == 65)
    }

    @Test func createdTaskIsReadBackByteForByte() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let digits = repository + "/examples/digits.toml"
        let out = scratch.path + "/d.task"
        let first = try await executable.run([
            "task", "create", digits, "--set", "rounds=3", "--out", out, "--json", "-q",
        ])
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.errors.isEmpty)
        #expect(try json(first.output)["rounds"] as? Int == 3)
        let again = scratch.path + "/e.task"
        #expect(try await executable.run(["task", "create", out, "--out", again]).status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: out)) == Data(contentsOf: URL(fileURLWithPath: again)))
        #expect(FileManager.default.fileExists(atPath: out + ".safetensors"))
        // One flipped byte of the seed: other weights than the task names.
        var bytes = try Data(contentsOf: URL(fileURLWithPath: out))
        bytes[3 + 4 + 6] ^= 1
        try bytes.write(to: URL(fileURLWithPath: out))
        let changed = try await executable.run(["task", "create", out])
        #expect(changed.status == 65 && changed.errors.contains("model.initial"))
    }

    @Test func templateOfTheCommandIsTheExample() async throws {
        let outcome = try await Executable().run(["config", "template"])
        #expect(try outcome.output == String(contentsOfFile: repository + "/examples/config.toml", encoding: .utf8))
    }

    /// A new key beside the history of another one would make its loss final.
    @Test func aLostKeyIsNeverReplaced() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        try FileManager.default.removeItem(atPath: home + "/keys/identity.key")
        let refused = try await executable.run(["init", "--home", home])
        #expect(refused.status == 78)
        #expect(refused.errors.contains("restore the key from your backup"))
        #expect(!FileManager.default.fileExists(atPath: home + "/keys/identity.key"))
    }

    /// A home of a network of its own, that network's genesis, and what the home exports of it.
    private static func network(
        of executable: Executable, in scratch: Scratch
    ) async throws -> (home: String, genesis: String, export: String) {
        let (home, genesis, export) = (scratch.path + "/a", scratch.path + "/g", scratch.path + "/e")
        for command in [
            ["init", "--home", home], ["genesis", "create", "--name", "lab", "--member", home, "--out", genesis],
            ["init", "--home", home, "--genesis", genesis], ["chain", "export", "--home", home, "--out", export],
        ] { try #require(try await executable.run(command + ["-q"]).status == 0, "\(command)") }
        return (home, genesis, export)
    }

    /// An export never takes the place of the chain that it is made of, nor a genesis that of the lines of its members.
    @Test func proofsNeverReplaceWhatTheyAreMadeOf() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, _, _) = try await Self.network(of: executable, in: scratch)
        let lines = try scratch.write("no member line\n", "members.txt")
        for (input, command) in [
            (home + "/chain.sqlite", ["chain", "export", "--home", home]),
            (lines, ["genesis", "create", "--name", "lab", "--member-file", lines]),
        ] {
            let before = try Data(contentsOf: URL(fileURLWithPath: input))
            let refused = try await executable.run(command + ["--out", input, "--force"])
            #expect(refused.status != 0 && refused.errors.contains("is what this command reads"), "\(refused.errors)")
            #expect(try Data(contentsOf: URL(fileURLWithPath: input)) == before)
        }
    }

    /// Where `run` refuses, `doctor` fails, with the same next step and none that would be refused.
    @Test func doctorFailsWhereRunRefuses() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, _, _) = try await Self.network(of: executable, in: scratch)
        #expect(try await executable.run(["init", "--home", scratch.path + "/other", "-q"]).status == 0)
        let files = FileManager.default
        let key = home + "/keys/identity.key"
        func told(_ status: Int32, _ words: String) async throws {
            let doctor = try await executable.run(["doctor", "--home", home])
            #expect(doctor.status == 1 && doctor.output.contains(words), "\(words): \(doctor.output)")
            #expect(!doctor.output.contains("`meshnode run"), "\(doctor.output)")
            let run = try await executable.run(["run", "--home", home, "--port", "0"])
            #expect(run.status == status && run.errors.contains(words), "\(run.status): \(run.errors)")
        }
        func change(_ mode: Int, _ path: String) throws {
            try files.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try change(0o777, home)
        try await told(77, "run `chmod 700 \(home)`")
        try change(0o700, home)
        try change(0o644, key)
        try await told(77, "run `chmod 600 \(key)`")
        let closed = try await executable.run(["doctor", "--home", home])
        #expect(!closed.output.contains("from your backup"), "\(closed.output)")
        try change(0o600, key)
        try files.moveItem(atPath: key, toPath: key + ".own")
        try files.copyItem(atPath: scratch.path + "/other/keys/identity.key", toPath: key)
        try await told(78, "restore the identity file that belongs to it")
        try files.removeItem(atPath: key)
        try files.moveItem(atPath: key + ".own", toPath: key)
        try "x".write(toFile: home + "/api.sock", atomically: true, encoding: .utf8)
        try await told(78, "a file that is no socket is in the way; move it away")
        try files.removeItem(atPath: home + "/api.sock")
        let well = try await executable.run(["doctor", "--home", home])
        #expect(well.output.contains("next: `meshnode run --home \(home)`"), "\(well.output)")
        // Rows that were named and are not there.
        #expect(try await executable.run(["config", "set", "data.train=nofile.csv", "--home", home]).status == 0)
        let rows = try await executable.run(["doctor", "--home", home])
        #expect(rows.status == 1 && rows.output.contains("nofile.csv does not exist"), "\(rows.output)")
        #expect(rows.output.contains("`meshnode config set data.train=FILE --home \(home)`"), "\(rows.output)")
    }

    /// What follows from a genesis is not said of one that is refused.
    @Test func aForeignGenesisIsRefusedWithoutAdvice() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, _, _) = try await Self.network(of: executable, in: scratch)
        let (other, foreign) = (scratch.path + "/other", scratch.path + "/foreign")
        for command in [
            ["init", "--home", other], ["genesis", "create", "--name", "other", "--member", other, "--out", foreign],
        ] { try #require(try await executable.run(command + ["-q"]).status == 0, "\(command)") }
        let refused = try await executable.run(["init", "--home", home, "--genesis", foreign])
        #expect(refused.status != 0 && !refused.errors.contains("follows the network"), "\(refused.errors)")
        let fresh = try await executable.run(["init", "--home", scratch.path + "/c", "-q"])
        #expect(fresh.status == 0)
        let taken = try await executable.run(["init", "--home", scratch.path + "/c", "--genesis", foreign])
        #expect(taken.status == 0 && taken.errors.contains("follows the network"), "\(taken.errors)")
    }

    /// Neither is what a key has signed: whatever command is run, the loss stays one, and the home is left as it is.
    @Test func aLostRecordIsNeverReplaced() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, genesis, export) = try await Self.network(of: executable, in: scratch)
        for ending in ["", "-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: home + "/durable.sqlite" + ending)
        }
        // Reading a database leaves an empty log beside it.
        func files() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: home).sorted().filter { name in
                name != "lock" && !name.hasPrefix("chain.sqlite-")
            }
        }
        let before = try files()
        let started = try await executable.run(["run", "--home", home])
        #expect(started.status == 78 && started.errors.contains("never go on with this key"), "\(started.errors)")
        for command in [
            ["init", "--home", home], ["init", "--home", home, "--genesis", genesis],
            ["chain", "import", export, "--home", home],
        ] {
            let refused = try await executable.run(command)
            #expect(refused.status == 78, "\(command): \(refused.output)")
            #expect(refused.errors.contains("durable.sqlite does not exist; never restore an old copy"), "\(command)")
        }
        for command in [["doctor", "--home", home], ["doctor", "--clear-alarm", "--home", home]] {
            _ = try await executable.run(command)
        }
        #expect(try files() == before)
        // Its log alone says that it was there, too.
        try FileManager.default.removeItem(atPath: home + "/chain.sqlite")
        try Data([0]).write(to: URL(fileURLWithPath: home + "/durable.sqlite-wal"))
        let logged = try await executable.run(["init", "--home", home])
        #expect(logged.status == 78 && logged.errors.contains("never restore an old copy"), "\(logged.errors)")
    }

    /// Keys without databases are a home whose making was interrupted: it is finished, and until then takes no chain.
    @Test func anInterruptedHomeIsFinished() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, genesis, export) = try await Self.network(of: executable, in: scratch)
        for name in try FileManager.default.contentsOfDirectory(atPath: home) where name.contains(".sqlite") {
            try FileManager.default.removeItem(atPath: home + "/" + name)
        }
        let imported = try await executable.run(["chain", "import", export, "--home", home])
        #expect(imported.status == 78 && imported.errors.contains("finish this home first"), "\(imported.errors)")
        #expect(!FileManager.default.fileExists(atPath: home + "/chain.sqlite"))
        let finished = try await executable.run(["init", "--home", home, "--genesis", genesis])
        #expect(finished.status == 0, "\(finished.errors)")
        #expect(try await executable.run(["chain", "import", export, "--home", home]).status == 0)
    }

    /// Each file of a home that is gone or empty is named by `doctor`, with what is safe; what a node has signed is never made anew.
    @Test(arguments: [
        ("durable.sqlite", "never restore an old copy"), ("chain.sqlite", "it fetches the chain from its peers"),
        ("keys/identity.key", "restore the key from your backup"), ("config.toml", "has its default"),
    ])
    func doctorNamesEachFileThatIsGone(_ name: String, _ advice: String) async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        let well = try await executable.run(["doctor", "--home", home])
        #expect(!well.output.contains(advice), "\(well.output)")
        try FileManager.default.removeItem(atPath: home + "/" + name)
        let gone = try await executable.run(["doctor", "--home", home])
        #expect(gone.output.contains(advice), "\(gone.output)")
        guard name.hasSuffix(".sqlite") else { return }
        try Data().write(to: URL(fileURLWithPath: home + "/" + name))
        let empty = try await executable.run(["doctor", "--home", home])
        #expect(empty.output.contains(advice), "\(empty.output)")
    }

    @Test func whatIsThereIsNotOverwritten() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        let out = scratch.path + "/lab.genesis"
        let command = ["genesis", "create", "--name", "lab", "--member", home, "--out", out, "-q"]
        #expect(try await executable.run(command).status == 0)
        let first = FileManager.default.contents(atPath: out)
        let refused = try await executable.run(command)
        #expect(refused.status == 65 && refused.errors.contains("--force"))
        #expect(FileManager.default.contents(atPath: out) == first)
        #expect(try await executable.run(command + ["--force"]).status == 0)
    }

    /// The advice about a path that is too long for a socket works when it is followed.
    @Test func aHomeWithALongPathImportsAGenesis() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/" + String(repeating: "a", count: 100) + "/n"
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/" + String(repeating: "a", count: 100), withIntermediateDirectories: true)
        #expect(try await executable.run(["init", "--home", home]).status == 78)
        let socket = ["--set", "api.socket=\(scratch.path)/n.sock"]
        #expect(try await executable.run(["init", "--home", home, "-q"] + socket).status == 0)
        let out = scratch.path + "/x.genesis"
        #expect(
            try await executable.run(
                ["genesis", "create", "--name", "x", "--member", home, "--out", out, "-q"]).status == 0)
        let imported = try await executable.run(["init", "--home", home, "--genesis", out])
        #expect(imported.status == 0, "\(imported.errors)")
    }

    @Test func variablesOfAnOrchestratorAreNoSettings() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let given = [
            "MESHNODE_SERVICE_HOST": "10.0.0.1", "MESHNODE_PORT": "tcp://10.0.0.1:7001",
            "MESHNODE_PORT_7001_TCP_ADDR": "10.0.0.1", "MESHNODE_SERVICE_PORT_LINKS": "7001", "MESHNODE_VERSION": "1",
        ]
        let shown = ["config", "show", "--home", scratch.path + "/a"]
        #expect(try await executable.run(shown, environment: given).status == 0)
        #expect(try await executable.run(shown, environment: ["MESHNODE_LISTEN_PROT": "1"]).status == 78)
    }

    /// A pipe in the place of a file of a home would hold whoever opens it the plain way, for ever.
    @Test(arguments: [
        ("config.toml", ["config", "show"]), ("keys/identity.key", ["init"]), ("chain.sqlite", ["chain", "verify"]),
        ("chain.sqlite-journal", ["chain", "verify"]),
        ("names", ["peers", "name", String(repeating: "5", count: 64), "w"]),
        ("durable.sqlite", ["init"]),
    ])
    func aPipeInAHomeHoldsNobody(_ name: String, _ command: [String]) async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        try? FileManager.default.removeItem(atPath: home + "/" + name)
        try #require(mkfifo(home + "/" + name, 0o600) == 0)
        let outcome = try await executable.run(command + ["--home", home])
        let told = outcome.output + outcome.errors
        #expect(outcome.status != 0 && outcome.status != SIGTERM, "\(told)")
        #expect(told.contains("a pipe") && told.contains(name), "\(told)")
    }

    /// Every command that takes a home takes a link to it.
    @Test func aLinkToAHomeStandsForIt() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, genesis, _) = try await Self.network(of: executable, in: scratch)
        let link = scratch.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: home)
        for named in [link, link + "/"] {
            let made = try await executable.run([
                "genesis", "create", "--name", "x", "--member", named, "--out", scratch.path + "/x", "--force",
            ])
            #expect(made.status == 0, "\(made.errors)")
            #expect(try await executable.run(["config", "show", "--home", named]).status == 0)
            let forked = try await executable.run([
                "genesis", "fork", "--from", named, "--without", "5eed", "--out", scratch.path + "/f",
            ])
            #expect(forked.errors.contains("no voter"), "\(forked.errors)")
            let taken = try await executable.run([
                "init", "--home", scratch.path + "/b", "--from", named, "--genesis", genesis,
            ])
            #expect(taken.errors.contains("this genesis is no fork"), "\(taken.errors)")
        }
    }

    /// One process makes a home; whoever comes while it does is told so, and makes nothing.
    @Test func oneProcessMakesAHome() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/a"
        do {
            let lock = try HomeLock(try HomeDirectory.create(at: home))
            defer { lock.release() }
            let refused = try await executable.run(["init", "--home", home])
            #expect(refused.status == 75, "\(refused.errors)")
            #expect(refused.errors.contains("is used by the running process \(getpid())"), "\(refused.errors)")
            #expect(!FileManager.default.fileExists(atPath: home + "/keys/identity.key"))
        }
        let other = scratch.path + "/b"
        let outcomes = try await withThrowingTaskGroup(of: Executable.Outcome.self) { group in
            for _ in 0..<4 { group.addTask { try await executable.run(["init", "--home", other]) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.contains { $0.status == 0 })
        for outcome in outcomes {
            #expect(outcome.status == 0 || outcome.status == 75 && outcome.errors.contains("is used by"), "\(outcome)")
        }
        #expect(try await executable.run(["init", "--home", other]).status == 0)
    }
}
