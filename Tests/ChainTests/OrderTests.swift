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
        let state = TaskState(genesis: try #require(world.state.openedTasks().first { $0.task == task }))
        return try #require(world.state.order(for: state, sequence: sequence) { world.blocks[Int($0) - 1] })
    }

    /// What validity says of a block with this order: nil when it is valid; then `state` has moved.
    private func verdict(_ order: ControlOrder, _ state: inout TaskState) -> String? {
        verdict(.ordered(order), &state)
    }

    private func verdict(_ control: ControlBody, _ state: inout TaskState) -> String? {
        let content = TaskBlockContent.control(control)
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
        try world.decide(after: 3_000)
        try world.decide()
        try world.decide([(.unbond(.validator(credits: 100)), 2)])
        try world.decide(after: 3_000)
        try world.decide()
        try world.decide([control(genesis.task, 1, .stop)])
        let order = try order(world, 1, genesis.task)
        #expect(order.steps.count == 3)
        var state = TaskState(genesis: genesis)
        let lacking = ControlOrder(steps: Array(order.steps.dropFirst()), body: order.body, index: order.index)
        #expect(verdict(lacking, &state)?.contains("is not proven") == true)
        #expect(verdict(order, &state) == nil && state.isEnded)
    }

    /// Somebody bonds and unbonds in 300 blocks, far more than one proof can hold; the stop arrives all the same.
    @Test func aStopArrivesBehindThreeHundredChangesOfTheElectorate() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask { $0.deadlines.expiryMs = 300 * 86_400_000 }
        for _ in 0..<300 { try world.changeElectorate() }
        try world.decide([control(genesis.task, 1, .stop)])
        #expect(world.state.electorateChanges.count > 290)
        var state = TaskState(genesis: genesis)
        let block = { (height: UInt64) in world.blocks[Int(height) - 1] }
        var moves = 0
        while let steps = world.state.anchorSteps(for: state, block: block) {
            #expect(steps.count == Limits.proofSteps)
            let content = ControlBody.anchor(steps)
            #expect(content.wireBytes.count < Limits.blockBody)
            #expect(try ControlBody(wireBytes: content.wireBytes) == content)
            // Without the move the order has no proof.
            #expect(world.state.order(for: state, block: block) == nil)
            // Fewer steps, some that change nothing, or somebody else's electorates move nothing.
            #expect(verdict(.anchor(Array(steps.dropLast())), &state)?.contains("63 steps") == true)
            var idle = steps
            idle[1] = steps[0]
            #expect(verdict(.anchor(idle), &state)?.contains("does not change") == true)
            var forged = steps
            forged[5] = RegistryStep(
                header: steps[5].header, certificate: steps[4].certificate, electorate: steps[5].electorate)
            #expect(verdict(.anchor(forged), &state) != nil)
            let root = state.root
            #expect(verdict(content, &state) == nil)
            #expect(state.root != root && state.registryAnchors.count == moves + 2)
            moves += 1
        }
        #expect(moves == 4)
        let stop = try #require(world.state.order(for: state, block: block))
        #expect(stop.steps.count <= Limits.proofSteps)
        #expect(verdict(stop, &state) == nil && state.isEnded)
    }

    /// An order that the chain does not carry yet is not passed by: its proof starts from the anchor below it.
    @Test func anAnchorThatMovesPastAnOrderLosesNothing() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask { $0.deadlines.expiryMs = 300 * 86_400_000 }
        try world.decide([control(genesis.task, 1, .stop)])
        for _ in 0..<66 { try world.changeElectorate() }
        var state = TaskState(genesis: genesis)
        let block = { (height: UInt64) in world.blocks[Int(height) - 1] }
        let steps = try #require(world.state.anchorSteps(for: state, block: block))
        #expect(verdict(.anchor(steps), &state) == nil)
        let stop = try #require(world.state.order(for: state, block: block))
        #expect(stop.steps.count == 1 && state.registryAnchor.height > stop.steps[0].header.height)
        #expect(verdict(stop, &state) == nil && state.isEnded)
    }

    /// A node proposes the move by itself, and drops a proof that began below it.
    @Test func aNodeProposesTheMove() throws {
        var world = LedgerWorld()
        let genesis = try world.openTask { $0.deadlines.expiryMs = 300 * 86_400_000 }
        for _ in 0..<70 { try world.changeElectorate() }
        let state = TaskState(genesis: genesis)
        let steps = try #require(world.state.anchorSteps(for: state) { world.blocks[Int($0) - 1] })
        let proposer = world.keys[world.place(state.nextProposers[0])]
        var machine = TaskMachine(state: state, key: proposer, manual: false, own: [], voteState: nil)
        let now = Instant(monotonicMs: 10_000, wallMs: world.timeMs)
        _ = machine.resume(now)
        let out = machine.anchor(steps, now)
        #expect(machine.isAnchorPending)
        let proposals = out.compactMap { directive -> BlockHeader? in
            guard case .broadcast(let envelope) = directive, envelope.slot.kind == .proposal else { return nil }
            return try? Proposal(wireBytes: envelope.payload).header
        }
        #expect(proposals.map(\.kind) == [.control])
        let header = try #require(proposals.first)
        let decided = DecidedBlock(
            header: header, body: ControlBody.anchor(steps).wireBytes,
            certificate: world.certificate(header, by: state.electorate))
        let (admission, _) = machine.receive(decided, now)
        #expect(admission == .accept && !machine.isAnchorPending)
        #expect(machine.state.registryAnchors.count == 2 && machine.state.height == 1)
    }

    /// Whoever fills a registry block cannot make an order in it too long to be proven.
    @Test func aFullRegistryBlockLeavesRoomForTheProof() throws {
        #expect(Limits.registryBody + Limits.proofSteps * 4_400 < Limits.blockBody)
        let world = LedgerWorld()
        let author = world.state.nextProposers[0]
        var built = try #require(
            RegistryRules.build(
                pending: [world.envelope(.transfer(to: world.node(1), credits: 1), 0)], state: world.state,
                author: author, view: 0, timeMs: 5_000, electionKey: nil))
        let envelope = try RegistryBody(wireBytes: built.body).transactions[0]
        let many = RegistryBody(
            transactions: [Envelope](repeating: envelope, count: Limits.registryBody / envelope.wireBytes.count + 1))
        built.header.body = .of(many.wireBytes, kind: .blockBody)
        #expect(throws: ChainError.self) {
            try RegistryRules.check(header: built.header, body: many.wireBytes, state: world.state)
        }
        do { _ = try RegistryRules.check(header: built.header, body: many.wireBytes, state: world.state) } catch {
            #expect("\(error)".contains("at most \(Limits.registryBody)"), "\(error)")
        }
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
        // Weights whose sum fits no number: a proposer writes them as it likes.
        for weights in [[UInt64.max, 1], [1 << 63, 0], [0, 1]] {
            let electorate = zip(step.electorate, weights).map { ElectorateEntry(node: $0.node, weight: $1) }
            refused(
                ControlOrder(
                    steps: [RegistryStep(header: step.header, certificate: step.certificate, electorate: electorate)],
                    body: good.body, index: good.index), "order or weights")
        }
        #expect(verdict(good, &state) == nil && state.isPaused)
    }
}
