import Foundation
import Testing

@testable import MeshNode

/// Five processes that train while one after another is killed with SIGKILL at random moments and started again.
@Suite(.serialized) struct StormTests {
    /// `.ci/run` asks for 200.
    private static let kills =
        ProcessInfo.processInfo.environment["STORM_KILLS"].flatMap { Int($0) } ?? 30
    private static let seed =
        ProcessInfo.processInfo.environment["STORM_SEED"].flatMap { UInt64($0) } ?? 1

    /// The same moments for a seed.
    private struct Moments {
        var state: UInt64

        mutating func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
    }

    @Test func killsAtRandomMomentsLoseNothingAndNobodySignsTwice() async throws {
        // Bonds stay slashable for the whole run, so that whoever signs twice is seen to lose one.
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true"], genesis: ["--settle-seconds", "0.3", "--evidence-seconds", "3600"])
        defer { lab.stopAll() }
        try await lab.startAll()
        // More rounds than the storm lasts: its publisher stops it.
        let task = try lab.publish("n1", as: "storm", ["rounds=1000", "deadlines.submit=\"5s\""])
        try await lab.until("the first round is decided") {
            try await lab.task(task, on: "n1").round >= 1 ? nil : "round 0"
        }
        var moments = Moments(state: Self.seed)
        var starts: [Double] = []
        let before = try await lab.task(task, on: "n1").round
        for number in 0..<Self.kills {
            try await Task.sleep(for: .milliseconds(moments.below(400)))
            let victim = lab.names[moments.below(lab.names.count)]
            try lab.kill(victim)
            // Now and then a second one at the same time: four of five are a quorum, three are none.
            var second: String?
            if number % 10 == 9 {
                let other = lab.names.filter { $0 != victim }[moments.below(lab.names.count - 1)]
                try lab.kill(other)
                second = other
            }
            starts.append(try await lab.start(victim))
            if let second { starts.append(try await lab.start(second)) }
        }
        let during = try await lab.task(task, on: "n1").round - before
        let reached = try await lab.task(task, on: "n1").round
        try await lab.until("two rounds follow the storm") {
            let round = try await lab.task(task, on: "n1").round
            return round >= reached + 2 ? nil : "round \(round) after \(reached)"
        }
        try lab.run("n1", "task", "stop", task)
        try await lab.until("every node has the task's end") {
            var heads: Set<String?> = []
            for name in lab.names {
                let view = try await lab.task(task, on: name)
                guard view.state == .cancelled else { return "\(name) is in round \(view.round)" }
                guard try await lab.status(name).contentsWanted == 0 else { return "\(name) fetches contents" }
                heads.insert(view.head)
            }
            return heads.count == 1 ? nil : "heads differ"
        }
        try await lab.until("the task is paid") {
            let ledger: LedgerView = try await lab.client("n2").get("/v1/ledger")
            return ledger.escrows.isEmpty ? nil : "escrow \(ledger.escrows)"
        }
        let ledger: LedgerView = try await lab.client("n3").get("/v1/ledger")
        #expect(ledger.burned == 0, "a bond was lost by evidence")
        #expect(ledger.total == 55_000)
        lab.stopAll()
        for name in lab.names {
            // Every node hears every other: two messages in one slot would have been noted by all of them.
            let store = try ChainStore.openReadOnly(path: lab.home(name) + "/chain.sqlite")
            for event in try store.events(limit: 1_000_000) where ["conflict", "halt"].contains(event.kind) {
                Issue.record("\(name): \(event.json)")
            }
            let verified = try Program.run("chain", "verify", "--full", "--home", lab.home(name))
            #expect(verified.code == 0, "\(name): \(verified.output)\(verified.errors)")
            #expect(verified.output.contains("results computed again"))
        }
        #expect(starts.allSatisfy { $0 < 20 })
        let sorted = starts.sorted()
        print(
            "storm: seed \(Self.seed), \(starts.count) kills, \(during) rounds decided meanwhile; start to serving: median "
                + "\(sorted[sorted.count / 2]) s, longest \(sorted[sorted.count - 1]) s")
        #expect(during > 0, "no round was decided in the storm")
    }
}
