import MeshCrypto
import Testing
import Wire

@testable import Chain

/// A registry that stands still goes on without voters who are lost, with every credit, by the signatures of all who remain.
struct NetworkForkTests {
    /// Six validators of 100 each: the quorum is 401, so that two lost ones can be forked away, and three if not the first.
    private func world() throws -> LedgerWorld {
        var world = LedgerWorld(proofBytes: 80)
        try world.decide([(.transfer(to: world.node(1), credits: 300), 0)])
        return world
    }

    private func signed(_ world: LedgerWorld, _ fork: Genesis, by places: [Int]) throws -> Genesis {
        try places.reduce(fork) {
            try NetworkFork.signed($0, key: world.keys[$1], electionKey: world.electionKeys[$1])
        }
    }

    private func refusal(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return "\(error)" }
    }

    @Test func thoseWhoRemainGoOnWithEveryCredit() throws {
        let world = try world()
        let lost = [3, 4, 5].map { world.node($0) }
        let proposal = try NetworkFork.genesis(of: world.state, without: lost)
        let origin = try #require(proposal.origin)
        #expect(origin.network == world.state.network && origin.height == 1 && origin.block == world.state.head)
        #expect(origin.without == lost.sorted() && proposal.timeMs == world.state.headTimeMs)
        #expect(NetworkFork.unsigned(proposal) == [0, 1, 2].map { world.node($0) })
        let fork = try signed(world, proposal, by: [0, 1, 2])
        #expect(try Genesis.read(fork.wireBytes) == fork)
        try NetworkFork.compare(fork, with: world.state)

        let state = RegistryState(genesis: fork)
        #expect(state.network != world.state.network && state.totalCredits == world.state.totalCredits)
        #expect(state.validators.members.map(\.node) == [0, 1, 2].map { world.node($0) })
        for index in 0..<6 {
            let (old, new) = (world.state.accounts[world.node(index)]!, state.accounts[world.node(index)]!)
            #expect(new.balance + new.validatorBond == old.balance + old.validatorBond && new.nonce == 0)
            #expect(new.validatorBond == (index < 3 ? 100 : 0))
            #expect(new.electionKey == (index < 3 ? old.electionKey : .zero))
        }
        // A transaction of the old network means nothing here, whatever its nonce.
        var next = state
        let old = world.envelope(.transfer(to: world.node(0), credits: 5), 2, nonce: 0)
        #expect(
            refusal { try next.apply(old, height: 1, timeMs: 9_000) }?.contains("not a transaction of this") == true)
    }

    /// The network decides its first block by the keys that the fork names.
    @Test func theForkDecides() throws {
        let world = try world()
        let fork = try signed(
            world, try NetworkFork.genesis(of: world.state, without: [world.node(0), world.node(1)]), by: [2, 3, 4, 5])
        let state = RegistryState(genesis: fork)
        let transfer = Envelope.signed(
            Transaction.transfer(to: world.node(1), credits: 7).wireBytes,
            slot: Slot(kind: .transaction, chain: state.chain, major: 0, minor: 0), network: state.network,
            by: world.keys[0])
        let author = state.nextProposers[0]
        let built = try #require(
            RegistryRules.build(
                pending: [transfer], state: state, author: author, view: 0, timeMs: 60_000,
                electionKey: world.electionKeys[world.place(author)]))
        let after = try RegistryRules.check(header: built.header, body: built.body, state: state)
        #expect(after.height == 1 && after.totalCredits == state.totalCredits)
    }

    /// What is under way ends as the registry's own rules would end it now.
    @Test func whatIsLockedUpGoesToItsOwners() throws {
        var world = LedgerWorld()
        let total = world.state.totalCredits
        let settled = try world.openTask()
        let paid: [UInt64] = [200, 190, 180, 170, 60]
        try world.decide([
            (.settle(world.settlement(settled, height: 9, outcome: .complete, credits: paid)), 4),
            (.unbond(.validator(credits: 40)), 1),
        ])
        let other = try world.publish { $0.seed = 3 }
        try world.decide([(world.enrolment(other, 2), 2)])
        try #require(world.state.task(settled.task)?.paidMs == nil && world.state.task(other)?.escrow == 1_000)
        let fork = try NetworkFork.genesis(of: world.state, without: [world.node(4), world.node(5)])
        let carried = Dictionary(
            uniqueKeysWithValues: fork.accounts.map { ($0.node, $0.balance + $0.validatorBond) })
        #expect(carried.values.reduce(0, +) == total)
        // 5,000 and a bond of 100 each; the publisher paid 800 for the first task and has everything else back.
        #expect(carried[world.node(0)] == 5_100 - 800)
        for (member, credits) in zip(settled.members, paid) { #expect(carried[member.node] == 5_100 + credits) }
        // Who takes credits back has no more weight than is left.
        #expect(fork.accounts.first { $0.node == world.node(1) }?.validatorBond == 60)

        // What was paid is not paid again.
        try world.decide(after: 5_000)
        try #require(world.state.task(settled.task)?.paidMs != nil)
        let later = try NetworkFork.genesis(of: world.state, without: [world.node(4), world.node(5)])
        #expect(later.accounts == fork.accounts && later.networkID != fork.networkID)
    }

    /// A new bond votes from the next epoch, one that evidence took until then: the fork has neither.
    @Test func nobodyVotesWhoDidNotOrShouldNot() throws {
        var world = LedgerWorld(epochMs: 1_000_000)
        let newcomer = try SigningKey(seed: SecretBytes(Transcript.hash("newcomer")))
        try world.decide([(.transfer(to: newcomer.nodeID, credits: 900), 0), (world.bonding(700, 1), 1)])
        func vote(_ block: UInt8) -> Envelope {
            .signed(
                Vote(block: BlockID([UInt8](repeating: block, count: 32))).wireBytes,
                slot: Slot(kind: .precommit, chain: world.state.chain, major: 9, minor: 0),
                network: world.state.network, by: world.keys[3])
        }
        let evidence = try #require(Evidence.transaction(vote(1), vote(2)))
        try world.decide([(evidence, 0)])
        try #require(world.state.validators.weight(of: world.node(3)) == 100)
        let fork = try NetworkFork.genesis(of: world.state, without: [world.node(4), world.node(5)])
        #expect(
            fork.accounts.filter { $0.validatorBond > 0 }.map { [$0.node.hex, "\($0.validatorBond)"] }
                == [0, 1, 2].map { [world.node($0).hex, "100"] })
        #expect(RegistryState(genesis: fork).totalCredits == world.state.totalCredits - world.state.burned)
        #expect(world.state.burned == 100)
    }

    @Test func thereIsNoForkWhereTheNetworkCouldGoOn() throws {
        let world = try world()
        func refused(_ places: [Int]) -> String? {
            refusal { _ = try NetworkFork.genesis(of: world.state, without: places.map { world.node($0) }) }
        }
        #expect(refused([])?.contains("nobody is named") == true)
        // Five of six decide without the sixth.
        #expect(refused([5])?.contains("the quorum is 401: the network decides without those") == true)
        // Five of six could decide without this one.
        #expect(refused([1, 2, 3, 4, 5])?.contains("they can go on with this network by themselves") == true)
        #expect(refused([4, 5]) == nil && refused([0, 1]) == nil && refused([3, 4, 5]) == nil)
        // Two of six, and the three without the voter of the lowest id, would leave a group that could do the same.
        for lost in [[2, 3, 4, 5], [0, 4, 5]] {
            #expect(refused(lost)?.contains("could make another fork beside theirs") == true, "\(lost)")
        }
        let stranger = SigningKey.generate().nodeID
        #expect(
            refusal { _ = try NetworkFork.genesis(of: world.state, without: [stranger]) }?.contains("has no vote")
                == true)
    }

    /// Of all ways to divide the voters no two leave disjoint groups of signers, whoever has lost its bond meanwhile.
    @Test func twoForksOfOneStateHaveASignerInCommon() throws {
        for withdrawn in [[], [0], [5], [2, 3]] as [[Int]] {
            var world = LedgerWorld(epochMs: 1_000_000)
            if !withdrawn.isEmpty { try world.decide(withdrawn.map { (.unbond(.validator(credits: 100)), $0) }) }
            try #require(world.state.validators.totalWeight == 600)
            var signers: [Set<NodeID>] = []
            for mask in 1..<64 {
                let lost = (0..<6).filter { mask >> $0 & 1 == 1 }.map { world.node($0) }
                guard let fork = try? NetworkFork.genesis(of: world.state, without: lost) else { continue }
                signers.append(Set(NetworkFork.unsigned(fork)))
            }
            #expect(withdrawn.count > 1 || signers.count >= 5, "\(withdrawn): \(signers.count)")
            for (place, one) in signers.enumerated() {
                for other in signers[..<place] { #expect(!one.isDisjoint(with: other), "\(withdrawn)") }
            }
        }
    }

    /// Whoever makes it makes the same, and the order in which copies are signed and joined changes nothing.
    @Test func oneStateAndOneListOfTheLostGiveOneNetwork() throws {
        let world = try world()
        let lost = [3, 4, 5].map { world.node($0) }
        let fork = try NetworkFork.genesis(of: world.state, without: lost)
        let again = try NetworkFork.genesis(of: world.state, without: lost.reversed() + lost)
        #expect(again == fork)
        let (one, other) = (try signed(world, fork, by: [2, 0]), try signed(world, again, by: [1]))
        #expect(one.networkID == fork.networkID && other.networkID == fork.networkID)
        let joined = try NetworkFork.joined(one, other)
        #expect(NetworkFork.unsigned(joined).isEmpty)
        #expect(RegistryState(genesis: try Genesis.read(joined.wireBytes)).network == fork.networkID)
        let different = try NetworkFork.genesis(of: world.state, without: [world.node(4), world.node(5)])
        #expect(different.networkID != fork.networkID)
        #expect(refusal { _ = try NetworkFork.joined(one, different) }?.contains("two different forks") == true)
        // Those without a vote sign nothing, and one signature less is no fork.
        #expect(try signed(world, fork, by: [4]) == fork)
        #expect(
            refusal { _ = try Genesis.read(one.wireBytes) }?
                .contains("not signed by \(world.node(1).short), and it takes every voter") == true)
        #expect(try NetworkFork.readProposal(one.wireBytes) == one)
        #expect(refusal { _ = try NetworkFork.readProposal(world.genesis.wireBytes) }?.contains("no fork") == true)
    }

    /// No byte of a whole fork can be another one: neither what was carried, nor who signed.
    @Test func noByteCanBeAltered() throws {
        let world = try world()
        let fork = try signed(
            world, try NetworkFork.genesis(of: world.state, without: [3, 4, 5].map { world.node($0) }), by: [0, 1, 2])
        let bytes = fork.wireBytes
        for position in bytes.indices {
            var altered = bytes
            altered[position] ^= 1 << UInt8(position % 8)
            #expect(throws: (any Error).self, "byte \(position)") { try Genesis.read(altered) }
        }
    }

    /// Each field altered, and signed again by all who remain: nothing in the file is wrong, and the old registry tells.
    @Test func theOldRegistryTellsAForgedFork() throws {
        let world = try world()
        let lost = [3, 4, 5].map { world.node($0) }
        let good = try NetworkFork.genesis(of: world.state, without: lost)
        let origin = try #require(good.origin)
        func forged(
            name: String? = nil, timeMs: UInt64? = nil, settleMs: UInt64? = nil,
            accounts change: ([Genesis.Account]) -> [Genesis.Account] = { $0 },
            origin alter: (Genesis.Origin) -> Genesis.Origin = { $0 }
        ) throws -> String? {
            let accounts = change(good.accounts).sorted { $0.node < $1.node }
            let old = good.parameters
            let changed = alter(
                Genesis.Origin(
                    network: origin.network, height: origin.height, block: origin.block,
                    carried: NetworkFork.digest(of: accounts), without: origin.without))
            let fork = try signed(
                world,
                Genesis(
                    name: name ?? good.name, timeMs: timeMs ?? good.timeMs, accounts: accounts,
                    parameters: .init(
                        electionProofBytes: old.electionProofBytes, proposeMs: old.proposeMs, voteMs: old.voteMs,
                        settleMs: settleMs ?? old.settleMs, evidenceMs: old.evidenceMs, epochMs: old.epochMs),
                    origin: changed), by: [0, 1, 2])
            _ = try Genesis.read(fork.wireBytes)
            return refusal { try NetworkFork.compare(fork, with: world.state) }
        }
        func with(_ index: Int, balance: UInt64? = nil, bond: UInt64? = nil) -> ([Genesis.Account]) -> [Genesis.Account]
        {
            { accounts in
                accounts.map {
                    guard $0.node == world.node(index) else { return $0 }
                    return .init(
                        node: $0.node, balance: balance ?? $0.balance, validatorBond: bond ?? $0.validatorBond,
                        electionKey: $0.electionKey)
                }
            }
        }
        let stranger = try SigningKey(seed: SecretBytes(Transcript.hash("stranger"))).nodeID
        #expect(try forged() == nil)
        let changes: [(String, () throws -> String?)] = [
            (
                "account \(world.node(1).short): the fork gives it 1 credits",
                { try forged(accounts: with(1, balance: 1)) }
            ),
            ("account \(world.node(5).short)", { try forged(accounts: with(5, balance: 0)) }),
            ("a bond of 99", { try forged(accounts: with(2, bond: 99)) }),
            ("the old ", { try forged(accounts: { $0 + [.init(node: stranger, balance: 7, validatorBond: 0)] }) }),
            ("accounts, name, time or parameters", { try forged(name: "other") }),
            ("accounts, name, time or parameters", { try forged(timeMs: 1) }),
            ("accounts, name, time or parameters", { try forged(settleMs: 1) }),
            (
                "comes from network",
                {
                    try forged(origin: {
                        .init(
                            network: NetworkID($0.block.bytes), height: $0.height, block: $0.block, carried: $0.carried,
                            without: $0.without)
                    })
                }
            ),
            (
                "is of height 2",
                {
                    try forged(origin: {
                        .init(
                            network: $0.network, height: 2, block: $0.block, carried: $0.carried, without: $0.without)
                    })
                }
            ),
            (
                "two histories",
                {
                    try forged(origin: {
                        .init(
                            network: $0.network, height: 1, block: BlockID($0.network.bytes), carried: $0.carried,
                            without: $0.without)
                    })
                }
            ),
            (
                "the fork gives it",
                {
                    try forged(origin: {
                        .init(
                            network: $0.network, height: 1, block: $0.block, carried: $0.carried,
                            without: Array($0.without.dropFirst()))
                    })
                }
            ),
        ]
        for (why, make) in changes {
            let reason = try make()
            #expect(reason?.contains(why) == true, "\(why): \(reason ?? "accepted")")
        }
    }

    /// In itself a fork has to be one: whoever signs it, these are refused by everybody who reads it.
    @Test func aFileThatIsNoForkInItselfIsRefused() throws {
        let world = try world()
        let good = try NetworkFork.genesis(of: world.state, without: [3, 4, 5].map { world.node($0) })
        let origin = try #require(good.origin)
        func read(_ accounts: [Genesis.Account], without: [NodeID]? = nil, carried: Digest? = nil) -> String? {
            refusal {
                let fork = Genesis(
                    name: good.name, timeMs: good.timeMs, accounts: accounts, parameters: good.parameters,
                    origin: .init(
                        network: origin.network, height: origin.height, block: origin.block,
                        carried: carried ?? NetworkFork.digest(of: accounts), without: without ?? origin.without))
                _ = try Genesis.read(try signed(world, fork, by: [0, 1, 2]).wireBytes)
            }
        }
        func replaced(_ index: Int, _ change: (Genesis.Account) -> Genesis.Account) -> [Genesis.Account] {
            good.accounts.map { $0.node == world.node(index) ? change($0) : $0 }
        }
        #expect(read(good.accounts) == nil)
        #expect(read(good.accounts, carried: .zero)?.contains("not those of the digest") == true)
        #expect(
            read(good.accounts, without: [world.node(0)])?.contains("has a vote and is named as lost") == true)
        #expect(
            read(good.accounts.filter { $0.node != world.node(5) })?.contains("has no account") == true)
        let member = KeyRules.member(key: world.keys[0], electionKey: world.electionKeys[0])
        #expect(
            read(replaced(0) { member.account(balance: $0.balance, bond: 0) })?.contains(
                "keys or a signature and no vote")
                == true)
        // What a member signed to get into a first genesis is no signature under a fork.
        #expect(
            refusal {
                let fork = try signed(world, good, by: [1, 2]).withProofs {
                    $0.node == world.node(0) ? member.proofs : $0.proofs
                }
                _ = try Genesis.read(fork.wireBytes)
            }?.contains("is not one under this fork") == true)
    }
}
