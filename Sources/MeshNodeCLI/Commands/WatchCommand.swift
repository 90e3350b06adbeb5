internal import ArgumentParser
internal import Foundation
internal import MeshNode
internal import Synchronization
internal import Wire

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follows the node: one line an event, and why it waits.",
        discussion: """
            With --json each event is a value of its own, with the figures of its round as `detail`; reasons why the node waits are \
            events of kind `waiting`.
            Example: meshnode watch --task leaves --rounds
            """)

    @OptionGroup var global: GlobalArguments
    @Option(help: "Begin after this event; 0 for all that are kept.") var after: UInt64?
    @Option(help: "Only this task, by id or name; ends when the task does, with 1 when it failed.") var task: String?
    @Option(
        help: "Seconds to wait for a task that this node does not know yet. (default: 0)",
        transform: NumberArgument.seconds)
    var wait = 0
    @Flag(help: "Only decided rounds, attempts that failed, warnings and ends of tasks.") var rounds = false

    /// What --rounds leaves.
    private static let roundKinds: Set<String> = ["round", "void", "task", "warning", "conflict", "halt", "alarm"]

    func run() async throws {
        let client = global.client
        let output = global.output
        var wanted: TaskView?
        if let task {
            let view = try await Self.find(task, wait: wait, say: output.note) {
                try await client.get("/v1/tasks/\(NodeClient.part(task))", as: TaskView.self)
            }
            if let end = Self.end(view) { return try Self.finish(end) }
            wanted = view
        }
        if output.format == .text {
            output.note(StatusCommand.text(try await client.get("/v1/node", as: NodeStatus.self)))
        }
        let wantedTask = wanted?.task
        let waits = Task { await Self.showWaits(client, output, task: wantedTask) }
        defer { waits.cancel() }
        let final = Mutex<TaskView?>(nil)
        let isOnlyRounds = rounds
        try await client.events(after: after) { event in
            if let wantedTask, event.task != wantedTask { return true }
            if !isOnlyRounds || Self.roundKinds.contains(event.kind) {
                Terminal.result(output.format == .text ? Self.line(event) : APICoding.text(Shown(event)))
            }
            guard let wantedTask, event.kind == "task" else { return true }
            let view = try? await client.get("/v1/tasks/\(wantedTask)", as: TaskView.self)
            guard let view, Self.end(view) != nil else { return true }
            final.withLock { $0 = view }
            return false
        }
        if let view = final.withLock({ $0 }), let end = Self.end(view) { return try Self.finish(end) }
        throw CommandFailure(
            ExitStatus.unreachable, "the node ended; start it with: `meshnode run --home \(global.homePath.shellWord)`")
    }

    /// An event as a program reads it.
    struct Shown: Encodable {
        /// Absent for what is no event of the node: why it waits now.
        var number: UInt64?
        let timeMs: UInt64
        let kind: String
        let text: String
        var task: String?
        var round: UInt32?
        /// Figures of a round that was decided or failed.
        var detail: RoundView?

        init(_ event: NodeEvent) {
            number = event.number
            timeMs = event.timeMs
            kind = event.kind
            text = event.text
            task = event.task
            round = event.round
            detail = event.detail.flatMap { try? JSONDecoder().decode(RoundView.self, from: Data($0.utf8)) }
        }

        init(waiting reasons: String, task: String?, timeMs: UInt64) {
            (kind, text, self.task, self.timeMs) = ("waiting", reasons, task, timeMs)
        }
    }

    /// A task that was published a moment ago is there once its block is decided; any other name is a mistake, and whoever
    /// did not ask to wait is told at once.
    static func find(
        _ task: String, wait: Int, say: (String) -> Void, look: () async throws -> TaskView
    ) async throws -> TaskView {
        let end = ContinuousClock.now + .seconds(wait)
        var isTold = false
        while true {
            do {
                return try await look()
            } catch APIError.problem(let problem) where problem.status == 404 {
                guard wait > 0 else {
                    throw CommandFailure(
                        ExitStatus.failed,
                        "\(problem.message); for one that was just published: "
                            + "`meshnode watch --task \(task.shellWord) --wait 60`")
                }
                guard ContinuousClock.now < end else {
                    throw CommandFailure(
                        ExitStatus.temporary, "no such task came within \(wait) s: \(problem.message)")
                }
                if !isTold { say("waiting up to \(wait) s: \(problem.message)") }
                isTold = true
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private enum End {
        case completed
        case failed(String)
    }

    private static func end(_ view: TaskView) -> End? {
        switch view.state {
        case .announced, .enrolling, .running, .paused: nil
        case .completed: .completed
        case .failed, .cancelled, .expired, .unsupported:
            .failed("task \(view.name) \(view.state.rawValue)\(view.reason.map { ": \($0)" } ?? "")")
        }
    }

    private static func finish(_ end: End) throws(CommandFailure) {
        if case .failed(let reason) = end { throw CommandFailure(ExitStatus.failed, reason) }
    }

    /// `12:34:56.789 text`, in UTC.
    static func line(_ event: NodeEvent) -> String {
        let day = event.timeMs % 86_400_000
        func two(_ number: UInt64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let milliseconds = String(1_000 + day % 1_000).dropFirst()
        return "\(two(day / 3_600_000)):\(two(day / 60_000 % 60)):\(two(day / 1_000 % 60)).\(milliseconds) "
            + "\(event.kind)  \(event.text.printable)"
    }

    /// Once a second, on stderr: what the node is doing and why it waits. On a terminal one line that is rewritten,
    /// elsewhere a line whenever the reason changes.
    private static func showWaits(_ client: NodeClient, _ output: Output, task: String?) async {
        guard output.format != .text || !output.isQuiet else { return }
        var last = ""
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard let status = try? await client.get("/v1/node", as: NodeStatus.self) else { continue }
            let lines = status.current.filter { task == nil || $0.task == task }
            let obstacles = status.obstacles.filter { task == nil || $0.task == nil || $0.task == task }.map(\.text)
            var enrolling: [String] = []
            if lines.isEmpty, let task, let view = try? await client.get("/v1/tasks/\(task)", as: TaskView.self) {
                enrolling = [view.reason].compactMap { $0 }
            }
            let reasons = (lines.compactMap(\.waiting) + enrolling + obstacles).joined(separator: "; ")
            if output.format != .text {
                if reasons != last, !reasons.isEmpty {
                    Terminal.result(APICoding.text(Shown(waiting: reasons, task: task, timeMs: Files.nowMs)))
                }
                last = reasons
            } else if Terminal.errorIsTerminal {
                let line = lines.first.map(StatusCommand.text) ?? (enrolling + obstacles).first ?? ""
                Terminal.raw("\r\u{1b}[K\(line.printable.prefix(110))\r")
            } else {
                if reasons != last, !reasons.isEmpty {
                    Terminal.error("waiting: \(reasons.printable)")
                }
                last = reasons
            }
        }
    }
}
