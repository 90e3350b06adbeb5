internal import ArgumentParser
internal import MeshNode
internal import Wire

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "The node as it sees itself.")
    @OptionGroup var global: GlobalArguments

    func run() async throws {
        let status = try await global.client.get("/v1/node", as: NodeStatus.self)
        global.output.show(status, text: Self.text)
    }

    static func text(_ status: NodeStatus) -> String {
        var lines = Table.fields([
            ("node", "\(status.node)  \(status.name)"), ("network", status.network),
            (
                "version",
                "\(status.version), process \(status.processNumber), up \(Text.seconds(status.uptimeSeconds)) s"
            ),
            ("listening", status.listening.joined(separator: ", ")), ("peers", "\(status.peers)"),
            ("balance", status.balance.map { "\($0) credits" }),
            ("traffic", "\(Text.bytes(status.bytesIn)) in, \(Text.bytes(status.bytesOut)) out"),
            ("ready", status.notReady.isEmpty ? "yes" : "no: " + status.notReady.joined(separator: ", ")),
        ])
        for chain in status.chains {
            lines += "\nchain \(Text.short(chain.chain))  \(chain.kind)\(chain.name.map { " \($0.printable)" } ?? "")  "
            lines += "height \(Text.number(chain.height))  head \(Text.short(chain.head))"
        }
        for obstacle in status.obstacles {
            lines += "\nwaits    \(obstacle.task.map { "task \(Text.short($0)) " } ?? "")\(obstacle.text.printable)"
        }
        for order in status.pending {
            lines += "\npending  \(order.what.printable), given \(Text.time(order.sinceMs)), not decided yet"
        }
        for warning in status.warnings { lines += "\nwarning  \(warning)" }
        for current in status.current { lines += "\n" + text(current) }
        for task in status.unsupported {
            lines += "\ntask \(Text.short(task.task)) \(task.name)  not supported here: \(task.reason)"
        }
        for drop in status.drops where drop.count > 0 { lines += "\ndropped  \(drop.name) \(drop.count)" }
        return lines
    }

    static func text(_ current: NodeStatus.Current) -> String {
        var line = "task \(current.name.printable)  \(current.state.rawValue)"
        if current.state == .running || current.state == .paused {
            line += "  round \(current.round)/\(current.rounds)"
            if current.attempt > 0 { line += "  attempt \(current.attempt)" }
            line += "  \(current.phase)"
        }
        if let waiting = current.waiting { line += "  waiting: \(waiting)" }
        if let remaining = current.remainingMs { line += "  \(Text.seconds(Double(remaining) / 1000)) s left" }
        return line
    }
}

struct TicketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ticket", abstract: "Prints what another node needs to join through this one.")
    @OptionGroup var global: GlobalArguments

    func run() async throws {
        let ticket = try await global.client.get("/v1/ticket", as: TicketView.self)
        global.output.show(ticket, text: \.ticket)
        if let known = ticket.asOf { global.output.note("as of registry block \(known)") }
    }
}

struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Ends the node in order, and returns when it has ended.")
    @OptionGroup var global: GlobalArguments
    @Option(help: "Seconds that the node may take. (default: 60)", transform: NumberArgument.seconds) var wait = 60

    func run() async throws {
        let client = global.client
        do {
            _ = try await client.post("/v1/shutdown", as: Receipt.self)
        } catch APIError.malformed(_, let reason) where reason.hasPrefix("the connection") {
            // It may have ended, by this or another order, before its answer came: what follows tells.
        }
        let isFree: Bool
        do { isFree = try await HomeLock.waitUntilFree(global.homeDirectory, seconds: wait) } catch {
            throw CommandFailure(
                ExitStatus.failed,
                "the node at \(client.api.socket) was told to end; whether it has is not known: \(error)")
        }
        guard isFree else {
            throw CommandFailure(
                ExitStatus.failed,
                "the node at \(client.api.socket) has not ended within \(wait) s; look at its log, and end its process if it hangs"
            )
        }
        global.output.show(Receipt(reference: "shutdown", text: "the node has ended"), text: \.text)
    }
}

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "A mesh inside this process: offline, in seconds.",
        discussion: """
            What it leaves (model, report, homes) lies in the folder that the last line names: --out, or one in the temporary \
            directory, which the next demo removes.
            Example: meshnode demo --rounds 5 --out demo
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Nodes, 4 to 32.") var nodes = 5
    @Option(help: "Rounds.") var rounds = 3
    @Option(help: "How the rows are dealt.") var partition = "shards:2"
    @Option(help: "Seed of everything.") var seed: UInt64 = 0
    @Option(help: ArgumentHelp("Folder for everything that it leaves.", valueName: "DIR")) var out: String?

    func run() async throws {
        let demo = Seams.demo
        let output = global.output
        let (held, folder) = try await demo.run(
            nodes: nodes, rounds: rounds, partition: partition, seed: seed, out: out.map(Files.absolute),
            report: output.progress)
        try output.showSummary(of: folder)
        if !held { throw CommandFailure(ExitStatus.verification, "a gate failed, see above") }
    }
}

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The node's configuration: look at it, change it.",
        subcommands: [Show.self, Change.self, Template.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Values in force: flag > environment > file > default.")
        @OptionGroup var global: GlobalArguments
        @Flag(help: "Also where each value comes from.") var origin = false
        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: ArgumentHelp("A value as for run, again for each.", valueName: "PATH=VALUE"))
        var assignments: [String] = []

        struct Line: Encodable {
            let path: String
            let value: String
            let origin: String?
        }

        func run() throws {
            let loaded = try global.configuration(flags: try Assignments.parse(assignments))
            let lines = loaded.lines.map { line in
                Line(path: line.path, value: line.value.toml, origin: origin ? line.origin.description : nil)
            }
            global.output.show(lines, empty: "") { lines in
                lines.map { "\($0.path) = \($0.value)\($0.origin.map { "  # \($0)" } ?? "")" }.joined(separator: "\n")
            }
        }
    }

    struct Change: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Changes values in the home's config.toml; everything else in it stays.",
            discussion: """
                Example: meshnode config set listen.port=7001 miner.auto_join=true --home a
                """)
        @OptionGroup var global: GlobalArguments
        @Argument(help: ArgumentHelp("A value, again for each.", valueName: "PATH=VALUE")) var assignments: [String]

        struct Result: Encodable {
            let file: String
            let changed: [String]
        }

        func run() async throws {
            let changes = try Assignments.parse(assignments, option: nil)
            let home = global.homeDirectory
            guard Files.exists(home.configuration) else {
                throw CommandFailure(
                    ExitStatus.configuration,
                    "\(home.configuration) does not exist; make the home with: "
                        + "`meshnode init --home \(home.path.shellWord)`")
            }
            let environment = Files.environment
            try FileEdit.run(home.configuration) {
                let text = try ConfigurationLoader(home: home, environment: [:], flags: [:]).edited(changes)
                return (Array(text.utf8), ())
            }
            for path in changes.keys.sorted() {
                guard let name = SettingTable.setting(path)?.environmentName, environment[name] != nil else { continue }
                global.output.note("note: \(name) in the environment wins over the file")
            }
            if await global.client.api.isAnswering {
                global.output.note("the running node goes on as it was; it reads the file at its next start")
            }
            global.output.show(Result(file: home.configuration, changed: changes.keys.sorted())) { result in
                result.changed.map { "\($0) is set in \(result.file)" }.joined(separator: "\n")
            }
        }
    }

    struct Template: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Prints an annotated config.toml.")
        @OptionGroup var global: GlobalArguments

        func run() { Terminal.result(String(ConfigurationTemplate.text().dropLast())) }
    }
}
