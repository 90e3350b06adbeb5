public import Wire

extension ControlOrder {
    /// The order itself, as the transaction that it names says it; nil if there is none.
    public var control: TaskControl? {
        guard Int(index) < body.transactions.count,
            case .control(let control)? = try? Transaction(wireBytes: body.transactions[Int(index)].payload)
        else { return nil }
        return control
    }
}

/// A publisher's order on its task chain.
extension TaskRules {
    /// Checks that the registry decided the order, that it is the next one, and that the task is in a state for it.
    static func check(_ order: ControlOrder, state: TaskState) throws(ChainError) {
        guard let control = order.control else { throw .invalid("the order names no Control transaction") }
        try require(control.task == state.chain, "the order is about another task")
        try require(
            control.sequence == state.orderSequence + 1,
            "order \(control.sequence), the next one is \(state.orderSequence + 1)")
        switch control.action {
        case .pause: try require(!state.isPaused, "the task is paused already")
        case .resume: try require(state.isPaused, "the task is not paused")
        case .stop: break
        }
        try checkProof(order, state: state)
    }

    /// The registry decided the block that holds the order: each electorate of the proof is named by a header that the
    /// electorate before it has signed.
    ///
    /// A header that is not the very next one is taken from the electorate that was the last to be named. Whoever
    /// signed for a height after its weight was replaced could forge such a proof with two thirds of that old weight;
    /// unbonded weight stays slashable for the evidence window.
    private static func checkProof(_ order: ControlOrder, state: TaskState) throws(ChainError) {
        var anchor = state.genesis.registry
        let chain = state.genesis.network.registryChain
        for step in order.steps {
            let header = step.header
            try require(
                header.chain == chain && header.kind == .registry, "a step of the proof is no block of the registry")
            try require(header.height > anchor.height, "steps of the proof are not in order of height")
            let electorate = Electorate(bonds: step.electorate.map { .init(node: $0.node, weight: $0.weight) })
            try require(
                electorate.members.map { ElectorateEntry(node: $0.node, weight: $0.weight) } == step.electorate,
                "an electorate of the proof is not in order")
            let wanted = header.height == anchor.height + 1 ? anchor.next : anchor.second
            try require(
                electorate.hash == wanted, "the electorate of registry height \(header.height) is not proven")
            try step.certificate.check(network: state.genesis.network, header: header, electorate: electorate)
            anchor = RegistryAnchor(height: header.height, next: header.nextElectorate, second: header.secondElectorate)
        }
        guard let last = order.steps.last else { throw .invalid("the order has no proof") }
        try require(
            last.header.body == .of(order.body.wireBytes, kind: .blockBody),
            "the transactions are not those of registry height \(last.header.height)")
    }
}

extension RegistryState {
    /// An order of a task's publisher with its proof; nil while it is not decided or a block is not at hand.
    ///
    /// - Parameter block: the decided registry block of a height.
    public func order(
        _ sequence: UInt32, of task: TaskID, block: (UInt64) throws -> DecidedBlock?
    ) rethrows -> ControlOrder? {
        guard let record = self.task(task), sequence >= 1, Int(sequence) <= record.orders.count,
            let anchor = taskGenesis(record)?.registry
        else { return nil }
        let height = record.orders[Int(sequence) - 1].height
        // An order that came before the task's own genesis was complete is proven from its next heights on.
        guard height > anchor.height else { return nil }
        var steps: [RegistryStep] = []
        var body: RegistryBody?
        for wanted in proofHeights(from: anchor, to: height) {
            guard let found = try block(wanted) else { return nil }
            steps.append(
                RegistryStep(
                    header: found.header, certificate: found.certificate,
                    electorate: electorate(at: wanted).members.map { .init(node: $0.node, weight: $0.weight) }))
            if wanted == height { body = try? RegistryBody(wireBytes: found.body) }
        }
        guard let body, steps.count <= Limits.proofSteps,
            let index = body.transactions.firstIndex(where: { envelope in
                guard case .control(let control)? = try? Transaction(wireBytes: envelope.payload) else { return false }
                return control.task == task && control.sequence == sequence
            })
        else { return nil }
        return ControlOrder(steps: steps, body: body, index: UInt32(index))
    }

    /// Registry heights whose headers prove, to a task that opened after `anchor`, who decided `height`.
    public func proofHeights(from anchor: RegistryAnchor, to height: UInt64) -> [UInt64] {
        electorateChanges.map(\.height).filter { $0 > anchor.height + 2 && $0 <= height }.map { $0 - 2 }
            .filter { $0 < height } + [height]
    }
}
