import Foundation
import Testing

@testable import MeshNode

/// What `miner.auto_join` gives away without being asked: no more than its owner has said, whatever a task asks for.
@Suite(.serialized, .timeLimit(.minutes(4))) struct AutoJoinTests {
    private func publish(_ lab: LabNodes, _ name: String, _ settings: String...) throws -> String {
        let all = ["name=\"\(name)\"", "participants.minimum=5", "participants.maximum=50"] + settings
        return try LabNodes.expect(
            ["task", "publish", Program.repository + "/examples/digits.toml", "--home", lab.home("n1")]
                + all.flatMap { ["--set", $0] }
        ).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func isIn(_ lab: LabNodes, _ name: String, _ task: String) async throws -> UInt64? {
        let id = try await lab.status(name).node
        return try await lab.task(task, on: name).participants.first { $0.node == id }?.bond
    }

    private func joins(_ lab: LabNodes, _ name: String, _ task: String, bond: UInt64) async throws {
        try await lab.until("\(name) joins with \(bond)") {
            let found = try await isIn(lab, name, task)
            return found == bond ? nil : "\(String(describing: found))"
        }
    }

    private func refuses(_ lab: LabNodes, _ name: String, _ task: String, _ reason: String) async throws {
        try await lab.until("\(name) says: \(reason)") {
            if let bond = try await isIn(lab, name, task) { throw LabError("\(name) is in \(task) with \(bond)") }
            let said = try await lab.status(name).obstacles.filter { $0.task == task && $0.what == .join }
            return said.contains { $0.reason.contains(reason) } ? nil : "\(said)"
        }
        let bond = try await isIn(lab, name, task)
        #expect(bond == nil, "\(name) is in \(task) with \(bond ?? 0)")
    }

    @Test func nothingBeyondTheOwnersLimitsIsPutUp() async throws {
        let lab = try LabNodes(
            3,
            settings: [
                "miner.auto_join=true", "miner.bond=100", "miner.max_bond=500", "miner.max_total_bond=900",
                "miner.max_tasks=6",
            ])
        defer { lab.stopAll() }
        try await lab.startAll()

        let dear = try publish(lab, "dear", "reward.minimum_bond=501")
        try await refuses(lab, "n2", dear, "it asks for a bond of 501, miner.max_bond is 500")
        let alone = try publish(lab, "alone", "holders.count=1", "holders.threshold=0")
        try await refuses(lab, "n2", alone, "its publisher alone could read every single update (holders 1,0)")
        // Nobody has to be asked whether they trust themselves.
        try await joins(lab, "n1", alone, bond: 100)

        let most = try publish(lab, "most", "reward.minimum_bond=500")
        try await joins(lab, "n2", most, bond: 500)
        let beyond = try publish(lab, "beyond", "reward.minimum_bond=401")
        try await refuses(
            lab, "n2", beyond, "its bond of 401 would make 901 in all, miner.max_total_bond is 900")
        for name in ["second", "third"] {
            try await joins(lab, "n2", try publish(lab, name), bond: 100)
        }
        let fourth = try publish(lab, "fourth")
        try await refuses(lab, "n2", fourth, "3 tasks of its publisher have half of the places (miner.max_tasks is 6)")
        // The line in the log says of which task.
        let log = try String(contentsOfFile: lab.folder.path + "/n2.log", encoding: .utf8)
        #expect(
            log.split(separator: "\n").contains {
                $0.contains("miner.max_tasks is 6") && $0.contains("task=\(fourth.prefix(8))")
            }, "\(log.suffix(2_000))")

        let ledger: LedgerView = try await lab.client("n3").get("/v1/ledger")
        let id = try await lab.status("n2").node
        let own = try #require(ledger.accounts.first { $0.node == id })
        #expect(own.bonded == 700, "\(own)")
        // By hand everything is allowed, with the words that the refusal gave.
        let reason = try await lab.status("n2").obstacles.first { $0.task == dear }?.reason ?? ""
        let words = reason.split(separator: "`").first { $0.hasPrefix("meshnode ") }?.split(separator: " ") ?? []
        try #require(words.contains("join"), "\(reason)")
        try LabNodes.expect(words.dropFirst().map(String.init) + ["--home", lab.home("n2")])
        try await joins(lab, "n2", dear, bond: 501)
    }

    /// Bonds lie with ended tasks for an hour here; who may be in one task at once joins the next one all the same.
    @Test func bondsOfEndedTasksDoNotKeepANodeFromTheNext() async throws {
        let lab = try LabNodes(
            4, settings: ["miner.auto_join=true", "miner.trust_publisher=true", "miner.max_tasks=1"],
            genesis: ["--evidence-seconds", "3600"])
        defer { lab.stopAll() }
        try await lab.startAll()
        for name in ["first", "second"] {
            let task = try lab.publish(
                "n1", as: name, ["participants.minimum=4", "rounds=1", "holders.count=1", "holders.threshold=0"])
            try await lab.until("\(name) is completed") {
                let view = try await lab.task(task, on: "n2")
                return view.state == .completed ? nil : "\(view.state) \(view.reason ?? "")"
            }
        }
        let ledger: LedgerView = try await lab.client("n2").get("/v1/ledger")
        #expect(ledger.accounts.allSatisfy { $0.bonded == 200 }, "\(ledger)")
    }

    /// What was left by hand stays left, also after a restart, until it is joined by hand.
    @Test func whatWasLeftByHandStaysLeft() async throws {
        let lab = try LabNodes(3, settings: ["miner.auto_join=true"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let first = try publish(lab, "first")
        try await joins(lab, "n2", first, bond: 100)
        try lab.run("n2", "task", "leave", first)
        // Whatever comes after it is joined: it was looked at, and stayed left.
        try await joins(lab, "n2", try publish(lab, "second"), bond: 100)
        var bond = try await isIn(lab, "n2", first)
        #expect(bond == nil)
        try lab.kill("n2")
        try await lab.start("n2")
        try await joins(lab, "n2", try publish(lab, "third"), bond: 100)
        bond = try await isIn(lab, "n2", first)
        #expect(bond == nil)
        try lab.run("n2", "task", "join", first)
        try await joins(lab, "n2", first, bond: 100)
    }

    /// A task without a reward keeps no node from one that pays; one that was joined by hand does.
    @Test func aTaskThatPaysTakesThePlaceOfAFreeOne() async throws {
        let lab = try LabNodes(3, settings: ["miner.auto_join=true", "miner.max_tasks=1"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let free = try publish(lab, "free", "reward.credits=0")
        try await joins(lab, "n2", free, bond: 100)
        let pays = try publish(lab, "pays", "reward.credits=500")
        try await joins(lab, "n2", pays, bond: 100)
        let bond = try await isIn(lab, "n2", free)
        #expect(bond == nil)
        try lab.run("n2", "task", "join", free)
        try lab.run("n2", "task", "leave", pays)
        let better = try publish(lab, "better", "reward.credits=600")
        try await refuses(lab, "n2", better, "(miner.max_tasks is 1)")
    }

    /// A task that would fill this node's store is not joined by itself, and one that fits is.
    @Test func whatWouldFillTheStoreIsNotJoined() async throws {
        let lab = try LabNodes(2, settings: ["miner.auto_join=true", "storage.quota=64"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let large = try publish(lab, "large", "rounds=1000", "body_retention=1000")
        try await refuses(lab, "n2", large, "the quota of contents (storage.quota) leaves")
        let small = try publish(lab, "small", "rounds=10", "body_retention=1")
        try await joins(lab, "n2", small, bond: 100)
    }

    /// An owner who trusts the publisher says so.
    @Test func aTrustedPublisherMayReadAlone() async throws {
        let lab = try LabNodes(2, settings: ["miner.auto_join=true", "miner.trust_publisher=true"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let alone = try publish(lab, "alone", "holders.count=1", "holders.threshold=0")
        try await joins(lab, "n2", alone, bond: 100)
    }
}
