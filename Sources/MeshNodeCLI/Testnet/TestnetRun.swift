internal import Chain
internal import Foundation
internal import Learn
internal import MeshNode
internal import Synchronization
internal import Wire

/// One testnet from empty homes to checked gates, in stages: prepare, start, publish, follow, settle, prove.
///
/// Everything goes through the public surface: homes made by the same code as `init`, nodes that run as `meshnode
/// run`, requests over each node's socket, proofs read from the homes after the nodes have ended.
final class TestnetRun: Sendable {
    let options: TestnetOptions
    let report: @Sendable (String) -> Void
    private let started = ContinuousClock.now
    private let restarts = Mutex<[String]>([])
    /// Bytes sent by all nodes since their (last) start.
    private let totals = Mutex<UInt64>(0)

    init(options: TestnetOptions, report: @escaping @Sendable (String) -> Void) {
        self.options = options
        self.report = report
    }

    var elapsed: Double {
        let parts = (ContinuousClock.now - started).components
        return Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    }

    /// - Returns: whether every gate held.
    func run() async throws -> Bool {
        let faults = options.faults()
        guard faults.isEmpty else {
            throw CommandFailure(ExitStatus.usage, faults.joined(separator: "\nmeshnode: "))
        }
        LinearAlgebra.setThreadCount(1)
        let plan = try TestnetPlan.prepare(options)
        report(
            "\(options.nodes) nodes, \(plan.rowsText), held out \(plan.testRows) rows, partition \(options.partition), seed \(options.seed)"
        )
        let baselines = try plan.baselines()
        report(
            "baselines after \(options.rounds) rounds: centralised \(Text.fixed(baselines.central, 4)), "
                + "best node alone \(Text.fixed(baselines.bestAlone, 4))")
        do {
            let held = try await follow(plan, baselines)
            if !options.keep { await stopAll(plan) }
            return held
        } catch {
            await stopAll(plan)
            throw error
        }
    }

    func stopAll(_ plan: TestnetPlan) async {
        for member in plan.members { await member.stop() }
    }

    // MARK: Stages

    private func follow(_ plan: TestnetPlan, _ baselines: Baselines) async throws -> Bool {
        try await start(plan)
        let task = try await publish(plan)
        report("")
        report(RoundLine.header)
        try await watch(plan, task: task, baselines)
        try await settle(plan, task: task)
        if options.keep {
            report("")
            report("left running: " + plan.members.map { $0.home.apiSocket }.joined(separator: " "))
        } else {
            await stopAll(plan)
        }
        return try TestnetProof(run: self, plan: plan, task: task, baselines: baselines).check()
    }

    func start(_ plan: TestnetPlan) async throws {
        let debug =
            (options.killAggregator.map { ["debug.kill_aggregator=\($0.round):\($0.point.rawValue)"] } ?? [])
            + (options.attack.map { ["debug.attack=\($0.rawValue)"] } ?? [])
        let first = plan.members[0]
        if options.inProcess { try LogOutput.start(file: first.log) }
        try first.start(settings: ["debug.keep_own_updates=true"] + debug)
        try await waitReady(first)
        let ticket: TicketView = try await first.client.get("/v1/ticket")
        try Files.write(Array(ticket.ticket.utf8), to: options.out + "/ticket")
        for member in plan.members.dropFirst() {
            var settings = ["debug.keep_own_updates=true", "mesh.bootstrap=\(ticket.ticket)"] + debug
            if let round = options.dropMiner, member.index == options.nodes - 1 {
                settings.append("debug.drop_miner=\(round)")
            }
            try member.start(settings: settings)
        }
        for member in plan.members { try await waitReady(member) }
        // A node dials at most so many others, so in a large mesh not every pair has a link of its own.
        var progress = LinkProgress(nodes: options.nodes)
        try await waitUntil("every node is linked to \(progress.wanted) others") {
            var peers: [Int] = []
            for member in plan.members {
                let status: NodeStatus = try await member.client.get("/v1/node")
                peers.append(status.peers)
            }
            guard let missing = progress.missing(peers: peers) else { return nil }
            if let line = progress.line(at: self.elapsed) { self.report(line) }
            return missing
        }
        report(
            "\(options.nodes) nodes linked through one ticket after \(Text.fixed(elapsed, 1)) s"
                + (progress.links < progress.all ? ", \(progress.links) of \(progress.all) links" : ""))
    }

    func publish(_ plan: TestnetPlan) async throws -> String {
        let published: PublishedView = try await plan.members[0].client.post(
            "/v1/tasks", Array(plan.taskFile.utf8), contentType: "application/toml")
        report("task \(published.task.prefix(8)) published; \(published.readers)")
        for warning in published.warnings { report("note: \(warning)") }
        return published.task
    }

    /// Prints a line a round until the task has ended on the first node that lives, restarting what was killed.
    private func watch(_ plan: TestnetPlan, task: String, _ baselines: Baselines) async throws {
        var printed: Set<String> = []
        var isEnded = false
        var obstacles = TestnetObstacles()
        try await waitUntil("the task ends", every: 100) {
            let waiting = try await self.restartKilled(plan, task: task)
            for member in plan.members where member.exit == .running {
                guard let rounds: [RoundView] = try? await member.client.get("/v1/tasks/\(task)/rounds") else {
                    continue
                }
                for round in rounds where round.outcome != .running {
                    guard printed.insert("\(round.round)/\(round.attempt)").inserted else { continue }
                    self.report(RoundLine.text(await self.completed(round, plan), baselines))
                }
                guard let view: TaskView = try? await member.client.get("/v1/tasks/\(task)") else { continue }
                isEnded = [.completed, .failed, .expired, .cancelled].contains(view.state)
                if view.state == .enrolling { try await self.tellObstacles(plan, task: task, &obstacles) }
                return isEnded && waiting == nil
                    ? nil : waiting ?? "round \(view.round + 1): \(view.reason ?? "running")"
            }
            return "no node answers"
        }
    }

    /// Why nodes do not join: said once for each, and the end where too few are left.
    private func tellObstacles(_ plan: TestnetPlan, task: String, _ obstacles: inout TestnetObstacles) async throws {
        guard elapsed > obstacles.lookedAt + 1 else { return }
        obstacles.lookedAt = elapsed
        for member in plan.members where member.exit == .running {
            guard let status: NodeStatus = try? await member.client.get("/v1/node") else { continue }
            for obstacle in status.obstacles where obstacle.keepsFromJoining(task) {
                guard obstacles.nodes.insert(member.index).inserted else { continue }
                report("note: node \(member.index + 1): \(obstacle.text)")
            }
        }
        guard options.nodes - obstacles.nodes.count < Int(plan.spec.participants.minimum) else { return }
        throw CommandFailure(
            ExitStatus.data,
            "\(obstacles.nodes.count) of \(options.nodes) nodes cannot join the task, which asks for "
                + "\(plan.spec.participants.minimum), see above; nothing will change by waiting")
    }

    /// The line of one node, with what only others saw: the aggregator's own times, and the phases of a node that was
    /// up during the round.
    private func completed(_ view: RoundView, _ plan: TestnetPlan) async -> RoundView {
        var best = view
        for member in plan.members where member.exit == .running {
            guard
                let other: RoundView =
                    (try? await member.client.get(
                        "/v1/tasks/\(view.task)/rounds", as: [RoundView].self))?
                    .last(where: { $0.round == view.round && $0.attempt == view.attempt && $0.outcome != .running })
            else { continue }
            if best.seconds.collect == nil, other.seconds.collect != nil { best = other }
            if other.aggregator == member.node.hex {
                best.seconds.keys = other.seconds.keys ?? best.seconds.keys
                best.seconds.recover = other.seconds.recover ?? best.seconds.recover
            }
        }
        return best
    }

    /// A node that its debug setting killed is started again, without that setting, once its round is decided.
    private func restartKilled(_ plan: TestnetPlan, task: String) async throws -> String? {
        var waiting: String?
        for member in plan.members {
            switch member.exit {
            case .running: continue
            case .ended(let code):
                throw CommandFailure(
                    ExitStatus.failed, "node \(member.index + 1) ended by itself with \(code):\n\(member.logTail)")
            case .killed(let signal):
                // The dropped miner is always the last node; any other one was killed as aggregator.
                let wanted =
                    member.index == options.nodes - 1 && options.dropMiner != nil
                    ? options.dropMiner : options.killAggregator.map { Int($0.round) }
                guard signal == SIGKILL, let round = wanted else {
                    throw CommandFailure(
                        ExitStatus.failed, "node \(member.index + 1) died of signal \(signal):\n\(member.logTail)")
                }
                waiting = "node \(member.index + 1) is down until a later round is decided"
                var decided = false
                for other in plan.members where other.exit == .running {
                    let rounds: [RoundView] = (try? await other.client.get("/v1/tasks/\(task)/rounds")) ?? []
                    if rounds.contains(where: { Int($0.round) >= round && $0.outcome == .accepted }) { decided = true }
                }
                guard decided else { continue }
                report("      node \(member.index + 1) was killed and is started again")
                restarts.withLock { $0.append("node \(member.index + 1)") }
                let ticket = String(decoding: try Files.read(options.out + "/ticket"), as: UTF8.self)
                let bootstrap =
                    member.index == 0
                    ? try await { () async throws -> String in
                        let other: TicketView = try await plan.members[1].client.get("/v1/ticket")
                        return other.ticket
                    }() : ticket
                try member.start(settings: ["debug.keep_own_updates=true", "mesh.bootstrap=\(bootstrap)"])
                try await waitReady(member)
            }
        }
        return waiting
    }

    var bytesSent: UInt64 { totals.withLock { $0 } }
    var restarted: [String] { restarts.withLock { $0 } }

    /// Every node has the whole chain and what it names.
    private func settle(_ plan: TestnetPlan, task: String) async throws {
        try await waitUntil("all nodes hold the same head") {
            var heads: [String] = []
            var bytes: UInt64 = 0
            for member in plan.members {
                let view: TaskView = try await member.client.get("/v1/tasks/\(task)")
                guard [.completed, .failed, .expired, .cancelled].contains(view.state) else {
                    return "node \(member.index + 1) is in round \(view.round + 1)"
                }
                heads.append(view.head ?? "")
                // A node that was away also fetches the contents of the rounds that it missed.
                let status: NodeStatus = try await member.client.get("/v1/node")
                if status.contentsWanted > 0 {
                    return "node \(member.index + 1) still fetches \(status.contentsWanted) contents"
                }
                bytes += status.bytesOut
            }
            guard Set(heads).count == 1 else { return "heads differ" }
            var ledgers: [[UInt64]] = []
            for member in plan.members {
                let ledger: LedgerView = try await member.client.get("/v1/ledger")
                guard ledger.escrows.isEmpty, ledger.accounts.allSatisfy({ $0.bonded == 0 }) else {
                    return "node \(member.index + 1) waits for the payout and for its bonds"
                }
                ledgers.append(ledger.accounts.map(\.balance))
            }
            guard ledgers.allSatisfy({ $0 == ledgers[0] }) else { return "balances differ" }
            self.totals.withLock { $0 = bytes }
            return nil
        }
    }

    // MARK: Waiting

    func waitReady(_ member: MeshMember) async throws {
        try await waitUntil("node \(member.index + 1) answers") {
            if case .ended(let code) = member.exit {
                throw CommandFailure(
                    ExitStatus.failed, "node \(member.index + 1) ended with \(code):\n\(member.logTail)")
            }
            let status: NodeStatus? = try? await member.client.get("/v1/node")
            return status == nil ? "no answer yet" : nil
        }
    }

    /// Polls until `condition` gives nil; says what was waited for when the run's limit passes.
    func waitUntil(
        _ what: String, every milliseconds: Int = 50, _ condition: () async throws -> String?
    ) async throws {
        while true {
            let reason: String?
            do { reason = try await condition() } catch let error as APIError { reason = "\(error)" }
            guard let reason else { return }
            guard elapsed < Double(options.limitSeconds) else {
                throw CommandFailure(
                    ExitStatus.failed, "gave up after \(options.limitSeconds) s waiting until \(what): \(reason)")
            }
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }
}

/// What was told already while a task enrols.
private struct TestnetObstacles {
    /// Seconds since the start.
    var lookedAt = 0.0
    /// Places of members that cannot join.
    var nodes: Set<Int> = []
}

extension Obstacle {
    /// Rows are read at the start alone, so that a node without any has none later either.
    fileprivate func keepsFromJoining(_ task: String) -> Bool {
        what == .data || (what == .join && isFinal && self.task == task)
    }
}

/// One line a round; the same figures as `round list` has.
enum RoundLine {
    static let header =
        "round  accuracy  loss     in sum  aggregator  views train  encrypt  collect  keys   recover  opinions  vote   total  bytes"

    static func text(_ view: RoundView, _ baselines: Baselines) -> String {
        if view.outcome == .void {
            return pad("\(view.round)", 7) + "VOID, attempt \(view.attempt): \(view.reason ?? "no reason")"
        }
        let s = view.seconds
        return pad("\(view.round)", 7) + pad(Text.share(view.accuracy), 10) + pad(Text.share(view.loss), 9)
            + pad("\(Text.number(view.submitted))/\(view.enrolled)", 8) + pad(Text.short(view.aggregator), 12)
            + pad(Text.number(view.views), 6) + pad(Text.seconds(s.train), 7)
            + pad(Text.seconds(s.encrypt), 9) + pad(Text.seconds(s.collect), 9) + pad(Text.seconds(s.keys), 7)
            + pad(Text.seconds(s.recover), 9) + pad(Text.seconds(s.opinions), 10) + pad(Text.seconds(s.vote), 7)
            + pad(Text.seconds(s.total), 7) + Text.bytes(view.bytesIn.map { $0 + (view.bytesOut ?? 0) })
            + (view.outcome == .rejected ? "  REJECTED" : "") + remarks(view)
    }

    /// What only some tasks have.
    private static func remarks(_ view: RoundView) -> String {
        var text = ""
        if let ratio = view.ratio, ratio != 1 { text += "  ratio \(Text.fixed(ratio, 3))" }
        if let cut = view.saturations, cut > 0 { text += "  \(cut) saturated" }
        if let epsilon = view.epsilon {
            text +=
                "  epsilon \(Text.fixed(epsilon, 1)) (members \(Text.fixed(view.epsilonAgainstMembers ?? .infinity, 1)))"
        }
        return text
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
