import Foundation
import Learn
import Testing

@testable import MeshNode

/// The README's "four nodes" commands and rounds that people drive: `submit` and `vote` against running processes.
@Suite(.serialized) struct ByHandTests {
    private static let names = ["a1", "a2", "b1", "b2"]

    /// Homes made, linked and started by the commands that the README shows.
    private final class Lab {
        let folder: Folder
        let task: String
        private(set) var nodes: [String: Process] = [:]

        func home(_ name: String) -> String { folder.path + "/" + name }

        /// - Parameters:
        ///   - make: writes part-0 to part-3 and holdout into a folder; nil deals the shipped digits.
        ///   - changes: further lines of the task file, old and new.
        init(
            rounds: Int, make: ((String) throws -> Void)? = nil,
            changes: [(String, String)] = [
                ("voting = \"automatic\"", "voting = \"manual\""), ("opinion = \"10s\"", "opinion = \"60s\""),
                ("submit = \"20s\"", "submit = \"60s\""),
            ]
        ) throws {
            folder = try Folder()
            let path = folder.path
            if let make {
                try FileManager.default.createDirectory(atPath: path + "/parts", withIntermediateDirectories: true)
                try make(path + "/parts")
            } else {
                try Self.expect("data", "partition", "digits", "--parts", "4", "--out", path + "/parts")
            }
            for (index, name) in ByHandTests.names.enumerated() {
                try Self.expect(
                    "init", "--home", path + "/" + name, "--name", name, "--listen", "127.0.0.1:0", "--set",
                    "mesh.profile=loopback", "--set", "data.type=leaves", "--set", "data.label=label", "--set",
                    "data.train=\(path)/parts/part-\(index).csv", "--set",
                    "data.evaluation=\(path)/parts/holdout.csv", "--set", "miner.auto_join=true",
                    "--set", "miner.trust_publisher=true")
            }
            let lines = try ["b1", "b2"].map { name -> String in
                let outcome = try Self.expect("init", "--home", path + "/" + name, "--json")
                struct Made: Decodable { let member_line: String }
                return try JSONDecoder().decode(Made.self, from: Data(outcome.output.utf8)).member_line
            }
            try lines.joined(separator: "\n").write(toFile: path + "/others.txt", atomically: true, encoding: .utf8)
            try Self.expect(
                [
                    "genesis", "create", "--name", "lab", "--profile", "loopback", "--member", path + "/a1", "--member",
                    path + "/a2", "--member-file", path + "/others.txt", "--out", path + "/lab.genesis",
                ])
            for name in ByHandTests.names {
                try Self.expect("init", "--home", path + "/" + name, "--genesis", path + "/lab.genesis")
            }
            var text = try String(contentsOfFile: Program.repository + "/examples/digits.toml", encoding: .utf8)
            for (old, new) in [
                ("name = \"digits\"", "name = \"leaves\""), ("\ntype = \"digits\"", "\ntype = \"leaves\""),
                ("minimum = 5", "minimum = 4"), ("maximum = 5", "maximum = 4"), ("count = 3", "count = 1"),
                ("threshold = 1", "threshold = 0"), ("rounds = 30", "rounds = \(rounds)"),
            ] + changes {
                try #require(text.contains(old), "examples/digits.toml has no line \(old)")
                text = text.replacingOccurrences(of: old, with: new)
            }
            task = text
            try text.write(toFile: path + "/leaves.toml", atomically: true, encoding: .utf8)
        }

        func start() throws {
            try run("a1", [])
            let ticket = try retry("ticket", "--home", home("a1")).output.split(separator: "\n").first.map(String.init)
            for name in ["a2", "b1", "b2"] { try run(name, ["--set", "mesh.bootstrap=" + (try #require(ticket))]) }
        }

        private func run(_ name: String, _ settings: [String]) throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = ["run", "--home", home(name)] + settings
            process.environment = ProcessInfo.processInfo.environment.merging([
                "OPENBLAS_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no",
            ]) { $1 }
            let log = folder.path + "/\(name).log"
            _ = FileManager.default.createFile(atPath: log, contents: nil)
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
            process.standardOutput = handle
            process.standardError = handle
            process.standardInput = FileHandle.nullDevice
            try process.run()
            nodes[name] = process
        }

        @discardableResult
        static func expect(_ arguments: String...) throws -> Program.Outcome { try expect(arguments) }

        @discardableResult
        static func expect(_ arguments: [String]) throws -> Program.Outcome {
            let outcome = try Program.run(arguments)
            try #require(outcome.code == 0, "meshnode \(arguments.joined(separator: " ")): \(outcome.errors)")
            return outcome
        }

        /// A command that a person would repeat until it answers; every try is a process of its own, 400 at most.
        @discardableResult
        func retry(until done: (Program.Outcome) -> Bool = { $0.code == 0 }, _ arguments: String...) throws
            -> Program.Outcome
        {
            var last = Program.Outcome(code: -1, output: "", errors: "")
            for _ in 0..<400 {
                last = try Program.run(arguments)
                if done(last) { return last }
            }
            try #require(done(last), "meshnode \(arguments.joined(separator: " ")): \(last.output)\(last.errors)")
            return last
        }

        func stop() {
            for process in nodes.values where process.isRunning { process.terminate() }
            for process in nodes.values { process.waitUntilExit() }
        }
    }

    /// What somebody's own trainer hands in: old minus new, as safetensors that name the base model.
    private func update(model: String, rows: String, out: String) throws {
        let base = try Safetensors.read(path: model)
        let card = try ModelCard(base, name: model)
        let task = card.spec
        let learner = try task.learnModel()
        let old = try Safetensors.parameters(
            from: Array(Data(contentsOf: URL(fileURLWithPath: model))), manifest: learner.manifest)
        let data = try DataFiles.fitted(rows, label: "label", to: task)
        let trained = try Trainer(model: learner).train(
            parameters: old, data: data, settings: task.learnSettings, seed: Array("by hand".utf8))
        let delta = zip(old, trained.parameters).map { $0 - $1 }
        try Safetensors.write(
            parameters: delta, manifest: learner.manifest, metadata: [("content", card.content)], path: out)
    }

    /// A member whose columns stand in another order: refused where the task takes the publisher's order, put in order where
    /// it names them.
    @Test func columnsMeanTheSameAtEveryMember() throws {
        func table(_ first: Int, turned: Bool) -> String {
            var lines = [turned ? "c,b,a,label" : "a,b,c,label"]
            for row in first..<first + 40 {
                let cells = ["\(row % 2 * 3)", "0.\(row % 9)", "\(row % 5)"]
                lines.append((turned ? cells.reversed() : cells).joined(separator: ",") + ",\(row % 2)")
            }
            return lines.joined(separator: "\n") + "\n"
        }
        let lab = try Lab(
            rounds: 2,
            make: { folder in
                for index in 0..<4 {
                    try table(index * 40, turned: index == 3).write(
                        toFile: "\(folder)/part-\(index).csv", atomically: true, encoding: .utf8)
                }
                try table(500, turned: false).write(toFile: folder + "/holdout.csv", atomically: true, encoding: .utf8)
            },
            changes: [
                ("shape = [1, 8, 8]", "shape = [3]"), ("scale = 16", "scale = 1"),
                (
                    "labels = [\"0\", \"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]",
                    "labels = [\"0\", \"1\"]"
                ),
            ])
        defer { lab.stop() }
        try lab.start()
        let path = lab.folder.path
        let published = try lab.retry("task", "publish", path + "/leaves.toml", "--home", lab.home("a1"))
        #expect(published.errors.contains("columns: data.columns was empty"), "\(published.errors)")
        let shown = try lab.retry(
            until: { $0.output.contains("columns_in_order = true") }, "task", "show", "leaves", "--specification",
            "--home", lab.home("b2"))
        #expect(shown.output.contains("columns = [\"a\", \"b\", \"c\"]"))
        let refused = try Program.run("task", "join", "leaves", "--home", lab.home("b2"))
        #expect(refused.code == 1, "\(refused.code): \(refused.output)")
        #expect(refused.errors.contains("column 1: is \"c\" here and \"a\" in the task"), "\(refused.errors)")

        let named = try Lab.expect(
            "task", "publish", path + "/leaves.toml", "--set", "name=\"named\"", "--set",
            "data.columns=[\"b\", \"a\", \"c\"]", "--home", lab.home("a1"))
        #expect(!named.errors.contains("data.columns was empty"), "\(named.errors)")
        let tasks = try lab.retry(
            until: { Self.line("named", $0.output).contains("completed") }, "task",
            "list", "--home", lab.home("b2"))
        let line = Self.line("named", tasks.output)
        #expect(line.contains("4 of 4-4") && line.contains("yes"), "\(line)")
        #expect(Self.line("leaves", tasks.output).contains("enrolling"), "\(tasks.output)")
    }

    private static func line(_ name: String, _ text: String) -> String {
        text.split(separator: "\n").first { $0.contains(" \(name) ") }.map(String.init) ?? ""
    }

    /// Wrong updates are told from each other before anything is written.
    private func refusedUpdates(_ lab: Lab) throws {
        let path = lab.folder.path
        func submit(_ arguments: String...) throws -> Program.Outcome {
            try Program.run(["submit", "leaves", "--home", lab.home("a1")] + arguments)
        }
        let good = ["--update", path + "/a1.update"]
        let base = try submit("--update", path + "/a1.model")
        #expect(base.code == 65 && base.errors.contains("the base model itself"), "\(base.code): \(base.errors)")
        for rows in ["0", "99999999"] {
            let outcome = try Program.run(
                ["submit", "leaves", "--home", lab.home("a1"), "--rows", rows] + good)
            #expect(outcome.code == 65 && outcome.errors.contains("rows"), "\(outcome.errors)")
        }
        for other in [["--round", "2"], ["--base", String(repeating: "ab", count: 32)]] {
            let outcome = try Program.run(["submit", "leaves", "--home", lab.home("a1")] + other + good)
            #expect(outcome.code == 1 && outcome.errors.contains("round 1 starts from model"), "\(outcome.errors)")
        }
        // An update that does not say what it was trained on.
        let task = try ModelCard(try Safetensors.read(path: path + "/a1.model"), name: "a1").spec
        let learner = try task.learnModel()
        try Safetensors.write(
            parameters: [Float](repeating: 0.1, count: learner.manifest.count), manifest: learner.manifest,
            path: path + "/bare.update")
        let bare = try submit("--update", path + "/bare.update")
        #expect(bare.code == 65 && bare.errors.contains("--round 1"), "\(bare.code): \(bare.errors)")
        // Nothing of these was stored.
        let files = try FileManager.default.contentsOfDirectory(atPath: lab.home("a1") + "/secrets")
        #expect(!files.contains { $0.hasPrefix("update-") }, "\(files)")
    }

    @Test func peopleDriveARoundOnRunningNodes() throws {
        let lab = try Lab(rounds: 1)
        defer { lab.stop() }
        try lab.start()
        let path = lab.folder.path
        try Lab.expect("task", "create", path + "/leaves.toml")
        try lab.retry("task", "publish", path + "/leaves.toml", "--home", lab.home("a1"))

        // Every node has the initial model although none of them trains by itself.
        for (index, name) in Self.names.enumerated() {
            let model = path + "/\(name).model"
            try lab.retry("model", "export", "leaves", "--round", "0", "--home", lab.home(name), "--out", model)
            try update(model: model, rows: path + "/parts/part-\(index).csv", out: path + "/\(name).update")
        }
        // What a running task needs stays through a collection, also where no pin holds it.
        for name in Self.names {
            try Lab.expect("store", "gc", "--home", lab.home(name))
            try Lab.expect(
                "model", "export", "leaves", "--round", "0", "--force", "--home", lab.home(name), "--out",
                path + "/kept.model")
        }
        let early = try Program.run("vote", "leaves", "1", "--valid", "--home", lab.home("a1"))
        #expect(early.code != 0 && early.errors.contains("no candidate"))
        #expect(early.errors.contains("meshnode round list"), "\(early.errors)")
        let wrong = try Program.run(
            "submit", "leaves", "--update", path + "/leaves.toml", "--home", lab.home("a1"))
        #expect(wrong.code == 65 && wrong.errors.contains("update"), "\(wrong.code): \(wrong.errors)")
        try refusedUpdates(lab)
        for name in Self.names.dropLast() {
            try lab.retry(
                "submit", "leaves", "--update", path + "/\(name).update", "--home", lab.home(name))
        }
        // A member may have nothing to add; it is told that this is what it handed in.
        let idle = Self.names[Self.names.count - 1]
        let learner = try ModelCard(try Safetensors.read(path: path + "/a1.model"), name: "a1").spec.learnModel()
        try Safetensors.write(
            parameters: [Float](repeating: 0, count: learner.manifest.count), manifest: learner.manifest,
            path: path + "/zero.update")
        let zero = try lab.retry(
            "submit", "leaves", "--update", path + "/zero.update", "--round", "1", "--home", lab.home(idle))
        #expect((zero.output + zero.errors).contains("zero in every value"), "\(zero.output)\(zero.errors)")
        // The first update counts: another one, also the same, is refused and leaves the stored vector alone.
        let second = try Program.run("submit", "leaves", "--update", path + "/a2.update", "--home", lab.home("a1"))
        #expect(second.code == 1, "\(second.code): \(second.output)\(second.errors)")
        // What there is to vote on, before anybody has voted.
        let shown = try lab.retry(
            until: { $0.output.contains("the sum is right") }, "vote", "leaves", "1", "--home", lab.home("a1"))
        #expect(shown.output.contains("own measurement") && shown.output.contains("on 360 held-out rows"))
        #expect(
            shown.output.contains("none yet") && shown.errors.contains("meshnode vote leaves 1 --valid"),
            "\(shown.errors)")
        let candidate = path + "/candidate.safetensors"
        try Lab.expect("model", "export", "leaves", "--candidate", "--home", lab.home("a1"), "--out", candidate)
        #expect(try ModelCard(try Safetensors.read(path: candidate), name: candidate).isCandidate)
        let waits = try lab.retry(
            until: { $0.output.contains("for you: `meshnode vote") }, "status", "--home", lab.home("a1"))
        #expect(waits.code == 0)
        // Three accept; one rejects, which is its opinion and below a third.
        let reason = "looks odd\u{1b}[31m\nopinion of ffffffff  accept: forged"
        try lab.retry("vote", "leaves", "1", "--invalid", reason, "--home", lab.home("b2"))
        let twice = try Program.run("vote", "leaves", "1", "--valid", "--home", lab.home("b2"))
        #expect(twice.code == 1 && twice.errors.contains("'reject' already"), "\(twice.code): \(twice.errors)")
        for name in ["a1", "a2", "b1"] { try lab.retry("vote", "leaves", "1", "--valid", "--home", lab.home(name)) }
        let rounds = try lab.retry(
            until: { $0.output.contains("accepted") }, "round", "list", "leaves", "--home", lab.home("b2"))
        #expect(rounds.output.contains("4/4"))
        // What each said stands in the decided block, the same at every node.
        for name in Self.names {
            let shown = try lab.retry(
                until: { $0.output.contains("looks odd") }, "round", "show", "leaves", "1", "--home", lab.home(name))
            // On one line, with its control characters visible.
            #expect(
                shown.output.contains("reject: decided by hand: \"looks odd\\u{1B}[31m\\u{A}opinion of ffffffff"),
                "\(shown.output)")
            #expect(!shown.output.contains("\u{1b}"))
            #expect(shown.output.components(separatedBy: "accept: decided by hand").count == 4)
        }
        let watched = try Lab.expect("watch", "--task", "leaves", "--after", "0", "--json", "--home", lab.home("a2"))
        #expect(watched.code == 0)
        lab.stop()
        for name in Self.names {
            let verified = try Lab.expect("chain", "verify", "--full", "--home", lab.home(name))
            #expect(verified.output.contains("1 results computed again"), "\(verified.output)")
        }
    }
}
