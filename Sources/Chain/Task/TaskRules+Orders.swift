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

    /// The registry decided the block that holds the order.
    private static func checkProof(_ order: ControlOrder, state: TaskState) throws(ChainError) {
        guard let last = order.steps.last, let start = state.registryAnchor(below: last.header.height) else {
            throw .invalid("the order has no proof")
        }
        try follow(order.steps, from: start, state: state)
        try require(
            last.header.body == .of(order.body.wireBytes, kind: .blockBody),
            "the transactions are not those of registry height \(last.header.height)")
    }

    /// A move of the anchor by as many changes of the electorate as one proof has steps. Fewer are not needed by any order,
    /// and a registry header that changes nothing is no step: so there are at most as many of these blocks as the registry has
    /// changed its electorate `Limits.proofSteps` times, whoever proposes them.
    static func check(anchor steps: [RegistryStep], state: TaskState) throws(ChainError) {
        try require(
            steps.count == Limits.proofSteps,
            "\(steps.count) steps: an anchor moves by \(Limits.proofSteps) changes of the electorate")
        var last = state.registryAnchor.second
        for step in steps {
            try require(
                step.header.secondElectorate != last,
                "the electorate does not change at registry height \(step.header.height)")
            last = step.header.secondElectorate
        }
        try follow(steps, from: state.registryAnchor, state: state)
    }

    /// Follows registry headers from an anchor: each electorate of the proof is named by a header that the electorate
    /// before it has signed.
    ///
    /// A header that is not the very next one is taken from the electorate that was the last to be named. Whoever
    /// signed for a height after its weight was replaced could forge such a proof with two thirds of that old weight;
    /// unbonded weight stays slashable for the evidence window.
    private static func follow(
        _ steps: [RegistryStep], from start: RegistryAnchor, state: TaskState
    ) throws(ChainError) {
        var anchor = start
        let chain = state.genesis.network.registryChain
        for step in steps {
            let header = step.header
            try require(
                header.chain == chain && header.kind == .registry, "a step of the proof is no block of the registry")
            try require(header.height > anchor.height, "steps of the proof are not in order of height")
            let carried = step.electorate.map { Electorate.Member(node: $0.node, weight: $0.weight) }
            guard let electorate = Electorate(carried: carried) else {
                throw .invalid("an electorate of the proof is none: order or weights")
            }
            let isNext = header.height - anchor.height == 1
            try require(
                electorate.hash == (isNext ? anchor.next : anchor.second),
                "the electorate of registry height \(header.height) is not proven")
            try step.certificate.check(network: state.genesis.network, header: header, electorate: electorate)
            anchor = RegistryAnchor(step.header)
        }
    }
}

extension RegistryAnchor {
    init(_ header: BlockHeader) {
        self.init(height: header.height, next: header.nextElectorate, second: header.secondElectorate)
    }
}

extension RegistryState {
    /// The next order of a task's publisher with its proof; nil while it is not decided, a block is not at hand, or the task
    /// chain's anchor has to move first.
    ///
    /// - Parameters:
    ///   - state: the task chain.
    ///   - sequence: nil: the next one of that chain.
    ///   - block: the decided registry block of a height.
    public func order(
        for state: TaskState, sequence: UInt32? = nil, block: (UInt64) throws -> DecidedBlock?
    ) rethrows -> ControlOrder? {
        let (task, sequence) = (state.chain, sequence ?? state.orderSequence + 1)
        guard let record = self.task(task), sequence >= 1, Int(sequence) <= record.orders.count else { return nil }
        let height = record.orders[Int(sequence) - 1].height
        // An order that came before the task's own genesis was complete is proven from its next heights on.
        guard let anchor = state.registryAnchor(below: height) else { return nil }
        let heights = proofHeights(from: anchor, to: height)
        guard heights.count <= Limits.proofSteps, let steps = try steps(heights, block: block),
            let body = try block(height).flatMap({ try? RegistryBody(wireBytes: $0.body) }),
            let index = body.transactions.firstIndex(where: { envelope in
                guard case .control(let control)? = try? Transaction(wireBytes: envelope.payload) else { return false }
                return control.task == task && control.sequence == sequence
            })
        else { return nil }
        return ControlOrder(steps: steps, body: body, index: UInt32(index))
    }

    /// The next move of a task chain's anchor; nil while the proofs of its orders are short enough without.
    public func anchorSteps(
        for state: TaskState, block: (UInt64) throws -> DecidedBlock?
    ) rethrows -> [RegistryStep]? {
        let changes = changeHeights(from: state.registryAnchor, to: height)
        guard changes.count >= Limits.proofSteps else { return nil }
        return try steps(Array(changes.prefix(Limits.proofSteps)), block: block)
    }

    private func steps(
        _ heights: [UInt64], block: (UInt64) throws -> DecidedBlock?
    ) rethrows -> [RegistryStep]? {
        var steps: [RegistryStep] = []
        for wanted in heights {
            guard let found = try block(wanted) else { return nil }
            steps.append(
                RegistryStep(
                    header: found.header, certificate: found.certificate,
                    electorate: electorate(at: wanted).members.map { .init(node: $0.node, weight: $0.weight) }))
        }
        return steps
    }

    /// Registry heights whose headers prove, to a task that opened after `anchor`, who decided `height`.
    public func proofHeights(from anchor: RegistryAnchor, to height: UInt64) -> [UInt64] {
        changeHeights(from: anchor, to: height) + [height]
    }

    /// Heights below `height`, not known to the anchor, whose headers name a new electorate.
    private func changeHeights(from anchor: RegistryAnchor, to height: UInt64) -> [UInt64] {
        electorateChanges.map(\.height).filter { $0 > anchor.height + 2 && $0 <= height }.map { $0 - 2 }
            .filter { $0 < height }
    }
}
