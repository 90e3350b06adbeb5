import Foundation
import Testing

/// The real `meshnode` program, as a person runs it.
struct Program {
    struct Outcome {
        let code: Int32
        let output: String
        let errors: String
    }

    /// The executable next to the test bundle, or the one that MESHNODE_BINARY names.
    static let path: String = {
        if let named = ProcessInfo.processInfo.environment["MESHNODE_BINARY"], !named.isEmpty { return named }
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent("meshnode").path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        return ".build/release/meshnode"
    }()

    static let repository: String = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// How a Python is called that has what verifier/verify.py needs; nil where there is none.
    static let python: [String]? = [[repository + "/.build/venv/bin/python"], ["/usr/bin/env", "python3"]].first {
        let found = try? run(
            Array($0.dropFirst()) + ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"], program: $0[0])
        return found?.code == 0
    }

    /// verifier/verify.py, which shares no code with the program.
    static func runVerifierOfTheDocuments(_ arguments: String...) throws -> Outcome {
        let python = try #require(python)
        let script = repository + "/verifier/verify.py"
        return try run(Array(python.dropFirst()) + ["-B", script, "--quiet"] + arguments, program: python[0])
    }

    static func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    static func run(_ arguments: [String], program: String = path) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["MESHNODE_DATA"] = repository + "/data"
        environment["SWIFT_BACKTRACE"] = "enable=no"
        process.environment = environment
        let folder = NSTemporaryDirectory() + "meshnode-program-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        // Files instead of pipes: no reader can fall behind and block the program.
        _ = FileManager.default.createFile(atPath: folder + "/out", contents: nil)
        _ = FileManager.default.createFile(atPath: folder + "/err", contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: folder + "/out")
        process.standardError = FileHandle(forWritingAtPath: folder + "/err")
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitForEnd(seconds: 900)
        return Outcome(
            code: process.terminationStatus,
            output: (try? String(contentsOfFile: folder + "/out", encoding: .utf8)) ?? "",
            errors: (try? String(contentsOfFile: folder + "/err", encoding: .utf8)) ?? "")
    }
}

extension Process {
    /// Waits for one that should end by itself; one that does not is killed, and its status says so. The limit of a suite does
    /// not interrupt a thread that waits.
    func waitForEnd(seconds: Int = 60) {
        // Not held for so long after its end: its files would stay open.
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds)) { [weak self] in
            if let self, self.isRunning { kill(self.processIdentifier, SIGKILL) }
        }
        waitUntilExit()
    }
}

/// A directory that goes with the test.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "meshnode-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// What a testnet run leaves behind.
struct Summary: Decodable {
    let nodes: Int
    let rounds: Int
    let seed: UInt64
    let final_accuracy: Double
    let float_accuracy: Double
    let central_accuracy: Double
    let best_alone_accuracy: Double
    let exact: Bool
    let heads_equal: Bool
    let verified: Bool
    let completed: Bool
    let restarted: [String]
    let wall_seconds: Double
    let bytes_total: UInt64
    /// What was trained how, so that a folder of runs can be tabled.
    let data: String
    let architecture: String
    let optimiser: String
    let server: String
    let compression: String

    init(folder: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/summary.json"))
        self = try JSONDecoder().decode(Summary.self, from: data)
    }
}
