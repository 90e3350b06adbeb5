import Foundation
import MeshNode
import Testing

/// What an operator does about peers, on running nodes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct OperatorTests {
    private func linked(_ node: RunningNode, _ count: Int) async throws -> Bool {
        try await node.status(within: .seconds(30)) { $0.peers == count }?.peers == count
    }

    @Test func bansHoldOverARestartAndAreTakenBack() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 1)
        for name in ["a", "b"] { try history.makeHome(folder.path + "/" + name, heights: 1) }
        var first = try RunningNode(home: folder.path + "/a")
        let second = try RunningNode(
            home: folder.path + "/b", settings: ["mesh.bootstrap=\(try await first.ticket())"])
        #expect(try await linked(second, 1))
        #expect(try await linked(first, 1))
        let other = try #require(try await second.status()).node
        let banned = try Program.run("peers", "ban", String(other.prefix(12)), "--home", first.home)
        #expect(banned.code == 0, "\(banned.errors)")
        #expect(try await linked(first, 0))
        // The second goes on and tries for ever; it does not exit for lack of peers.
        #expect(try await second.status(within: .seconds(20)) { $0.dropped("handshakes failed") > 2 }?.peers == 0)
        #expect(second.process.isRunning)

        let port = try #require(try await first.status()?.listening.first)
        first.end()
        first = try RunningNode(
            home: folder.path + "/a", settings: ["listen.port=\(port.split(separator: ":").last ?? "0")"])
        let refused = try await first.status { $0.dropped("links refused") > 0 }
        #expect(refused?.dropped("links refused") ?? 0 > 0 && refused?.peers == 0, "the ban outlives the process")
        let listed = try Program.run("peers", "--home", first.home)
        #expect(listed.output.contains("banned"), "\(listed.output)")
        let allowed = try Program.run("peers", "allow", other, "--home", first.home)
        #expect(allowed.code == 0, "\(allowed.errors)")
        #expect(try await linked(first, 1))
    }

    @Test func onlyTheAllowedLink() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 1)
        for name in ["friend", "stranger"] { try history.makeHome(folder.path + "/" + name, heights: 1) }
        let made = try Program.run("init", "--home", folder.path + "/friend", "--json")
        struct Made: Decodable { let node: String }
        let friend = try JSONDecoder().decode(Made.self, from: Data(made.output.utf8)).node
        try history.makeHome(folder.path + "/a", heights: 1, settings: ["mesh.allow=\(friend)"])
        let node = try RunningNode(home: folder.path + "/a")
        let ticket = try await node.ticket()
        let stranger = try RunningNode(home: folder.path + "/stranger", settings: ["mesh.bootstrap=\(ticket)"])
        #expect(try await node.status { $0.dropped("links refused") > 1 }?.peers == 0)
        let known = try RunningNode(home: folder.path + "/friend", settings: ["mesh.bootstrap=\(ticket)"])
        #expect(try await linked(node, 1))
        #expect(try await linked(known, 1))
        #expect(try await stranger.status()?.peers == 0)
    }

    /// A store that is short warns; one that is full is not ready, and each says which setting it is.
    @Test func aFullStoreIsSaid() async throws {
        let folder = try Folder()
        try RegistryHistory(voters: 4, heights: 1).makeHome(folder.path + "/a", heights: 1)
        let node = try RunningNode(home: folder.path + "/a", settings: ["storage.quota=64"])
        _ = try await node.ticket()
        func put(mebibytes: Int, label: String...) throws -> Program.Outcome {
            let file = "\(folder.path)/\(mebibytes)"
            try Data(count: mebibytes << 20).write(to: URL(fileURLWithPath: file))
            return try Program.run(["store", "put", file, "--raw", "--home", node.home] + label)
        }
        #expect(try put(mebibytes: 56, label: "--label", "mine").code == 0)
        let limit = "seven eighths of the quota of 64 MiB (storage.quota)"
        let short = try #require(try await node.status { $0.warnings.contains { $0.contains(limit) } })
        #expect(short.warnings.contains { $0.contains(limit) }, "\(short)")
        #expect(!short.notReady.contains { $0.contains("storage.quota") }, "\(short.notReady)")
        #expect(try put(mebibytes: 7, label: "--label", "mine").code == 0)
        let full = try #require(try await node.status { $0.notReady.contains { $0.contains("storage.quota") } })
        let obstacle = full.obstacles.first { $0.what == .store }
        #expect(obstacle?.reason.contains("64 MiB (storage.quota)") == true, "\(full)")
        #expect(full.notReady.contains { $0.contains("pinned contents fill the quota") }, "\(full.notReady)")
        let refused = try put(mebibytes: 2)
        #expect(refused.code != 0 && refused.errors.contains("(storage.quota)"), "\(refused.errors)")
        let running = try Program.run("doctor", "--home", node.home)
        #expect(running.output.contains("fail     store: pinned contents fill"), "\(running.output)")
        node.end()
        // With the usual quota there is room.
        let usual = try Program.run("doctor", "--home", node.home)
        #expect(usual.output.contains("ok       store: 63 of 10240 MiB"), "\(usual.output)")
        #expect(try Program.run("config", "set", "storage.quota=64", "--home", node.home).code == 0)
        let stopped = try Program.run("doctor", "--home", node.home)
        #expect(stopped.output.contains("fail     store: pinned contents fill"), "\(stopped.output)")
    }

    /// `doctor` and the figures of one node that runs, then stands still.
    @Test func doctorSaysWhatIsWrong() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 3)
        for name in ["a", "b"] { try history.makeHome(folder.path + "/" + name, heights: 3) }
        let first = try RunningNode(home: folder.path + "/a")
        let ticket = try await first.ticket()
        let second = try RunningNode(home: folder.path + "/b", settings: ["mesh.bootstrap=\(ticket)"])
        #expect(try await linked(second, 1))
        let well = try Program.run("doctor", "--home", second.home)
        #expect(well.code == 0, "\(well.output)")
        for name in ["disk", "ports", "database", "identity"] {
            #expect(well.output.contains("ok       \(name)"), "\(name): \(well.output)")
        }
        let metrics = String(
            decoding: try await second.client().bytes("GET", "/metrics"), as: UTF8.self)
        #expect(metrics.contains("meshnode_linked_peers 1\n") && metrics.contains("kind=\"registry\"} 3\n"))
        // Who is left alone is not ready, with or without a ticket of its own.
        second.end()
        let alone = try #require(try await first.status { $0.peers == 0 })
        #expect(alone.notReady.contains { $0.contains("no peers") && $0.contains("mesh.bootstrap=TICKET") }, "\(alone)")
        let lone = try Program.run("doctor", "--home", first.home)
        #expect(lone.code == 1 && lone.output.contains("fail     links"), "\(lone.output)")
        first.end()
        try Data("damaged".utf8).write(to: URL(fileURLWithPath: second.home + "/chain.sqlite"))
        let ill = try Program.run("doctor", "--home", second.home)
        #expect(ill.code == 1 && ill.output.contains("database") && ill.output.contains("next:"), "\(ill.output)")
    }
}
