import Foundation
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What operators do to homes, by what they are told and by mistake.
@Suite(.serialized, .timeLimit(.minutes(8))) struct RepairTests {
    private func lab(_ settings: [String] = []) async throws -> (lab: LabNodes, task: String) {
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true"] + settings,
            genesis: ["--settle-seconds", "0.3", "--evidence-seconds", "3600"])
        try await lab.startAll()
        let task = try lab.publish("n1", as: "repair", ["rounds=1000", "deadlines.submit=\"5s\""])
        try await lab.until("the first round is decided") {
            try await lab.task(task, on: "n1").round >= 1 ? nil : "round 0"
        }
        return (lab, task)
    }

    private func rounds(_ number: UInt32, of task: String, _ lab: LabNodes) async throws {
        let before = try await lab.task(task, on: "n1").round
        try await lab.until("\(number) more rounds") {
            let round = try await lab.task(task, on: "n1").round
            return round >= before + number ? nil : "round \(round) after \(before)"
        }
    }

    /// The repair of chain.sqlite: moved away, imported and fetched again in the middle of a round.
    @Test func aChainThatIsFetchedAgainSignsNothingAnew() async throws {
        let (lab, task) = try await lab()
        defer { lab.stopAll() }
        let home = lab.home("n5")
        for repair in 1...5 {
            try lab.kill("n5")
            for name in ["chain.sqlite", "chain.sqlite-wal", "chain.sqlite-shm"]
            where FileManager.default.fileExists(atPath: home + "/" + name) {
                try FileManager.default.moveItem(atPath: home + "/" + name, toPath: home + "/\(name).\(repair)")
            }
            try lab.run("n5", "init", "--genesis", lab.folder.path + "/genesis")
            try await lab.start("n5")
            let reached = try await lab.task(task, on: "n1").round
            try await lab.until("n5 is where the others are") {
                guard let view = try? await lab.task(task, on: "n5") else { return "it does not know the task" }
                return view.round >= reached ? nil : "it is in round \(view.round) of \(reached)"
            }
            try await rounds(1, of: task, lab)
            #expect(lab.isRunning("n5"), "repair \(repair): \(lab.log("n5"))")
        }
        try lab.run("n1", "task", "stop", task)
        try await lab.until("the task is paid") {
            let ledger: LedgerView = try await lab.client("n2").get("/v1/ledger")
            return ledger.escrows.isEmpty ? nil : "escrow \(ledger.escrows)"
        }
        let ledger: LedgerView = try await lab.client("n3").get("/v1/ledger")
        #expect(ledger.burned == 0, "a bond was lost by evidence")
    }

    /// A copied home beside the first one.
    @Test func aHomeThatRunsTwiceIsAnAlarm() async throws {
        let (lab, task) = try await lab()
        defer { lab.stopAll() }
        try lab.kill("n5")
        let copy = lab.folder.path + "/copy"
        // A killed process leaves its socket, which is no file to copy.
        try FileManager.default.removeItem(atPath: lab.home("n5") + "/api.sock")
        try FileManager.default.copyItem(atPath: lab.home("n5"), toPath: copy)
        try await lab.start("n5")
        let ticket: TicketView = try await lab.client("n1").get("/v1/ticket")
        let twin = try RunningNode(home: copy, settings: ["mesh.bootstrap=\(ticket.ticket)"])
        func alarm(_ client: APIClient) async -> String? {
            (try? await client.get("/v1/node", as: NodeStatus.self))?.notReady.first { $0.hasPrefix("ALARM") }
        }
        try await lab.until("one of the two finds out") {
            if await alarm(lab.client("n5")) != nil { return nil }
            return await alarm(twin.client()) == nil ? "no alarm" : nil
        }
        let (name, client) =
            await alarm(twin.client()) == nil ? (lab.home("n5"), lab.client("n5")) : (copy, twin.client())
        let durable = try stored(name)
        let doctor = try Program.run("doctor", "--home", name)
        #expect(doctor.code == 1 && doctor.output.contains("key: ALARM"), "\(doctor.output)")
        #expect(doctor.output.contains("move the others away"), "\(doctor.output)")
        // The others go on, and the alarmed one signs nothing more, whatever is asked of it.
        try await rounds(2, of: task, lab)
        let refused = try Program.run("ledger", "transfer", "--home", name, ticket.node, "1")
        #expect(refused.code != 0)
        #expect(await alarm(client) != nil)
        #expect(try stored(name) == durable)

        // A restart does not forget it: only the owner's word ends it, and none that a running node could contradict.
        let early = try Program.run("doctor", "--clear-alarm", "--home", name)
        #expect(
            early.code != 0 && early.errors.contains("is used by the running process"), "\(early.code) \(early.errors)")
        if name == copy { twin.end() } else { try lab.kill("n5") }
        let again = try Program.run("run", "--home", name)
        #expect(again.code == 78 && again.errors.contains("ALARM"), "\(again.code) \(again.errors)")
        #expect(again.errors.contains("`meshnode doctor --clear-alarm --home \(name)`"), "\(again.errors)")
        let offline = try Program.run("doctor", "--home", name)
        #expect(offline.code == 1 && offline.output.contains("key: ALARM"), "\(offline.output)")
        #expect(try stored(name) == durable)
        if name == copy { try lab.kill("n5") } else { twin.end() }
        let cleared = try Program.run("doctor", "--clear-alarm", "--home", name)
        #expect(cleared.code == 0, "\(cleared.errors)")
        let last = try RunningNode(home: name)
        #expect(try await last.status() != nil, "\(last.output)")
    }

    /// An old copy of a home that runs alone hears no message of its key that it did not sign: only blocks tell it.
    @Test func aHomeThatWasRestoredIsAnAlarm() async throws {
        let (lab, task) = try await lab()
        defer { lab.stopAll() }
        let (home, old, newest) = (lab.home("n5"), lab.folder.path + "/old", lab.folder.path + "/newest")
        try lab.kill("n5")
        try FileManager.default.removeItem(atPath: home + "/api.sock")
        try FileManager.default.copyItem(atPath: home, toPath: old)
        let first = try await lab.task(task, on: "n1").round
        try await lab.start("n5")
        let key = try HomeDirectory(path: home).loadIdentity().signingKey()
        let chain = try #require(ChainID(hex: task))
        let genesis = try Genesis(wireBytes: [UInt8](Data(contentsOf: URL(filePath: lab.folder.path + "/genesis"))))
        try await lab.until("a block carries its vote") {
            let store = try ChainStore.openReadOnly(path: HomeDirectory(path: lab.home("n1")).chainDatabase)
            // Two blocks a round; those around the copy are left out.
            var height = 2 * UInt64(first) + 3
            while let block = try store.block(chain: chain, height: height).map(ChainReplay.decoded) {
                let vote = Envelope.signed(
                    Vote(block: block.header.id).wireBytes,
                    slot: Slot(kind: .precommit, chain: chain, major: height, minor: block.certificate.view),
                    network: genesis.networkID, by: key)
                if block.certificate.precommits.contains(where: { $0.signature == vote.signature }) { return nil }
                height += 1
            }
            return "none up to \(height)"
        }
        try lab.kill("n5")
        try FileManager.default.moveItem(atPath: home, toPath: newest)
        try FileManager.default.moveItem(atPath: old, toPath: home)
        try await lab.start("n5")
        func alarm() async throws -> String? { try await lab.status("n5").notReady.first { $0.hasPrefix("ALARM") } }
        try await lab.until("the old copy finds out") { try await alarm() == nil ? "no alarm" : nil }
        #expect(try await alarm()?.contains("that this home has not signed") == true)
        let durable = try stored(home)
        try await rounds(2, of: task, lab)
        #expect(try stored(home) == durable, "it has signed more")

        // The newest one was right all along.
        try lab.kill("n5")
        try FileManager.default.moveItem(atPath: home, toPath: old)
        try FileManager.default.moveItem(atPath: newest, toPath: home)
        try await lab.start("n5")
        let reached = try await lab.task(task, on: "n1").round
        try await lab.until("the newest one follows") {
            guard let view = try? await lab.task(task, on: "n5") else { return "it does not know the task" }
            return view.round >= reached ? nil : "round \(view.round)"
        }
        #expect(try await alarm() == nil)
        // What was signed in another place before the owner's word is forgiven.
        #expect(try Program.run("doctor", "--clear-alarm", "--home", old).code == 0)
        #expect(try HomeDirectory(path: old).alarmClearedMs() > 0 && HomeDirectory(path: old).alarm() == nil)
    }

    /// Slots that a home has filled.
    private func stored(_ home: String) throws -> [SlotMessage] {
        let copy = try Folder()
        for name in ["durable.sqlite", "durable.sqlite-wal"]
        where FileManager.default.fileExists(atPath: home + "/" + name) {
            try FileManager.default.copyItem(atPath: home + "/" + name, toPath: copy.path + "/" + name)
        }
        let owner = try HomeDirectory(path: home).loadIdentity().signingKey().nodeID
        let store = try DurableStore(path: copy.path + "/durable.sqlite", owner: owner)
        return try store.chains().flatMap { try store.slotMessages(chain: $0) }
    }

    /// Once a task is settled nobody keeps it loaded, and who was away at its end still gets it.
    @Test func anEndedTaskIsUnloadedAndStillServed() async throws {
        let lab = try LabNodes(
            5, settings: ["miner.auto_join=true", "log.level=info"], genesis: ["--settle-seconds", "0.3"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish("n1", as: "short", ["rounds=3", "deadlines.submit=\"3s\""])
        try await lab.until("the first round is decided") {
            try await lab.task(task, on: "n1").round >= 1 ? nil : "round 0"
        }
        try lab.kill("n5")
        func isUnloaded(_ name: String) throws -> Bool {
            try String(contentsOfFile: lab.folder.path + "/\(name).log", encoding: .utf8).contains("is unloaded")
        }
        let rest = lab.names.filter { $0 != "n5" }
        try await lab.until("the others have let it go") {
            for name in rest where try !isUnloaded(name) {
                return "\(name): \(try await lab.task(task, on: name).state)"
            }
            return nil
        }
        // What people ask for is still there, read from the store.
        let view = try await lab.task(task, on: "n2")
        #expect(view.state == .completed && view.round == 3 && view.accuracy != nil)
        let models: [ModelView] = try await lab.client("n2").get("/v1/tasks/\(task)/models")
        #expect(models.count == 4)
        let _: ScoresView = try await lab.client("n2").get("/v1/tasks/\(task)/scores")
        try await lab.start("n5")
        try await lab.until("n5 has the end and lets it go too") {
            let late = try await lab.task(task, on: "n5")
            guard late.head == view.head else { return "n5 is in round \(late.round)" }
            return try isUnloaded("n5") ? nil : "still loaded"
        }
        // A restart does not replay it, and says the same.
        try lab.kill("n2")
        try await lab.start("n2")
        let again = try await lab.task(task, on: "n2")
        #expect(again.state == view.state && again.round == view.round && again.head == view.head)
        #expect(again.accuracy == view.accuracy && again.model == view.model)
        #expect(again.participants == view.participants)
        #expect(try await lab.status("n2").chains.contains { $0.chain == task && $0.head == view.head })
        lab.stopAll()
        for name in lab.names {
            let verified = try Program.run("chain", "verify", "--full", "--home", lab.home(name))
            #expect(verified.code == 0, "\(name): \(verified.output)\(verified.errors)")
        }
    }

    /// Nothing could be decided before its time has come.
    @Test(arguments: [86_400_000, 1 << 63] as [UInt64]) func aGenesisFromTheFutureIsRefused(aheadMs: UInt64) throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 0)
        let (now, overflow) = UInt64(Date().timeIntervalSince1970 * 1_000).addingReportingOverflow(aheadMs)
        try #require(!overflow)
        let genesis = Genesis(
            name: "late", timeMs: now, accounts: history.genesis.accounts, parameters: history.genesis.parameters)
        let file = folder.path + "/genesis"
        try Data(genesis.wireBytes).write(to: URL(fileURLWithPath: file))
        let imported = try Program.run("init", "--home", folder.path + "/home", "--genesis", file)
        #expect(imported.code == 65, "\(imported.code): \(imported.output)\(imported.errors)")
        #expect(
            imported.errors.contains("ahead of this machine's clock")
                || imported.errors.contains("beyond the year 9999"),
            "\(imported.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/home"))
    }

    /// Either the files suffice for a whole catch-up, or the node says before the start how many it needs.
    @Test(arguments: [12, 24, 64, 96]) func fewOpenFilesSufficeOrAreRefused(limit: Int) async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 12, heights: 400)
        try history.makeHome(folder.path + "/old", heights: 400)
        try history.makeHome(folder.path + "/late", heights: 0)
        let old = try RunningNode(home: folder.path + "/old")
        let ticket = try await old.ticket()
        let late = try RunningNode(
            home: folder.path + "/late", settings: ["mesh.bootstrap=\(ticket)"], descriptors: limit)
        let reached = try await late.status { $0.registryHeight == 400 }
        if late.process.isRunning {
            #expect(reached?.registryHeight == 400, "\(late.output.suffix(2_000))")
            #expect(limit > 24)
        } else {
            #expect(late.process.terminationReason == .exit, "\(late.output.suffix(2_000))")
            #expect(late.process.terminationStatus != 0)
            #expect(
                late.output.contains("the limit of open files is \(limit), a node needs ")
                    && late.output.contains("ulimit -n"), "\(late.output.suffix(2_000))")
        }
        #expect(!late.output.contains("Too many open files"), "\(late.output.suffix(2_000))")
    }

    /// A backup tool, or a shell of SQLite, holds a database: the start waits for it.
    @Test(arguments: ["chain.sqlite", "durable.sqlite"]) func aDatabaseThatIsHeldIsWaitedFor(name: String) async throws
    {
        let folder = try Folder()
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 1).makeHome(home, heights: 1)
        let holder = Process()
        holder.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        let code = """
            import os, sqlite3, sys
            held = sqlite3.connect(sys.argv[1], isolation_level=None)
            held.execute("BEGIN EXCLUSIVE")
            os.write(1, b"held")
            os.close(1)
            sys.stdin.read()
            """
        holder.arguments = ["python3", "-c", code, home + "/" + name]
        let (line, answer) = (Pipe(), Pipe())
        holder.standardInput = line
        holder.standardOutput = answer
        try holder.run()
        // The holder alone has the end that is written to.
        try? answer.fileHandleForWriting.close()
        // To the end of what it says: a pipe gives words in pieces.
        try #require(answer.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } == "held")
        let node = try RunningNode(home: home)
        // It says for what it waits and who has it, and has not ended because of that.
        let words = "waiting up to 30 s for \(home)/\(name), which process \(holder.processIdentifier) ("
        while node.process.isRunning, !node.output.contains(words) { await Task.yield() }
        #expect(node.output.contains(words), "\(node.output.suffix(2_000))")
        try line.fileHandleForWriting.close()
        holder.waitUntilExit()
        let status = try await node.status()
        #expect(status != nil, "\(node.output.suffix(2_000))")
    }

    /// A limit of the process under which a node cannot work is named at once. Root is above the limit of processes, so there it
    /// starts as somebody else.
    @Test(arguments: [
        ("ulimit -v 300000", "ulimit -v unlimited"), ("ulimit -d 120000", "ulimit -d unlimited"),
        ("ulimit -f 64", "ulimit -f unlimited"), ("ulimit -s 128", "ulimit -s 8192"),
        ("ulimit -n 20", "ulimit -n 1024"), ("ulimit -u 4", "ulimit -u 4096"),
    ]) func aLimitThatIsTooLowIsNamed(limit: String, advice: String) async throws {
        let folder = try Folder()
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 1).makeHome(home, heights: 1)
        let other = limit.contains("-u ") && geteuid() == 0 ? "; set -- setpriv --reuid=64123 --clear-groups" : ""
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [
            "-c",
            "program=$0 home=$1; exec 2>\"$2\"; \(limit); set --\(other); exec \"$@\" \"$program\" run --home \"$home\"",
            Program.path, home, folder.path + "/errors",
        ]
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 }
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitForEnd()
        let errors = try String(contentsOfFile: folder.path + "/errors", encoding: .utf8)
        #expect(process.terminationReason == .exit && process.terminationStatus == 75, "\(limit): \(errors)")
        #expect(errors.contains(advice), "\(limit): \(errors)")
    }

    @Test(arguments: ["ulimit -v 600000", "ulimit -s 512", "ulimit -f 200000"])
    func aLimitThatSufficesStopsNothing(limit: String) async throws {
        let folder = try Folder()
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 1).makeHome(home, heights: 1)
        let node = try RunningNode(home: home, limit: limit)
        let status = try await node.status()
        #expect(status != nil, "\(limit): \(node.output.suffix(2_000))")
    }

    /// Keys that cannot be locked in memory stop nothing, and are told of with the way to raise the limit.
    @Test func keysThatCannotBeLockedAreToldOf() async throws {
        let folder = try Folder()
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 1).makeHome(home, heights: 1)
        let node = try RunningNode(home: home, lockedMemory: 0)
        let status = try #require(try await node.status(), "\(node.output.suffix(2_000))")
        #expect(status.warnings.contains { $0.contains("may be written to swap") }, "\(status.warnings)")
        let text = try LabNodes.expect(["status", "--home", home]).output
        #expect(text.contains("warning  ") && text.contains("may be written to swap"), "\(text)")
        let doctor = try Program.run("doctor", "--home", home).output
        #expect(doctor.contains("memory: ") && doctor.contains("ulimit -l unlimited"), "\(doctor)")
        node.end()
        let plain = try RunningNode(home: home)
        let calm = try #require(try await plain.status(), "\(plain.output.suffix(2_000))")
        #expect(calm.warnings.isEmpty, "\(calm.warnings)")
    }
}
