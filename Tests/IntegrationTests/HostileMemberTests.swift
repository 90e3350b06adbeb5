import Foundation
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import Gossip
@testable import MeshNode

/// What a member can send, against five running nodes: nobody ends, nobody is cut off who is honest, and the people of the
/// other nodes get their way as before.
@Suite(.serialized, .timeLimit(.minutes(6))) struct HostileMemberTests {
    private func ledger(_ lab: LabNodes, _ name: String) async throws -> LedgerView {
        try await lab.client(name).get("/v1/ledger")
    }

    /// Every node runs, has its links and has cut nobody off; an order of an honest person is decided.
    private func expectUnharmed(_ lab: LabNodes, _ what: String) async throws {
        let ids = try await lab.status("n2").node
        let before = try await ledger(lab, "n1").accounts.first { $0.node == ids }?.balance ?? 0
        try lab.run("n1", "ledger", "transfer", ids, "7")
        for name in lab.names.dropLast() {
            #expect(lab.isRunning(name), "\(what): \(name) has ended: \(lab.log(name))")
            try await lab.until("\(what): \(name) has the transfer") {
                let now = try await self.ledger(lab, name).accounts.first { $0.node == ids }?.balance ?? 0
                return now == before + 7 ? nil : "\(now) after \(before)"
            }
            let status = try await lab.status(name)
            #expect(status.peers >= lab.names.count - 1, "\(what): \(name) has \(status.peers) links")
        }
    }

    /// Sixty-six accounts of one credit, each with all the transactions that an account may have pending but the next one.
    @Test func transactionsBehindAGapTakeNobodysPlace() async throws {
        let lab = try LabNodes(5)
        defer { lab.stopAll() }
        try await lab.startAll()
        let member = try await HostileMember("n5", of: lab, against: Array(lab.names.dropLast()))
        let fresh = (0..<66).map { _ in SigningKey.generate() }
        var nonce: UInt64 = 0
        for part in [fresh.prefix(33), fresh.suffix(33)] {
            member.spread(
                part.enumerated().map {
                    member.transaction(.transfer(to: $1.nodeID, credits: 1), nonce: nonce + UInt64($0))
                })
            nonce += 33
            let last = part.last!.nodeID.hex
            try await lab.until("the accounts are there") {
                try await self.ledger(lab, "n1").accounts.contains { $0.node == last } ? nil : "not yet"
            }
        }
        let gapped = fresh.flatMap { one in
            (UInt64(1)..<64).map {
                member.transaction(.transfer(to: one.nodeID, credits: 0), nonce: $0, by: one)
            }
        }
        #expect(gapped.count == 4_158)
        member.spread(gapped)
        try await expectUnharmed(lab, "behind a gap")
    }

    /// All that four accounts may have pending at once, every one of it valid.
    @Test func aBurstOfValidTransactionsCutsNobodyOff() async throws {
        let lab = try LabNodes(5)
        defer { lab.stopAll() }
        try await lab.startAll()
        let member = try await HostileMember("n5", of: lab, against: Array(lab.names.dropLast()))
        let itself = Transaction.transfer(to: member.key.nodeID, credits: 0)
        for round in 0..<UInt64(10) {
            member.spread((0..<60).map { member.transaction(itself, nonce: round * 60 + $0) })
        }
        try await lab.until("blocks of it are decided") {
            let height = try await lab.status("n1").registryHeight
            return height >= 2 ? nil : "height \(height)"
        }
        try await expectUnharmed(lab, "a burst")
        for name in lab.names {
            let status = try await lab.status(name)
            #expect(status.dropped("cut off") == 0, "\(name): \(status.drops)")
        }
    }

    /// A task whose sizes overflow every product of them, and members whose sealing key is the identity, no element, or
    /// not their own: refused by every node, and nothing ends.
    @Test func whatNoNodeCanUseIsRefusedByAll() async throws {
        let lab = try LabNodes(5)
        defer { lab.stopAll() }
        try await lab.startAll()
        let member = try await HostileMember("n5", of: lab, against: Array(lab.names.dropLast()))
        let task = try lab.publish("n1", as: "honest", ["participants.minimum=5"])
        try await lab.until("every node knows the task") {
            for name in lab.names { _ = try await lab.task(task, on: name) }
            return nil
        }
        let id = try #require(TaskID(hex: task))
        let store = try ChainStore(path: HomeDirectory(path: lab.home("n1")).chainDatabase)
        let stored = try store.blocks(chain: member.network.registryChain, from: 1, limit: 8)
        let spec = try #require(
            stored.lazy.compactMap { Self.published(in: $0) }.first, "the block that publishes the task is stored")
        let sealing = try RistrettoKey(uniform: .random(64))
        for hidden: [UInt32] in [[1 << 31, .max], [.max], [.max, .max, .max]] {
            var huge = spec
            huge.model.architecture = .mlp
            huge.model.hidden = hidden
            huge.training.server = .median
            member.spread([
                member.transaction(
                    KeyRules.publish(huge, sealingKey: sealing, network: member.network, account: member.key.nodeID),
                    nonce: 0)
            ])
        }
        for bytes in [[UInt8](repeating: 0, count: 32), [UInt8](repeating: 255, count: 32), sealing.publicKey] {
            let enrolment = Enrolment(
                task: id, sealingKey: SealingKey(bytes), electionKey: .zero, rows: 100, dataForm: spec.data.form,
                bond: 100)
            member.spread([member.transaction(.enrol(enrolment), nonce: 0)])
        }
        try await expectUnharmed(lab, "unusable")
        let view = try await lab.task(task, on: "n2")
        #expect(view.participants.isEmpty, "\(view.participants)")
        let balance = try await ledger(lab, "n1").accounts.first { $0.node == member.key.nodeID.hex }
        #expect(balance?.balance == 10_000, "the member's nonce is still 0 and nothing was bonded: \(balance as Any)")
    }

    private static func published(in block: StoredBlock) -> TaskSpec? {
        guard case .inline(let bytes) = block.body, let body = try? RegistryBody(wireBytes: bytes) else { return nil }
        return body.transactions.lazy.compactMap { envelope -> TaskSpec? in
            guard case .publish(let spec, _, _)? = try? Transaction(wireBytes: envelope.payload) else { return nil }
            return spec
        }.first
    }

    /// A thousand validly signed records of nodes that do not exist, told by a stranger to every node; then a node starts
    /// again and finds its peers.
    @Test func inventedMembersKeepNobodyApart() async throws {
        let lab = try LabNodes(5)
        defer { lab.stopAll() }
        try await lab.startAll()
        let member = try await HostileMember("n5", of: lab, against: Array(lab.names.dropLast()))
        let address = try PeerAddress(host: "192.0.2.1", port: 9)
        let records = (0..<1_000).map { _ in
            NodeRecord(
                incarnation: 1, addresses: [address], datagramKey: .zero, capabilities: 0, signedWith: .generate())
        }
        for link in member.links() {
            for start in stride(from: 0, to: records.count, by: 100) { link.tell(Array(records[start..<start + 100])) }
        }
        try lab.kill("n3")
        try await lab.start("n3")
        try await lab.until("n3 has its links again", seconds: 60) {
            let peers = try await lab.status("n3").peers
            return peers >= 4 ? nil : "\(peers) links"
        }
        // All of them in the places of who told them, not each in its own.
        for name in ["n1", "n2", "n4"] {
            let known: [PeerView] = try await lab.client(name).get("/v1/peers")
            #expect(known.count < 3 * GossipTables.strangers.quota, "\(name): \(known.count)")
        }
        try await expectUnharmed(lab, "invented members")
    }
}
