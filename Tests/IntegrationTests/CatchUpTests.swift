import Foundation
import MeshNode
import Testing

/// Nodes that come late or were away for long, as processes of their own.
@Suite(.serialized, .timeLimit(.minutes(5))) struct CatchUpTests {
    @Test func lateJoinerAndLongAbsentNodeFetchRangesFromSeveral() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 20, heights: 600)
        for (name, heights) in [("old", 600), ("second", 600), ("absent", 333), ("late", 0)] {
            try history.makeHome(folder.path + "/" + name, heights: heights)
        }
        let old = try RunningNode(home: folder.path + "/old")
        let ticket = try await old.ticket()
        let second = try RunningNode(home: folder.path + "/second", settings: ["mesh.bootstrap=\(ticket)"])
        _ = try await second.status { $0.peers >= 1 }
        for (name, missing) in [("absent", 267), ("late", 600)] {
            let began = ContinuousClock.now
            let node = try RunningNode(
                home: folder.path + "/" + name, settings: ["mesh.bootstrap=\(ticket)", "log.level=info"])
            let reached = try #require(try await node.status { $0.registryHeight == 600 })
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            #expect(reached.registryHeight == 600, "\(name): \(node.output.suffix(2_000))")
            #expect(reached.chains.first?.head == history.blocks.last?.header.id.hex)
            // One range is at most a stride: as many as needed, not one a block.
            let ranges = node.output.split(separator: "\n").filter { $0.contains("decided blocks of registry") }
            #expect((missing / 64...missing / 16).contains(ranges.count), "\(name): \(ranges.count) ranges")
            print("catch-up \(name): \(missing) heights of 20 voters in \(seconds) s, \(ranges.count) ranges")
            node.end()
            let verified = try Program.run("chain", "verify", "--home", node.home)
            #expect(verified.code == 0, "\(verified.output)\(verified.errors)")
        }
    }

    /// `meshnode stop` says so when the node has ended, and only then.
    @Test func stopTellsTheEnd() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 1)
        try history.makeHome(folder.path + "/a", heights: 1)
        for _ in 0..<5 {
            let node = try RunningNode(home: folder.path + "/a")
            _ = try #require(try await node.status())
            let stopped = try Program.run("stop", "--home", node.home)
            #expect(stopped.code == 0, "\(stopped.errors)")
            #expect(stopped.output.contains("has ended"))
            // Its databases are closed: what may be copied is whole.
            let left = try FileManager.default.contentsOfDirectory(atPath: node.home)
                .filter { $0.hasSuffix("-wal") || $0.hasSuffix("-shm") }
            #expect(left.isEmpty, "\(left)")
            node.process.waitForEnd()
            #expect(node.process.terminationStatus == 0)
            let again = try Program.run("stop", "--home", node.home)
            #expect(again.code == 69, "nobody is there: \(again.output)\(again.errors)")
        }
    }
}
