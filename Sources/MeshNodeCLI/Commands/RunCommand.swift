internal import ArgumentParser
internal import Dispatch
internal import Foundation
internal import Logging
internal import MeshNode
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#endif

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs the node of a home until SIGINT, SIGTERM or `meshnode stop`.")

    @OptionGroup var global: GlobalArguments
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("A configuration value for this run, again for each.", valueName: "PATH=VALUE"))
    var assignments: [String] = []
    @Option(help: "Port to listen on (listen.port).") var port: String?
    @Option(name: .customLong("log-level"), help: "Least level that is logged (log.level).") var logLevel: String?

    @Flag(
        name: .customLong("until-input-ends"),
        help: "Ends in order when its standard input ends: for launchers whose nodes must not outlive them.")
    var endsWithInput = false

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
        // A file that may not grow is then a write that fails, with its reason.
        signal(SIGXFSZ, SIG_IGN)
        try ProcessRoom.node.require()
        try OpenFiles.requireLeast()
        let home = try HomeDirectory.open(at: global.homePath)
        guard !home.holdsChainAlone else { throw CommandFailure(ExitStatus.configuration, home.chainAlone) }
        let configuration = try global.configuration(flags: flags).configuration
        let sink = try LogSink(path: configuration.logFile)
        LogOutput.start(
            level: configuration.logLevel, format: configuration.logFormat, sink: sink, home: global.namedHome)
        DatabaseWait.say { Logger(label: "meshnode").warning("\($0)") }
        if !Files.exists(home.configuration) { Logger(label: "meshnode").warning("\(home.lostConfiguration)") }
        if configuration.debug.keepsOwnUpdates || configuration.debug.killAggregator != nil
            || configuration.debug.dropMiner != nil
        {
            Logger(label: "meshnode").warning(
                "debug settings are on: this node is for tests, see the [debug] table of its configuration")
        }
        let runner = Seams.runner(sink)
        let hangUp = Self.onHangUp(sink)
        defer {
            hangUp.cancel()
            sink.flush()
        }
        try await SignalStop.run {
            let work = Task { try await runner.run(configuration, home: home) }
            if endsWithInput { StandardInput.onEnd { work.cancel() } }
            try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
        }
    }

    /// A closed terminal or a log rotation does not end a node: its log file is opened anew.
    private static func onHangUp(_ sink: LogSink) -> any DispatchSourceSignal {
        // A reader of stderr that has ended is no reason either; writing says so with an error.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler {
            sink.reopen()
            Logger(label: "meshnode").notice(
                sink.path.map { "SIGHUP: log file \($0) opened anew" }
                    ?? "SIGHUP: the log goes to stderr, nothing to open anew")
        }
        source.resume()
        return source
    }
}

/// The standard input as a line to whoever started this process: it ends when they do, however they do.
enum StandardInput {
    /// Runs `body` once the input has ended; what it holds until then is not read as anything.
    static func onEnd(_ body: @escaping @Sendable () -> Void) {
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while true {
                let got = read(0, &byte, 1)
                if got < 0, errno == EINTR { continue }
                if got <= 0 { break }
            }
            body()
        }
    }
}

/// Ends work in order on the first signal, at once on the second.
enum SignalStop {
    /// - Parameter signals: SIGHUP too for commands that belong to their terminal.
    /// - Returns: the signal that ended the work; nil when it ended by itself.
    @discardableResult
    static func run(
        _ signals: [Int32] = [SIGINT, SIGTERM], _ body: @escaping @Sendable () async throws -> Void
    ) async throws -> Int32? {
        let task = Task { try await body() }
        let received = Mutex<Int32?>(nil)
        let sources = signals.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                let isSecond = received.withLock { first in
                    defer { first = first ?? number }
                    return first != nil
                }
                if isSecond { _exit(128 + number) }
                task.cancel()
            }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        do {
            try await task.value
        } catch {
            // Asked for; what was under way then fails in its own words.
            guard received.withLock({ $0 }) != nil || error is CancellationError else { throw error }
        }
        return received.withLock { $0 }
    }

    /// For commands with nodes of their own: ends them on INT, TERM and HUP, and says what is left.
    ///
    /// - Parameter folder: what stays on disk.
    static func runMesh(in folder: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let ended = try await run([SIGINT, SIGTERM, SIGHUP], body)
        guard let ended else { return }
        throw CommandFailure(128 + ended, "interrupted: its nodes have ended; homes and logs are left in \(folder)")
    }
}
