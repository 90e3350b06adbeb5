import Chain
import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Strangers that invent nodes or ask without end, against processes that run.
@Suite(.serialized, .timeLimit(.minutes(5))) struct InventedNodesTests {
    private func invented(_ count: Int, at address: PeerAddress) -> [NodeRecord] {
        (0..<count).map { _ in
            NodeRecord(
                incarnation: 1, addresses: [address], datagramKey: DatagramKey(ExchangeKey().publicKey),
                capabilities: 0,
                signedWith: .generate())
        }
    }

    private func port(of name: String, in lab: LabNodes) async throws -> UInt16 {
        let address = try #require(try await lab.status(name).listening.first)
        return try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
    }

    /// A thousand records behind silent addresses, told over one link; then all nodes start again, none with a ticket.
    @Test func aThousandInventedNodesKeepNoRestartedNodeFromItsPeers() async throws {
        let lab = try LabNodes(5)
        try await lab.startAll()
        let silent = try #require(SilentListener(host: "127.0.0.9"))
        let records = invented(1_000, at: try PeerAddress(host: "127.0.0.9", port: silent.port))
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: lab.folder.path + "/genesis")))
        let network = try Genesis(wireBytes: bytes).networkID
        var ports: [String: UInt16] = [:]
        for name in lab.names {
            let port = try await port(of: name, in: lab)
            ports[name] = port
            let liar = try #require(HostilePeer(key: .generate(), network: network, port: port))
            #expect(liar.isOpen)
            for _ in 0..<4 {
                liar.tell(records)
                _ = liar.flood(seconds: 0.5) { _ in nil }
            }
        }
        for name in lab.names { try lab.kill(name) }
        let began = ContinuousClock.now
        // At the ports that they had: nodes that all move at once know no way to each other.
        for name in lab.names { try await lab.start(name, withTicket: false, port: ports[name]) }
        try await lab.until("every node has links to all others again", seconds: 30) {
            for name in lab.names where try await lab.status(name).peers < lab.names.count - 1 { return name }
            return nil
        }
        print("links of five restarted nodes were full after \(ContinuousClock.now - began)")
    }

    /// Digests of 84 bytes about ever other heights, as fast as one link takes them.
    @Test func digestsOfAllHeightsDrawLittleMoreThanTheyAsk() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 200)
        try history.makeHome(folder.path + "/a", heights: 200)
        let node = try RunningNode(home: folder.path + "/a")
        let address = try #require(try await node.status { $0.registryHeight == 200 }?.listening.first)
        let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
        let stranger = try #require(
            HostilePeer(key: .generate(), network: history.genesis.networkID, port: port))
        let (sent, received) = stranger.flood(seconds: 5) { number in
            PeerMessage.digest(
                ChainDigest(
                    chain: history.state.chain, height: UInt64(1 + number % 190), head: .zero, groups: [], pending: [])
            ).wireBytes
        }
        let allowance = AnswerBudget.Allowance.of(.stranger, .loopback)
        print("digests of \(sent) bytes drew \(received) bytes in 5 s")
        // Pings, records and the node's own digests come besides.
        #expect(received <= 10 * sent + allowance.burst + 6 * allowance.perSecond + 512 << 10)
        #expect(sent > 100_000, "the flood went through")
        // Nothing of it is held against the asker, and the node still serves.
        #expect(try #require(try await node.status()).registryHeight == 200)
    }

    /// What a node has sent is on its way: a digest that was written before it came, and the thousand after it, draw no
    /// second copy at once. One of four voters, alone, has signed votes that the asker never shows.
    @Test func theSameDigestDrawsWhatIsMissingOnce() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 3)
        try history.makeHome(folder.path + "/a", heights: 3)
        let node = try RunningNode(home: folder.path + "/a")
        let address = try #require(try await node.status { $0.registryHeight == 3 }?.listening.first)
        let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
        let stranger = try #require(
            HostilePeer(key: .generate(), network: history.genesis.networkID, port: port))
        let digest = PeerMessage.digest(
            ChainDigest(
                chain: history.state.chain, height: history.state.height + 1, head: history.state.head, groups: [],
                pending: [])
        ).wireBytes
        let (sent, received) = stranger.flood(seconds: 5, perSecond: 2_000) { _ in digest }
        print("digests of \(sent) bytes drew \(received) bytes in 5 s")
        #expect(sent > 500_000, "the flood went through")
        // A vote is longer than the digest that asks for it. Pings, records and the node's own digests come besides.
        #expect(received < sent / 4)
    }
}
