import Chain
import Foundation
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Keys of a genesis beside the keys of a home: what was swapped or mistaken is told before anything runs.
@Suite("Keys at init") struct MemberKeyTests {
    /// Two homes and the genesis that `change` makes of their two member statements.
    private func importing(
        _ change: (_ own: NodeIdentity, _ other: NodeIdentity) throws -> [MemberStatement]
    ) throws -> Program.Outcome {
        let folder = try Folder()
        var identities: [NodeIdentity] = []
        for name in ["own", "other"] {
            let made = try Program.run("init", "--home", folder.path + "/" + name)
            try #require(made.code == 0, "\(made.errors)")
            identities.append(try HomeDirectory.open(at: folder.path + "/" + name).loadIdentity())
        }
        let accounts = try change(identities[0], identities[1]).map { $0.account(balance: 5_000, bond: 100) }
        let genesis = Genesis(
            name: "swapped", timeMs: 1_000, accounts: accounts.sorted { $0.node < $1.node },
            parameters: .init(
                electionProofBytes: UInt8(Election.proofBytes), proposeMs: 1_000, voteMs: 300))
        let file = folder.path + "/genesis"
        try Data(genesis.wireBytes).write(to: URL(fileURLWithPath: file))
        return try Program.run("init", "--home", folder.path + "/own", "--genesis", file)
    }

    private func member(_ node: NodeIdentity, _ election: NodeIdentity) throws -> MemberStatement {
        KeyRules.member(key: node.signingKey(), electionKey: try election.electionKey())
    }

    @Test func ownKeysAreTaken() throws {
        let outcome = try importing { own, other in [try member(own, own), try member(other, other)] }
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    @Test func exchangedElectionKeysAreRefused() throws {
        let outcome = try importing { own, other in [try member(own, other), try member(other, own)] }
        #expect(outcome.code == 65, "\(outcome.output)")
        #expect(outcome.errors.contains("for this node, its own is"), "\(outcome.errors)")
        #expect(outcome.errors.contains("--member-file"), "\(outcome.errors)")
    }

    @Test func anotherAccountWithThisNodesKeyIsRefused() throws {
        let outcome = try importing { own, other in [try member(other, own)] }
        #expect(outcome.code == 65, "\(outcome.output)")
        #expect(outcome.errors.contains("the keys of two members were swapped"), "\(outcome.errors)")
    }

    /// A node that the genesis does not name may follow the network, and is told what is missing.
    @Test func aNodeWithoutAnAccountIsToldSo() throws {
        let outcome = try importing { _, other in [try member(other, other)] }
        #expect(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("has no account in this genesis"), "\(outcome.errors)")
    }

    /// Lines whose keys were exchanged by hand prove nothing: the genesis is not made.
    @Test func exchangedKeysAreRefusedWhenTheGenesisIsMade() throws {
        let folder = try Folder()
        var keys: [(node: String, election: String)] = []
        struct Made: Decodable { let node: String, election_key: String }
        for name in ["a", "b"] {
            let made = try Program.run("init", "--home", folder.path + "/" + name, "--json")
            let json = try JSONDecoder().decode(Made.self, from: Data(made.output.utf8))
            keys.append((json.node, json.election_key))
        }
        let outcome = try Program.run(
            "genesis", "create", "--name", "x", "--out", folder.path + "/g", "--account",
            "\(keys[0].node)=10000:1000:\(keys[1].election)", "--account",
            "\(keys[1].node)=10000:1000:\(keys[0].election)")
        #expect(outcome.code != 0, "\(outcome.output)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/g"))
    }
}
