import Foundation
import Learn
import Testing
import Wire

@testable import MeshNode

/// What is told before joining beside what a task then takes.
@Suite("Costs that are told", .serialized, .timeLimit(.minutes(5))) struct CostTests {
    private func policy(_ settings: [String: String]) throws -> RoundPolicy {
        let file = Program.repository + "/examples/digits.toml"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        return try RoundPolicy(TaskFile.read(text, file: file, overrides: settings).spec)
    }

    /// Bytes that all nodes together sent in whole runs of `meshnode testnet`, 30 November 2026, release build.
    @Test(arguments: [
        (4, 5, "count = 1, threshold = 0", "[]", 3_696_991.0), (5, 5, "count = 3, threshold = 1", "[]", 7_400_280),
        (5, 10, "count = 3, threshold = 1", "[]", 14_005_383), (8, 5, "count = 3, threshold = 1", "[]", 21_774_917),
        (12, 5, "count = 3, threshold = 1", "[]", 56_232_985), (7, 5, "count = 5, threshold = 2", "[]", 19_843_557),
        (5, 4, "count = 3, threshold = 1", "[64, 32]", 41_523_122),
        (8, 3, "count = 3, threshold = 1", "[64, 32]", 82_754_198),
    ])
    func meshesThatWereMeasured(
        _ nodes: Int, _ rounds: Int, _ holders: String, _ hidden: String, _ measured: Double
    ) throws {
        let policy = try policy([
            "rounds": "\(rounds)", "holders": "{ \(holders) }", "model.hidden": hidden,
            "model.architecture": hidden == "[]" ? "\"softmax\"" : "\"mlp\"", "participants.minimum": "\(nodes)",
            "participants.maximum": "\(nodes)",
        ])
        let traffic = TaskTraffic(policy, members: nodes)
        let told =
            (traffic.totalOut(rounds: UInt32(rounds)) * Double(nodes)
                + traffic.holderOut * Double(policy.spec.holders.count) * Double(rounds))
        #expect(abs(told / measured - 1) < 0.1, "told \(told), measured \(measured)")
    }

    /// What a task brings to the disk of all its members is known before anybody joins, and held against what is left.
    @Test func theDiskThatATaskTakesIsKnownBefore() throws {
        let policy = try policy([
            "rounds": "1000", "body_retention": "1000", "model.hidden": "[1000]", "model.architecture": "\"mlp\"",
            "participants.minimum": "5", "participants.maximum": "100",
        ])
        let traffic = TaskTraffic(policy, members: 100)
        let spec = policy.spec
        let need = traffic.disk(spec)
        // A hundred bodies and a sum of 75,010 parameters in each round.
        #expect(need > 1_000 * 100 * 75_010 && traffic.results > 75_010)
        #expect(need == 1_000 * (traffic.bodies + traffic.results))
        #expect(traffic.disk(spec, done: 400) == 600 * (traffic.bodies + traffic.results))
        #expect(traffic.disk(spec, done: 1_000) == 0)
        var short = spec
        short.bodyRetention = 9
        #expect(traffic.disk(short) == 10 * traffic.bodies + 1_000 * traffic.results)
        #expect(traffic.disk(short, done: 10) == 990 * traffic.results)

        func lack(_ promised: Double, _ pins: Double, _ free: Double) -> String? {
            Node.lackOfDisk(need: 3e6, promised: promised, pins: pins, free: free, task: .zero)
        }
        #expect(lack(0, 3e6, 3e6) == nil && lack(7e6, 10e6, .infinity) == nil)
        let quota = lack(7e6, 9.9e6, 20e6) ?? ""
        #expect(quota.contains("it would keep 3.0 MB"), "\(quota)")
        #expect(quota.contains("more than the quota of contents (storage.quota) leaves"), "\(quota)")
        #expect(lack(0, 20e6, 2e6)?.contains("more than the disk of this node leaves") == true)
        #expect(lack(5e6, -1, 20e6)?.contains("(storage.quota)") == true)
    }

    /// Five processes, each on its own side of its links: as a member, as a key holder, and in the rounds that it summed.
    @Test func bytesAreThoseThatWereTold() async throws {
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true"], genesis: ["--settle-seconds", "1", "--evidence-seconds", "5"])
        defer { lab.stopAll() }
        try await lab.startAll()
        var before: [String: NodeStatus] = [:]
        for name in lab.names { before[name] = try await lab.status(name) }
        let task = try lab.publish(
            "n1", as: "costs",
            ["rounds=6", "deadlines.submit=\"60s\"", "deadlines.aggregate=\"60s\"", "deadlines.opinion=\"60s\""])
        try await lab.until("the task is known") {
            for name in lab.names { _ = try await lab.task(task, on: name) }
            return nil
        }
        let text = try lab.run("n2", "task", "show", task)
        for word in ["memory", "bond", "MB out", "MB in", "payout", "UTC"] {
            #expect(text.contains(word), "\(word) is not told: \(text)")
        }
        try await lab.until("the task is completed and paid everywhere") {
            for name in lab.names {
                let view = try await lab.task(task, on: name)
                guard view.state == .completed else { return "\(name): \(view.state), round \(view.round)" }
                guard view.dates?.paidMs != nil else { return "\(name): not paid" }
            }
            return nil
        }
        let view = try await lab.task(task, on: "n1")
        let cost = try #require(view.cost)
        let rounds: [RoundView] = try await lab.client("n1").get("/v1/tasks/\(task)/rounds")
        // An attempt more is paid for as well: what was told is for attempts that succeed.
        let attempts = Double(rounds.count)
        #expect(attempts >= 6 && cost.members == 5)
        for name in lab.names {
            let (old, now) = (try #require(before[name]), try await lab.status(name))
            let holds = try #require(view.participants.first { $0.node == now.node }).holdsKeys
            let summed = Double(rounds.count { $0.aggregator == now.node })
            let out =
                cost.megabytesOut * attempts + cost.onceMegabytes + (holds ? cost.holderMegabytesOut * attempts : 0)
            let into = cost.megabytesIn * attempts + cost.onceMegabytes + cost.summerMegabytesIn * summed
            let sent = Double(now.bytesOut - old.bytesOut) / 1_000_000
            let received = Double(now.bytesIn - old.bytesIn) / 1_000_000
            print("cost \(name): out \(sent) told \(out), in \(received) told \(into)")
            #expect(abs(sent / out - 1) < 0.2, "\(name): \(sent) MB out, told \(out)")
            #expect(abs(received / into - 1) < 0.2, "\(name): \(received) MB in, told \(into)")
        }
    }

    /// A task whose features are far beyond one: the line of each round says how much was cut, and what to set.
    @Test func aRoundThatCutsSaysSoInItsLine() async throws {
        let lab = try LabNodes(4, settings: ["miner.auto_join=true", "miner.trust_publisher=true"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish(
            "n1", as: "raw",
            [
                "participants.minimum=4", "holders.count=1", "holders.threshold=0", "rounds=1", "data.scale=0.01",
                "deadlines.submit=\"60s\"",
            ])
        try await lab.until("the round is decided") {
            try await lab.task(task, on: "n2").round >= 1 ? nil : "no round"
        }
        let log = try String(contentsOfFile: lab.folder.path + "/n2.log", encoding: .utf8)
        let line = try #require(log.split(separator: "\n").last { $0.contains("round 1: accepted") }, "\(log)")
        #expect(
            line.firstMatch(of: #/; [0-9]+ of 650 coordinates of this node's update were cut to the range: set/#)
                != nil,
            "\(line)")
    }
}
