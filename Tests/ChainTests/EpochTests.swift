import MeshCrypto
import Testing
import Wire

@testable import Chain

/// The registry's electorate changes once an epoch, whatever accounts do with their bonds.
struct EpochTests {
    @Test func bondsMoveTheElectorateAtTheNextEpoch() throws {
        var world = LedgerWorld()
        let before = world.state.validators
        #expect(
            world.refusal(world.bonding(50, 1, key: .generate()), 1)?.contains("keeps its election key") == true)
        try world.decide([(world.bonding(50, 1), 1)])
        #expect(world.state.nextValidators == before && !world.state.isNextHeightDue)
        #expect(world.state.nextTimerMs == world.timeMs + 3_000, "the change takes effect by itself")
        // A later change does not make the first one wait longer.
        try world.decide([(world.bonding(5, 1), 1)])
        #expect(world.state.nextValidators == before)
        try world.decide(after: 2_000)
        #expect(world.state.validators == before && world.state.nextValidators.weight(of: world.node(1)) == 155)
        #expect(world.state.isNextHeightDue)
        try world.decide()
        #expect(world.state.validators.weight(of: world.node(1)) == 155 && !world.state.isNextHeightDue)
        #expect(world.state.electorate(at: 4) == before && world.state.electorate(at: 5) == world.state.validators)
        // Unbonded weight leaves the same way, and returns an evidence window after the last time that it may go.
        try world.decide([(.unbond(.validator(credits: 155)), 1)])
        try world.decide(after: 3_000)
        #expect(world.state.validators.contains(world.node(1)))
        try world.decide()
        #expect(!world.state.validators.contains(world.node(1)) && world.balance(1) == 4_945)
        #expect(world.refusal(.unbond(.validator(credits: 1)), 1)?.contains("validator bond is 0") == true)
        try world.decide(after: 20_000)
        #expect(world.balance(1) == 5_100 && world.state.nextTimerMs == nil)
    }

    /// After a long pause the time of the bond's return is over before the electorate could change: it waits for that.
    @Test func noBondReturnsWhileItsWeightVotes() throws {
        var world = LedgerWorld()
        try world.decide([(.unbond(.validator(credits: 100)), 1)])
        try world.decide(after: 90_000)
        #expect(world.state.validators.contains(world.node(1)) && world.balance(1) == 5_000)
        try world.decide()
        #expect(!world.state.validators.contains(world.node(1)) && world.balance(1) == 5_000)
        try world.decide()
        #expect(world.balance(1) == 5_100)
    }

    /// Every 64th height begins an epoch, whatever the time.
    @Test func anEpochEndsAfter64Heights() throws {
        var world = LedgerWorld(epochMs: 3_600_000)
        let before = world.state.validators
        while world.state.height < 63 { try world.decide([(world.bonding(1, 1), 1)]) }
        #expect(world.state.nextValidators == before && world.state.electorateChanges.count == 1)
        try world.decide([(world.bonding(1, 1), 1)])
        #expect(world.state.nextValidators.weight(of: world.node(1)) == 164)
    }

    /// A stranger that bonds a credit in every block cannot make the proof of a publisher's order too long.
    @Test func nobodyFillsTheProofOfAnOrder() throws {
        var world = LedgerWorld(epochMs: 3_600_000)
        let genesis = try world.openTask()
        for _ in 0..<(2 * Limits.proofSteps + 2) { try world.decide([(world.bonding(1, 5), 5)]) }
        #expect(world.state.electorateChanges.count <= 4)
        try world.decide([(.control(TaskControl(task: genesis.task, sequence: 1, action: .stop)), 0)])
        let order = try #require(
            world.state.order(for: TaskState(genesis: genesis)) { world.blocks[Int($0) - 1] })
        #expect(order.steps.count <= 4)
    }
}
