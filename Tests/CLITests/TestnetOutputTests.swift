import Foundation
import MeshNode
import Testing

@testable import MeshNodeCLI

/// What a testnet prints while it starts and runs, and what its scripts print before.
@Suite struct TestnetOutputTests {
    /// Four nodes have six links; two are there at first, five later.
    @Test func linksAreCountedWhileNodesStart() {
        var progress = LinkProgress(nodes: 4)
        #expect(progress.all == 6 && progress.wanted == 3 && LinkProgress(nodes: 32).all == 496)
        #expect(progress.missing(peers: [2, 1, 0, 1]) == "node 3 has 0 peers")
        #expect(progress.line(at: 1) == nil)
        #expect(progress.line(at: 2.5) == nil)
        #expect(progress.line(at: 3.5) == "2 of 6 links")
        #expect(progress.missing(peers: [3, 3, 2, 2]) == "node 3 has 2 peers")
        #expect(progress.line(at: 4) == nil)
        #expect(progress.line(at: 6) == "5 of 6 links")
        #expect(progress.missing(peers: [3, 3, 3, 3]) == nil && progress.links == 6)
    }

    /// A column below its title; views are counted from 1, as `round list` counts them.
    @Test func columnsOfARoundStandBelowTheirTitles() throws {
        var view = RoundView(
            task: "t", round: 3, attempt: 0, outcome: .accepted, submitted: 5, enrolled: 5,
            aggregator: String(repeating: "ab", count: 32), views: 1, accuracy: 0.75, loss: 1.5,
            seconds: .init(train: 0.25, encrypt: 0.5, total: 2), bytesIn: 1_000, bytesOut: 500)
        let baselines = Baselines(central: 0, bestAlone: 0, centralRounds: [], alone: [])
        func cell(_ title: String) throws -> String {
            let place = try #require(RoundLine.header.firstRange(of: title)).lowerBound
            let start = RoundLine.header.distance(from: RoundLine.header.startIndex, to: place)
            return String(RoundLine.text(view, baselines).dropFirst(start).prefix { $0 != " " })
        }
        let wanted = [
            "round": "3", "accuracy": "0.7500", "loss": "1.5000", "in sum": "5/5", "aggregator": "abababab",
            "views": "1",
            "train": "0.25", "encrypt": "0.50", "total": "2.00", "bytes": "1.5",
        ]
        for (title, value) in wanted { #expect(try cell(title) == value, "\(title)") }
        view.views = 12
        #expect(try cell("views") == "12")
        view.views = nil
        #expect(try cell("views") == "–")
    }

    /// What the package manager says is shown where it fails, and only its end.
    @Test(arguments: [0, 100])
    func packagesAreInstalledInSilenceUnlessThatFails(_ code: Int32) throws {
        let scratch = try Scratch()
        let tools = [
            ("dpkg-query", "exit 1"), ("sudo", "exec \"$@\""),
            ("apt-get", "for i in $(seq 40); do echo \"Setting up package $i\"; done; exit \(code)"),
        ]
        for (name, body) in tools {
            let path = try scratch.write("#!/bin/sh\n\(body)\n", name)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", ". testnet/setup.sh; install_packages yes", "testnet/run.sh"]
        process.currentDirectoryURL = URL(fileURLWithPath: repository)
        var environment = ProcessInfo.processInfo.environment
        environment["PATH"] = scratch.path + ":" + (environment["PATH"] ?? "/usr/bin:/bin")
        process.environment = environment
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let lines = text.split(separator: "\n")
        #expect(lines.first?.hasPrefix("installing: libsodium-dev ") == true, "\(text)")
        if code == 0 {
            #expect(process.terminationStatus == 0 && lines.count == 1, "\(text)")
        } else {
            #expect(process.terminationStatus == 69 && lines.count == 22, "\(text)")
            #expect(lines.contains("Setting up package 40") && !lines.contains("Setting up package 20"), "\(text)")
            #expect(lines.last?.hasPrefix("could not install; run it by hand: sudo apt-get update") == true, "\(text)")
        }
    }
}
