import Gossip
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// What a stranger draws from a node with a few bytes.
@Suite("What questions draw", .timeLimit(.minutes(2)))
struct AnswerDrawTests {
    private let stranger = NodeID([UInt8](repeating: 5, count: 32))

    /// A digest of the present height, while many long messages are missing: votes and pending transactions.
    @Test func oneDigestDrawsTheAllowanceAndOneMessage() async throws {
        let folder = try Folder()
        let history = try RegistryHistory(voters: 4, heights: 2)
        try history.makeHome(folder.path + "/home", heights: 2)
        let node = try await UnsupportedTaskTests.start(HomeDirectory(path: folder.path + "/home"), .process)
        let key = SigningKey.generate()
        let missing = (0..<64).map { number in
            Envelope.signed(
                [UInt8](repeating: 1, count: Limits.envelopePayload),
                slot: Slot(kind: .transaction, chain: history.state.chain, major: number, minor: 0),
                network: history.genesis.networkID, by: key)
        }
        let began = ContinuousClock.now
        let drawn = await node.drawn(by: stranger, missing)
        let seconds = Int((ContinuousClock.now - began) / .seconds(1)) + 1
        let allowance = AnswerBudget.Allowance.of(.stranger, .loopback)
        #expect(drawn > 0)
        #expect(
            drawn <= allowance.perSecond * (1 + seconds) + AnswerBudget.ratio * 84 + missing[0].wireBytes.count + 100)
        #expect(drawn < missing.count * Limits.envelopePayload, "all of it")
        #expect(await node.drops["over budget"] == 1)
        await node.stop()
    }

    /// Digests of 84 bytes for old heights: what is read for a stranger is charged to it, and is not read for the next one
    /// again.
    @Test func stridesAreReadWithinTheAllowance() async throws {
        let folder = try Folder()
        let gate = GatedWorker()
        let history = try RegistryHistory(voters: 12, heights: 330)
        try history.makeHome(folder.path + "/home", heights: 330)
        let process = NodeEnvironment.process
        let node = try await UnsupportedTaskTests.start(
            HomeDirectory(path: folder.path + "/home"),
            NodeEnvironment(
                executor: process.executor,
                worker: { $0.hasSuffix(".background") ? gate : process.worker($0) }, links: process.links))
        let others = [6, 7].map { NodeID([UInt8](repeating: $0, count: 32)) }
        let known = history.keys[0].nodeID
        for first in [64, 128, 192, 256] as [UInt64] {
            #expect(await !node.ask(as: stranger, from: first, history))
        }
        #expect(await node.readBlocks.count == 1, "the first one may be 4 MiB")
        #expect(await !node.ask(as: others[0], from: 128, history))
        #expect(await !node.ask(as: known, from: 192, history))
        #expect(await node.readBlocks.count == 3)
        gate.open()
        while await !node.readBlocks.isEmpty { await Task.yield() }
        // Read already: named at once, to whoever asks.
        #expect(await node.ask(as: others[1], from: 64, history))
        #expect(await node.ask(as: others[1], from: 192, history))
        await node.stop()
    }
}

extension Node {
    /// - Returns: whether a range is named in answer at once.
    fileprivate func ask(as peer: NodeID, from first: UInt64, _ history: RegistryHistory) -> Bool {
        if !linked.contains(peer) { linked = (linked + [peer]).sorted() }
        let head = history.blocks[Int(first) - 2].header.id
        let digest = ChainDigest(chain: registry.chain, height: first, head: head, groups: [], pending: [])
        handle(.frame(from: peer, lane: .gossip, bytes: PeerMessage.digest(digest).wireBytes))
        return outbox.contains { frame in
            guard frame.nodes == [peer], case .rangeContent(_, first, _)? = try? PeerMessage(wireBytes: frame.bytes)
            else { return false }
            return true
        }
    }

    /// Bytes queued for a peer after a digest of 84 bytes.
    fileprivate func drawn(by peer: NodeID, _ missing: [Envelope]) -> Int {
        linked = (linked + [peer]).sorted()
        guard mayAnswer(peer, asking: 84) else { return 0 }
        answer(missing, to: peer)
        return outbox.reduce(0) { $0 + ($1.nodes == [peer] ? $1.bytes.count : 0) }
    }
}
