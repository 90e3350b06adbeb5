import Foundation
import Testing

@Suite struct ExitCodeTests {
    private let digits = repository + "/examples/digits.toml"

    @Test(arguments: [
        ["bogus"], ["status", "--bogus"], ["task", "show"], ["vote", "t"],
        ["vote", "t", "1", "--valid", "--invalid", "x"],
        ["round", "show", "t", "one"], ["status", "--format", "xml"], ["config", "show", "--set", "novalue"],
        ["genesis", "create", "--name", "n", "--out", "/dev/null", "--account", "zz=1"],
        ["baseline", "run", "--task", "t"],
    ])
    func usageErrorsAre64(_ arguments: [String]) async throws {
        let outcome = try await Executable().run(arguments)
        #expect(outcome.status == 64, "\(arguments): \(outcome.errors)")
        #expect(outcome.output.isEmpty && !outcome.errors.isEmpty)
    }

    @Test func helpAndVersionAre0() async throws {
        let executable = try Executable()
        #expect(try await executable.run(["--version"]).output.hasPrefix("meshnode "))
        for arguments in [["--help"], ["--version"], ["task", "--help"], ["help", "run"]] {
            #expect(try await executable.run(arguments).status == 0, "\(arguments)")
        }
    }

    @Test func wrongTasksAre65WithEveryFault() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let text = try String(contentsOfFile: digits, encoding: .utf8)
            .replacingOccurrences(of: "rounds = 30", with: "rounds = 0\nbogus = 1")
            .replacingOccurrences(of: "bits = 10", with: "bits = 40")
        let file = try scratch.write(text, "t.toml")
        for command in [["task", "create", file], ["task", "publish", file]] {
            let outcome = try await executable.run(command)
            #expect(outcome.status == 65)
            for path in ["rounds:", "bogus:", "update.bits:"] {
                #expect(outcome.errors.contains(path), "\(outcome.errors)")
            }
        }
        #expect(try await executable.run(["task", "create", scratch.path + "/none.toml"]).status == 65)
        #expect(try await executable.run(["task", "create", try scratch.write("= =", "u.toml")]).status == 65)
        #expect(try await executable.run(["task", "create", digits, "--set", "rounds=0"]).status == 65)
        let below = try await executable.run(["task", "create", digits, "--set", "training.learning_rate=-1"])
        #expect(below.status == 65 && below.errors.contains("-1.0 is out of range; 0.000001 to 1"), "\(below.errors)")
    }

    /// Whoever corrects a number by the range that a fault names is not refused by a narrower one.
    @Test(arguments: [
        ("rounds=-3", "rounds: -3 is out of range; 1 to 1000 is allowed"),
        ("training.learning_rate=inf", "training.learning_rate: inf is out of range; 0"),
        ("data.shape=[-30]", "data.shape[0]: -30 is out of range; 0 to 4294967295 can be written"),
        ("rounds=99999999999999999999", "is too large; whole numbers from -9223372036854775808"),
    ])
    func aWrongNumberIsToldWithItsRange(_ setting: String, _ words: String) async throws {
        let outcome = try await Executable().run(["task", "create", digits, "--set", setting])
        #expect(outcome.status == 65 && outcome.errors.contains(words), "\(outcome.errors)")
    }

    /// Where the port begins is not guessed.
    @Test(arguments: ["abc:1:2:3", "::1:7000", ":7000", "7000"])
    func anAddressWithoutAClearPortIs64(_ address: String) async throws {
        let scratch = try Scratch()
        let outcome = try await Executable().run(["init", "--home", scratch.path + "/h", "--listen", address])
        #expect(outcome.status == 64 && outcome.errors.contains("write HOST:PORT"), "\(outcome.errors)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/h"))
    }

    /// A result that is lost is no empty answer.
    @Test func aFullOutputIsTold() async throws {
        let path = try Executable().path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = ["version"]
        process.standardOutput = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let errors = Pipe()
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let told = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(told.contains("standard output cannot be written: No space left on device"), "\(told)")
    }

    /// Who has no home is not told to repair one, and nothing that is lost is to be moved away.
    @Test func whoVerifiesWithoutAHomeIsToldWhatToGive() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        let model = try scratch.write("x", "m.safetensors")
        let origin = try await executable.run(["verify", model, "--home", home])
        #expect(origin.status == 78 && origin.errors.contains("give --export FILE, or --home HOME"), "\(origin.errors)")
        let chain = try await executable.run(["chain", "verify", "--home", home])
        #expect(chain.status == 78 && chain.errors.contains("give a FILE that chain export wrote"), "\(chain.errors)")
        #expect(try await executable.run(["init", "--home", home, "-q"]).status == 0)
        try FileManager.default.removeItem(atPath: home + "/chain.sqlite")
        for command in [["verify", model], ["chain", "verify"], ["chain", "head"]] {
            let lost = try await executable.run(command + ["--home", home])
            #expect(lost.status == 78 && lost.errors.contains("chain.sqlite does not exist; run "), "\(lost.errors)")
            #expect(!lost.errors.contains("move it away"), "\(lost.errors)")
        }
    }

    @Test func absentNodeIs69AndSaysHowToStart() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        let none = try await executable.run(["status", "--home", home])
        #expect(none.status == 69 && none.errors.contains("meshnode init --home \(home)"))
        #expect(try await executable.run(["init", "--home", home]).status == 0)
        for command in [
            ["status"], ["peers"], ["ticket"], ["watch"], ["stop"], ["vote", "t", "1"],
        ] {
            let outcome = try await executable.run(command + ["--home", home])
            #expect(outcome.status == 69, "\(command)")
            #expect(outcome.errors.contains("meshnode run --home \(home)"), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
        // What can be read without a node says what its home lacks.
        for command in [["task", "list"], ["round", "list", "t"], ["ledger", "balance"]] {
            let outcome = try await executable.run(command + ["--home", home])
            #expect(outcome.status == 78, "\(command)")
            #expect(outcome.errors.contains("meshnode init --home \(home) --genesis FILE"), "\(outcome.errors)")
        }
        // The user's folder is what the environment says.
        let other = ["HOME": scratch.path + "/user", "XDG_DATA_HOME": ""]
        #expect(
            try await executable.run(["status"], environment: other).errors.contains(
                scratch.path + "/user/.local/share/meshnode/api.sock"))
        // The home by environment, and global options before the command.
        #expect(
            try await executable.run(["status"], environment: ["MESHNODE_HOME": home]).errors.contains(
                home + "/api.sock"))
        #expect(try await executable.run(["--home", home, "--json", "status"]).errors.contains(home + "/api.sock"))
        #expect(try await executable.run(["--home=\(home)", "status"]).errors.contains(home + "/api.sock"))
        #expect(
            try await executable.run(["status"], environment: ["XDG_DATA_HOME": home]).errors.contains(
                home + "/meshnode/api.sock"))
    }

    /// The rule for texts of tasks holds for the names that this program gives away itself.
    @Test func namesThatLookLikeOthersAreRefused() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        for setting in ["node.name=cl\u{456}nic", "node.name=a\u{200B}b", "data.type=\u{441}\u{43E}\u{440}\u{435}"] {
            let outcome = try await executable.run(["init", "--home", home, "--set", setting])
            #expect(outcome.status == 78 && outcome.errors.contains(setting.prefix(9) + ":"), "\(outcome.errors)")
        }
        #expect(try await executable.run(["init", "--home", home, "--set", "node.name=clinic"]).status == 0)
        let genesis = try await executable.run(
            ["genesis", "create", "--name", "l\u{430}b", "--member", home, "--out", scratch.path + "/g"])
        #expect(genesis.status == 65 && genesis.errors.contains("name: "), "\(genesis.errors)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/g"))
        let file = try scratch.write(
            try String(contentsOfFile: digits, encoding: .utf8)
                .replacingOccurrences(of: "name = \"digits\"", with: "name = \"d\u{456}gits\""), "t.toml")
        let task = try await executable.run(["task", "create", file])
        #expect(task.status == 65 && task.errors.contains("Latin and Cyrillic"), "\(task.errors)")
    }

    @Test func wrongConfigurationIs78WithEveryFault() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        #expect(try await executable.run(["init", "--home", home]).status == 0)
        try "[listen]\nport = 70000\nprot = 1\n".write(toFile: home + "/config.toml", atomically: true, encoding: .utf8)
        for command in [["run"], ["config", "show"]] {
            let outcome = try await executable.run(
                command + ["--home", home], environment: ["MESHNODE_LOG_LEVEL": "loud"])
            #expect(outcome.status == 78)
            for path in ["listen.port:", "listen.prot:", "log.level:"] {
                #expect(outcome.errors.contains(path), "\(outcome.errors)")
            }
        }
        #expect(try await executable.run(["run", "--home", scratch.path + "/none"]).status == 78)
        #expect(
            try await executable.run(["init", "--home", scratch.path + "/x", "--set", "log.level=loud"]).status == 78)
        #expect(!FileManager.default.fileExists(atPath: scratch.path + "/x"), "a refused init made something")
    }

    /// What keeps a node from starting is told before its rows are looked at, and what passes may be tried again.
    @Test func aTakenPortIs75() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, genesis) = (scratch.path + "/h", scratch.path + "/g")
        #expect(try await executable.run(["init", "--home", home]).status == 0)
        #expect(
            try await executable.run(["genesis", "create", "--name", "x", "--member", home, "--out", genesis]).status
                == 0)
        #expect(try await executable.run(["init", "--home", home, "--genesis", genesis]).status == 0)
        let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(holder) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { place -> UInt16? in
                guard bind(holder, place, length) == 0, listen(holder, 1) == 0, getsockname(holder, place, &length) == 0
                else { return nil }
                return 0
            }
        }.map { _ in UInt16(bigEndian: address.sin_port) }
        let outcome = try await executable.run(["run", "--home", home, "--port", "\(try #require(port))"])
        #expect(outcome.status == 75, "\(outcome.errors)")
        #expect(outcome.errors.contains("is taken by another process"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("train.csv"), "\(outcome.errors)")
    }

    /// Sets that are shipped are named like files.
    @Test func shippedSetsAreRows() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let home = scratch.path + "/h"
        let made = try await executable.run(
            ["init", "--home", home, "--set", "data.train=digits", "--set", "data.evaluation=wdbc"],
            environment: ["MESHNODE_DATA": repository + "/data"])
        #expect(made.status == 0 && !made.errors.contains("data.train"), "\(made.errors)")
        let doctor = try await executable.run(
            ["doctor", "--home", home], environment: ["MESHNODE_DATA": repository + "/data"])
        for line in ["ok       training rows: 1797 rows in digits", "ok       held-out rows: 569 rows in wdbc"] {
            #expect(doctor.output.contains(line), "\(doctor.output)")
        }
    }

    /// What a refusal advises is not refused as well.
    @Test func tooFewNodesAreNotAdvised() async throws {
        let outcome = try await Executable().run(["testnet", "--nodes", "3", "--rounds", "1"])
        #expect(outcome.status == 64 && outcome.errors.contains("4 to 32 nodes"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("with 3"), "\(outcome.errors)")
    }

    /// The directory of a socket may be everybody's: nobody is told to close it.
    @Test func aSocketInASharedDirectoryIs78() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let (home, genesis, shared) = (scratch.path + "/h", scratch.path + "/g", scratch.path + "/shared")
        #expect(try await executable.run(["init", "--home", home]).status == 0)
        #expect(
            try await executable.run(["genesis", "create", "--name", "x", "--member", home, "--out", genesis]).status
                == 0)
        #expect(try await executable.run(["init", "--home", home, "--genesis", genesis]).status == 0)
        try FileManager.default.createDirectory(
            atPath: shared, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        let outcome = try await executable.run(["run", "--home", home, "--set", "api.socket=\(shared)/s"])
        #expect(
            outcome.status == 78 && outcome.errors.contains("`mkdir -m 700 \(shared)/meshnode`"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("chmod"), "\(outcome.errors)")
    }
}
