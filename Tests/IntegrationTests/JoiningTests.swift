import Foundation
import Testing

/// What keeps a node out of a task before its first round: the owner's policy, and rows that do not fit. One running node,
/// asked by the commands that people use.
@Suite(.serialized) struct JoiningTests {
    /// A network of one validator with one published task that it has not joined.
    private final class Solo {
        let folder: Folder
        let home: String
        let rows: String
        /// What the training file held at first.
        let text: String
        private var process: Process?

        init() throws {
            folder = try Folder()
            let path = folder.path
            home = path + "/solo"
            rows = path + "/parts/part-0.csv"
            try Solo.expect("data", "partition", "digits", "--parts", "4", "--out", path + "/parts")
            text = try String(contentsOfFile: rows, encoding: .utf8)
            try Solo.expect(
                "init", "--home", home, "--listen", "127.0.0.1:0", "--set", "mesh.profile=loopback", "--set",
                "data.type=digits", "--set", "data.label=label", "--set", "data.train=\(rows)", "--set",
                "data.evaluation=\(path)/parts/holdout.csv", "--set", "miner.auto_join=false")
            try Solo.expect(
                "genesis", "create", "--name", "solo", "--profile", "loopback", "--member", home, "--out",
                path + "/solo.genesis")
            try Solo.expect("init", "--home", home, "--genesis", path + "/solo.genesis")
        }

        func start(_ settings: [String] = []) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = ["run", "--home", home] + settings
            process.environment = ProcessInfo.processInfo.environment.merging(["OPENBLAS_NUM_THREADS": "1"]) { $1 }
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            try process.run()
            self.process = process
            // A command that a person would repeat until it answers; every try is a process of its own. It asks the node: others
            // read the home where none runs.
            try retry("status", "--home", home)
        }

        func stop() {
            guard let process, process.isRunning else { return }
            process.terminate()
            process.waitUntilExit()
        }

        @discardableResult
        static func expect(_ arguments: String...) throws -> Program.Outcome {
            let outcome = try Program.run(arguments)
            try #require(outcome.code == 0, "meshnode \(arguments.joined(separator: " ")): \(outcome.errors)")
            return outcome
        }

        @discardableResult
        func retry(_ arguments: String...) throws -> Program.Outcome {
            for _ in 0..<400 {
                let outcome = try Program.run(arguments)
                if outcome.code == 0 { return outcome }
            }
            return try #require(nil, "meshnode \(arguments.joined(separator: " ")) never answered")
        }

        func join() throws -> Program.Outcome { try Program.run("task", "join", "digits", "--home", home) }
    }

    @Test func nothingIsJoinedAgainstTheOwnerOrWithRowsThatDoNotFit() throws {
        let solo = try Solo()
        defer { solo.stop() }
        try solo.start(["--set", "data.labels=0,1,2,3,4,5,6,7,9,8"])
        try solo.retry("task", "publish", Program.repository + "/examples/digits.toml", "--home", solo.home, "--anyway")
        try solo.retry("task", "show", "digits", "--home", solo.home)

        // Label maps that differ between participants.
        let labels = try solo.join()
        #expect(labels.code != 0 && labels.errors.contains("class 8 is \"9\" here and \"8\" there"), "\(labels.errors)")
        solo.stop()
        try solo.start()

        for (policy, reason) in [
            ("publishers = [\"\(String(repeating: "0", count: 64))\"]", "publishers does not name"),
            ("trainers = [\"torch\"]", "trainers does not name builtin/1"),
            ("rounds = 2", "the task has 30 rounds, rounds allows 2"),
            ("epsilon = 8", "epsilon is limited to 8.0 and the task adds no noise"),
            ("colluders = 8", "2 key holders could read a single update, colluders asks for 8"),
            ("rounds = \"x\"", "rounds: must be a whole number from 1 to 1000"),
            ("hour = \"22:00-06:00\"", "hour"),
        ] {
            try policy.write(toFile: solo.home + "/owner.toml", atomically: true, encoding: .utf8)
            let outcome = try solo.join()
            #expect(outcome.code == 77, "\(policy): \(outcome.code)")
            #expect(outcome.errors.contains("the owner's policy refuses the task") && outcome.errors.contains(reason))
            let shown = try Program.run("task", "show", "digits", "--home", solo.home)
            #expect(shown.output.contains("owner's policy") && shown.output.contains("refuses:"), "\(shown.output)")
        }
        try FileManager.default.removeItem(atPath: solo.home + "/owner.toml")

        let lines = solo.text.split(separator: "\n").map(String.init)
        func changed(_ row: Int, _ change: (String) -> String) -> String {
            var copy = lines
            copy[row - 1] = change(copy[row - 1])
            return copy.joined(separator: "\n")
        }
        func first(_ value: String) -> (String) -> String {
            { value + $0.drop { $0 != "," } }
        }
        for (text, words) in [
            (changed(5, first("nan")), ["row 5, field pixel_0_0: expected a finite number, found \"nan\""]),
            (changed(5, first("inf")), ["row 5, field pixel_0_0: expected a finite number"]),
            (changed(7) { String($0.drop { $0 != "," }.dropFirst()) }, ["row 7: expected 65 fields, found 64"]),
            (
                changed(9) { $0.prefix(upTo: $0.lastIndex(of: ",") ?? $0.endIndex) + ",12" },
                ["row 9, field label: expected one of the task's 10 classes, found \"12\""]
            ),
            (
                lines.map { $0.split(separator: ",").dropFirst(4).joined(separator: ",") }.joined(separator: "\n"),
                ["column 1: is \"pixel_0_4\" here and \"pixel_0_0\" in the task"]
            ),
            (lines[0] + "\n", ["expected at least one row below the header, found none"]),
            (lines[0...10].joined(separator: "\n"), ["20"]),
        ] {
            try text.write(toFile: solo.rows, atomically: true, encoding: .utf8)
            let outcome = try solo.join()
            #expect(outcome.code != 0, "\(words)")
            for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
        }

        try solo.text.write(toFile: solo.rows, atomically: true, encoding: .utf8)
        let allowed = try solo.join()
        #expect(allowed.code == 0, "\(allowed.errors)")
    }

    /// A column of names beside the measurements keeps a node out of no task that does not name it.
    @Test func aColumnOfTextKeepsNobodyOut() throws {
        let solo = try Solo()
        defer { solo.stop() }
        let lines = solo.text.split(separator: "\n").enumerated()
        try lines.map { ($0 == 0 ? "patient id," : "P\($0),") + $1 }.joined(separator: "\n")
            .write(toFile: solo.rows, atomically: true, encoding: .utf8)
        try solo.start()
        let status = try Program.run("status", "--home", solo.home)
        #expect(
            status.output.contains("ready      yes") && !status.output.contains("no usable data"), "\(status.output)")
        let doctor = try Program.run("doctor", "--home", solo.home)
        #expect(doctor.output.contains("warning  training rows: ") && doctor.output.contains("\"patient id\""))
        let published = try Program.run(
            "task", "publish", Program.repository + "/examples/digits.toml", "--home", solo.home)
        #expect(published.code == 0 && published.errors.contains("by their titles"), "\(published.errors)")
        #expect(!published.errors.contains("cannot join"), "\(published.errors)")
        // Whoever publishes what this node's own rows do not fit is told before anything is spent, and what to correct.
        for (name, setting, words) in [
            ("other", "data.type=\"cells\"", "type digits"), ("large", "data.minimum_rows=100000", "asks for 100000"),
        ] {
            let other = [
                "task", "publish", Program.repository + "/examples/digits.toml", "--home", solo.home, "--set",
                "name=\"\(name)\"", "--set", setting,
            ]
            let refused = try Program.run(other)
            #expect(refused.code == 1 && refused.errors.contains("this node itself cannot join the task: "))
            #expect(refused.errors.contains(words) && refused.errors.contains("nothing was published"))
            #expect(refused.errors.contains("correct the task file") && !refused.errors.contains("set [data]"))
            let meant = try Program.run(other + ["--anyway", "--again"])
            #expect(meant.code == 0 && meant.errors.contains("`meshnode task stop \(name)"), "\(meant.errors)")
        }
        try solo.retry("task", "show", "digits", "--home", solo.home)
        let joined = try Program.run("task", "join", "digits", "--home", solo.home, "--wait", "30")
        #expect(joined.code == 0, "\(joined.errors)")
        // Whoever has an account is told of no first credits.
        let again = try solo.join()
        #expect(again.code != 0 && !again.errors.contains("first credits"), "\(again.code) \(again.errors)")
    }

    /// A task that begins from somebody's weights has those bytes as its first model; other weights are refused.
    @Test func aTaskBeginsFromGivenWeights() throws {
        let solo = try Solo()
        defer { solo.stop() }
        try solo.start()
        let path = solo.folder.path
        let example = Program.repository + "/examples/digits.toml"
        struct Created: Decodable { let model: String }
        let made = try Solo.expect("task", "create", example, "--set", "seed=5", "--out", path + "/own", "--json")
        let model = try JSONDecoder().decode(Created.self, from: Data(made.output.utf8)).model
        try Solo.expect(
            "task", "create", example, "--set", "model.architecture=\"mlp\"", "--set", "model.hidden=[8]", "--out",
            path + "/other")
        let given = ["--set", "model.start=\"given\"", "--home", solo.home]
        func publish(_ arguments: String...) throws -> Program.Outcome {
            try Program.run(["task", "publish", example] + given + arguments)
        }
        let none = try publish()
        #expect(none.code == 65 && none.errors.contains("--weights WEIGHTS"), "\(none.errors)")
        let wrong = try publish("--weights", path + "/other.safetensors")
        #expect(wrong.code == 65 && wrong.errors.contains("expected \"layers.00.bias\" F32 [10]"), "\(wrong.errors)")
        let right = try publish("--weights", path + "/own.safetensors")
        #expect(right.code == 0, "\(right.errors)")
        try Solo.expect("store", "get", model, "--home", solo.home, "--out", path + "/first")
        #expect(
            FileManager.default.contents(atPath: path + "/first")
                == FileManager.default.contents(atPath: path + "/own.safetensors"))
    }
}
