import Foundation
import MeshSim
import Testing

/// The network of many nodes in virtual time, against the published figures; each expectation with a planted bug that
/// breaks it.
@Suite("Network of many nodes", .serialized)
struct NetworkTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "simulations/network")

    static func scenario(_ name: String, seed: UInt64, planted: NetworkBug? = nil) throws -> NetworkScenario {
        let text = try String(contentsOf: folder.appending(path: name + ".toml"), encoding: .utf8)
        #expect(NetworkScenario.isNetwork(toml: text))
        var scenario = try NetworkScenario(toml: text)
        scenario.seed = seed
        scenario.planted = planted
        return scenario
    }

    static func replay(_ name: String, _ seed: UInt64) -> Comment {
        "repeat: meshnode-sim --scenario simulations/network/\(name).toml --seeds \(seed)"
    }

    @Test(arguments: ["broadcast-100", "silent-20-percent", "loss-30-percent", "content"], [1, 2, 3, 4] as [UInt64])
    func messagesArrive(name: String, seed: UInt64) throws {
        let report = NetworkSimulation.run(try Self.scenario(name, seed: seed))
        #expect(report.violations.isEmpty, Self.replay(name, seed))
        #expect(report.published > 0 && report.missed == 0)
    }

    @Test(arguments: ["partition", "crash-loopback", "crash-wan", "busy-loopback", "invented-members"])
    func membershipHolds(name: String) throws {
        let report = NetworkSimulation.run(try Self.scenario(name, seed: 1))
        #expect(report.violations.isEmpty, Self.replay(name, 1))
    }

    /// In half a minute the halves of a network of this size bury each other whole, and no link breaks: after ten seconds
    /// somebody is still suspected, probed, and told so.
    @Test(arguments: [8, 30], [1, 2] as [UInt64])
    func aSmallNetworkHealsAfterAPartition(nodes: Int, seed: UInt64) throws {
        var scenario = try Self.scenario("partition", seed: seed)
        scenario.nodes = nodes
        scenario.partition = 12_000_000..<42_000_000
        let report = NetworkSimulation.run(scenario)
        #expect(report.violations.isEmpty, "seed \(seed)")
        #expect(report.healMs != nil)
        scenario.planted = .shunsTheDead
        let planted = NetworkSimulation.run(scenario)
        #expect(planted.violations.contains { $0.hasPrefix("heal: never") }, "\(planted.violations)")
    }

    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["MESHNODE_TEST_THOUSAND"] != nil,
            "set MESHNODE_TEST_THOUSAND=1 to run a thousand nodes"))
    func aThousandNodes() throws {
        let report = NetworkSimulation.run(try Self.scenario("thousand", seed: 1))
        #expect(report.violations.isEmpty, Self.replay("thousand", 1))
    }

    @Test(
        arguments: [
            ("broadcast-100", NetworkBug.floods, "copies"), ("broadcast-100", .slowJudge, "p99"),
            ("silent-20-percent", .stingy, "late"), ("loss-30-percent", .nothingHeals, "missed"),
            ("partition", .noDigests, "missed"),
            ("busy-loopback", .noSuspicion, "dead"), ("crash-loopback", .noProbes, "failure detection"),
            ("content", .wrongChunks, "content"), ("invented-members", .believesRecords, "invented"),
        ])
    func plantedBugsAreCaught(name: String, bug: NetworkBug, word: String) throws {
        let report = NetworkSimulation.run(try Self.scenario(name, seed: 1, planted: bug))
        #expect(report.violations.contains { $0.contains(word) }, "\(bug): \(report.violations)")
    }

    @Test func oneSeedOneTrace() throws {
        let scenario = try Self.scenario("loss-30-percent", seed: 5)
        let first = NetworkSimulation.run(scenario)
        #expect(first == NetworkSimulation.run(scenario))
        var other = scenario
        other.seed = 6
        #expect(NetworkSimulation.run(other).traceHash != first.traceHash)
        var unseeded = scenario
        unseeded.planted = .unseeded
        #expect(
            NetworkSimulation.run(unseeded).traceHash != first.traceHash, "the trace shows what the seed does not fix")
    }

    @Test func faultsOfAFileAreNamedAllAtOnce() throws {
        let error = try #require(throws: ScenarioError.self) {
            try NetworkScenario(toml: "kind = \"network\"\nnodes = 1\ncolour = 3\n[expect]\np99_ms = x\n[other]\n")
        }
        #expect(error.faults.count == 4)
        #expect(error.faults[0].contains("line 2: nodes: a number of 2 to 10000"))
    }
}
