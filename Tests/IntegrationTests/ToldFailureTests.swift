import Foundation
import Glibc
import MeshNode
import Testing

/// What fails at an operator's node is told to whoever asked or looks, by running nodes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct ToldFailureTests {
    private static let example = Program.repository + "/examples/digits.toml"

    /// Files are looked at again and again: nobody tells when a process has written one.
    private func until(_ what: String, _ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !condition() {
            try #require(ContinuousClock.now < end, "not within a minute: \(what)")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    /// A task whose weights are stored nowhere could never start, so it is not published.
    @Test func aTaskIsNotPublishedWithoutItsWeights() async throws {
        let lab = try LabNodes(1)
        defer { lab.stopAll() }
        try await lab.start("n1")
        let contents = lab.home("n1") + "/content"
        try FileManager.default.moveItem(atPath: contents, toPath: contents + ".away")
        try Data().write(to: URL(fileURLWithPath: contents))
        let refusal = try lab.refused("n1", "task", "publish", Self.example)
        #expect(refusal.contains("the initial weights cannot be stored"), "\(refusal)")
        #expect(refusal.contains("then publish again"), "\(refusal)")
        #expect(try await lab.client("n1").get("/v1/tasks", as: [TaskView].self).isEmpty)
        try FileManager.default.removeItem(atPath: contents)
        try FileManager.default.moveItem(atPath: contents + ".away", toPath: contents)

        // A lone validator decides while it is asked; the order that is waited for was the one that was decided.
        let decided = try Program.run("task", "publish", Self.example, "--wait", "60", "--home", lab.home("n1"))
        #expect(decided.code == 0, "\(decided.errors)")
        #expect(try await lab.client("n1").get("/v1/tasks", as: [TaskView].self).count == 1)
        let bonded = try Program.run("ledger", "bond", "5", "--wait", "60", "--home", lab.home("n1"))
        #expect(bonded.code == 0 && bonded.output.contains("decided in registry block"), "\(bonded.errors)")
    }

    @Test func aHomeThatIsMovedAwayEndsItsNodeWithTheReason() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 1)
        let home = folder.path + "/a"
        try history.makeHome(home, heights: 1)
        let node = try RunningNode(home: home)
        #expect(try await node.status() != nil)
        try FileManager.default.moveItem(atPath: home, toPath: home + ".away")
        try await until("the node ends") { !node.process.isRunning }
        #expect(node.process.terminationStatus == 1 && node.process.terminationReason == .exit)
        #expect(node.output.contains("the home \(home) was moved, removed or replaced"), "\(node.output)")
        #expect(node.output.contains("meshnode run --home \(home)"), "\(node.output)")
        // As it was told: put back, it starts.
        try FileManager.default.moveItem(atPath: home + ".away", toPath: home)
        let again = try RunningNode(home: home)
        #expect(try await again.status()?.registryHeight == 1)
    }

    @Test func aHangUpOpensTheLogAnewAndEndsNothing() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 1)
        let home = folder.path + "/a"
        try history.makeHome(home, heights: 1, settings: ["log.file=node.log"])
        let node = try RunningNode(home: home)
        let log = home + "/node.log"
        let number = try #require(try await node.status()?.processNumber)
        try await until("the log has lines") { text(log).contains("listening on") }
        try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
        #expect(kill(node.process.processIdentifier, SIGHUP) == 0)
        try await until("the log is opened anew") { text(log).contains("log file \(log) opened anew") }
        let old = text(log + ".1")
        #expect(old.contains("listening on") && !old.contains("opened anew"))
        #expect(try await node.status()?.processNumber == number && node.process.isRunning)

        // Without a file there is nothing to open, and a closed terminal ends no node either.
        let plain = folder.path + "/b"
        try history.makeHome(plain, heights: 1)
        let other = try RunningNode(home: plain)
        #expect(try await other.status() != nil)
        #expect(kill(other.process.processIdentifier, SIGHUP) == 0)
        try await until("it says so") { other.output.contains("nothing to open anew") }
        #expect(try await other.status() != nil && other.process.isRunning)
    }

    /// One of four validators decides nothing: who waits is told so by the exit code, and the order stays.
    @Test func anOrderThatIsNotDecidedInTimeIs75() async throws {
        let lab = try LabNodes(4)
        defer { lab.stopAll() }
        try await lab.start("n1")
        struct Made: Decodable { let node: String }
        let made = try Program.run("init", "--home", lab.home("n2"), "--json")
        let other = try JSONDecoder().decode(Made.self, from: Data(made.output.utf8)).node
        for order in [["ledger", "transfer", other, "5"], ["ledger", "bond", "7"]] {
            let outcome = try Program.run(order + ["--wait", "1", "--home", lab.home("n1")])
            #expect(outcome.code == 75, "\(order): \(outcome.errors)")
            #expect(outcome.errors.contains("not decided within 1 s"), "\(outcome.errors)")
            #expect(outcome.errors.contains("the order stays pending"), "\(outcome.errors)")
        }
        // Nobody waits without the option where there is no terminal.
        #expect(try Program.run("ledger", "transfer", other, "6", "--home", lab.home("n1")).code == 0)

        for name in lab.names.dropFirst() { try await lab.start(name) }
        let outcome = try Program.run("ledger", "bond", "8", "--wait", "60", "--home", lab.home("n1"))
        #expect(outcome.code == 0 && outcome.output.contains("decided in registry block"), "\(outcome.errors)")
        // It came behind the others of its account, so they were decided, too.
        let lines: [LedgerLine] = try await lab.client("n1").get("/v1/ledger/history")
        #expect(lines.filter { $0.kind == "bonded" }.map(\.credits).suffix(2) == [-7, -8], "\(lines)")
        #expect(lines.filter { $0.kind == "sent" }.map(\.credits).suffix(2) == [-5, -6], "\(lines)")
    }

    /// A pull towards the round's model that overshoots by a factor of 999 each step: every member's weights leave binary32,
    /// whatever its rows and its order of them. (Large steps alone do not: units of a network that die stay finite.)
    @Test func aTrainingThatDivergesIsNamedAndEndsNoNode() async throws {
        let lab = try LabNodes(4, settings: ["miner.auto_join=true", "miner.trust_publisher=true"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish(
            "n1", as: "steep",
            [
                "participants.minimum=4", "holders.count=1", "holders.threshold=0", "training.learning_rate=1",
                "training.local_epochs=20", "training.proximal=1000",
            ])
        for name in lab.names {
            try await lab.until("\(name) says that its training diverges") {
                let said = try await lab.status(name).obstacles
                let found = said.first { $0.what == .train && $0.task == task }
                return found.map { $0.reason.contains("is not finite; lower the learning rate") } == true
                    ? nil : "\(said)"
            }
            #expect(lab.isRunning(name))
            let shown = try lab.run(name, "status")
            #expect(shown.contains("does not train: round 1: training: "), "\(shown)")
        }
    }
}
