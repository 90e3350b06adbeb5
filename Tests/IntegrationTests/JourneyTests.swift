import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

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
            ["rounds=3", "deadlines.submit=\"60s\"", "deadlines.opinion=\"60s\""])

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

        // The models are there without the node, byte for byte.
        let list = try lab.run("n2", "model", "list", task)
        let running = lab.folder.path + "/running.safetensors"
        try lab.run("n2", "model", "export", task, "--out", running)
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
        for word in ["classes \"0\", \"1\", \"2\"", "epochs of sgd", "latest times", "divided by 16"] {
            #expect(page.contains(word), "\(word): \(page)")
        }
        try lab.run("n2", "stop")
        let none = try lab.refused("n2", "model", "export", task, "--round", "9", "--out", lab.folder.path + "/x")
        #expect(none.contains("has no model of round 9"), "\(none)")
    }

    /// What an operator does wrong, or cannot know, is said where he looks.
    @Test func operatorsAreToldWhatIsInTheWay() async throws {
        let lab = try LabNodes(4)
        defer { lab.stopAll() }
        try await lab.startAll()

        // A second task of one name, and validators of whom none may fail any more.
        let settings = ["participants.minimum=4", "holders.count=1", "holders.threshold=0"]
        let task = try lab.publish("n1", as: "twice", settings)
        try await lab.until("the task is known") { (try? await lab.task(task, on: "n1")) == nil ? "not yet" : nil }
        let file = Program.repository + "/examples/digits.toml"
        let publish =
            ["task", "publish", file, "--home", lab.home("n1")]
            + (["name=twice", "participants.maximum=4"] + settings).flatMap { ["--set", $0] }
        let second = try Program.run(publish)
        #expect(second.code == 1 && second.errors.contains("and it has not ended"), "\(second.errors)")
        let again = try LabNodes.expect(publish + ["--again"])
        #expect(again.errors.contains("is called \"twice\", too"), "\(again.errors)")
        let unbond = try lab.run("n2", "ledger", "unbond", "1000")
        #expect(unbond.contains("3 validators are left then: none may fail") && unbond.contains("UTC"), "\(unbond)")

        // A home that goes away under its node: the node notices, and ends with the reason.
        try FileManager.default.moveItem(atPath: lab.home("n4"), toPath: lab.folder.path + "/elsewhere")
        try await lab.until("n4 has ended") { lab.isRunning("n4") ? "it runs" : nil }
        #expect(lab.log("n4").contains("was moved, removed or replaced while this node runs"), "\(lab.log("n4"))")
        try FileManager.default.moveItem(atPath: lab.folder.path + "/elsewhere", toPath: lab.home("n4"))

        // A ticket of another network, and a home that is named by a link.
        let address = try #require(try await lab.status("n1").listening.first)
        let parts = address.split(separator: ":")
        let ticket = Ticket(
            network: NetworkID([UInt8](repeating: 9, count: 32)), node: SigningKey.generate().nodeID,
            addresses: [try PeerAddress(host: String(parts[0]), port: UInt16(parts[1]) ?? 0)])
        let link = lab.folder.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: lab.home("n4"))
        try LabNodes.expect(["config", "set", "mesh.bootstrap=\(ticket.text)", "--home", link])
        let doctor = try Program.run("doctor", "--home", link)
        #expect(doctor.code == 1 && doctor.output.contains("the ticket is of network 09090909"), "\(doctor.output)")
        #expect(doctor.output.contains("ok       training rows: "), "\(doctor.output)")

        // Without a quorum nothing is decided: orders say so, and end as what may be tried again.
        try lab.run("n3", "stop")
        try await lab.until("n1 says that the registry stands still") {
            try await lab.status("n1").notReady.contains { $0.contains("no quorum") } ? nil : "ready"
        }
        let order = try Program.run(
            "ledger", "transfer", try await lab.status("n2").node, "5", "--wait", "1", "--home", lab.home("n1"))
        #expect(order.code == 75 && order.errors.contains("the registry stands still: no quorum"), "\(order.errors)")
        // Whoever does not wait is told as well.
        let sent = try lab.run("n1", "ledger", "transfer", try await lab.status("n2").node, "5", "--again")
        #expect(sent.contains("the registry stands still and decides nothing now"), "\(sent)")
    }
}
