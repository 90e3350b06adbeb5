import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Escrow leaves only as payouts and refund, bonds come back or are lost by evidence, and nothing is ever made.
@Suite("Ledger")
struct LedgerTests {
    @Test func aTaskIsPaidOnceAndTheRestComesBack() throws {
        var world = LedgerWorld()
        let total = world.state.totalCredits
        let task = try world.openTask()
        // A running header settles nothing for good, a higher one replaces it.
        try world.decide([
            (.settle(world.settlement(task, height: 3, outcome: .running, credits: [1, 1, 1, 1, 1])), 5)
        ])
        #expect(world.state.task(task.task)?.windowEndsMs == nil)
        let last = world.settlement(task, height: 9, outcome: .complete, credits: [200, 190, 180, 170, 60])
        try world.decide([(.settle(last), 4)])
        #expect(world.refusal(.settle(last), 3)?.contains("height 9 is settled") == true)
        #expect(world.refusal(.refund(task: task.task), 0)?.contains("not been paid out") == true)
        #expect(world.balance(1) == 4_940, "nothing is paid before the window ends")
        // The window's end is due by itself.
        #expect(world.state.isDue(atMs: world.timeMs + 5_000))
        try world.decide(after: 5_000)
        let credits = zip(task.members, [200, 190, 180, 170, 60] as [UInt64])
        for (member, paid) in credits { #expect(world.state.accounts[member.node]?.balance == 4_940 + paid) }
        #expect(world.state.task(task.task)?.escrow == 200 && world.state.totalCredits == total)
        #expect(
            world.refusal(.settle(world.settlement(task, height: 11, outcome: .complete, credits: [1])), 4)?
                .contains("paid out") == true)
        try world.decide([(.refund(task: task.task), 3)])
        #expect(world.balance(0) == 4_200 - world.state.publishDeposit && world.state.totalCredits == total)
        #expect(world.refusal(.refund(task: task.task), 0)?.contains("nothing is left") == true)
        try world.decide(after: 20_000)
        for index in 1..<6 { #expect(world.state.accounts[world.node(index)]?.bonded == 0) }
        // Behind its evidence window the task leaves, and its deposit comes back.
        #expect(world.state.tasks.isEmpty && world.state.ended.count == 1 && world.balance(0) == 4_200)
        #expect(world.refusal(.refund(task: task.task), 0)?.contains("has ended and left the registry") == true)
        #expect(world.state.totalCredits == total && world.state.nextTimerMs == nil)
        // The table of contributors is what was settled.
        let table = world.state.contributors
        #expect(table.map(\.node) == task.members.map(\.node) && table.map(\.credits) == [200, 190, 180, 170, 60])
    }

    @Test func aPublisherRatesOnceWhoWorkedForItsPaidTask() throws {
        var world = LedgerWorld()
        let task = try world.openTask()
        func rating(_ index: Int, _ stars: UInt8 = 4) -> Transaction {
            .rating(task: task.task, node: world.node(index), stars: stars)
        }
        #expect(world.refusal(rating(1), 0)?.contains("not been paid out") == true)
        var end = world.settlement(task, height: 9, outcome: .complete, credits: [180, 180, 180, 180, 180])
        // One member was in no sum.
        var table = end.payouts
        table.entries[4].rounds = 0
        let header = {
            var header = end.header
            header.payoutRoot = table.root
            return header
        }()
        end = Settlement(header: header, certificate: world.certificate(header, by: task.electorate), payouts: table)
        try world.decide([(.settle(end), 4)])
        try world.decide(after: 5_000)
        let idle = world.place(table.entries[4].node)
        let busy = world.place(table.entries[0].node)
        #expect(world.refusal(rating(busy), 2)?.contains("only its publisher") == true)
        #expect(world.refusal(rating(0), 0)?.contains("rates itself") == true)
        #expect(world.refusal(rating(idle), 0)?.contains("no settled work") == true)
        let root = world.state.root
        try world.decide([(rating(busy), 0)])
        #expect(world.state.root != root)
        #expect(world.refusal(rating(busy, 1), 0)?.contains("has been rated") == true)
        // Two of two rounds, none of two; the stars stand beside the reputation and do not change it.
        let rows = world.state.contributors
        let best = try #require(rows.first { $0.node == world.node(busy) })
        #expect(best.rounds == 2 && best.offered == 2 && best.stars == 4 && best.ratings == 1)
        #expect(best.reputationPpm == 750_000)
        #expect(rows.first { $0.node == world.node(idle) }?.reputationPpm == 250_000)
        #expect(rows.first { $0.node == world.node(idle) }?.ratings == 0)
    }

    @Test func settlementsThatAreNotThoseOfTheHeaderAreRefused() throws {
        var world = LedgerWorld()
        let task = try world.openTask()
        let good = world.settlement(task, height: 9, outcome: .complete, credits: [100, 100, 100, 100, 100])
        var table = good.payouts
        table.entries[0].credits = 500
        #expect(
            world.refusal(.settle(Settlement(header: good.header, certificate: good.certificate, payouts: table)), 1)?
                .contains("payout root") == true)
        let dear = world.settlement(task, height: 9, outcome: .complete, credits: [400, 300, 200, 100, 1])
        #expect(world.refusal(.settle(dear), 1)?.contains("exceed the escrow 1000") == true)
        let huge = world.settlement(task, height: 9, outcome: .complete, credits: [UInt64.max, 2, 0, 0, 0])
        #expect(world.refusal(.settle(huge), 1) != nil)
        // Two of five do not decide.
        let few = Settlement(
            header: good.header,
            certificate: world.certificate(
                good.header, by: task.electorate, except: task.electorate.members.prefix(3).map(\.node)),
            payouts: good.payouts)
        #expect(world.refusal(.settle(few), 1)?.contains("quorum") == true)
        #expect(world.refusal(.settle(good), 1) == nil)
    }

    @Test func aCommittedTargetPaysUnlessItIsOpenedAndMissed() throws {
        let nonce = Digest([UInt8](repeating: 9, count: 32))
        for (reveals, accuracy, pays) in [(false, 100_000, true), (true, 899_999, false), (true, 900_000, true)] {
            var world = LedgerWorld()
            let total = world.state.totalCredits
            let task = try world.openTask {
                $0.evaluation.targetCommitment = TargetCommitment.of(targetPpm: 900_000, nonce: nonce)
            }
            let reveal = Transaction.reveal(task: task.task, targetPpm: 900_000, nonce: nonce)
            #expect(world.refusal(reveal, 0)?.contains("end has been settled") == true)
            let end = world.settlement(
                task, height: 9, outcome: .complete, credits: [180, 180, 180, 180, 180], accuracyPpm: UInt32(accuracy))
            try world.decide([(.settle(end), 2)])
            #expect(world.refusal(reveal, 1)?.contains("publisher") == true)
            #expect(
                world.refusal(.reveal(task: task.task, targetPpm: 900_001, nonce: nonce), 0)?
                    .contains("not those of the commitment") == true)
            if reveals { try world.decide([(reveal, 0)]) }
            try world.decide(after: 6_000)
            #expect(world.state.task(task.task)?.escrow == (pays ? 100 : 1_000))
            #expect(world.state.totalCredits == total)
            #expect(world.refusal(reveal, 0) != nil, "the window has closed")
        }
    }

    @Test func whatExpiresGoesBack() throws {
        var world = LedgerWorld()
        let task = try world.publish()
        try world.decide([(world.enrolment(task, 1), 1)])
        #expect(world.balance(1) == 4_940)
        try world.decide(after: 3_600_000)
        #expect(world.refusal(.close(task: task), 1) != nil)
        #expect(world.refusal(world.enrolment(task, 2), 2)?.contains("expired") == true)
        try world.decide(after: 5_000)
        try world.decide([(.refund(task: task), 5)])
        #expect(world.balance(0) == 5_000 - world.state.publishDeposit)
        try world.decide(after: 20_000)
        #expect(world.balance(0) == 5_000 && world.balance(1) == 5_000 && world.state.tasks.isEmpty)
    }

    @Test func ordersFollowTheirRules() throws {
        var world = LedgerWorld()
        func control(_ task: TaskID, _ sequence: UInt32, _ action: ControlAction) -> Transaction {
            .control(TaskControl(task: task, sequence: sequence, action: action))
        }
        let early = try world.publish()
        try world.decide([(world.enrolment(early, 1), 1), (world.enrolment(early, 2), 2)])
        #expect(world.refusal(control(early, 1, .pause), 0)?.contains("nothing to pause") == true)
        #expect(world.refusal(control(early, 1, .stop), 3)?.contains("only its publisher") == true)
        // Leaving before the Close costs nothing.
        try world.decide([(.unbond(.enrolment(task: early)), 2)])
        #expect(world.balance(2) == 5_000 && world.refusal(.unbond(.enrolment(task: early)), 2) != nil)
        // A stop before the Close is the cancel.
        try world.decide([(control(early, 1, .stop), 0)])
        #expect(world.balance(0) == 5_000 && world.balance(1) == 5_000)
        // The record leaves with the next block.
        #expect(world.state.task(early)?.isStopped == true)
        #expect(world.refusal(world.enrolment(early, 3), 3)?.contains("left the registry") == true)
        #expect(world.refusal(.close(task: early), 3)?.contains("left the registry") == true)

        let task = try world.openTask().task
        #expect(world.refusal(control(task, 2, .pause), 0)?.contains("the next one is 1") == true)
        #expect(world.refusal(control(task, 1, .resume), 0)?.contains("not paused") == true)
        #expect(world.refusal(.unbond(.enrolment(task: task)), 1)?.contains("closed") == true)
        try world.decide([(control(task, 1, .pause), 0)])
        #expect(world.refusal(control(task, 2, .pause), 0)?.contains("paused already") == true)
        try world.decide([(control(task, 2, .resume), 0), (control(task, 3, .stop), 0)])
        #expect(world.refusal(control(task, 4, .resume), 0)?.contains("stopped already") == true)
    }

    // MARK: Evidence

    private func vote(_ world: LedgerWorld, _ signer: Int, _ chain: ChainID, _ mark: UInt8, height: UInt64 = 1)
        -> Envelope
    {
        .signed(
            Vote(block: BlockID([UInt8](repeating: mark, count: 32))).wireBytes,
            slot: Slot(kind: .precommit, chain: chain, major: height, minor: 2), network: world.state.network,
            by: world.keys[signer])
    }

    @Test func twoVotesOfOneSlotCostTheBondOnce() throws {
        var world = LedgerWorld()
        let total = world.state.totalCredits
        let task = try world.openTask().task
        let (one, two) = (vote(world, 4, task, 1), vote(world, 4, task, 2))
        let evidence = try #require(Evidence.transaction(two, one))
        try world.decide([(evidence, 1)])
        #expect(world.state.accounts[world.node(4)]?.bonded == 0 && world.state.burned == 60)
        #expect(world.state.accounts[world.node(4)]?.validatorBond == 100, "another chain's bond stays")
        #expect(world.refusal(evidence, 2)?.contains("no bond to lose") == true)
        #expect(world.state.totalCredits == total)
        // On the registry: the bond and what is unbonding.
        try world.decide([(.unbond(.validator(credits: 30)), 4)])
        let second = try #require(
            Evidence.transaction(vote(world, 4, world.state.chain, 1), vote(world, 4, world.state.chain, 2)))
        try world.decide([(second, 1)])
        #expect(world.state.burned == 160 && world.state.totalCredits == total)
        #expect(world.state.accounts[world.node(4)]?.unbonding.isEmpty == true)
        #expect(world.refusal(second, 2)?.contains("lost its bond for this already") == true)
        try world.decide(after: 3_000)
        try world.decide()
        #expect(!world.state.validators.contains(world.node(4)))
        #expect(world.state.contributors.first { $0.node == world.node(4) }?.slashes == 2)
    }

    @Test func whatIsNoProofIsRefused() throws {
        var world = LedgerWorld()
        let task = try world.openTask().task
        let (one, two) = (vote(world, 4, task, 1), vote(world, 4, task, 2))
        func refused(_ first: Envelope, _ second: Envelope, _ why: String) {
            #expect(world.refusal(.evidence(first: first, second: second), 1)?.contains(why) == true)
        }
        refused(two, one, "not in order")
        refused(one, one, "equal")
        refused(one, vote(world, 3, task, 2), "one signer and one slot")
        refused(one, vote(world, 4, task, 2, height: 2), "one signer and one slot")
        let forged = Envelope(
            network: two.network, slot: two.slot, signer: two.signer, payload: two.payload, signature: one.signature)
        refused(one, forged, "not signed")
        let slot = Slot(kind: .ready, chain: task, major: 1, minor: 0)
        func ready(_ mark: UInt8) -> Envelope {
            .signed([mark], slot: slot, network: world.state.network, by: world.keys[4])
        }
        refused(ready(1), ready(2), "may be signed again")
        let elsewhere = Slot(kind: .prevote, chain: task, major: 1, minor: 0)
        func foreign(_ mark: UInt8) -> Envelope {
            .signed([mark], slot: elsewhere, network: NetworkID(Digest.zero.bytes), by: world.keys[4])
        }
        refused(foreign(1), foreign(2), "another network")
    }

    // MARK: Shares

    @Test func sharesAreExact() {
        var random = SampleNumbers(seed: 7)
        for _ in 0..<500 {
            let count = Int(random.below(9)) + 1
            let nodes = (0..<count).map { NodeID([UInt8](repeating: UInt8($0 + 1), count: 32)) }
            let members = nodes.map { (node: $0, weight: random.below(1 << 32) + 1) }
            let budget = random.below(4) == 0 ? UInt64(Int64.max) - random.below(1_000) : random.below(10_000)
            let shares = Payouts.shares(budget: budget, aggregator: nodes[0], members: members)
            #expect(shares.values.reduce(0, +) == budget)
            let total = members.reduce(0.0) { $0 + Double($1.weight) }
            for member in members {
                let exact =
                    0.9 * Double(budget) * Double(member.weight) / total
                    + (member.node == nodes[0] ? 0.1 * Double(budget) : 0)
                #expect(abs(Double(shares[member.node] ?? 0) - exact) <= 2 + exact * 1e-12)
            }
        }
        // Ten credits, three equal members, the first aggregates: 1 + 3, 3, 3.
        let nodes = (1...3).map { NodeID([UInt8](repeating: $0, count: 32)) }
        let ten = Payouts.shares(budget: 10, aggregator: nodes[0], members: nodes.map { ($0, 1) })
        #expect(nodes.map { ten[$0] } == [4, 3, 3])
        // Eleven: 1.1, 3.3, 3.3, 3.3. One credit is left; the largest remainder is 0.3, the smallest id of it.
        let eleven = Payouts.shares(budget: 11, aggregator: nodes[2], members: nodes.map { ($0, 1) })
        #expect(nodes.map { eleven[$0] } == [4, 3, 4])
        for rounds in 1...40 as ClosedRange<UInt32> {
            let sum = (1...rounds).reduce(UInt64(0)) { $0 + Payouts.budget(reward: 997, round: $1, of: rounds) }
            #expect(sum == 997)
        }
    }

    // MARK: Everything at once

    /// Random transactions, most of them wrong, in random blocks at random times: after each block the sum of all
    /// credits is that of genesis, and no refused transaction leaves a trace.
    @Test(arguments: 1...12)
    func creditsStayConstant(seed: UInt64) throws {
        var world = LedgerWorld()
        var random = SampleNumbers(seed: seed)
        let total = world.state.totalCredits
        var tasks: [TaskID] = []
        var kinds: Set<String> = []
        var forks = 0
        for _ in 0..<60 {
            var transactions: [(Transaction, Int)] = []
            var used: Set<Int> = []
            for _ in 0..<random.below(6) {
                let signer = Int(random.below(6))
                guard !used.contains(signer) else { continue }
                let transaction = randomTransaction(world, signer, tasks, &random)
                let wait: UInt64 = 10
                if world.refusal(transaction, signer, after: wait) == nil {
                    transactions.append((transaction, signer))
                    used.insert(signer)
                }
            }
            world.timeMs += random.below(3) == 0 ? random.below(30_000) : random.below(2_000)
            // Valid alone, perhaps not behind the others: what the builder leaves out is not decided.
            let envelopes = transactions.map { world.envelope($0.0, $0.1) }
            let author = world.state.nextProposers[0]
            guard
                let built = RegistryRules.build(
                    pending: envelopes, state: world.state, author: author, view: 0, timeMs: world.timeMs)
            else { continue }
            world.state = try RegistryRules.check(header: built.header, body: built.body, state: world.state)
            #expect(world.state.totalCredits == total, "height \(world.state.height)")
            // Whatever lies wherever, a fork carries all of it: to its owners, and to the lost as to everybody.
            let voters = world.state.validators.members.map(\.node)
            let lost = voters.filter { _ in random.below(2) == 0 }
            if let fork = try? NetworkFork.genesis(of: world.state, without: lost) {
                forks += 1
                let carried = RegistryState(genesis: fork)
                #expect(carried.totalCredits == total - world.state.burned)
                #expect(carried.accounts.keys.sorted() == world.state.accounts.keys.sorted())
                #expect(carried.validators.members.allSatisfy { voters.contains($0.node) && !lost.contains($0.node) })
            }
            for envelope in try RegistryBody(wireBytes: built.body).transactions {
                let transaction = try Transaction(wireBytes: envelope.payload)
                kinds.insert("\(transaction)".prefix(while: { $0 != "(" }).description)
                if case .publish = transaction {
                    tasks.append(TaskID.of(network: world.state.network, publish: envelope.transactionID))
                }
            }
        }
        #expect(kinds.count >= 6, "only \(kinds.sorted()) were decided")
        #expect(forks >= 3, "only \(forks) states could be forked")
    }

    private func randomTransaction(
        _ world: LedgerWorld, _ signer: Int, _ tasks: [TaskID], _ random: inout SampleNumbers
    ) -> Transaction {
        let task = tasks.isEmpty ? TaskID.zero : tasks[Int(random.below(UInt64(tasks.count)))]
        switch random.below(14) {
        case 0: return .transfer(to: world.node(Int(random.below(6))), credits: random.below(3_000))
        case 1: return world.bonding(random.below(500), signer)
        case 2: return .unbond(.validator(credits: random.below(150)))
        case 3: return .unbond(.enrolment(task: task))
        case 4:
            var spec = RegistryTests.spec()
            spec.seed = random.below(1 << 40)
            spec.reward.credits = random.below(1_500)
            spec.deadlines.expiryMs = 12_000 + random.below(100_000)
            return world.publishing(spec, signer)
        case 5, 6, 7: return world.enrolment(task, signer, bond: 50 + random.below(200))
        case 8: return .close(task: task)
        case 9:
            let action = ControlAction.allCases[Int(random.below(3))]
            let orders = world.state.task(task)?.orders.count ?? 0
            return .control(TaskControl(task: task, sequence: UInt32(orders) + 1, action: action))
        case 10, 11:
            guard let genesis = world.state.openedTasks().first(where: { $0.task == task }) else {
                return .refund(task: task)
            }
            let credits = genesis.members.map { _ in random.below(genesis.spec.reward.credits / 4 + 1) }
            return .settle(
                world.settlement(
                    genesis, height: 1 + random.below(9), outcome: random.below(2) == 0 ? .complete : .running,
                    credits: credits))
        case 12: return .refund(task: task)
        default:
            let chain = random.below(2) == 0 ? world.state.chain : task
            let offender = Int(random.below(6))
            let height = random.below(80)
            return Evidence.transaction(
                vote(world, offender, chain, 1, height: height), vote(world, offender, chain, 2, height: height))
                ?? .refund(task: task)
        }
    }
}

/// Numbers for tests that repeat.
struct SampleNumbers {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 }

    mutating func below(_ bound: UInt64) -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return (z ^ (z >> 31)) % bound
    }
}
