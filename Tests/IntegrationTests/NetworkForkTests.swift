import Foundation
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// Five nodes, of which two are deleted for ever; the three that remain go on with the credits of all.
@Suite(.serialized) struct NetworkForkTests {
    struct Made: Decodable {
        let network: String
        let height: UInt64
        let credits: UInt64
        let unsigned: [String]
    }

    private func fork(_ arguments: String...) throws -> Made {
        let outcome = try LabNodes.expect(["genesis", "fork"] + arguments + ["--json"])
        return try JSONDecoder().decode(Made.self, from: Data(outcome.output.utf8))
    }

    private func refused(_ arguments: String...) throws -> String { try refused(arguments) }

    private func refused(_ arguments: [String]) throws -> String {
        let outcome = try Program.run(arguments)
        try #require(outcome.code != 0, "\(arguments.joined(separator: " ")) was not refused: \(outcome.output)")
        return outcome.errors
    }

    private func ledger(_ home: String) throws -> LedgerView {
        let outcome = try LabNodes.expect(["ledger", "balance", "--json", "--home", home])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(LedgerView.self, from: Data(outcome.output.utf8))
    }

    @Test func membersGoOnWithoutTwoLostHomes() async throws {
        let lab = try LabNodes(5)
        defer { lab.stopAll() }
        let path = lab.folder.path
        try await lab.startAll()
        var ids: [String: String] = [:]
        for name in lab.names { ids[name] = try await lab.status(name).node }
        let lost = try ["n4", "n5"].map { String(try #require(ids[$0]).prefix(10)) }
        // Credits where they may lie: moved, unbonding, in escrow, deposit and bond of a task that waits for others.
        try lab.run("n1", "ledger", "transfer", try #require(ids["n4"]), "250", "--wait", "60")
        try lab.run("n2", "ledger", "bond", "70", "--wait", "60")
        try lab.run("n2", "ledger", "unbond", "30", "--wait", "60")
        let waiting = try lab.publish("n4", as: "waiting", [])
        try await lab.until("n1 and n2 know the task") {
            for name in ["n1", "n2"] { _ = try await lab.task(waiting, on: name) }
            return nil
        }
        try lab.run("n2", "task", "join", waiting, "--wait", "60")
        let file = path + "/lab.fork"
        #expect(
            try refused("genesis", "fork", "--from", lab.home("n1"), "--without", lost[0], "--out", file)
                .contains("is used by the running process"))

        for name in ["n4", "n5"] {
            try lab.kill(name)
            try FileManager.default.removeItem(atPath: lab.home(name))
        }
        // All who remain say that nothing is decided, and the way out.
        for name in ["n1", "n2", "n3"] {
            try await lab.until("\(name) says what to do") {
                let reasons = try await lab.status(name).obstacles.map(\.text)
                return reasons.contains { $0.contains("no quorum") && $0.contains("meshnode genesis fork --from") }
                    ? nil : "\(reasons)"
            }
        }
        let doctor = try Program.run("doctor", "--home", lab.home("n1"))
        #expect(doctor.code == 1 && doctor.output.contains("genesis fork --from"))
        lab.stopAll()

        // The homes may differ by what was decided last: the fork is made where most is known.
        let order = try ["n1", "n2", "n3"].map { (try ledger(lab.home($0)).height, $0) }
            .sorted { $0.0 > $1.0 }.map(\.1)
        let (first, second, third) = (order[0], order[1], order[2])
        let old = path + "/old.export"
        try lab.run(first, "chain", "export", "--out", old)
        for name in [second, third] { try LabNodes.expect(["chain", "import", old, "--home", lab.home(name)]) }
        let before = try ledger(lab.home(first))

        #expect(
            try refused("genesis", "fork", "--from", lab.home(first), "--without", lost[0], "--out", file)
                .contains("the network decides without those who are named"))
        let own = String(try #require(ids[first]).prefix(10))
        #expect(
            try refused("genesis", "fork", "--from", lab.home(first), "--without", own, lost[0], "--out", file)
                .contains("so it is not lost"))
        // Two of five could not keep the three others from doing the same.
        let others = try [second, third].map { String(try #require(ids[$0]).prefix(10)) }
        #expect(
            try refused(
                "genesis", "fork", "--from", lab.home(first), "--without", others[0], others[1], lost[0], "--out", file
            ).contains("could make another fork beside theirs"))
        let made = try fork("--from", lab.home(first), "--without", lost[0], lost[1], "--out", file)
        #expect(Set(made.unsigned) == Set([second, third].compactMap { ids[$0] }) && made.credits == 55_000)
        // Half a fork is none, another one of the same height is refused, and the old network is over for who signed.
        let fresh = path + "/fresh"
        #expect(try refused("init", "--home", fresh, "--genesis", file).contains("is not signed by"))
        #expect(!FileManager.default.fileExists(atPath: fresh))
        let other = try refused(
            "genesis", "fork", "--from", lab.home(first), "--without", lost[0], others[1], "--out", path + "/other")
        #expect(other.contains("another fork of its network") && other.contains("--give-up \(made.network)"))
        #expect(
            try refused("run", "--home", lab.home(first)).contains("has signed or imported the fork \(made.network)"))
        let copy = path + "/copy.fork"
        let again = try fork("--from", lab.home(second), "--without", lost[1], lost[0], "--out", copy)
        #expect(again.network == made.network && Set(again.unsigned) == Set([first, third].compactMap { ids[$0] }))
        #expect(try fork("--from", lab.home(first), "--sign", file, copy).unsigned.count == 1)
        #expect(try fork("--from", lab.home(third), "--sign", file).unsigned.isEmpty)

        try imports(lab, file, fresh, second)
        // Who takes its signature back, and imports the whole fork after all, is bound by it again; nobody runs meanwhile.
        try LabNodes.expect(["genesis", "fork", "--from", lab.home(third), "--give-up", made.network])
        let lock = try HomeLock(HomeDirectory(path: lab.home(third)))
        #expect(
            try refused("init", "--home", path + "/new-" + third, "--genesis", file, "--from", lab.home(third))
                .contains("is used by the running process"))
        lock.release()
        let nodes = try [first, second, third].map { name in
            let home = path + "/new-" + name
            let outcome = try LabNodes.expect([
                "init", "--home", home, "--genesis", file, "--from", lab.home(name),
            ])
            #expect(outcome.errors.contains("carries what the registry"), "\(outcome.errors)")
            #expect(outcome.errors.contains("signs no other fork of it"), "\(outcome.errors)")
            return home
        }
        let differing = ["genesis", "fork", "--from", lab.home(third), "--without", lost[0], others[0]]
        #expect(
            try refused(differing + ["--out", path + "/other"])
                .contains("has signed or imported another fork of its network"))
        #expect(try refused("run", "--home", lab.home(third)).contains("has signed or imported the fork"))
        let carried = try ledger(nodes[0])
        #expect(carried.total == 55_000 && carried.escrows.isEmpty && carried.height == 0)
        for account in carried.accounts {
            let held = try #require(before.accounts.first { $0.node == account.node })
            let all = held.balance + held.bonded + held.validatorBond + held.unbonding
            let back =
                account.node == ids["n4"]
                ? 55_000
                    - before.accounts.reduce(0) {
                        $0 + $1.balance + $1.bonded + $1.validatorBond + $1.unbonding
                    } : 0
            #expect(account.balance + account.validatorBond == all + back, "\(account)")
            #expect((account.validatorBond > 0) == order.contains { ids[$0] == account.node })
        }
        try await train(lab, nodes, file)
        try verified(lab, nodes[0], old, first)
    }

    /// Homes that an altered fork, or one of other people, does not get into.
    private func imports(_ lab: LabNodes, _ file: String, _ fresh: String, _ second: String) throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        let altered = lab.folder.path + "/altered.fork"
        // Every twentieth byte, so that each field is hit: name, time, accounts, parameters, origin, lost.
        for position in stride(from: 0, to: bytes.count, by: 20) {
            var other = bytes
            other[position] ^= 0x10
            try other.write(to: URL(fileURLWithPath: altered))
            let outcome = try Program.run(["init", "--home", fresh, "--genesis", altered])
            #expect(outcome.code == 65 || outcome.code == 78, "byte \(position): \(outcome.code) \(outcome.errors)")
            #expect(!FileManager.default.fileExists(atPath: fresh), "byte \(position)")
        }
        #expect(
            try refused("init", "--home", lab.home(second), "--genesis", file, "--from", lab.home(second))
                .contains("is a home already"))
        #expect(
            try refused("init", "--home", fresh, "--genesis", lab.folder.path + "/genesis", "--from", lab.home(second))
                .contains("this genesis is no fork"))
    }

    /// Three who were there before and one who is new decide transfers and finish a task.
    private func train(_ lab: LabNodes, _ old: [String], _ file: String) async throws {
        let path = lab.folder.path
        let settings = [
            "mesh.profile=loopback", "data.type=digits", "data.label=label",
            "data.evaluation=\(path)/parts/holdout.csv",
        ]
        let joining = ["miner.auto_join=true", "miner.trust_publisher=true"]
        var homes = old
        for part in [3] {
            let home = path + "/newcomer\(part)"
            try LabNodes.expect(
                ["init", "--home", home, "--listen", "127.0.0.1:0", "--genesis", file]
                    + (settings + ["data.train=\(path)/parts/part-\(part).csv"]).flatMap { ["--set", $0] })
            homes.append(home)
        }
        var running: [RunningNode] = [try RunningNode(home: homes[0], settings: joining)]
        defer { for node in running { node.end() } }
        let ticket = try await running[0].ticket()
        for home in homes.dropFirst() {
            running.append(try RunningNode(home: home, settings: joining + ["mesh.bootstrap=\(ticket)"]))
        }
        for node in running.dropFirst(old.count) {
            let id = try #require(try await node.status()).node
            try LabNodes.expect(["ledger", "transfer", id, "2000", "--home", homes[0], "--wait", "120"])
        }
        let published = try LabNodes.expect(
            [
                "task", "publish", Program.repository + "/examples/digits.toml", "--home", homes[0], "--wait", "60",
            ]
                + [
                    "name=\"after\"", "rounds=2", "participants.minimum=4", "participants.maximum=4",
                    "holders.count=1", "holders.threshold=0",
                ].flatMap { ["--set", $0] })
        let task = published.output.trimmingCharacters(in: .whitespacesAndNewlines)
        try await lab.until("the task is completed on the new network", seconds: 300) {
            let view: TaskView = try await running[3].client().get("/v1/tasks/\(task)")
            return view.state == .completed ? nil : "\(view.state), round \(view.round), \(view.reason ?? "")"
        }
    }

    /// What an outsider is told, with the old network at hand and without.
    private func verified(_ lab: LabNodes, _ home: String, _ old: String, _ first: String) throws {
        let alone = try LabNodes.expect(["chain", "verify", "--full", "--home", home]).output
        #expect(alone.contains("fork of network") && alone.contains("was NOT checked") && alone.contains("3 voters"))
        for origin in [old, lab.home(first)] {
            let text = try LabNodes.expect(["chain", "verify", "--home", home, "--origin", origin]).output
            #expect(text.contains("they are what the registry of the old network gives"), "\(text)")
        }
        let export = lab.folder.path + "/new.export"
        try LabNodes.expect(["chain", "export", "--contents", "--out", export, "--home", home])
        #expect(
            try LabNodes.expect(["chain", "verify", export, "--origin", old]).output
                .contains("they are what the registry of the old network gives"))
        let wrong = try Program.run("chain", "verify", export, "--origin", export)
        #expect(wrong.code == 2 && wrong.errors.contains("the fork comes from"), "\(wrong.errors)")
        // The old home is as it was.
        #expect(try ledger(lab.home(first)).total == 55_000)
        try LabNodes.expect(["chain", "verify", "--home", lab.home(first)])
    }

    /// The way out is named when and only when it is one.
    @Test func theWayOutIsNamedWhereThereIsOne() {
        let nodes = (1...6).map { NodeID([UInt8](repeating: $0, count: 32)) }
        let voters = Electorate(bonds: nodes.map { .init(node: $0, weight: 100) })
        func text(_ missing: Range<Int>) -> String {
            ForkAdvice.text(voters, missing: Array(nodes[missing]), home: "/h")
        }
        #expect(text(0..<0).isEmpty && text(0..<1).isEmpty && text(0..<5).isEmpty && text(0..<6).isEmpty)
        #expect(text(0..<2).contains("`meshnode genesis fork --from /h --without 01010101 02020202"))
        // Of two halves the one with the lowest id, and never less than half.
        #expect(text(3..<6).contains("`meshnode genesis fork --from /h --without 04040404 05050505 06060606"))
        #expect(text(0..<3).isEmpty && text(2..<6).isEmpty)
    }
}
