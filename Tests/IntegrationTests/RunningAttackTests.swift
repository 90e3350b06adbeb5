import Foundation
import Gossip
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// The attacks that `meshnode bench attacks` measures, one after another against five processes that train: whatever a stranger,
/// an account or a holder sends for a few seconds, every node stays, nobody's credits change, and rounds go on afterwards. How
/// many are decided meanwhile is measured, not asked.
@Suite(.serialized, .timeLimit(.minutes(8))) struct RunningAttackTests {
    private func credits(_ lab: LabNodes, _ name: String, of nodes: [String]) async throws -> [UInt64] {
        let ledger: LedgerView = try await lab.client(name).get("/v1/ledger")
        return [ledger.total, ledger.burned]
            + nodes.map { node in
                ledger.accounts.first { $0.node == node }.map { $0.balance + $0.bonded + $0.unbonding } ?? 0
            }
    }

    @Test func roundsGoOnAfterEveryAttack() async throws {
        let lab = try LabNodes(5, settings: ["miner.auto_join=true"])
        defer { lab.stopAll() }
        try await lab.startAll()
        let task = try lab.publish("n1", as: "attacked", ["rounds=1000", "deadlines.submit=\"2s\""])
        func rounds(_ number: UInt32, after what: String) async throws {
            let before = try await lab.task(task, on: "n4").round
            try await lab.until("\(number) rounds after \(what)", seconds: 60) {
                let round = try await lab.task(task, on: "n4").round
                return round >= before + number ? nil : "round \(round) after \(before)"
            }
        }
        try await lab.until("n4 has the task") {
            (try? await lab.task(task, on: "n4")) == nil ? "no block with it yet" : nil
        }
        try await rounds(3, after: "the start")

        var ports: [UInt16] = []
        var ids: [String] = []
        var heights: (registry: UInt64, task: UInt64) = (1, 1)
        for name in lab.names {
            let status = try await lab.status(name)
            ids.append(status.node)
            ports.append(try #require(status.listening.first?.split(separator: ":").last.flatMap { UInt16($0) }))
            for chain in status.chains {
                if chain.kind == "registry" {
                    heights.registry = chain.height ?? 1
                } else {
                    heights.task = chain.height ?? 1
                }
            }
        }
        let bytes = randomBytes(1 << 20)
        var content: ContentView?
        for name in lab.names {
            content = try await lab.client(name).post(
                "/v1/store?compress=0&label=attacked", bytes, contentType: "application/octet-stream")
        }
        let genesis = try Genesis(wireBytes: [UInt8](Data(contentsOf: URL(filePath: lab.folder.path + "/genesis"))))
        let store = try ChainStore.openReadOnly(path: HomeDirectory(path: lab.home("n1")).chainDatabase)
        let chain = try #require(ChainID(hex: task))
        let spec = try #require(
            ChainReplay(store: store, genesis: genesis).registry.task(chain)?.spec, "the task is in the registry")
        let account = SigningKey.generate()
        try lab.run("n5", "ledger", "transfer", account.nodeID.hex, "3000")
        var field = AttackField(
            network: genesis.networkID, task: chain, spec: spec, ports: ports, heights: heights,
            contents: [ContentReference(id: try #require(ContentID(hex: content?.content ?? "")), length: 1 << 20)],
            account: account)
        field.purses = (0..<20).map { _ in .generate() }
        let last = try #require(field.purses.last).nodeID.hex
        try await lab.until("the attacker's accounts are made") {
            field.spread(
                field.purses.enumerated().map {
                    field.transaction(.transfer(to: $1.nodeID, credits: 1), nonce: UInt64($0), by: account)
                })
            let ledger: LedgerView = try await lab.client("n1").get("/v1/ledger")
            return ledger.accounts.contains { $0.node == last } ? nil : "not yet"
        }
        field.nonce = UInt64(field.purses.count)
        let before = try await credits(lab, "n2", of: ids)

        for attack in NetworkAttack.allCases where !attack.needsHolder {
            let tally = await play(attack, field, seconds: 4)
            if attack != .slowLinks { #expect(tally.links > 0, "\(attack.rawValue) reached nobody") }
            try await rounds(2, after: attack.rawValue)
            for name in lab.names {
                #expect(lab.isRunning(name), "\(attack.rawValue): \(name) has ended: \(lab.log(name))")
                #expect(try await lab.task(task, on: name).state == .running, "\(attack.rawValue): \(name)")
                #expect(try await credits(lab, name, of: ids) == before, "\(attack.rawValue): \(name)")
            }
            try await lab.until("\(attack.rawValue): honest links are there", seconds: 30) {
                for name in lab.names where try await lab.status(name).peers < lab.names.count - 1 { return name }
                return nil
            }
        }

        // A holder that names what nobody decided instead of handing over its keys: one silent one can be missed.
        let view = try await lab.task(task, on: "n4")
        let place = try #require(
            ids.indices.first { index in
                ![0, 3].contains(index) && view.participants.contains { $0.node == ids[index] && $0.holdsKeys }
            })
        field.holder = try HomeDirectory(path: lab.home(lab.names[place])).loadIdentity().signingKey()
        try lab.kill(lab.names[place])
        _ = await play(.keyReleases, field, seconds: 6)
        try await rounds(2, after: NetworkAttack.keyReleases.rawValue)
        #expect(try await credits(lab, "n4", of: ids) == before)
    }

    /// Attacks block their thread.
    private func play(
        _ attack: NetworkAttack, _ field: AttackField, seconds: Double
    ) async -> NetworkAttack.Tally {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: attack.run(field, seconds: seconds)) }
        }
    }
}
