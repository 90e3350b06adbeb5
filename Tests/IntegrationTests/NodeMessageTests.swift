import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a running node concludes from single messages, asked of it directly: in a network something else would mostly tell
/// it as well, or bound the same.
@Suite("A node and single messages", .timeLimit(.minutes(2)))
struct NodeMessageTests {
    private static func node(_ folder: Folder) async throws -> Node {
        let home = folder.path + "/home"
        try RegistryHistory(voters: 4, heights: 2).makeHome(home, heights: 2)
        return try await UnsupportedTaskTests.start(HomeDirectory(path: home), .process)
    }

    /// A message of its key for a slot that it has not filled, while the height is open: no block carries it yet.
    @Test func aMessageOfItsKeyThatItHasNotSignedIsATwin() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder)
        let key = try HomeDirectory(path: folder.path + "/home").loadIdentity().signingKey()
        let (chain, network) = await node.names()
        func vote(by key: SigningKey, _ chain: ChainID, _ network: NetworkID) -> Envelope {
            .signed(
                Vote(block: BlockID([UInt8](repeating: 9, count: 32))).wireBytes,
                slot: Slot(kind: .prevote, chain: chain, major: 3, minor: 0), network: network, by: key)
        }
        let own = vote(by: key, chain, network)
        let proof: String? = await node.proofOfTwin(own)
        #expect(proof?.contains("that this node has not signed is going around") == true)
        let forged = Envelope(
            network: own.network, slot: own.slot, signer: own.signer, payload: own.payload,
            signature: vote(by: .generate(), chain, network).signature)
        let others = [
            vote(by: .generate(), chain, network), vote(by: key, .zero, network), vote(by: key, chain, .zero), forged,
        ]
        for other in others {
            let none: String? = await node.proofOfTwin(other)
            #expect(none == nil)
        }
        await node.stop()
    }

    /// Answers of four megabytes to a question of 84 bytes.
    @Test func whoHasDrawnMoreThanItsBudgetWaits() async throws {
        let folder = try Folder()
        let node = try await Self.node(folder)
        let stranger = NodeID([UInt8](repeating: 9, count: 32))
        let (first, second) = await node.draw(4 << 20, as: stranger)
        #expect(first && !second)
        let another = await node.mayAnswer(NodeID([UInt8](repeating: 8, count: 32)), asking: 84)
        #expect(another, "each has its own")
        await node.stop()
    }
}

extension Node {
    fileprivate func names() -> (ChainID, NetworkID) { (registry.chain, genesis.networkID) }

    /// - Returns: whether it was answered before it had drawn so much, and after.
    fileprivate func draw(_ bytes: Int, as peer: NodeID) -> (Bool, Bool) {
        let before = mayAnswer(peer, asking: 84)
        let message = PeerMessage.digest(
            ChainDigest(
                chain: registry.chain, height: 3, head: .zero, groups: [],
                pending: (0..<ChainDigest.entries).map { TransactionID([UInt8](repeating: UInt8($0 & 255), count: 32)) }
            ))
        var drawn = 0
        while drawn < bytes {
            answer(message, to: peer)
            drawn += message.wireBytes.count
        }
        return (before, mayAnswer(peer, asking: 84))
    }
}
