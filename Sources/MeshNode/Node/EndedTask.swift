internal import Chain
internal import Wire

/// What is kept of a task that has ended and is settled: what people ask for often. Everything else is in the stored
/// blocks and is read from there when it is asked for.
struct EndedTask: WireCodable, Equatable {
    let name: String
    /// The last decided block.
    let height: UInt64
    let head: BlockID
    let headTimeMs: UInt64
    /// As the chain says; `running` where the task ran out before its chain could say it.
    let outcome: TaskOutcome
    /// The round after the last one that was decided.
    let round: UInt32
    let electorate: Electorate
    let holders: [NodeID]
    let model: ContentReference
    let bodyRetention: UInt32
    /// Model after each accepted round, 0 for the initial one; ascending.
    let models: [Model]
    /// Of the last round.
    let accuracy: Double?
    let loss: Double?

    struct Model: WireCodable, Equatable {
        let round: UInt32
        let reference: ContentReference

        init(round: UInt32, reference: ContentReference) {
            self.round = round
            self.reference = reference
        }

        func encode(into encoder: inout WireEncoder) {
            encoder.u32(round)
            encoder.value(reference)
        }

        init(from decoder: inout WireDecoder) throws(WireError) {
            round = try decoder.u32("round")
            reference = try decoder.value()
        }
    }

    init(_ runtime: TaskRuntime) {
        let state = runtime.machine.state
        name = state.spec.name
        height = state.height
        head = state.head
        headTimeMs = state.headTimeMs
        if case .ended(let outcome) = state.phase { self.outcome = outcome } else { outcome = .running }
        round = state.round
        electorate = state.electorate
        holders = state.holders.map(\.node)
        model = state.model
        bodyRetention = state.spec.bodyRetention
        models = runtime.models.keys.sorted().compactMap { round in
            runtime.models[round].map { Model(round: round, reference: $0) }
        }
        accuracy = runtime.lastRound?.accuracy
        loss = runtime.lastRound?.loss
    }

    func encode(into encoder: inout WireEncoder) {
        encoder.string(name)
        encoder.u64(height)
        encoder.value(head)
        encoder.u64(headTimeMs)
        encoder.value(outcome)
        encoder.u32(round)
        encoder.value(electorate)
        encoder.list(holders)
        encoder.value(model)
        encoder.u32(bodyRetention)
        encoder.list(models)
        for figure in [accuracy, loss] {
            encoder.bool(figure != nil)
            encoder.u64(figure?.bitPattern ?? 0)
        }
    }

    init(from decoder: inout WireDecoder) throws(WireError) {
        name = try decoder.string(limit: Limits.name, "name")
        height = try decoder.u64("height")
        head = try decoder.value()
        headTimeMs = try decoder.u64("time")
        outcome = try decoder.value()
        round = try decoder.u32("round")
        electorate = try decoder.value()
        holders = try decoder.list(limit: Limits.holders, "holders")
        model = try decoder.value()
        bodyRetention = try decoder.u32("body retention")
        models = try decoder.list(limit: Limits.rounds + 1, "models")
        var figures: [Double?] = []
        for name in ["accuracy", "loss"] {
            let isKnown = try decoder.bool(name)
            let bits = try decoder.u64(name)
            figures.append(isKnown ? Double(bitPattern: bits) : nil)
        }
        (accuracy, loss) = (figures[0], figures[1])
    }
}
