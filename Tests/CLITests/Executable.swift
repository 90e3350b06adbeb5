import Foundation
import Testing

/// The built `meshnode`, run as people run it.
struct Executable {
    struct Outcome {
        let status: Int32
        let output: String
        let errors: String
    }

    let path: String

    /// It lies beside the test bundle.
    init() throws {
        var places: [URL] = []
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            var place = URL(fileURLWithPath: argument)
            for _ in 0..<4 {
                place.deleteLastPathComponent()
                places.append(place)
            }
        }
        places.append(Bundle.main.bundleURL)
        let found = places.map { $0.appendingPathComponent("meshnode").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        path = try #require(found, "no meshnode beside \(CommandLine.arguments); build the product meshnode first")
    }

    /// Waits on a thread of its own: the tasks' threads are as few as the cores, and servers under test need them.
    /// - Parameters:
    ///   - dataLimitKiB: most memory of its own that the process may have (RLIMIT_DATA).
    ///   - folder: in which it runs.
    func run(
        _ arguments: [String], environment: [String: String] = [:], dataLimitKiB: Int? = nil, folder: String? = nil
    ) async throws -> Outcome {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try wait(arguments, environment, dataLimitKiB, folder) })
            }
        }
    }

    private func wait(
        _ arguments: [String], _ environment: [String: String], _ dataLimitKiB: Int?, _ folder: String?
    ) throws -> Outcome {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
        if let dataLimitKiB {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments =
                ["-c", "ulimit -d \(dataLimitKiB) && exec \"$@\"", "sh", path] + arguments
        }
        var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MESHNODE_") }
        all.merge(environment) { _, new in new }
        process.environment = all
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // Nothing here takes a second; what hangs fails its test.
        DispatchQueue.global().asyncAfter(deadline: .now() + 60) { if process.isRunning { process.terminate() } }
        // Outputs of these tests fit a pipe's buffer, so that reading one after the other cannot block the child.
        let outputBytes = output.fileHandleForReading.readDataToEndOfFile()
        let errorBytes = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: outputBytes, as: UTF8.self),
            errors: String(decoding: errorBytes, as: UTF8.self))
    }
}

/// A directory that is removed with this value.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/mc-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, _ name: String) throws -> String {
        let file = path + "/" + name
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

let repository = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
