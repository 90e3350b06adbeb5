import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Keys are checked where they enter: nothing that others wait for is ever sealed to, or drawn for, a key of nobody.
struct KeyTests {
    /// The identity, a value above p, and one that is no element.
    static let bad: [[UInt8]] = [
        [UInt8](repeating: 0, count: 32), [UInt8](repeating: 0xff, count: 32), [3] + [UInt8](repeating: 0, count: 31),
    ]

    private func spec(_ world: LedgerWorld, _ task: TaskID) -> TaskSpec { world.state.task(task)!.spec }

    private func altered(
        _ transaction: Transaction, sealing: [UInt8]? = nil, election: [UInt8]? = nil, rows: UInt32? = nil
    ) -> Transaction {
        guard case .enrol(let old) = transaction else { return transaction }
        return .enrol(
            Enrolment(
                task: old.task, sealingKey: sealing.map { SealingKey($0) } ?? old.sealingKey,
                electionKey: election.map { Digest($0) } ?? old.electionKey, rows: rows ?? old.rows,
                dataForm: old.dataForm, bond: old.bond, sealingProof: old.sealingProof,
                electionProof: old.electionProof))
    }

    /// One member with such a key, drawn as a holder, would stop every round of the task.
    @Test func anEnrolmentWithAKeyOfNobodyIsRefused() throws {
        var world = LedgerWorld(proofBytes: 80)
        let task = try world.publish()
        let good = world.enrolment(task, 1)
        #expect(world.refusal(good, 1) == nil)
        for key in Self.bad {
            #expect(world.refusal(altered(good, sealing: key), 1)?.contains("sealing key is not a canonical") == true)
            #expect(world.refusal(altered(good, election: key), 1) != nil)
        }
        // A key that somebody has, and this sender has not shown to hold.
        let foreign = RistrettoKey.generate().publicKey
        #expect(world.refusal(altered(good, sealing: foreign), 1)?.contains("sealing key is not proven") == true)
        #expect(world.refusal(altered(good, election: foreign), 1) != nil)
    }

    /// A proof counts for one transaction of one account: another's key with its proof is worth nothing.
    @Test func aProofIsBoundToItsTransaction() throws {
        var world = LedgerWorld(proofBytes: 80)
        let task = try world.publish()
        let good = world.enrolment(task, 1)
        #expect(world.refusal(good, 2)?.contains("not proven") == true, "of another account")
        #expect(world.refusal(altered(good, rows: 21), 1)?.contains("not proven") == true, "with other rows")
        let other = try world.publish { $0.seed = 2 }
        guard case .enrol(let old) = good else { return }
        let moved = Enrolment(
            task: other, sealingKey: old.sealingKey, electionKey: old.electionKey, rows: old.rows,
            dataForm: old.dataForm, bond: old.bond, sealingProof: old.sealingProof, electionProof: old.electionProof)
        #expect(world.refusal(.enrol(moved), 1)?.contains("not proven") == true, "for another task")
        let elsewhere = KeyRules.enrolment(
            task: task, sealingKey: world.sealingKey(1), electionKey: world.electionKeys[1], rows: 20,
            dataForm: spec(world, task).data.form, bond: 60, network: NetworkID(task.bytes), account: world.node(1))
        #expect(world.refusal(.enrol(elsewhere), 1)?.contains("not proven") == true, "on another network")
    }

    @Test func publishersAndValidatorsProveTheirKeys() throws {
        let world = LedgerWorld(proofBytes: 80)
        guard case .publish(let spec, let key, let proof) = world.publishing(RegistryTests.spec()) else { return }
        for bad in Self.bad {
            #expect(
                world.refusal(.publish(spec, sealingKey: SealingKey(bad), proof: proof), 0)?
                    .contains("sealing key is not a canonical") == true)
            #expect(
                world.refusal(.bond(credits: 1, electionKey: Digest(bad), proof: .zero), 0)?
                    .contains("election key is not a canonical") == true)
        }
        var other = spec
        other.seed = 77
        #expect(world.refusal(.publish(other, sealingKey: key, proof: proof), 0)?.contains("not proven") == true)
        guard case .bond(_, let election, let bonded) = world.bonding(5, 0) else { return }
        #expect(world.refusal(.bond(credits: 5, electionKey: election, proof: bonded), 0) == nil)
        #expect(
            world.refusal(.bond(credits: 6, electionKey: election, proof: bonded), 0)?.contains("not proven") == true)
        #expect(
            world.refusal(.bond(credits: 5, electionKey: election, proof: bonded), 1)?.contains("not proven") == true)
    }

    /// A receiver's key can only be looked at: credits to a point of small order would belong to whoever likes.
    @Test func nothingIsSentToAPointOfSmallOrder() {
        let world = LedgerWorld()
        var one = [UInt8](repeating: 0, count: 32)
        one[0] = 1
        for bad in Self.bad.prefix(2) + [one] {
            #expect(
                world.refusal(.transfer(to: NodeID(bad), credits: 4_000), 0)?.contains("not the key of any node")
                    == true)
        }
        #expect(world.refusal(.transfer(to: SigningKey.generate().nodeID, credits: 4_000), 0) == nil)
    }

    @Test func aGenesisWhoseMembersHaveProvenNothingIsRefused() throws {
        let world = LedgerWorld(proofBytes: 80)
        let good = world.genesis
        #expect(throws: Never.self) { try Genesis.read(good.wireBytes) }
        func refused(_ change: (Genesis.Account) -> Genesis.Account, _ why: String) {
            let genesis = Genesis(
                name: good.name, timeMs: good.timeMs, accounts: [change(good.accounts[0])] + good.accounts.dropFirst(),
                parameters: good.parameters)
            do {
                _ = try Genesis.read(genesis.wireBytes)
                Issue.record("accepted: \(why)")
            } catch { #expect("\(error)".contains(why), "\(error)") }
        }
        let other = good.accounts[1]
        func account(_ old: Genesis.Account, election: Digest? = nil, proofs: Genesis.KeyProofs?) -> Genesis.Account {
            .init(
                node: old.node, balance: old.balance, validatorBond: old.validatorBond,
                electionKey: election ?? old.electionKey, proofs: proofs)
        }
        refused({ account($0, proofs: nil) }, "has not proven its keys")
        refused({ account($0, election: other.electionKey, proofs: $0.proofs) }, "not signed by that node")
        refused({ account($0, proofs: other.proofs) }, "not signed by that node")
        refused(
            { account($0, proofs: .init(election: other.proofs!.election, node: $0.proofs!.node)) }, "is not proven")
        for bad in Self.bad.dropFirst() {
            let key = world.keys[0]
            // Signed by the node, and yet no key.
            let statement = KeyRules.memberStatement(node: key.nodeID, electionKey: Digest(bad))
            refused(
                { account($0, election: Digest(bad), proofs: .init(election: .zero, node: key.sign(statement))) },
                "is not a canonical")
        }
        let member = KeyRules.member(key: world.keys[0], electionKey: nil)
        refused({ _ in member.account(balance: 1, bond: 1) }, "has no election key")
        refused(
            { _ in .init(node: NodeID([UInt8](repeating: 0, count: 32)), balance: 1, validatorBond: 0) },
            "not the key of any node")
    }

    @Test func aMemberLineReadsBackAndIsNoOther() throws {
        let world = LedgerWorld()
        let member = KeyRules.member(key: world.keys[0], electionKey: world.electionKeys[0])
        #expect(try MemberStatement(line: member.line) == member)
        #expect(try MemberStatement(line: member.line.uppercased()) == member)
        for text in ["", "meshnode1abc", "meshmember1", member.line + "a", String(member.line.dropLast())] {
            #expect(throws: MemberStatement.Failure.self) { try MemberStatement(line: text) }
        }
        // One letter of the proofs, which no other check of the line looks at.
        var letters = Array(member.line)
        letters[200] = letters[200] == "a" ? "b" : "a"
        #expect(throws: MemberStatement.Failure.damaged(reason: "the checksum does not match")) {
            try MemberStatement(line: String(letters))
        }
    }
}
