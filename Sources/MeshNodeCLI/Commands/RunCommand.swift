internal import ArgumentParser
internal import Dispatch
internal import Logging
internal import MeshNode

#if canImport(Glibc)
    internal import Glibc
#endif

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs the node of a home until SIGINT, SIGTERM or `meshnode stop`.")

    @OptionGroup var global: GlobalArguments
    @Option(name: .customLong("set"), parsing: .singleValue, help: "A configuration value for this run, PATH=VALUE.")
    var assignments: [String] = []
    @Option(help: "Port to listen on (listen.port).") var port: String?
    @Option(name: .customLong("log-level"), help: "Least level that is logged (log.level).") var logLevel: String?

    func run() async throws {
        var flags = try Assignments.parse(assignments)
        if let port { flags["listen.port"] = port }
        if let logLevel {
            flags["log.level"] = logLevel
        } else if global.verbose {
            flags["log.level"] = "debug"
        } else if global.quiet {
            flags["log.level"] = "warning"
        }
        let home = try HomeDirectory.open(at: global.homePath)
        let configuration = try global.configuration(flags: flags).configuration
        LogOutput.start(level: configuration.logLevel, format: configuration.logFormat)
        if configuration.debug.keepsOwnUpdates || configuration.debug.killAggregator != nil
            || configuration.debug.dropMiner != nil
        {
            Logger(label: "meshnode").warning(
                "debug settings are on: this node is for tests, see the [debug] table of its configuration")
        }
        let runner = Seams.runner
        try await SignalStop.run {
            try await runner.run(configuration, home: home)
        }
    }
}

/// Ends work in order on the first SIGINT or SIGTERM, at once on the second.
enum SignalStop {
    static func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let task = Task { try await body() }
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if task.isCancelled { _exit(128 + number) }
                task.cancel()
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        do {
            try await task.value
        } catch is CancellationError {
            // Asked for.
        }
    }
}
