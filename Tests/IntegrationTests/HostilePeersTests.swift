import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Strangers against a running node: what they do is counted, they are cut off, and the others notice nothing.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HostilePeersTests {
    private func port(of node: RunningNode) async throws -> UInt16 {
        let address = try #require(try await node.status { !$0.listening.isEmpty }?.listening.first)
        return try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
    }

    /// The kernel's figures of the process.
    private func memoryMiB(_ node: RunningNode) -> Double {
        let text = (try? String(contentsOfFile: "/proc/\(node.process.processIdentifier)/statm", encoding: .utf8)) ?? ""
        return Double(text.split(separator: " ").dropFirst().first ?? "").map { $0 * 4_096 / 1_048_576 } ?? .nan
    }

    private func openFiles(_ node: RunningNode) -> Int {
        (try? FileManager.default.contentsOfDirectory(
            atPath: "/proc/\(node.process.processIdentifier)/fd"
        ).count) ?? 0
    }

    /// 200 connections that never finish a handshake, against a node that may open 128 files.
    @Test func slowConnectionsLeaveRoomForHonestNodes() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 200)
        try history.makeHome(folder.path + "/old", heights: 200)
        for name in ["a", "b"] { try history.makeHome(folder.path + "/" + name, heights: 0) }
        let old = try RunningNode(home: folder.path + "/old", descriptors: 128)
        let port = try await port(of: old)
        #expect(old.output.contains("limit of open files"), "the node says that it takes fewer links")
        let slow = SlowPeers(count: 200, port: port, from: "127.0.0.2")
        defer { slow.end() }
        let pressed = try await old.status { $0.dropped("links refused") > 100 }
        #expect((pressed?.dropped("links refused") ?? 0) > 100, "refused ones are counted")
        var most = openFiles(old)
        let ticket = try await old.ticket()
        for name in ["a", "b"] {
            let node = try RunningNode(home: folder.path + "/" + name, settings: ["mesh.bootstrap=\(ticket)"])
            let reached = try await node.status { $0.registryHeight == 200 }
            #expect(reached?.registryHeight == 200 && reached?.peers ?? 0 >= 1, "\(node.output.suffix(2_000))")
            most = max(most, openFiles(old))
            node.end()
        }
        let after = try #require(try await old.status())
        #expect(most <= 128 - 8, "\(most) open files: databases and the API need some too")
        #expect(slow.closed > 200 && after.dropped("handshakes failed") > 100)
        #expect(memoryMiB(old) < 128)
        #expect(old.process.isRunning && after.registryHeight == 200)
    }

    /// A packet or a content that claims more than anything of this protocol has.
    @Test func oversizedAnnouncementsAreCountedAndCutOff() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 3)
        try history.makeHome(folder.path + "/a", heights: 2)
        let node = try RunningNode(home: folder.path + "/a")
        let port = try await port(of: node)
        let network = history.genesis.networkID
        let before = memoryMiB(node)

        let loud = SigningKey.generate()
        let first = try #require(HostilePeer(key: loud, network: network, port: port))
        #expect(first.isOpen)
        first.write([0xff, 0xff, 0xff, 0x7f] + [UInt8](repeating: 1, count: 1_000))
        first.readToEnd()
        #expect(try await node.status { $0.dropped("oversize") == 1 }?.dropped("oversize") == 1)
        let second = try #require(HostilePeer(key: loud, network: network, port: port))
        second.readToEnd()
        #expect(second.end == .peer(.banned), "cut off: \(String(describing: second.end))")

        // Ranges of eight gigabytes, for the height that the node waits for.
        let greedy = SigningKey.generate()
        let third = try #require(HostilePeer(key: greedy, network: network, port: port))
        let promise = PeerMessage.rangeContent(
            history.state.chain, first: 3, ContentReference(id: .zero, length: UInt64(Limits.content)))
        for _ in 0..<3 { third.say(promise.wireBytes) }
        third.readToEnd()
        #expect(third.end == .peer(.banned))
        let status = try #require(try await node.status { $0.dropped("oversize") >= 2 })
        #expect(status.contentsWanted == 0 && status.dropped("cut off") == 2)

        // Blocks whose certificate nobody signed.
        let liar = SigningKey.generate()
        let fourth = try #require(HostilePeer(key: liar, network: network, port: port))
        var forged = history.blocks[2]
        forged = DecidedBlock(
            header: forged.header, body: forged.body,
            certificate: Certificate(
                chain: forged.certificate.chain, height: 3, view: 0, block: forged.header.id,
                precommits: forged.certificate.precommits.map {
                    .init(voter: $0.voter, signature: Signature([UInt8](repeating: 5, count: 64)))
                }))
        for _ in 0..<8 { fourth.say(PeerMessage.blocks(BlockRange([forged])).wireBytes) }
        fourth.readToEnd()
        #expect(fourth.end == .peer(.banned))
        let last = try #require(try await node.status { $0.dropped("cut off") == 3 })
        #expect(last.dropped("rejected") >= 7 && last.registryHeight == 2)
        #expect(memoryMiB(node) < before + 32)

        // The same block with the certificate that was decided is taken from a stranger.
        let honest = try #require(HostilePeer(key: .generate(), network: network, port: port))
        honest.say(PeerMessage.blocks(BlockRange([history.blocks[2]])).wireBytes)
        #expect(try await node.status { $0.registryHeight == 3 }?.registryHeight == 3)
    }
}
