import MeshCrypto
import Testing
import Wire

@testable import Chain

/// R_h = H(R_{h−1} ‖ h ‖ β_h): nobody but the author makes β, and the author cannot choose it.
@Suite("Election proofs")
struct ElectionProofTests {
    @Test func everyBlockCarriesTheProofOfItsAuthor() throws {
        var world = LedgerWorld(proofBytes: 80)
        var beacons: Set<Digest> = [world.state.beacon]
        for _ in 0..<3 {
            let before = world.state.beacon
            try world.decide([(.transfer(to: world.node(1), credits: 1), 0)])
            let header = try #require(world.blocks.last?.header)
            let output = try ECVRF.output(proof: header.electionProof)
            #expect(world.state.beacon == Election.beacon(after: before, height: header.height, output: output))
            #expect(world.state.beacon != Election.beacon(after: before, height: header.height, output: []))
            beacons.insert(world.state.beacon)
        }
        #expect(beacons.count == 4)
        // The task's draw rests on the registry's outputs.
        let genesis = try world.openTask()
        #expect(genesis.beacon == Digest(Transcript.hash("task", genesis.task.bytes, world.state.beacon.bytes)))
    }

    @Test func otherProofsAreRefused() throws {
        let world = LedgerWorld(proofBytes: 80)
        let author = world.state.nextProposers[0]
        let place = world.place(author)
        func check(_ proof: [UInt8]) throws(ChainError) {
            let built = RegistryRules.build(
                pending: [world.envelope(.transfer(to: author, credits: 1), (place + 1) % 6)], state: world.state,
                author: author, view: 0, timeMs: 3_000, electionKey: world.electionKeys[place])!
            var header = built.header
            header.electionProof = proof
            _ = try RegistryRules.check(header: header, body: built.body, state: world.state)
        }
        func proof(height: UInt64 = 1, beacon: Digest? = nil, chain: ChainID? = nil, by index: Int) -> [UInt8] {
            Election.proof(
                chain: chain ?? world.state.chain, height: height, beacon: beacon ?? world.state.beacon,
                key: world.electionKeys[index], bytes: 80)
        }
        #expect(throws: Never.self) { try check(proof(by: place)) }
        #expect(throws: ChainError.self) { try check([]) }
        #expect(throws: ChainError.self) { try check(proof(by: (place + 1) % 6)) }
        #expect(throws: ChainError.self) { try check(proof(height: 2, by: place)) }
        #expect(throws: ChainError.self) { try check(proof(beacon: .zero, by: place)) }
        #expect(throws: ChainError.self) { try check(proof(chain: .zero, by: place)) }
        var bent = proof(by: place)
        bent[40] ^= 1
        #expect(throws: ChainError.self) { try check(bent) }
    }
}
