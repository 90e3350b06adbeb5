import Foundation
import Testing

/// The same run in other processes: another seed of every Set and Dictionary, and none at all.
@Suite("One trace across processes")
struct ProcessTraceTests {
    private func traces(_ arguments: [String], deterministic: Bool) throws -> [String] {
        var places: [URL] = []
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            var place = URL(fileURLWithPath: argument)
            for _ in 0..<4 {
                place.deleteLastPathComponent()
                places.append(place)
            }
        }
        places.append(Bundle.main.bundleURL)
        let path = try #require(
            places.map { $0.appendingPathComponent("meshnode-sim").path }
                .first { FileManager.default.isExecutableFile(atPath: $0) },
            "no meshnode-sim beside \(CommandLine.arguments); build the product meshnode-sim first")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var environment = ProcessInfo.processInfo.environment
        environment["SWIFT_DETERMINISTIC_HASHING"] = deterministic ? "1" : nil
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "meshnode-sim \(arguments.joined(separator: " "))")
        // The summary holds seconds; a seed's line does not.
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        return lines.filter { $0.contains("\"trace\"") }
    }

    @Test(arguments: [
        ["--faults", "all", "--nodes", "7"], ["--scenario", "simulations/byzantine.toml"],
    ])
    func aSeedGivesOneTrace(options: [String]) throws {
        var options = options
        if let place = options.firstIndex(of: "--scenario") {
            let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
                .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            options[place + 1] = root.appendingPathComponent(options[place + 1]).path
        }
        let arguments = ["--seeds", "1..6", "--json"] + options
        let first = try traces(arguments, deterministic: false)
        #expect(first.count == 6)
        // Two processes seed their hashing differently; the third does not seed it.
        #expect(try traces(arguments, deterministic: false) == first)
        #expect(try traces(arguments, deterministic: true) == first)
    }
}
