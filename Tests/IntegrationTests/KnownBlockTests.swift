import Gossip
import Logging
import Testing
import Wire

@testable import MeshNode

/// A ticket names a registry block that its maker had: whoever joins with it is held to that history.
@Suite("A ticket's recent block", .serialized, .timeLimit(.minutes(3))) struct KnownBlockTests {
    /// The ticket that a node of `history` gives, with another block in its place.
    private func ticket(_ text: String, height: UInt64, block: BlockID) throws -> String {
        let given = try Ticket(text: text)
        return Ticket(
            network: given.network, node: given.node, addresses: given.addresses,
            recent: .init(height: height, block: block)
        ).text
    }

    @Test func aHomeOfAnotherHistoryDoesNotStart() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 5)
        try history.makeHome(folder.path + "/home", heights: 5)
        let made = Ticket(
            network: history.genesis.networkID, node: history.keys[1].nodeID,
            addresses: [try PeerAddress(host: "127.0.0.1", port: 1)],
            recent: .init(height: 3, block: BlockID([UInt8](repeating: 9, count: 32))))
        let node = try RunningNode(home: folder.path + "/home", settings: ["mesh.bootstrap=\(made.text)"])
        node.process.waitForEnd()
        #expect(node.process.terminationStatus != 0)
        #expect(node.output.contains("two histories of one network"), "\(node.output)")
        #expect(node.output.contains(history.blocks[2].header.id.hex) && node.output.contains("0909090909"))

        let right = Ticket(
            network: made.network, node: made.node, addresses: made.addresses,
            recent: .init(height: 3, block: history.blocks[2].header.id))
        let again = try RunningNode(home: folder.path + "/home", settings: ["mesh.bootstrap=\(right.text)"])
        #expect(try await again.status()?.registryHeight == 5, "\(again.output)")
    }

    /// Blocks that arrive later are held to it, too: the node stops with an alarm and keeps none of them.
    @Test func blocksOfAnotherHistoryHaltWhoeverJoins() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 5)
        try history.makeHome(folder.path + "/old", heights: 5)
        try history.makeHome(folder.path + "/late", heights: 0)
        try history.makeHome(folder.path + "/right", heights: 0)
        let old = try RunningNode(home: folder.path + "/old")
        let text = try await old.ticket()

        let other = try ticket(text, height: 4, block: BlockID([UInt8](repeating: 9, count: 32)))
        let late = try RunningNode(home: folder.path + "/late", settings: ["mesh.bootstrap=\(other)"])
        _ = try await late.status { _ in late.output.contains("two histories of one network") }
        #expect(late.output.contains("two histories of one network"), "\(late.output)")
        late.end()
        #expect(
            try ChainStore.openReadOnly(path: HomeDirectory(path: late.home).chainDatabase)
                .head(chain: history.state.chain).map { $0.height < 4 } ?? true,
            "a block that the ticket contradicts was taken")

        let own = try RunningNode(home: folder.path + "/right", settings: ["mesh.bootstrap=\(text)"])
        #expect(try await own.status { $0.registryHeight == 5 }?.registryHeight == 5, "\(own.output)")
    }
}
