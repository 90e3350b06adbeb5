import Foundation
import Testing

@testable import MeshNode

/// What people see of a network while they use it: one task from its publication to its model.
@Suite(.serialized, .timeLimit(.minutes(5))) struct JourneyTests {
    /// A command that goes on while the test does.
    private final class Background {
        let process = Process()
        private let path: String

        init(_ arguments: [String], to path: String) throws {
            self.path = path
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = arguments
            _ = FileManager.default.createFile(atPath: path, contents: nil)
            process.standardOutput = FileHandle(forWritingAtPath: path)
            process.standardError = FileHandle.nullDevice
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }

        deinit { if process.isRunning { process.terminate() } }

        var output: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }
    }

    private struct Line: Decodable {
        struct Detail: Decodable { let accuracy: Double? }
        let kind: String
        let text: String
        let detail: Detail?
    }

    @Test func aTaskFromItsPublicationToItsModel() async throws {
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true"], genesis: ["--settle-seconds", "3600"])
        defer { lab.stopAll() }
        try lab.run("n5", "config", "set", "miner.auto_join=false")
        try await lab.startAll()
        let task = try lab.publish(
            "n1", as: "ward",
            ["rounds=3", "deadlines.submit=\"60s\"", "deadlines.opinion=\"60s\"", "deadlines.enrol=\"1s\""])

        // Four of five have enrolled: what it waits for stands in status and in watch.
        try await lab.until("four have enrolled") {
            let count = try await lab.task(task, on: "n2").participants.count
            return count == 4 ? nil : "\(count)"
        }
        let status = try lab.run("n2", "status")
        #expect(
            status.contains(
                "task ward  enrolling  waiting: 4 of 5 participants have enrolled; it waits for 1 more, until 2"),
            "\(status)")
        let watch = try Background(
            ["watch", "--task", task, "--json", "--rounds", "--home", lab.home("n2")], to: lab.folder.path + "/watch")
        try await lab.until("watch says what it waits for") {
            watch.output.contains("it waits for 1 more") ? nil : watch.output
        }
        try lab.run("n5", "task", "join", task)
        try await lab.until("it is completed") {
            for name in lab.names {
                let state = try await lab.task(task, on: name).state
                guard state == .completed else { return "\(name): \(state)" }
            }
            return nil
        }
        try await lab.until("watch has ended") { watch.process.isRunning ? "it runs" : nil }
        #expect(watch.process.terminationStatus == 0)
        let lines = try watch.output.split(separator: "\n").map { line in
            try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        }
        #expect(lines.filter { $0.kind == "round" }.compactMap { $0.detail?.accuracy }.count == 3, "\(watch.output)")
        #expect(lines.contains { $0.kind == "waiting" } && !lines.contains { $0.kind == "phase" }, "\(watch.output)")

        // Every round has taken bytes, however short it was.
        let rounds: [RoundView] = try await lab.client("n2").get("/v1/tasks/\(task)/rounds")
        #expect(rounds.allSatisfy { ($0.bytesIn ?? 0) > 0 && ($0.bytesOut ?? 0) > 0 }, "\(rounds)")

        // A link is one line.
        let log = try String(contentsOfFile: lab.folder.path + "/n2.log", encoding: .utf8)
        #expect(log.contains(" linked to ") && !log.contains("link up"), "\(log.prefix(3000))")

        // A model whose file is altered under the running node is noticed by whoever reads it, and fetched again.
        let models: [ModelView] = try await lab.client("n2").get("/v1/tasks/\(task)/models")
        let file = lab.home("n2") + "/content/\(try #require(models.last).model).data"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file))
        let altered = try lab.refused("n2", "model", "export", task, "--out", lab.folder.path + "/altered.safetensors")
        #expect(altered.contains("is damaged on disk") && altered.contains("fetched again from peers"), "\(altered)")
        let running = lab.folder.path + "/running.safetensors"
        try await lab.until("it is fetched again") {
            let again = try Program.run("model", "export", task, "--out", running, "--home", lab.home("n2"))
            return again.code == 0 ? nil : again.errors
        }

        // The models are there without the node, byte for byte.
        let list = try lab.run("n2", "model", "list", task)
        try lab.run("n2", "stop")
        #expect(try lab.run("n2", "model", "list", task) == list && list.split(separator: "\n").count == 5)
        try lab.run("n2", "model", "export", task, "--out", lab.folder.path + "/stopped.safetensors")
        #expect(
            FileManager.default.contents(atPath: running)
                == FileManager.default.contents(atPath: lab.folder.path + "/stopped.safetensors"))
        // What was measured stands in the list after a restart, too.
        let shown = try await lab.task(task, on: "n3").accuracy
        try await lab.start("n2")
        #expect(try await lab.task(task, on: "n2").accuracy == shown && shown != nil)
        let page = try lab.run("n2", "task", "show", task)
        for word in ["classes 0, 1, 2", "epochs of sgd", "latest times", "divided by 16"] {
            #expect(page.contains(word), "\(word): \(page)")
        }
        try lab.run("n2", "stop")
        let none = try lab.refused("n2", "model", "export", task, "--round", "9", "--out", lab.folder.path + "/x")
        #expect(none.contains("has no model of round 9"), "\(none)")
    }
}
