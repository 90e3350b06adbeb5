import Foundation
import Testing

@testable import MeshNode

/// The verbs of ledger and tasks, played by hand on running processes: each wrong one is refused with its reason.
@Suite(.serialized) struct LedgerByHandTests {
    private func decided(_ lab: LabNodes, _ node: String, _ kind: String, _ account: String) async throws -> LedgerLine
    {
        var found: LedgerLine?
        try await lab.until("\(node)'s ledger has \(kind) of \(account.prefix(8))") {
            let lines: [LedgerLine] = try await lab.client(node).get("/v1/ledger/history?node=\(account)")
            found = lines.last { $0.kind == kind }
            return found == nil ? "\(lines.map(\.kind))" : nil
        }
        return try #require(found)
    }

    @Test func creditsMoveAndWrongOnesAreRefused() async throws {
        let lab = try LabNodes(4, genesis: ["--settle-seconds", "1", "--evidence-seconds", "2"])
        defer { lab.stopAll() }
        try await lab.startAll()
        var ids: [String: String] = [:]
        for name in lab.names { ids[name] = try await lab.status(name).node }
        let (n1, n2) = (try #require(ids["n1"]), try #require(ids["n2"]))

        #expect(try lab.run("n1", "ledger", "balance").contains("total 44000, of it lost by evidence 0"))
        #expect(try lab.refused("n1", "ledger", "transfer", n2, "999999").contains("10000"))
        #expect(try lab.refused("n1", "ledger", "transfer", n1, "5").contains("another account"))
        #expect(try lab.refused("n1", "ledger", "transfer", n2, "0").contains("at least 1"))
        #expect(try lab.refused("n1", "ledger", "transfer", "nobody", "5").contains("all 64 digits"))
        try lab.run("n1", "ledger", "transfer", n2, "250")
        let received = try await decided(lab, "n3", "received", n2)
        #expect(received.credits == 250 && received.other == n1)
        #expect(try lab.run("n2", "ledger", "history").contains("received"))
        #expect(try lab.run("n4", "ledger", "history", "--node", n1).contains("-250"))

        #expect(try lab.refused("n2", "ledger", "bond", "0").contains("credits"))
        #expect(try lab.refused("n2", "ledger", "unbond", "1001").contains("validator bond is 1000"))
        try lab.run("n2", "ledger", "bond", "50")
        #expect(try await decided(lab, "n1", "bonded", n2).credits == -50)
        try lab.run("n2", "ledger", "unbond", "60")
        #expect(try await decided(lab, "n1", "unbonding", n2).credits == 60)
        // After the evidence window it is a free balance again.
        #expect(try await decided(lab, "n4", "unbonded", n2).credits == 60)
        try await lab.until("every node has the same balances") {
            for name in lab.names {
                let ledger: LedgerView = try await lab.client(name).get("/v1/ledger")
                guard let account = ledger.accounts.first(where: { $0.node == n2 }), ledger.total == 44_000,
                    account.balance == 10_260, account.validatorBond == 990, account.unbonding == 0
                else { return "\(name): \(ledger)" }
            }
            return nil
        }
        let table: [ContributorView] = try await lab.client("n1").get("/v1/contributors")
        #expect(table.isEmpty, "no task has been paid out")
    }

    /// What is not decided is executed later, whoever gave it has gone or not: it is shown, and not given twice unawares.
    @Test func ordersWithoutAQuorumAreShownAndNotGivenTwice() async throws {
        let lab = try LabNodes(4)
        defer { lab.stopAll() }
        try await lab.start("n1")
        let ledger: LedgerView = try await lab.client("n1").get("/v1/ledger")
        let other = try #require(ledger.accounts.first { !$0.isSelf }).node
        let order = ["ledger", "transfer", other, "7", "--home", lab.home("n1")]
        // Ctrl-C of whoever waits.
        let waiting = Process()
        let said = lab.folder.path + "/said"
        _ = FileManager.default.createFile(atPath: said, contents: nil)
        waiting.executableURL = URL(fileURLWithPath: Program.path)
        waiting.arguments = order + ["--wait", "600"]
        waiting.standardError = FileHandle(forWritingAtPath: said)
        waiting.standardOutput = FileHandle.nullDevice
        waiting.standardInput = FileHandle.nullDevice
        try waiting.run()
        func words() -> String { (try? String(contentsOfFile: said, encoding: .utf8)) ?? "" }
        try await lab.until("it waits") { words().contains("are on their way") ? nil : words() }
        kill(waiting.processIdentifier, SIGINT)
        waiting.waitForEnd()
        #expect(waiting.terminationReason == .exit && waiting.terminationStatus == 128 + SIGINT)
        #expect(words().contains("it stays pending and is executed when the registry decides it"), "\(words())")
        #expect(words().contains("`meshnode status --home \(lab.home("n1"))`"), "\(words())")

        #expect(try await lab.status("n1").pending.map(\.kind) == ["transfer"])
        let second = try Program.run(order)
        #expect(second.code == 75 && second.errors.contains("was given before and is pending"), "\(second.errors)")
        try LabNodes.expect(order + ["--again"])
        _ = try lab.publish("n1", as: "pending", ["participants.minimum=4", "holders.count=1", "holders.threshold=0"])
        #expect(try await lab.status("n1").pending.map(\.kind) == ["transfer", "transfer", "publish"])
        let task = try Program.run(
            "task", "publish", Program.repository + "/examples/digits.toml", "--home", lab.home("n1"), "--set",
            "name=pending")
        #expect(task.code == 75 && task.errors.contains("was published before and is pending"), "\(task.errors)")
        let status = try lab.run("n1", "status")
        #expect(status.contains("pending  transfer of 7 credits to \(other.prefix(8)), given 2"), "\(status)")
        #expect(status.contains("pending  publishing of task \"pending\", given 2"), "\(status)")
    }

    /// Weight is the bond: a member that can decide a task without the others is named to whoever looks at it.
    @Test func aMemberThatDecidesAloneIsNamed() async throws {
        let lab = try LabNodes(4)
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish(
            "n1", as: "owned", ["participants.minimum=4", "holders.count=1", "holders.threshold=0"])
        try await lab.until("every node knows the task") {
            for name in lab.names { _ = try await lab.task(task, on: name) }
            return nil
        }
        for name in ["n2", "n3"] { try lab.run(name, "task", "join", task) }
        try await lab.until("two are enrolled") {
            try await lab.task(task, on: "n1").participants.count == 2 ? nil : "not yet"
        }
        #expect(try await lab.task(task, on: "n1").power == nil)
        try lab.run("n4", "task", "join", task, "--bond", "2000")
        let n4 = try await lab.status("n4").node
        try await lab.until("the third is enrolled") {
            try await lab.task(task, on: "n1").participants.count == 3 ? nil : "not yet"
        }
        let shown = try lab.run("n1", "task", "show", task)
        #expect(shown.contains("\(n4.prefix(8)) has 2000 of 2200 of the bonds, a quorum alone"), "\(shown)")
        #expect(shown.contains("whom its reward pays"), "\(shown)")
        #expect(try await lab.status("n1").warnings.allSatisfy { !$0.contains("the registry") })
    }

    @Test func tasksAreLeftTakenBackAndExpire() async throws {
        let lab = try LabNodes(4, genesis: ["--settle-seconds", "1", "--evidence-seconds", "2"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let n1 = try await lab.status("n1").node
        let small = ["participants.minimum=4", "holders.count=1", "holders.threshold=0"]
        let first = try lab.publish("n1", as: "first", small)
        try await lab.until("every node knows the task") {
            for name in lab.names { _ = try await lab.task(first, on: name) }
            return nil
        }
        #expect(try lab.refused("n2", "task", "leave", first).contains("is not enrolled"))
        #expect(try lab.refused("n1", "task", "pause", first).contains("nothing to pause"))
        #expect(try lab.refused("n1", "task", "resume", first).contains("not paused"))
        #expect(try lab.refused("n2", "task", "stop", first).contains("only its publisher"))
        #expect(try lab.refused("n2", "task", "join", first, "--bond", "1").contains("asks for 100"))
        try lab.run("n2", "task", "join", first)
        let n2 = try await lab.status("n2").node
        #expect(try await decided(lab, "n1", "enrolled", n2).credits < 0)
        #expect(try lab.refused("n2", "task", "join", first).contains("is enrolled"))
        try lab.run("n2", "task", "leave", first)
        _ = try await decided(lab, "n3", "unbonded", n2)
        #expect(try lab.refused("n2", "task", "leave", first).contains("is not enrolled"))
        // Stopped before its Close, everything comes back at once.
        try lab.run("n1", "task", "stop", first)
        #expect(try await decided(lab, "n4", "refund", n1).credits == 1_000)
        #expect(try await lab.task(first, on: "n3").state == .cancelled)
        // It leaves the registry with the next block, and is still shown.
        let again = try lab.refused("n1", "task", "stop", first)
        #expect(again.contains("stopped already") || again.contains("left the registry"), "\(again)")
        let late = try lab.refused("n3", "task", "join", first)
        #expect(late.contains("stopped by its publisher") || late.contains("left the registry"), "\(late)")
        #expect(try lab.refused("n1", "task", "pause", "nowhere").contains("nowhere"))

        // Nobody joins: it expires, and its reward is refunded by itself.
        let second = try lab.publish(
            "n1", as: "second",
            small + [
                "deadlines.enrol=\"1s\"", "deadlines.submit=\"1s\"", "deadlines.aggregate=\"1s\"",
                "deadlines.opinion=\"1s\"", "deadlines.expiry=\"5s\"",
            ])
        try await lab.until("the task expires and is refunded") {
            let view = try await lab.task(second, on: "n2")
            guard view.state == .expired else { return "\(view.state)" }
            let lines: [LedgerLine] = try await lab.client("n2").get("/v1/ledger/history?node=\(n1)")
            return lines.count { $0.kind == "refund" } == 2 ? nil : "no refund yet"
        }
        let late2 = try lab.refused("n2", "task", "join", second)
        #expect(late2.contains("expired") || late2.contains("left the registry"), "\(late2)")
        try await lab.until("the deposits are back") {
            let ledger: LedgerView = try await lab.client("n4").get("/v1/ledger")
            let isBack = ledger.accounts.allSatisfy { $0.balance == 10_000 && $0.bonded == 0 }
            return isBack && ledger.escrows.isEmpty ? nil : "\(ledger.accounts.map(\.balance))"
        }
        #expect(try await lab.task(second, on: "n3").state == .expired)
    }

    /// Two tasks at once on the same nodes, one with a committed target that it reaches, one with one that it misses.
    @Test func twoTasksAtOnceAreFairPausedRevealedPaidAndRated() async throws {
        let lab = try LabNodes(
            4, settings: ["miner.auto_join=true", "miner.trust_publisher=true"],
            genesis: ["--settle-seconds", "15", "--evidence-seconds", "40"])
        defer { lab.stopAll() }
        try await lab.startAll()
        struct Commitment: Decodable { let nonce: String, commitment: String }
        func commit(_ target: String) throws -> Commitment {
            let outcome = try LabNodes.expect(["task", "commit", target, "--json"])
            return try JSONDecoder().decode(Commitment.self, from: Data(outcome.output.utf8))
        }
        let (low, high) = (try commit("0.2"), try commit("0.9999"))
        let common = ["participants.minimum=4", "holders.count=1", "holders.threshold=0", "deadlines.submit=\"30s\""]
        let reaches = try lab.publish(
            "n1", as: "reaches", common + ["rounds=20", "evaluation.target_commitment=\"\(low.commitment)\""])
        let misses = try lab.publish(
            "n2", as: "misses", common + ["rounds=20", "evaluation.target_commitment=\"\(high.commitment)\""])
        try await lab.until("both tasks train") {
            for task in [reaches, misses] {
                guard try await lab.task(task, on: "n3").round >= 1 else { return "\(task.prefix(8)) waits" }
            }
            return nil
        }
        // Wrong ones first, then pause and resume of a running task while the other goes on.
        #expect(try lab.refused("n3", "task", "leave", reaches).contains("enrolment"))
        #expect(try lab.refused("n2", "task", "pause", reaches).contains("only its publisher"))
        #expect(try lab.refused("n1", "task", "resume", reaches).contains("not paused"))
        #expect(try lab.refused("n1", "reveal", reaches, "0.2", low.nonce).contains("end has been settled"))
        try lab.run("n1", "task", "pause", reaches)
        try await lab.until("the task is paused on its own chain") {
            let view = try await lab.task(reaches, on: "n4")
            return view.state == .paused && view.reason?.contains("paused") == true ? nil : "\(view.state)"
        }
        #expect(try lab.refused("n1", "task", "pause", reaches).contains("paused already"))
        let paused = try await lab.task(reaches, on: "n1").round
        let other = try await lab.task(misses, on: "n1").round
        try await lab.until("the other task goes on meanwhile") {
            try await lab.task(misses, on: "n1").round >= other + 3 ? nil : "round \(other)"
        }
        #expect(try await lab.task(reaches, on: "n1").round == paused)
        try lab.run("n1", "task", "resume", reaches)
        try await lab.until("the task goes on") {
            try await lab.task(reaches, on: "n1").round > paused ? nil : "round \(paused)"
        }
        // Fair: while both train, neither waits for the other to end.
        let (from, fromOther) = (
            try await lab.task(reaches, on: "n3").round, try await lab.task(misses, on: "n3").round
        )
        var gained: (UInt32, UInt32) = (0, 0)
        try await lab.until("one of the tasks completes") {
            let (one, two) = (try await lab.task(reaches, on: "n3"), try await lab.task(misses, on: "n3"))
            if one.state == .running, two.state == .running { gained = (one.round - from, two.round - fromOther) }
            return one.state == .running && two.state == .running ? "rounds \(one.round) and \(two.round)" : nil
        }
        #expect(
            gained.0 * 3 >= gained.1 && gained.1 * 3 >= gained.0,
            "rounds gained side by side: \(gained.0) and \(gained.1)")

        // Both targets are opened after the end; the wrong nonce is not the commitment.
        for (publisher, task, target, good, bad) in [
            ("n2", misses, "0.9999", high, low), ("n1", reaches, "0.2", low, high),
        ] {
            try await lab.until("the end of \(task.prefix(8)) is settled") {
                let outcome = try Program.run(
                    "reveal", task, target, bad.nonce, "--home", lab.home(publisher))
                return outcome.errors.contains("not those of the commitment") ? nil : outcome.errors
            }
            #expect(
                try lab.refused(publisher == "n1" ? "n2" : "n1", "reveal", task, target, good.nonce)
                    .contains("only its publisher"))
            try lab.run(publisher, "reveal", task, target, good.nonce)
            try await lab.until("the target is open") {
                let outcome = try Program.run("reveal", task, target, good.nonce, "--home", lab.home(publisher))
                return outcome.errors.contains("is open already") ? nil : outcome.errors + outcome.output
            }
        }
        try await lab.until("both tasks are paid out and refunded") {
            let ledger: LedgerView = try await lab.client("n4").get("/v1/ledger")
            return ledger.escrows.isEmpty ? nil : "\(ledger.escrows)"
        }
        let n2 = try await lab.status("n2").node
        let lines: [LedgerLine] = try await lab.client("n3").get("/v1/ledger/history?node=\(n2)")
        // The missed target went back whole; the reached one was paid.
        #expect(lines.last { $0.kind == "refund" && $0.task == misses }?.credits == 1_000)
        #expect(!lines.contains { $0.kind == "payout" && $0.task == misses })
        #expect(lines.contains { $0.kind == "payout" && $0.task == reaches })

        // Ratings: by the publisher, once, about who worked, before the task leaves with its evidence window.
        let n3 = try await lab.status("n3").node
        #expect(try lab.refused("n2", "rate", reaches, n3, "5").contains("only its publisher"))
        #expect(try lab.refused("n1", "rate", reaches, n3, "6").contains("a whole number from 1 (bad) to 5 (good)"))
        try lab.run("n1", "rate", reaches, n3, "4")
        try await lab.until("every node has the same contributors") {
            var tables: [[ContributorView]] = []
            for name in lab.names { tables.append(try await lab.client(name).get("/v1/contributors")) }
            guard tables[0].contains(where: { $0.node == n3 && $0.stars == 4 }) else { return "no rating yet" }
            return tables.allSatisfy { $0 == tables[0] } ? nil : "tables differ"
        }
        #expect(try lab.refused("n1", "rate", reaches, n3, "5").contains("has been rated"))
        #expect(try lab.run("n4", "contributors").contains("4.0"))
        try proveOffline(lab, task: reaches)
    }

    /// What anyone can do with a home whose node does not run.
    private func proveOffline(_ lab: LabNodes, task: String) throws {
        let model = lab.folder.path + "/model"
        try lab.run("n2", "model", "export", task, "--out", model)
        lab.stopAll()
        #expect(try lab.run("n4", "chain", "verify", "--full").contains("20 results computed again"))
        let replayed = try lab.run("n3", "chain", "replay")
        #expect(replayed.contains("40 models and 4 balances derived again") && replayed.contains("total 44000"))
        #expect(
            try lab.run("n1", "chain", "replay").split(separator: "\n").sorted()
                == replayed.split(separator: "\n").sorted())
        let origin = try lab.run("n4", "verify", model)
        #expect(origin.contains("\"reaches\"") && origin.contains("signed its block") && origin.contains("round"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: model))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: model + ".changed"))
        let changed = try Program.run("verify", model + ".changed", "--home", lab.home("n4"))
        #expect(changed.code == 2 && changed.errors.contains("the tensors were changed"))
        let file = lab.folder.path + "/export"
        #expect(try lab.run("n1", "chain", "export", "--contents", "--out", file).contains("blocks of 3 chains"))
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.contains("\"end\":true") && text.contains("\"missing\":0"))
    }
}
