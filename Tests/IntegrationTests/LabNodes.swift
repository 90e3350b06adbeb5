import Foundation
import Testing

@testable import MeshNode

/// Homes of one network and the processes on them, made and driven by the commands that people use.
final class LabNodes {
    let folder: Folder
    let names: [String]
    private var processes: [String: Process] = [:]
    private var ticket: String?

    func home(_ name: String) -> String { folder.path + "/" + name }
    func client(_ name: String) -> APIClient { APIClient(socket: home(name) + "/api.sock") }

    /// - Parameters:
    ///   - settings: `PATH=VALUE` of every home.
    ///   - genesis: more options of `genesis create`.
    ///   - prepare: runs with each home's path before anything lies there.
    init(
        _ count: Int, settings: [String] = [], genesis: [String] = [], prepare: (String) throws -> Void = { _ in }
    ) throws {
        folder = try Folder()
        names = (1...count).map { "n\($0)" }
        let path = folder.path
        try Self.expect(["data", "partition", "digits", "--parts", "\(count)", "--out", path + "/parts"])
        for (index, name) in names.enumerated() {
            try prepare(path + "/" + name)
            let all =
                [
                    "mesh.profile=loopback", "data.type=digits", "data.label=label",
                    "data.train=\(path)/parts/part-\(index).csv", "data.evaluation=\(path)/parts/holdout.csv",
                ] + settings
            try Self.expect(
                ["init", "--home", path + "/" + name, "--name", name, "--listen", "127.0.0.1:0"]
                    + all.flatMap { ["--set", $0] })
        }
        try Self.expect(
            ["genesis", "create", "--name", "lab", "--profile", "loopback", "--out", path + "/genesis"]
                + names.flatMap { ["--member", path + "/" + $0] } + genesis)
        for name in names { try Self.expect(["init", "--home", path + "/" + name, "--genesis", path + "/genesis"]) }
    }

    // MARK: Processes

    /// Starts every node and waits until all are linked with somebody.
    func startAll() async throws {
        for name in names { try await start(name) }
        try await until("every node has links to all others") {
            for name in self.names where try await self.status(name).peers < self.names.count - 1 { return "\(name)" }
            return nil
        }
    }

    /// Returns when the node answers its operator.
    /// - Returns: seconds from the start of the process until then.
    @discardableResult
    func start(_ name: String, withTicket: Bool = true, port: UInt16? = nil) async throws -> Double {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Program.path)
        // A ticket of a node that is up; whoever is known from before is dialled anyway.
        process.arguments =
            ["run", "--home", home(name)]
            + (ticket.flatMap { withTicket ? ["--set", "mesh.bootstrap=\($0)"] : nil } ?? [])
            + (port.map { ["--set", "listen.port=\($0)"] } ?? [])
        process.environment = ProcessInfo.processInfo.environment.merging([
            "OPENBLAS_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no",
        ]) { $1 }
        let log = folder.path + "/\(name).log"
        if !FileManager.default.fileExists(atPath: log) {
            _ = FileManager.default.createFile(atPath: log, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: log))
        try handle.seekToEnd()
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        let began = ContinuousClock.now
        try process.run()
        processes[name] = process
        try await until("\(name) answers", every: 5) {
            guard process.isRunning else { throw LabError("\(name) ended by itself:\n" + self.log(name)) }
            return (try? await self.status(name)) == nil ? "no answer" : nil
        }
        let seconds = (ContinuousClock.now - began) / .seconds(1)
        if ticket == nil { ticket = try await client(name).get("/v1/ticket", as: TicketView.self).ticket }
        return seconds
    }

    /// SIGKILL, and the process is gone when this returns.
    func kill(_ name: String) throws {
        let process = try #require(processes[name])
        try #require(process.isRunning, "\(name) had ended by itself:\n\(log(name))")
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func isRunning(_ name: String) -> Bool { processes[name]?.isRunning ?? false }
    func processNumber(_ name: String) -> Int32? { processes[name]?.processIdentifier }

    func stopAll() {
        for process in processes.values where process.isRunning { process.terminate() }
        for process in processes.values { process.waitUntilExit() }
    }

    func log(_ name: String) -> String {
        let text = (try? String(contentsOfFile: folder.path + "/\(name).log", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").suffix(15).joined(separator: "\n")
    }

    deinit { stopAll() }

    /// Which processes have ended, how, and with what last words.
    private var ended: String {
        processes.filter { !$0.value.isRunning }.map { name, process in
            let signal = process.terminationReason == .uncaughtSignal ? "signal" : "exit"
            return "\n\(name) has ended, \(signal) \(process.terminationStatus):\n\(log(name))"
        }.joined()
    }

    // MARK: Commands

    func status(_ name: String) async throws -> NodeStatus { try await client(name).get("/v1/node") }

    func task(_ task: String, on name: String) async throws -> TaskView {
        try await client(name).get("/v1/tasks/\(task)")
    }

    /// Runs a command on a home; it has to succeed.
    @discardableResult
    func run(_ name: String, _ arguments: String...) throws -> String {
        try Self.expect(arguments + ["--home", home(name)]).output
    }

    /// Runs a command that has to be refused, and gives the reason.
    func refused(_ name: String, _ arguments: String...) throws -> String {
        let outcome = try Program.run(arguments + ["--home", home(name)])
        try #require(
            outcome.code != 0, "meshnode \(arguments.joined(separator: " ")) was not refused: \(outcome.output)")
        return outcome.errors
    }

    /// Publishes the shipped example with other values and gives its id.
    func publish(_ name: String, as task: String, _ settings: [String]) throws -> String {
        let all = ["name=\"\(task)\"", "participants.maximum=\(names.count)"] + settings
        let output = try Self.expect(
            ["task", "publish", Program.repository + "/examples/digits.toml", "--home", home(name)]
                + all.flatMap { ["--set", $0] }
        ).output
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @discardableResult
    static func expect(_ arguments: [String]) throws -> Program.Outcome {
        let outcome = try Program.run(arguments)
        try #require(outcome.code == 0, "meshnode \(arguments.joined(separator: " ")): \(outcome.errors)")
        return outcome
    }

    /// Asks until `condition` gives nil; says what was waited for after two minutes.
    func until(
        _ what: String, seconds: Int = 120, every milliseconds: Int = 50, _ condition: () async throws -> String?
    ) async throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            let reason: String?
            do { reason = try await condition() } catch let error as APIError { reason = "\(error)" }
            guard let reason else { return }
            guard ContinuousClock.now < end else {
                throw LabError("not within \(seconds) s: \(what): \(reason)" + ended)
            }
            try await Task.sleep(for: .milliseconds(milliseconds))
        }
    }
}

struct LabError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
