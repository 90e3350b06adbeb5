import MeshCrypto
import Testing
import Wire

@testable import Chain

/// The publisher's orders on a task chain: proven by the registry, in sequence, and while paused nothing else.
@Suite("Orders of the publisher")
struct OrderTests {
    private func control(_ task: TaskID, _ sequence: UInt32, _ action: ControlAction) -> (Transaction, Int) {
        (.control(TaskControl(task: task, sequence: sequence, action: action)), 0)
    }

    private func order(_ world: LedgerWorld, _ sequence: UInt32, _ task: TaskID) throws -> ControlOrder {
        try #require(world.state.order(sequence, of: task) { world.blocks[Int($0) - 1] })
    }

    /// What validity says of a block with this order: nil when it is valid; then `state` has moved.
    private func verdict(_ order: ControlOrder, _ state: inout TaskState) -> String? {
        let content = TaskBlockContent.control(.ordered(order))
        let header = TaskRules.header(
            for: content, state: state, author: state.nextProposers[0], view: 0, timeMs: state.headTimeMs + 1)
        do {
            let checked = try TaskRules.check(header: header, body: content.bytes, state: state)
            state.apply(checked, header: header, block: header.id)
            return nil
        } catch { return "\(error)" }
    }

    @Test func pauseResumeStop() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask()
        let task = genesis.task
        try world.decide([control(task, 1, .pause)])
        try world.decide([control(task, 2, .resume)])
        try world.decide([control(task, 3, .stop)])
        var state = TaskState(genesis: genesis)
        let (pause, resume, stop) = (
            try order(world, 1, task), try order(world, 2, task), try order(world, 3, task)
        )
        #expect(verdict(resume, &state)?.contains("the next one is 1") == true)
        #expect(verdict(pause, &state) == nil && state.isPaused && state.orderSequence == 1)
        #expect(verdict(pause, &state)?.contains("the next one is 2") == true)
        // Nothing but CONTROL follows.
        let void = TaskBlockContent.void(VoidBody(reason: .deadline, evicted: [], union: [], lists: []))
        let order = state.nextProposers
        let header = TaskRules.header(
            for: void, state: state, author: order[3 % order.count], view: 3, timeMs: state.headTimeMs + 1)
        #expect(throws: ChainError.invalid("the task is paused: only a CONTROL may follow")) {
            try TaskRules.check(header: header, body: void.bytes, state: state)
        }
        #expect(verdict(resume, &state) == nil && !state.isPaused)
        #expect(verdict(stop, &state) == nil && state.isEnded && state.payouts.outcome == .stopped)
    }

    @Test func anElectorateThatChangedIsProvenStepByStep() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask()
        try world.decide([(world.bonding(2_000, 1), 1)])
        try world.decide()
        try world.decide([(.unbond(.validator(credits: 100)), 2)])
        try world.decide()
        try world.decide([control(genesis.task, 1, .stop)])
        let order = try order(world, 1, genesis.task)
        #expect(order.steps.count == 3)
        var state = TaskState(genesis: genesis)
        let lacking = ControlOrder(steps: Array(order.steps.dropFirst()), body: order.body, index: order.index)
        #expect(verdict(lacking, &state)?.contains("is not proven") == true)
        #expect(verdict(order, &state) == nil && state.isEnded)
    }

    @Test func whatTheRegistryDidNotDecideIsRefused() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask()
        try world.decide([control(genesis.task, 1, .pause), (.transfer(to: world.node(3), credits: 1), 2)])
        let good = try order(world, 1, genesis.task)
        var state = TaskState(genesis: genesis)
        func refused(_ order: ControlOrder, _ why: String) {
            let found = verdict(order, &state)
            #expect(found?.contains(why) == true, "\(found ?? "valid")")
        }
        // Another transaction in the place of the Control, and a body that the header does not name.
        refused(ControlOrder(steps: good.steps, body: good.body, index: 9), "names no Control")
        var transactions = good.body.transactions
        transactions.removeAll {
            (try? Transaction(wireBytes: $0.payload)).map { if case .transfer = $0 { true } else { false } } ?? false
        }
        refused(
            ControlOrder(steps: good.steps, body: RegistryBody(transactions: transactions), index: 0),
            "not those of registry")
        refused(ControlOrder(steps: [], body: good.body, index: good.index), "no proof")
        // A certificate of too few, and an electorate of one's own.
        let step = good.steps[0]
        let few = Certificate(
            chain: step.certificate.chain, height: step.certificate.height, view: 0, block: step.certificate.block,
            precommits: Array(step.certificate.precommits.prefix(4)))
        refused(
            ControlOrder(
                steps: [RegistryStep(header: step.header, certificate: few, electorate: step.electorate)],
                body: good.body,
                index: good.index), "quorum")
        refused(
            ControlOrder(
                steps: [
                    RegistryStep(
                        header: step.header, certificate: step.certificate, electorate: Array(step.electorate.prefix(4))
                    )
                ], body: good.body, index: good.index), "is not proven")
        #expect(verdict(good, &state) == nil && state.isPaused)
    }
}
