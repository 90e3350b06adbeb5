internal import Chain
internal import Foundation
internal import Gossip
internal import MeshCrypto
internal import MeshNode
internal import Synchronization
internal import Wire

/// A testnet of processes that trains without a pause while one attack after another is played against it. Rounds a second
/// are counted before, while and after; then nodes, credits and the task are looked at. Every attack has a network of its
/// own, so that none suffers from the one before.
struct AttackBench: Sendable {
    struct Row: Sendable {
        let attack: NetworkAttack
        /// Rounds a second.
        let before: Double
        let during: Double
        /// Seconds from the end of the attack until four fifths of the rate before are back; nil: not within ten.
        let back: Double?
        let alive: Int
        let nodes: Int
        let creditsMoved: Bool
        let tasksLost: Int
        let tally: NetworkAttack.Tally
        /// Cores that the attacker's process kept busy while the attack went on: they are missing to the nodes.
        let attackerCores: Double

        var ratio: Double { before > 0 ? during / before : 0 }

        var misses: [String] {
            var misses: [String] = []
            let name = attack.rawValue
            if !(ratio >= 0.5) { misses.append("\(name): rounds a second fell to \(Text.fixed(ratio, 2)) of before") }
            if back == nil { misses.append("\(name): the rate was not back 10 s after the attack") }
            if alive < nodes { misses.append("\(name): \(nodes - alive) of \(nodes) nodes ended") }
            if creditsMoved { misses.append("\(name): credits moved") }
            if tasksLost > 0 { misses.append("\(name): the task was lost") }
            return misses
        }

        var text: String {
            attack.rawValue + String(repeating: " ", count: max(1, 14 - attack.rawValue.count))
                + "before \(Text.fixed(before, 2))/s  during \(Text.fixed(during, 2))/s  ratio \(Text.fixed(ratio, 2))  "
                + "back after \(back.map { Text.fixed($0, 1) + " s" } ?? "> 10 s")  nodes alive \(alive)/\(nodes)  "
                + "credits \(creditsMoved ? "MOVED" : "unchanged")  task lost \(tasksLost)  "
                + "links \(tally.links)  sent \(Text.bytes(UInt64(tally.sent)))  drew \(Text.bytes(UInt64(tally.received)))  "
                + "attacker \(Text.fixed(attackerCores, 2)) cores"
        }

        var json: String {
            "{\"name\":\"\(attack.rawValue)\",\"before\":\(Text.fixed(before, 3)),\"during\":\(Text.fixed(during, 3)),"
                + "\"ratio\":\(Text.fixed(ratio, 3)),\"back_s\":\(back.map { Text.fixed($0, 1) } ?? "null"),"
                + "\"alive\":\(alive),\"nodes\":\(nodes),\"credits_moved\":\(creditsMoved),\"tasks_lost\":\(tasksLost),"
                + "\"links\":\(tally.links),\"sent\":\(tally.sent),\"received\":\(tally.received),"
                + "\"attacker_cores\":\(Text.fixed(attackerCores, 2))}"
        }
    }

    let nodes: Int
    /// Of the attack, and of the time before it.
    let seconds: Double
    let out: String
    /// Another build of the program that is attacked.
    var program: String?
    let report: @Sendable (String) -> Void

    func run(_ attack: NetworkAttack) async throws -> Row {
        var options = TestnetOptions(
            nodes: nodes, rounds: 1_000, data: "digits", partition: "shards:2", seed: 0, holders: "3,1",
            killAggregator: nil, dropMiner: nil, attack: nil, out: out, keep: false, inProcess: false,
            limitSeconds: 600)
        options.program = program
        // Where a member is away from the start every round waits this long for it.
        if attack.needsHolder { options.assignments = ["deadlines.submit=\"1s\""] }
        let run = TestnetRun(options: options, report: report)
        let plan = try TestnetPlan.prepare(options)
        do {
            let row = try await measure(attack, run, plan)
            await run.stopAll(plan)
            return row
        } catch {
            await run.stopAll(plan)
            throw error
        }
    }

    private func measure(_ attack: NetworkAttack, _ run: TestnetRun, _ plan: TestnetPlan) async throws -> Row {
        report("\(attack.rawValue): \(attack.text)")
        try await run.start(plan)
        let task = try await run.publish(plan)
        let observer = plan.members[nodes - 2]
        try await run.waitUntil("three rounds are decided") {
            let view: TaskView = try await observer.client.get("/v1/tasks/\(task)")
            return view.round >= 3 ? nil : "round \(view.round)"
        }
        var field = try await field(run, plan, task: task)
        if attack.needsPurses { try await fill(&field, run, plan) }
        var running = plan.members
        if attack.needsHolder {
            let view: TaskView = try await observer.client.get("/v1/tasks/\(task)")
            let holder = plan.members.dropFirst().first { member in
                member.index != observer.index
                    && view.participants.contains { $0.node == member.node.hex && $0.holdsKeys }
            }
            guard let holder else { throw CommandFailure(ExitStatus.failed, "no node but the first holds keys") }
            field.holder = try holder.home.loadIdentity().signingKey()
            await holder.stop()
            running.removeAll { $0.index == holder.index }
        }
        let clock = RoundClock(task: task, client: observer.client)
        let following = Task { await clock.follow() }
        defer { following.cancel() }
        try await Task.sleep(for: .seconds(1))
        let credits = try await self.credits(running, plan)
        let start = clock.now
        let seconds = seconds
        let before = Task { try await Task.sleep(for: .seconds(seconds)) }
        // What a restart alone costs is no merit of the attack.
        if attack.restartsANode { try await restart(plan.members[2], run, plan) }
        try await before.value
        let began = clock.now
        let busyBefore = Self.processorSeconds()
        let attacked = field
        async let tally = withCheckedContinuation { (continuation: CheckedContinuation<NetworkAttack.Tally, Never>) in
            Thread.detachNewThread { continuation.resume(returning: attack.run(attacked, seconds: seconds)) }
        }
        if attack.restartsANode { try await restart(plan.members[2], run, plan) }
        let result = await tally
        let ended = clock.now
        let busy = Self.processorSeconds() - busyBefore
        let rateBefore = clock.rate(start, began)
        let during = clock.rate(began, ended)
        // Long enough for four rounds at the old rate.
        let window = max(5, rateBefore > 0 ? 4 / rateBefore : 5)
        try await Task.sleep(for: .seconds(10 + window))
        let back = stride(from: 0.0, through: 10, by: 0.5).first {
            clock.rate(ended + $0, ended + $0 + window) >= 0.8 * rateBefore
        }
        var lost = 0
        for member in running where member.exit == .running {
            let view: TaskView? = try? await member.client.get("/v1/tasks/\(task)")
            if view == nil || ![.running, .completed].contains(view!.state) { lost = 1 }
        }
        let after = try await self.credits(running, plan)
        for (name, count) in (try? await observer.client.get("/v1/node", as: NodeStatus.self))?.drops
            .map({ ($0.name, $0.count) }) ?? []
        {
            report("  node \(observer.index + 1) dropped: \(name) \(count)")
        }
        return Row(
            attack: attack, before: rateBefore, during: during, back: rateBefore > 0 ? back : nil,
            alive: running.count { $0.exit == .running }, nodes: running.count, creditsMoved: credits != after,
            tasksLost: lost, tally: result, attackerCores: busy / max(0.001, ended - began))
    }

    /// Of this process, all threads.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A third of the time after the begin of what is measured.
    private func restart(_ member: MeshMember, _ run: TestnetRun, _ plan: TestnetPlan) async throws {
        try await Task.sleep(for: .seconds(seconds / 3))
        await member.stop()
        let ticket: TicketView = try await plan.members[0].client.get("/v1/ticket")
        try member.start(settings: ["mesh.bootstrap=\(ticket.ticket)"])
        try await run.waitReady(member)
    }

    private func field(_ run: TestnetRun, _ plan: TestnetPlan, task: String) async throws -> AttackField {
        let genesis = try Files.read(out + "/genesis")
        let network = try Genesis(wireBytes: genesis).networkID
        guard let chain = ChainID(hex: task) else { throw CommandFailure(ExitStatus.failed, "\(task) is no task") }
        var ports: [UInt16] = []
        var heights: (registry: UInt64, task: UInt64) = (0, 0)
        for member in plan.members {
            let status: NodeStatus = try await member.client.get("/v1/node")
            ports.append(status.listening.first?.split(separator: ":").last.flatMap { UInt16($0) } ?? 0)
            for chain in status.chains {
                if chain.kind == "registry" {
                    heights.registry = chain.height ?? 0
                } else {
                    heights.task = chain.height ?? 0
                }
            }
        }
        // What is stored on all nodes: two megabytes each beside the task's own.
        var contents: [ContentReference] = []
        let large = randomBytes(2 << 20)
        for member in plan.members {
            let view: ContentView = try await member.client.post(
                "/v1/store?compress=0&label=bench", large, contentType: "application/octet-stream")
            if contents.isEmpty, let id = ContentID(hex: view.content) {
                contents.append(ContentReference(id: id, length: view.bytes))
            }
        }
        let account = SigningKey.generate()
        let body = "{\"to\":\"\(account.nodeID.hex)\",\"credits\":5000}"
        let _: Receipt = try await plan.members[nodes - 1].client.post("/v1/ledger/transfer", Array(body.utf8))
        try await awaitAccount(account.nodeID, run, plan)
        return AttackField(
            network: network, task: chain, spec: plan.spec, ports: ports, heights: heights, contents: contents,
            account: account)
    }

    private func fill(_ field: inout AttackField, _ run: TestnetRun, _ plan: TestnetPlan) async throws {
        let purses = (0..<66).map { _ in SigningKey.generate() }
        for part in [purses.prefix(33), purses.suffix(33)] {
            let first = field.nonce
            let envelopes = part.enumerated().map { place, purse in
                field.transaction(
                    .transfer(to: purse.nodeID, credits: 1), nonce: first + UInt64(place), by: field.account)
            }
            let said = field
            try await run.waitUntil("33 accounts are made", every: 500) {
                said.spread(envelopes)
                let ledger: LedgerView = try await plan.members[0].client.get("/v1/ledger")
                let last = part.last!.nodeID.hex
                return ledger.accounts.contains { $0.node == last } ? nil : "not decided"
            }
            field.nonce += 33
        }
        field.purses = purses
    }

    private func awaitAccount(_ node: NodeID, _ run: TestnetRun, _ plan: TestnetPlan) async throws {
        try await run.waitUntil("the attacker has an account") {
            for member in plan.members {
                let ledger: LedgerView = try await member.client.get("/v1/ledger")
                guard ledger.accounts.contains(where: { $0.node == node.hex }) else { return "not everywhere" }
            }
            return nil
        }
    }

    /// Total, burned and what each honest account owns, bonds included; the same on every node.
    private func credits(_ running: [MeshMember], _ plan: TestnetPlan) async throws -> [[UInt64]] {
        var all: [[UInt64]] = []
        for member in running where member.exit == .running {
            let ledger: LedgerView = try await member.client.get("/v1/ledger")
            all.append(
                [ledger.total, ledger.burned]
                    + plan.members.map { honest in
                        ledger.accounts.first { $0.node == honest.node.hex }
                            .map { $0.balance + $0.bonded + $0.unbonding } ?? 0
                    })
        }
        return Array(Set(all)).sorted { $0.lexicographicallyPrecedes($1) }
    }
}

/// When rounds were decided, as one node saw it.
private final class RoundClock: Sendable {
    private let task: String
    private let client: APIClient
    private let origin = ContinuousClock.now
    private let arrivals = Mutex<[Double]>([])

    init(task: String, client: APIClient) {
        self.task = task
        self.client = client
    }

    var now: Double { (ContinuousClock.now - origin) / .seconds(1) }

    func follow() async {
        var last: UInt32?
        while !Task.isCancelled {
            if let view = try? await client.get("/v1/tasks/\(task)", as: TaskView.self) {
                if let known = last, view.round > known {
                    let at = now
                    arrivals.withLock { list in for _ in known..<view.round { list.append(at) } }
                }
                last = view.round
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    func rate(_ from: Double, _ to: Double) -> Double {
        Double(arrivals.withLock { $0.count { $0 >= from && $0 < to } }) / max(0.001, to - from)
    }
}
