import MeshCrypto
import Testing
import Wire

@testable import Chain

/// The registry believes nothing that it can check, gives no place away, and keeps nothing of what is over.
struct DisbeliefTests {
    // MARK: Payout tables

    /// The voters of a task may all be one owner's keys: their certificate is no proof of what a table says of others.
    @Test func aPayoutTableIsAboutTheTasksMembersAndRounds() throws {
        var world = LedgerWorld()
        let task = try world.openTask()
        func refusal(_ change: (inout PayoutTable) -> Void) -> String? {
            let good = world.settlement(task, height: 9, outcome: .complete, credits: [1, 1, 1, 1, 1])
            var (table, header) = (good.payouts, good.header)
            change(&table)
            table.entries.sort { $0.node < $1.node }
            header.payoutRoot = table.root
            return world.refusal(
                .settle(
                    Settlement(
                        header: header, certificate: world.certificate(header, by: task.electorate), payouts: table)), 1
            )
        }
        #expect(refusal { _ in } == nil)
        let stranger = world.node(0)
        #expect(
            refusal { $0.entries[0] = .init(node: stranger, rounds: 1, aggregated: 0, credits: 0) }?
                .contains("not those of this task's members") == true)
        #expect(refusal { $0.entries.append(.init(node: stranger, rounds: 2, aggregated: 0, credits: 0)) } != nil)
        #expect(refusal { $0.entries.removeLast() }?.contains("each once") == true)
        #expect(refusal { $0.entries[0].rounds = 3 }?.contains("more rounds than were accepted") == true)
        #expect(refusal { $0.entries[0].rounds = .max } != nil)
        #expect(
            refusal {
                $0.rounds = 1_000_000
                $0.entries[0].rounds = 1_000_000
            }?.contains("1000000 accepted rounds, the task has 2") == true)
        #expect(
            refusal { table in for place in table.entries.indices { table.entries[place].aggregated = 1 } }?
                .contains("more rounds were aggregated") == true)
        #expect(refusal { $0.entries[1].aggregated = .max } != nil)
        #expect(refusal { $0.accuracyPpm = 1_000_001 }?.contains("accuracy") == true)
        #expect(refusal { $0.entries[0].credits = .max } != nil)
    }

    @Test func sumsOfContributorsStayAtTheLargestNumber() {
        var sum = UInt64.max - 1
        Contributor.add(1, to: &sum)
        Contributor.add(.max, to: &sum)
        #expect(sum == .max)
        var one = Contributor(node: .zero)
        (one.rounds, one.offered) = (.max, .max)
        #expect(one.reputationPpm == 999_999)
        one.offered = 0
        #expect(one.reputationPpm == 500_000)
    }

    // MARK: Places

    /// All credits of a genesis do not pay for as many tasks, or accounts, as the registry holds.
    @Test(arguments: [1, 9_999, 10_000, 5_000_000, UInt64(Int64.max) / 6 - 1_000])
    func placesCannotAllBeBought(balance: UInt64) {
        let state = LedgerWorld(balance: balance).state
        let credits = UInt128(state.totalCredits)
        #expect(UInt128(state.publishDeposit) * UInt128(Limits.tasks) > credits)
        #expect(UInt128(state.accountReserve) * UInt128(Limits.accounts - state.accounts.count) > credits)
    }

    @Test func aTaskWithoutARewardLocksADepositAndAnAccountHasAQuota() throws {
        var world = LedgerWorld(balance: 5_000_000)
        let deposit = world.state.publishDeposit
        #expect(deposit > 3_000)
        var spec = RegistryTests.spec()
        spec.reward.credits = 0
        for number in 0..<Limits.openTasksPerAccount {
            spec.seed = UInt64(number)
            try world.decide([(world.publishing(spec), 0)])
        }
        #expect(world.balance(0) == 5_000_000 - UInt64(Limits.openTasksPerAccount) * deposit)
        #expect(world.refusal(world.publishing(spec), 0)?.contains("64 tasks of") == true)
        #expect(world.refusal(world.publishing(spec, 1), 1) == nil, "another account has its own quota")
        spec.reward.credits = 5_000_000
        #expect(world.refusal(world.publishing(spec, 1), 1)?.contains("less than the deposit") == true)
    }

    /// The same credit cannot make one account after another: what an account costs stays with it.
    @Test func anAccountCostsWhatStaysWithIt() throws {
        var world = LedgerWorld(balance: 50_000_000)
        let (total, reserve) = (world.state.totalCredits, world.state.accountReserve)
        #expect(reserve > 3_000)
        let fresh = SigningKey.generate().nodeID
        #expect(
            world.refusal(.transfer(to: fresh, credits: reserve - 1), 0)?.contains("at least \(reserve)") == true)
        try world.decide([(.transfer(to: fresh, credits: reserve + 7), 0)])
        #expect(world.state.accounts[fresh]?.balance == 7 && world.state.accounts[fresh]?.reserve == reserve)
        #expect(world.state.totalCredits == total)
        try world.decide([(.transfer(to: fresh, credits: 1), 0)])
        #expect(world.state.accounts[fresh]?.balance == 8, "the next one is an ordinary transfer")
    }

    // MARK: What is over

    @Test func anEndedTaskLeavesAndItsMembersKeepTheirRecord() throws {
        var world = LedgerWorld()
        let total = world.state.totalCredits
        let task = try world.openTask()
        let end = world.settlement(task, height: 9, outcome: .complete, credits: [200, 190, 180, 170, 60])
        try world.decide([(.settle(end), 4)])
        try world.decide(after: 5_000)
        try world.decide([(.rating(task: task.task, node: task.members[0].node, stars: 5), 0)])
        let before = world.state.contributors
        // Nobody refunds: what is left of the escrow comes back with the deposit.
        try world.decide(after: 20_000)
        #expect(world.state.tasks.isEmpty && world.state.openedTasks().isEmpty)
        #expect(world.state.contributors == before && before[0].stars == 5 && before[0].credits == 200)
        #expect(world.balance(0) == 4_200 && world.state.totalCredits == total)
        let kept = try #require(world.state.ended[task.task])
        #expect(kept.settledHeight == 9 && kept.settledBlock == end.header.id && kept.digest != .zero)
        let departed = try #require(world.state.departed.first)
        #expect(world.state.taskGenesis(departed) == task, "its chain can still be verified")
        for (transaction, signer): (Transaction, Int) in [
            (.settle(end), 4), (.refund(task: task.task), 0), (.close(task: task.task), 0),
            (world.enrolment(task.task, 1), 1), (.rating(task: task.task, node: world.node(2), stars: 1), 0),
        ] {
            #expect(world.refusal(transaction, signer)?.contains("left the registry") == true)
        }
        #expect(world.state.endedDigest != .zero && world.state.everyOpenedTask() == [task])
    }

    // MARK: Invitations

    @Test func onlyInvitedNodesEnrol() throws {
        var world = LedgerWorld()
        let invited = (1...5).map { world.node($0) }
        let task = try world.publish { $0.participants.members = invited }
        #expect(world.refusal(world.enrolment(task, 0), 0)?.contains("by invitation") == true)
        for index in 1...5 { #expect(world.refusal(world.enrolment(task, index), index) == nil) }
        var spec = RegistryTests.spec()
        spec.participants.members = Array(invited.prefix(4))
        #expect(world.refusal(world.publishing(spec), 0)?.contains("participants.members: 4 nodes") == true)
        spec.participants.members = invited.reversed()
        #expect(world.refusal(world.publishing(spec), 0) != nil)
        spec.participants.members = (invited.prefix(4) + [NodeID([UInt8](repeating: 0, count: 32))]).sorted()
        #expect(world.refusal(world.publishing(spec), 0)?.contains("not the key of any node") == true)
        #expect(TaskSpecValidator.openness(spec.participants).contains("by invitation"))
        #expect(TaskSpecValidator.openness(RegistryTests.spec().participants).contains("nobody checks it"))
    }
}
