extension TaskSpec {
    public func encodeFields(into encoder: inout WireEncoder) {
        encoder.string(name)
        encoder.u64(seed)
        encoder.u8(model.architecture.rawValue)
        encoder.list(model.hidden) { encoder, units in encoder.u32(units) }
        encoder.u8(model.start.rawValue)
        encoder.value(model.initial)
        data.encode(into: &encoder)
        encoder.u32(rounds)
        encoder.u32(participants.minimum)
        encoder.u32(participants.maximum)
        encoder.u32(participants.smallestSet)
        encoder.list(participants.members)
        encoder.u32(deadlines.enrolMs)
        encoder.u32(deadlines.submitMs)
        encoder.u32(deadlines.aggregateMs)
        encoder.u32(deadlines.opinionMs)
        encoder.u64(deadlines.expiryMs)
        encoder.string(training.trainer)
        encoder.u32(training.localEpochs)
        encoder.u32(training.batchSize)
        encoder.u32(training.learningRatePpm)
        encoder.u8(training.local.optimiser.rawValue)
        encoder.u32(training.local.momentumPpm)
        encoder.u32(training.local.secondMomentumPpm)
        encoder.u32(training.local.epsilonPpm)
        encoder.u32(training.local.weightDecayPpm)
        encoder.u32(training.local.proximalPpm)
        encoder.u64(training.local.gradientClipPpm)
        encoder.u8(training.local.schedule.rawValue)
        encoder.u32(training.local.scheduleRounds)
        encoder.u32(training.local.scheduleFactorPpm)
        encoder.u8(training.local.correction.rawValue)
        encoder.u32(training.local.controlRangePpm)
        encoder.u8(training.server.rawValue)
        encoder.u32(training.serverRatePpm)
        encoder.u32(training.outer.momentumPpm)
        encoder.u32(training.outer.secondMomentumPpm)
        encoder.u32(training.outer.tauPpm)
        encoder.u8(training.weighting.rawValue)
        encoder.u32(training.rowCap)
        if training.server.isRobust {
            encoder.u16(training.robust.buckets)
            encoder.u16(training.robust.hostile)
        }
        encoder.u64(update.clipNormPpm)
        encoder.u8(update.bits)
        encoder.u32(update.rangePpm)
        encoder.u8(update.scale.rawValue)
        encoder.u8(update.compression.rawValue)
        encoder.u32(update.support.ratioPpm)
        encoder.u32(update.support.decayPpm)
        encoder.u32(update.support.denseRounds)
        encoder.u32(update.support.rateFactorPpm)
        encoder.u8(update.packing)
        encoder.u8(update.encoding.rawValue)
        encoder.u8(holders.count)
        encoder.u8(holders.threshold)
        encoder.u32(evaluation.tolerancePpm)
        encoder.u32(evaluation.targetPpm)
        encoder.optional(evaluation.targetCommitment)
        encoder.u32(privacy.noisePpm)
        encoder.u32(privacy.deltaPpm)
        encoder.u64(reward.credits)
        encoder.u8(reward.rule.rawValue)
        encoder.u32(reward.scoredRounds)
        encoder.u64(reward.minimumBond)
        encoder.u32(bodyRetention)
        encoder.u8(voting.rawValue)
    }

    private static func data(from decoder: inout WireDecoder) throws(WireError) -> Data {
        Data(
            type: try decoder.string(limit: Limits.name, "data.type"),
            shape: try decoder.list(limit: 4, "data.shape") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.u32("data.shape")
            },
            labels: try decoder.list(limit: 10_000, "data.labels") {
                (decoder: inout WireDecoder) throws(WireError) in
                try decoder.string(limit: Limits.name, "data.labels")
            },
            targets: try decoder.u32("data.targets"),
            columns: try decoder.list(limit: Limits.columns, "data.columns") {
                (decoder: inout WireDecoder) throws(WireError) in
                try decoder.string(limit: Limits.name, "data.columns")
            },
            scalePpm: try decoder.u64("data.scale"), resizes: try decoder.bool("data.resize"),
            meanPpm: try decoder.list(limit: Limits.columns, "data.mean") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.i64("data.mean")
            },
            deviationPpm: try decoder.list(limit: Limits.columns, "data.deviation") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.u64("data.deviation")
            },
            minimumRows: try decoder.u32("data.minimum_rows"),
            columnsInOrder: try decoder.bool("data.columns_in_order"))
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        name = try decoder.string(limit: Limits.name, "name")
        seed = try decoder.u64("seed")
        model = Model(
            architecture: try decoder.choice("model.architecture"),
            hidden: try decoder.list(limit: Limits.layers, "model.hidden") {
                (decoder: inout WireDecoder) throws(WireError) in try decoder.u32("model.hidden")
            },
            start: try decoder.choice("model.start"), initial: try decoder.value())
        data = try Self.data(from: &decoder)
        rounds = try decoder.u32("rounds")
        participants = Participants(
            minimum: try decoder.u32("participants.minimum"), maximum: try decoder.u32("participants.maximum"),
            smallestSet: try decoder.u32("participants.smallest_set"),
            members: try decoder.list(limit: Limits.submitters, "participants.members"))
        guard zip(participants.members, participants.members.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw .invalid(field: "participants.members", reason: "not in ascending order")
        }
        deadlines = Deadlines(
            enrolMs: try decoder.u32("deadlines.enrol"), submitMs: try decoder.u32("deadlines.submit"),
            aggregateMs: try decoder.u32("deadlines.aggregate"), opinionMs: try decoder.u32("deadlines.opinion"),
            expiryMs: try decoder.u64("deadlines.expiry"))
        training = Training(
            trainer: try decoder.string(limit: Limits.name, "training.trainer"),
            localEpochs: try decoder.u32("training.local_epochs"), batchSize: try decoder.u32("training.batch_size"),
            learningRatePpm: try decoder.u32("training.learning_rate"),
            local: LocalRecipe(
                optimiser: try decoder.choice("training.optimiser"), momentumPpm: try decoder.u32("training.momentum"),
                secondMomentumPpm: try decoder.u32("training.beta2"), epsilonPpm: try decoder.u32("training.epsilon"),
                weightDecayPpm: try decoder.u32("training.weight_decay"),
                proximalPpm: try decoder.u32("training.proximal"),
                gradientClipPpm: try decoder.u64("training.gradient_clip"),
                schedule: try decoder.choice("training.schedule"),
                scheduleRounds: try decoder.u32("training.schedule_rounds"),
                scheduleFactorPpm: try decoder.u32("training.schedule_factor"),
                correction: try decoder.choice("training.correction"),
                controlRangePpm: try decoder.u32("training.control_range")),
            server: try decoder.choice("training.server"), serverRatePpm: try decoder.u32("training.server_rate"),
            outer: OuterRecipe(
                momentumPpm: try decoder.u32("training.server_momentum"),
                secondMomentumPpm: try decoder.u32("training.server_beta2"),
                tauPpm: try decoder.u32("training.server_tau")),
            weighting: try decoder.choice("training.weighting"), rowCap: try decoder.u32("training.row_cap"))
        if training.server.isRobust {
            training.robust = Robust(
                buckets: try decoder.u16("training.buckets"), hostile: try decoder.u16("training.hostile"))
        }
        update = Update(
            clipNormPpm: try decoder.u64("update.clip_norm"), bits: try decoder.u8("update.bits"),
            rangePpm: try decoder.u32("update.range"), scale: try decoder.choice("update.scale"),
            compression: try decoder.choice("update.compression"),
            support: Support(
                ratioPpm: try decoder.u32("update.ratio"), decayPpm: try decoder.u32("update.decay"),
                denseRounds: try decoder.u32("update.dense_rounds"),
                rateFactorPpm: try decoder.u32("update.rate_factor")),
            packing: try decoder.u8("update.packing"), encoding: try decoder.choice("update.encoding"))
        holders = Holders(count: try decoder.u8("holders.count"), threshold: try decoder.u8("holders.threshold"))
        evaluation = Evaluation(
            tolerancePpm: try decoder.u32("evaluation.tolerance"), targetPpm: try decoder.u32("evaluation.target"),
            targetCommitment: try decoder.optional("evaluation.target_commitment"))
        privacy = Privacy(noisePpm: try decoder.u32("privacy.noise"), deltaPpm: try decoder.u32("privacy.delta"))
        reward = Reward(
            credits: try decoder.u64("reward.credits"), rule: try decoder.choice("reward.rule"),
            scoredRounds: try decoder.u32("reward.scored_rounds"),
            minimumBond: try decoder.u64("reward.minimum_bond"))
        bodyRetention = try decoder.u32("body_retention")
        voting = try decoder.choice("voting")
    }
}

extension WireDecoder {
    /// Reads one byte as a case of `Choice`; unknown numbers are an error that names the field.
    mutating func choice<Choice: RawRepresentable>(_ field: String) throws(WireError) -> Choice
    where Choice.RawValue == UInt8 {
        let number = try u8(field)
        guard let choice = Choice(rawValue: number) else { throw .invalid(field: field, reason: "unknown \(number)") }
        return choice
    }
}

extension TaskSpec.Data {
    /// What the data of every participant must agree on; a part of the specification's own encoding.
    public func encode(into encoder: inout WireEncoder) {
        encoder.string(type)
        encoder.list(shape) { encoder, extent in encoder.u32(extent) }
        encoder.list(labels) { encoder, label in encoder.string(label) }
        encoder.u32(targets)
        encoder.list(columns) { encoder, column in encoder.string(column) }
        encoder.u64(scalePpm)
        encoder.bool(resizes)
        encoder.list(meanPpm) { encoder, value in encoder.i64(value) }
        encoder.list(deviationPpm) { encoder, value in encoder.u64(value) }
        encoder.u32(minimumRows)
        encoder.bool(columnsInOrder)
    }
}
