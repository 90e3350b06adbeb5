import Foundation
import Testing

/// The README's own lines, run as they stand there: five nodes of two machines, both of them on loopback.
@Suite(.serialized, .timeLimit(.minutes(10))) struct WalkTests {
    /// The lines of a marked code block of the README.
    private static func block(_ name: String) throws -> String {
        let readme = try String(contentsOfFile: Program.repository + "/README.md", encoding: .utf8)
        let parts = readme.components(separatedBy: "<!-- WALK:\(name) -->\n```\n")
        try #require(parts.count == 2, "README.md has no block \(name)")
        return try #require(parts[1].components(separatedBy: "```\n<!-- /WALK:\(name) -->").first)
    }

    /// Runs lines with bash in a folder; every command must succeed. What it leaves in the background is ended.
    private func run(_ lines: String, in folder: String) throws -> Program.Outcome {
        let script =
            """
            set -eo pipefail
            trap 'status=$?; for job in $(jobs -p); do kill $job 2>/dev/null || true; done; wait; exit $status' EXIT
            \(lines)
            """
        try script.write(toFile: folder + "/walk.sh", atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [folder + "/walk.sh"]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        let program = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = program + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        environment["MESHNODE_DATA"] = Program.repository + "/data"
        environment["MESHNODE_MESH_PROFILE"] = "loopback"
        environment["OPENBLAS_NUM_THREADS"] = "1"
        environment["SWIFT_BACKTRACE"] = "enable=no"
        environment["MESHNODE_BINARY"] = nil
        process.environment = environment
        let names = ["out", "err"].map { folder + "/walk." + $0 }
        for name in names { _ = FileManager.default.createFile(atPath: name, contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: names[0])
        process.standardError = FileHandle(forWritingAtPath: names[1])
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        let texts = names.map { (try? String(contentsOfFile: $0, encoding: .utf8)) ?? "" }
        return Program.Outcome(code: process.terminationStatus, output: texts[0], errors: texts[1])
    }

    /// A port below the system's range of outgoing ones from which five are free on all of loopback.
    private static func freePorts() throws -> Int {
        for _ in 0..<200 {
            let first = Int.random(in: 15_000..<31_000)
            if (1...5).allSatisfy({ isFree(first + $0) }) { return first }
        }
        throw CocoaError(.fileReadUnknown)
    }

    private static func isFree(_ port: Int) -> Bool {
        for kind in [SOCK_STREAM, SOCK_DGRAM] {
            let descriptor = socket(AF_INET, Int32(kind.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            let status = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard status == 0 else { return false }
        }
        return true
    }

    @Test func ownRowsOnTwoMachines() throws {
        let folder = try Folder()
        let path = folder.path
        try FileManager.default.createSymbolicLink(
            atPath: path + "/examples", withDestinationPath: Program.repository + "/examples")
        var lines = try Self.block("own-data")
        // Only what names the machines is another: two addresses of loopback, and ports that are free here.
        let ports = try Self.freePorts()
        for (old, new) in [("10.0.0.1", "127.0.0.1"), ("10.0.0.2", "127.0.0.2")] {
            try #require(lines.contains(old))
            lines = lines.replacingOccurrences(of: old, with: new)
        }
        for index in 1...3 { lines = lines.replacingOccurrences(of: ":700\(index)", with: ":\(ports + index)") }
        let outcome = try run(lines, in: path)
        let logs = ["a1", "b1"].map {
            (try? String(contentsOfFile: path + "/\($0).log", encoding: .utf8))?.suffix(2_000) ?? ""
        }
        try #require(outcome.code == 0, "\(outcome.errors.suffix(3_000))\n\(outcome.output.suffix(3_000))\n\(logs)")
        let line = try #require(outcome.output.split(separator: "\n").first { $0.hasPrefix("answers.csv") })
        #expect(try Self.accuracy(String(line)) >= 0.95, "\(line)")
        #expect(line.hasSuffix(" on these rows"), "\(line)")

        // The ten lines in Python say the same of every row.
        let answers = try String(contentsOfFile: path + "/answers.csv", encoding: .utf8).split(separator: "\n")
            .dropFirst()
        let spoken = try String(contentsOfFile: path + "/answers.txt", encoding: .utf8).split(separator: "\n")
        #expect(answers.count == 114 && spoken.count == 114)
        for (one, other) in zip(answers, spoken) {
            let fields = one.split(separator: ",")
            #expect("\(fields[0]) \(fields[fields.count - 1])" == other)
        }
        // Columns in another order are found by their titles; rows without a label are answered as well.
        let rows = try String(contentsOfFile: path + "/rows/holdout.csv", encoding: .utf8).split(separator: "\n").map {
            $0.split(separator: ",").map(String.init)
        }
        let turned = rows.map { $0.reversed().joined(separator: ",") }.joined(separator: "\n") + "\n"
        try turned.write(toFile: path + "/turned.csv", atomically: true, encoding: .utf8)
        let again = try Program.run(
            "predict", path + "/cells.safetensors", "--data", path + "/turned.csv", "--out", path + "/turned.out")
        #expect(try Self.accuracy(again.output) == Self.accuracy(String(line)), "\(again.output)\(again.errors)")
        // A mark at the start and blanks behind titles, as spreadsheets write them, are nothing to the lines in Python either.
        let spread = "\u{feff}" + rows.map { $0.joined(separator: "\u{a0}, ") }.joined(separator: "\n") + "\n"
        try spread.write(toFile: path + "/spread.csv", atomically: true, encoding: .utf8)
        let alike = try Program.run(
            ["python3", path + "/examples/predict.py", path + "/cells.safetensors", path + "/spread.csv"],
            program: "/usr/bin/env")
        #expect(alike.output.split(separator: "\n") == spoken, "\(alike.errors)")
        let bare = rows.map { $0.dropLast().joined(separator: ",") }.joined(separator: "\n") + "\n"
        try bare.write(toFile: path + "/bare.csv", atomically: true, encoding: .utf8)
        let unlabelled = try Program.run("predict", path + "/cells.safetensors", "--data", path + "/bare.csv", "--json")
        #expect(unlabelled.code == 0 && unlabelled.output.contains("\"class\":"), "\(unlabelled.errors)")
        #expect(unlabelled.output.split(separator: "\n").count == 114)
        // Who a row is about stays beside its answer, the label keeps its title, and rows of another scale are told of.
        let named = rows.enumerated().map { number, row in
            (number == 0 ? "who," : "P\(number),")
                + (number > 0 ? ["900000"] + row.dropFirst() : row[...]).joined(separator: ",")
        }
        try (named.joined(separator: "\n") + "\n").write(toFile: path + "/named.csv", atomically: true, encoding: .utf8)
        let kept = try Program.run(
            "predict", path + "/cells.safetensors", "--data", path + "/named.csv", "--out", path + "/named.out")
        #expect(kept.errors.contains("114 of 114 rows lie further than 10 deviations"), "\(kept.errors)")
        let written = try String(contentsOfFile: path + "/named.out", encoding: .utf8).split(separator: "\n")
        #expect(written.count == 115 && written[0].hasPrefix("who,class,") && written[0].hasSuffix(",diagnosis"))
        #expect(written.dropFirst().enumerated().allSatisfy { $1.hasPrefix("P\($0 + 1),") }, "\(written.prefix(3))")
        let taken = try Program.run(
            "predict", path + "/cells.safetensors", "--data", path + "/bare.csv", "--out", path + "/turned.out")
        #expect(taken.code == 65 && taken.errors.contains("exists already"))
    }

    private static func accuracy(_ line: String) throws -> Double {
        let text = try #require(line.components(separatedBy: "accuracy ").last?.prefix { $0.isNumber || $0 == "." })
        return try #require(Double(text), "\(line)")
    }
}
