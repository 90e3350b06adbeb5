import Gossip
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a node lacks and nobody has, however much it is.
@Suite("What a node wants", .timeLimit(.minutes(2)))
struct NodeWantTests {
    private static func node(_ folder: Folder) async throws -> Node {
        let history = try RegistryHistory(voters: 4, heights: 2)
        try history.makeHome(folder.path + "/home", heights: 2)
        return try await UnsupportedTaskTests.start(HomeDirectory(path: folder.path + "/home"), .process)
    }

    private func reference(_ number: Int) -> ContentReference {
        ContentReference(
            id: ContentID([UInt8(number & 255), UInt8(number >> 8)] + [UInt8](repeating: 6, count: 30)), length: 9)
    }

    /// A heartbeat looks through all wants once, not once for each of them.
    @Test func aHeartbeatCostsOneLookAtAllWants() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder)
        let passes = await node.passes(ofHeartbeatWith: (0..<1_000).map(reference))
        #expect(passes == 1)
        await node.stop()
    }

    /// What is decided and finds no place waits for one.
    @Test func whatFindsNoPlaceIsWantedLater() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder)
        let most = 8
        let all = (0..<most + 2).map(reference)
        #expect(await node.want(all, places: most) == most)
        #expect(await node.needs.count == most + 2)
        #expect(await node.cancelAndGoOn(all[0]))
        #expect(await node.isWanted(all[most]))
        #expect(await !node.isWanted(all[most + 1]), "one place was free")
        #expect(await node.needs.count == most + 1)
        await node.stop()
    }
}

extension Node {
    fileprivate func want(_ all: [ContentReference], places: Int? = nil) -> Int {
        if let places {
            var settings = ContentSettings.loopback
            settings.mostWants = places
            transfer = ContentTransfer(store: contentStore, settings: settings)
        }
        for reference in all { whenStored([reference], from: nil) { _ in } }
        return transfer.exchange.wanted.count
    }

    fileprivate func passes(ofHeartbeatWith all: [ContentReference]) -> UInt64 {
        _ = want(all)
        linked = [NodeID([UInt8](repeating: 5, count: 32))]
        let before = transfer.exchange.passes
        askAgain()
        return transfer.exchange.passes - before
    }

    fileprivate func isWanted(_ reference: ContentReference) -> Bool { transfer.exchange.isWanted(reference.id) }

    fileprivate func cancelAndGoOn(_ reference: ContentReference) -> Bool {
        content(.cancel(reference.id))
        askAgain()
        return !isWanted(reference)
    }
}
