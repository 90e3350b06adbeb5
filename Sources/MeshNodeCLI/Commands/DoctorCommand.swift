internal import ArgumentParser
internal import MeshNode
internal import Wire

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks for what keeps a node from working; the node may run or not.",
        discussion: "Exit code 1 when a check fails. Each failure says the next step.")
    @OptionGroup var global: GlobalArguments
    @Flag(
        name: .customLong("clear-alarm"),
        help: "The owner's word that the key of this home lives here alone, after an alarm about a second one.")
    var clearAlarm = false

    func run() async throws {
        if clearAlarm {
            let over = try HomeDirectory.open(at: global.homePath).clearAlarm(wallMs: Files.nowMs)
            global.output.progress(
                over.map { "taken back: \($0); start the node: `meshnode run --home \(global.homePath.shellWord)`" }
                    ?? "there was no alarm")
            return
        }
        let configuration = try global.configuration().configuration
        var api = APIClient(socket: configuration.socket)
        api.timeoutSeconds = 5
        let running = try? await api.get("/v1/health", as: [HealthCheck].self)
        var checks = running ?? []
        checks += Doctor(home: global.homeDirectory, configuration: configuration, isRunning: running != nil).checks()
        if running != nil {
            checks.insert(HealthCheck("node", .ok, "it runs and answers"), at: 0)
        } else if !global.homeDirectory.holdsChainAlone {
            // Nobody is sent to a start that will be refused.
            let hasFailed = checks.contains { $0.outcome == .fail }
            checks.insert(
                HealthCheck(
                    "node", .unknown, hasFailed ? "it does not run; first what has failed below" : "it does not run",
                    next: hasFailed ? nil : "`meshnode run --home \(global.homePath.shellWord)`"), at: 0)
        }
        global.output.show(checks, empty: "nothing to check") { checks in
            checks.map { check in
                let mark = check.outcome.rawValue + String(repeating: " ", count: 9 - check.outcome.rawValue.count)
                let head = check.outcome == .fail ? global.output.faulty(mark) : mark
                return head + check.name + ": " + check.detail + (check.next.map { "\n         next: \($0)" } ?? "")
            }.joined(separator: "\n")
        }
        if checks.contains(where: { $0.outcome == .fail }) {
            throw CommandFailure(ExitStatus.failed, "a check failed, see above")
        }
    }
}
