import Foundation
import MeshCrypto
import Testing
import Wire

@testable import Chain
@testable import MeshNode

/// Forks of a network that somebody altered, as the files that are handed over, before both verifiers: `meshnode chain verify` and
/// the one of docs/protocol, which shares no code with it. What all who remain have signed only the old registry refutes.
struct AlteredForkTests {
    private enum Verdict {
        case holds
        /// Nothing says whether it holds: the old registry is not here up to its height.
        case unchecked
        case refused(program: String, script: String)
    }

    private struct Fork {
        let name: String
        let genesis: Genesis
        let verdict: Verdict
    }

    /// Five voters of 100 each, of whom the last two are lost.
    private struct Forge {
        let old: RegistryHistory
        let plain: Genesis
        let origin: Genesis.Origin
        let electionKey: RistrettoKey

        init() throws {
            old = try RegistryHistory(voters: 5, heights: 3)
            plain = try NetworkFork.genesis(of: old.state, without: old.keys[3...].map(\.nodeID))
            origin = try #require(plain.origin)
            electionKey = try RistrettoKey(
                uniform: SecretBytes(Transcript.hash("no election key") + Transcript.hash("no election key/2")))
        }

        func signed(_ fork: Genesis, by places: Range<Int> = 0..<3) throws -> Genesis {
            try places.reduce(fork) { try NetworkFork.signed($0, key: old.keys[$1], electionKey: electionKey) }
        }

        /// The fork with other accounts or another origin, and the digest that belongs to it.
        func altered(
            _ accounts: [Genesis.Account]? = nil, carried: Digest? = nil, network: NetworkID? = nil,
            height: UInt64? = nil, block: BlockID? = nil
        ) -> Genesis {
            let accounts = accounts ?? plain.accounts
            return Genesis(
                name: plain.name, timeMs: plain.timeMs, accounts: accounts, parameters: plain.parameters,
                origin: .init(
                    network: network ?? origin.network, height: height ?? origin.height,
                    block: block ?? origin.block, carried: carried ?? NetworkFork.digest(of: accounts),
                    without: origin.without))
        }

        func forks() throws -> [Fork] {
            let good = try signed(plain)
            let proofs = good.accounts.map(\.proofs)
            /// Accounts that `change` picks, with its changes; the others as `from` has them.
            func accounts(
                _ from: Genesis, _ change: (Int, Genesis.Account) -> (balance: Int64, bond: UInt64, Genesis.KeyProofs?)
            ) -> [Genesis.Account] {
                from.accounts.enumerated().map { place, one in
                    let (balance, bond, proofs) = change(place, one)
                    return .init(
                        node: one.node, balance: UInt64(Int64(one.balance) + balance), validatorBond: bond,
                        proofs: proofs)
                }
            }
            func moved(_ from: Genesis) -> [Genesis.Account] {
                accounts(from) { place, one in
                    (place == 0 ? 1_000 : place == 4 ? -1_000 : 0, one.validatorBond, one.proofs)
                }
            }
            func proven(_ change: @escaping (Int) -> Genesis.KeyProofs?) -> [Genesis.Account] {
                accounts(good) { place, one in (0, one.validatorBond, change(place)) }
            }
            let notSigned = "is not one under this fork"
            let notItsOwn = "the fork carries something else than the old registry gives"
            return [
                Fork(name: "as it was made", genesis: good, verdict: .holds),
                Fork(
                    name: "a balance moved", genesis: altered(moved(good), carried: origin.carried),
                    verdict: .refused(
                        program: "not those of the digest of what was carried",
                        script: "not those of the digest of what was carried")),
                Fork(
                    name: "a balance moved, and its digest made again", genesis: altered(moved(good)),
                    verdict: .refused(program: notSigned, script: "does not hold")),
                Fork(
                    name: "a balance moved by all who remain", genesis: try signed(altered(moved(plain))),
                    verdict: .refused(program: "the fork gives it", script: notItsOwn)),
                Fork(
                    name: "a signature removed", genesis: altered(proven { $0 == 1 ? nil : proofs[$0] }),
                    verdict: .refused(program: "the fork is not signed by", script: "or not signed the fork")),
                Fork(
                    name: "a signer twice, in another's place",
                    genesis: altered(proven { proofs[$0 == 1 ? 0 : $0] }),
                    verdict: .refused(program: notSigned, script: "does not hold")),
                Fork(
                    name: "a signer twice", genesis: altered([good.accounts[0]] + good.accounts),
                    verdict: .refused(
                        program: "not in ascending order", script: "accounts are not in ascending order")),
                Fork(
                    name: "a voter left out by the others",
                    genesis: try signed(
                        altered(accounts(plain) { $0 == 1 ? (100, 0, nil) : (0, $1.validatorBond, nil) })),
                    verdict: .refused(program: "the fork gives it", script: notItsOwn)),
                Fork(
                    name: "a signature of one who is lost", genesis: altered(proven { proofs[$0 == 4 ? 0 : $0] }),
                    verdict: .refused(
                        program: "has keys or a signature and no vote",
                        script: "a signature under a fork of an account without a vote")),
                Fork(
                    name: "a vote of one who is lost",
                    genesis: try signed(
                        altered(accounts(plain) { $0 == 4 ? (-100, 100, nil) : (0, $1.validatorBond, nil) }), by: 0..<5),
                    verdict: .refused(
                        program: "has a vote and is named as lost", script: "a lost voter with a vote")),
                Fork(
                    name: "another parent", genesis: try signed(altered(network: NetworkID(origin.block.bytes))),
                    verdict: .refused(program: "the fork comes from", script: "the fork comes from network")),
                Fork(
                    name: "another parent, unsigned",
                    genesis: altered(good.accounts, network: NetworkID(origin.block.bytes)),
                    verdict: .refused(program: notSigned, script: "does not hold")),
                Fork(
                    name: "a height before the last", genesis: try signed(altered(height: 2)),
                    verdict: .refused(
                        program: "goes on to height 3: the fork leaves out",
                        script: "goes on to height 3: the fork leaves out")),
                Fork(
                    name: "a height that nobody has shown", genesis: try signed(altered(height: 4)),
                    verdict: .unchecked),
                Fork(
                    name: "another block", genesis: try signed(altered(block: BlockID(origin.network.bytes))),
                    verdict: .refused(
                        program: "two histories", script: "names another block than the old registry has")),
            ]
        }
    }

    /// - Parameters:
    ///   - refusal: the exit status of a verifier that finds a fault.
    ///   - carried: its words for a fork that carries what it should.
    private func check(
        refusal: Int32, carried: String, words: (_ program: String, _ script: String) -> String,
        verify: (_ file: String, _ origin: String) throws -> Program.Outcome
    ) throws {
        let folder = try Folder()
        let forge = try Forge()
        let (origin, file) = (folder.path + "/old.export", folder.path + "/fork.export")
        try Data(RegistryHistory.export(forge.old.genesis, [forge.old.blocks]).utf8).write(
            to: URL(fileURLWithPath: origin))
        for fork in try forge.forks() {
            try Data(RegistryHistory.export(fork.genesis).utf8).write(to: URL(fileURLWithPath: file))
            let outcome = try verify(file, origin)
            let text = "\(fork.name): \(outcome.code) \(outcome.output)\(outcome.errors)"
            switch fork.verdict {
            // No block of the fork is decided yet, so that neither verifier says that all is here.
            case .holds: #expect(outcome.code == 3 && outcome.output.contains(carried), "\(text)")
            case .unchecked:
                #expect(outcome.code == 3 && outcome.output.contains("what was carried was not checked"), "\(text)")
                #expect(!outcome.output.contains(carried), "\(text)")
            case .refused(let program, let script):
                #expect(outcome.code == refusal, "\(text)")
                #expect((outcome.output + outcome.errors).contains(words(program, script)), "\(text)")
            }
        }
    }

    @Test func theProgramRefusesThem() throws {
        try check(refusal: 2, carried: "they are what the registry of the old network gives", words: { one, _ in one })
        {
            try Program.run("chain", "verify", $0, "--origin", $1)
        }
    }

    @Test(.enabled(if: Program.python != nil, "python3 of 3.10 or newer is not here"))
    func theVerifierOfTheDocumentsRefusesThem() throws {
        try check(refusal: 1, carried: "what the old registry gives at that block", words: { _, other in other }) {
            try Program.runVerifierOfTheDocuments($0, "--origin", $1)
        }
    }
}
