internal import Foundation
internal import Logging
internal import MeshNode
internal import Synchronization
internal import Wire

/// One node of a testnet: a process of its own, or a task of this process.
final class MeshMember: Sendable {
    let index: Int
    let home: HomeDirectory
    let log: String
    let inProcess: Bool
    /// Whether its process goes on when this one has ended.
    let outlivesLauncher: Bool
    /// Set by `init`.
    let node: NodeID
    /// Another build of the program than this one.
    let program: String?
    private let state = Mutex(State())

    private struct State {
        var process: Process?
        var line: Pipe?
        var task: Task<Void, any Error>?
    }

    enum Exit: Equatable {
        case running
        case ended(Int32)
        case killed(Int32)
    }

    init(
        index: Int, home: HomeDirectory, log: String, inProcess: Bool, outlivesLauncher: Bool = false,
        program: String? = nil,
        node: NodeID
    ) {
        self.index = index
        self.home = home
        self.log = log
        self.inProcess = inProcess
        self.outlivesLauncher = outlivesLauncher
        self.node = node
        self.program = program
    }

    var client: APIClient { APIClient(socket: home.apiSocket) }

    /// - Parameter settings: `PATH=VALUE` on top of the home's configuration.
    func start(settings: [String]) throws {
        if inProcess {
            let home = home
            var flags: [String: String] = [:]
            for setting in settings {
                let parts = setting.split(separator: "=", maxSplits: 1).map(String.init)
                flags[parts[0]] = parts[1]
            }
            let configuration = try ConfigurationLoader(home: home, environment: [:], flags: flags).load().configuration
            let task = Task { try await NodeRuntime().run(configuration, home: home) }
            state.withLock { $0.task = task }
            return
        }
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: program
                ?? (CommandLine.arguments[0].hasPrefix("/")
                    ? CommandLine.arguments[0] : Bundle.main.executablePath ?? CommandLine.arguments[0]))
        process.arguments = ["run", "--home", home.path] + settings.flatMap { ["--set", $0] }
        if outlivesLauncher {
            process.standardInput = FileHandle.nullDevice
        } else {
            // The other end closes with this process, however it ends: the node then ends in order.
            process.arguments?.append("--until-input-ends")
            let line = Pipe()
            process.standardInput = line
            state.withLock { $0.line = line }
        }
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try handle.seekToEnd()
        process.standardOutput = handle
        process.standardError = handle
        var environment = ProcessInfo.processInfo.environment
        // Several nodes share the machine: one BLAS thread each.
        environment["OPENBLAS_NUM_THREADS"] = "1"
        // A crash is reported by its signal and the log; walking the stack of a large binary takes minutes.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        process.environment = environment
        try process.run()
        state.withLock { $0.process = process }
    }

    var exit: Exit {
        state.withLock { state in
            guard let process = state.process else { return state.task == nil ? .ended(0) : .running }
            if process.isRunning { return .running }
            return process.terminationReason == .uncaughtSignal
                ? .killed(process.terminationStatus) : .ended(process.terminationStatus)
        }
    }

    var processNumber: Int32? { state.withLock { $0.process?.processIdentifier } }

    /// Ends it in order and waits until it has.
    func stop() async {
        let (process, task) = state.withLock { state in
            let found = (state.process, state.task)
            state.task = nil
            return found
        }
        if let task {
            task.cancel()
            _ = try? await task.value
        }
        if let process, process.isRunning {
            process.terminate()
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    process.waitUntilExit()
                    continuation.resume()
                }
            }
        }
    }

    /// The last lines of its log, for errors.
    var logTail: String {
        guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return "(no log)" }
        return text.split(separator: "\n").suffix(12).joined(separator: "\n")
    }
}

func getProcessID() -> Int32 { ProcessInfo.processInfo.processIdentifier }
