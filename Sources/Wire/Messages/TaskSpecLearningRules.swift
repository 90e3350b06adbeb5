/// The rules about model, data, training, update and privacy.
extension TaskSpecValidator {
    static func model(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let (hidden, shape) = (spec.model.hidden, spec.data.shape)
        switch spec.model.architecture {
        case .softmax, .linear:
            check.require(
                "model.hidden", hidden.isEmpty, uses: ["model.architecture"],
                "linear and softmax have no hidden layers; use []")
        case .mlp:
            check.require(
                "model.hidden", !hidden.isEmpty && hidden.count <= Limits.layers, uses: ["model.architecture"],
                "mlp needs 1 to \(Limits.layers) hidden layers, found \(hidden.count)")
        case .cnn:
            check.require(
                "model.hidden", !hidden.isEmpty && hidden.count <= 8, uses: ["model.architecture"],
                "cnn needs the channels of 1 to 8 blocks, found \(hidden.count)")
            check.require(
                "data.shape", shape.count == 2 || shape.count == 3, uses: ["model.architecture"],
                "a cnn reads [height, width] or [channels, height, width], found \(shape)")
            check.require(
                "model.hidden",
                shape.count < 2 || shape.suffix(2).allSatisfy { hidden.count >= 32 || $0 >> UInt32(hidden.count) > 0 },
                uses: ["model.architecture", "data.shape"],
                "\(hidden.count) blocks halve a picture of \(shape.suffix(2).map(String.init).joined(separator: " x ")) to "
                    + "nothing; use fewer")
        }
        let isRegression = spec.data.labels.isEmpty
        check.require(
            "model.architecture",
            (spec.model.architecture == .linear) == isRegression || spec.model.architecture == .mlp,
            uses: ["data.labels"],
            isRegression
                ? "regression (labels = []) needs linear or mlp"
                : "linear is a regression; with labels use softmax, mlp or cnn")
        for (index, units) in hidden.enumerated() {
            check.range("model.hidden[\(index)]", units, 1, spec.model.architecture == .cnn ? 4_096 : 65_536)
        }
        guard let parameters = spec.modelSize, parameters <= UInt64(Limits.elements) / 2 else {
            check.require(
                "model", false, uses: ["model.hidden", "data.shape", "data.labels", "data.targets"],
                "has more than \(Limits.elements / 2) parameters, or its picture vanishes; use smaller layers or fewer features"
            )
            return
        }
        // A safetensors file is a header and four bytes a value.
        let bytes = spec.model.initial.length
        check.require(
            "model.initial", bytes >= 4 * parameters && bytes <= 4 * parameters + (1 << 20),
            "\(bytes) bytes cannot hold \(parameters) values of 4 bytes and a header; make the weights again")
    }

    static func data(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let data = spec.data
        check.text("data.type", data.type, isName: true)
        check.require(
            "data.shape", (1...3).contains(data.shape.count),
            "1 to 3 extents are allowed, found \(data.shape.count); for flat rows write [features]")
        for (index, extent) in data.shape.enumerated() { check.range("data.shape[\(index)]", extent, 1, 1 << 20) }
        check.require(
            "data.shape", data.features <= 1 << 20, "\(data.features) features, at most \(1 << 20) are allowed")
        check.require(
            "data.labels", data.labels.isEmpty || (2...10_000).contains(data.labels.count),
            "2 to 10000 labels are allowed, or none for a regression; found \(data.labels.count)")
        if data.labels.isEmpty {
            check.require(
                "data.targets", data.targets == 1, uses: ["data.labels"],
                "\(data.targets): a regression (labels = []) has 1 target")
        } else {
            check.require(
                "data.targets", data.targets == 0, uses: ["data.labels"],
                "\(data.targets): only a regression (labels = []) has targets; use 0")
        }
        unique("data.labels", data.labels, &check)
        unique("data.columns", data.columns, &check)
        check.require(
            "data.columns", data.columns.isEmpty || data.columns.count == Int(data.features) || data.namesChannels,
            uses: ["data.shape"],
            "\(data.columns.count) columns for \(data.features) features; name every one, "
                + (data.channels > 1 ? "the \(data.channels) channels, " : "") + "or none")
        check.require(
            "data.columns_in_order", !data.columnsInOrder || (!data.columns.isEmpty && !data.namesChannels),
            uses: ["data.columns"], "true belongs to named columns of tables; write false, or columns = [...]")
        check.range("data.scale", data.scalePpm, 1, 1_000_000_000_000, parts: true)
        check.require(
            "data.resize", !data.resizes || data.shape.count >= 2, uses: ["data.shape"],
            "only pictures can be resized; use false, or a shape of [height, width] or [channels, height, width]")
        check.require(
            "data.deviation", data.meanPpm.count == data.deviationPpm.count, uses: ["data.mean"],
            "\(data.deviationPpm.count) deviations for \(data.meanPpm.count) means; give one each")
        let channels = data.shape.count == 3 ? Int(data.shape[0]) : 1
        check.require(
            "data.mean", [0, 1, channels, Int(data.features)].contains(data.meanPpm.count), uses: ["data.shape"],
            "\(data.meanPpm.count) means; give none, one for all, one a channel (\(channels)) or one a feature "
                + "(\(data.features))")
        // As of names, there may be thousands of figures: see `unique`.
        for (index, value) in data.meanPpm.enumerated() where value.magnitude > Self.largestFigure {
            check.require("data.mean[\(index)]", false, "beyond plus or minus 1000000 is not allowed")
        }
        for (index, value) in data.deviationPpm.enumerated() where value == 0 || value > Self.largestFigure {
            check.range("data.deviation[\(index)]", value, 1, Self.largestFigure, parts: true)
        }
        check.range("data.minimum_rows", data.minimumRows, 1, 1_000_000_000)
    }

    /// Of means and deviations, in millionths.
    private static let largestFigure: UInt64 = 1_000_000_000_000

    private static func unique(_ path: String, _ names: [String], _ check: inout SpecCheck) {
        var seen: Set<String> = []
        for (index, name) in names.enumerated() {
            let isNew = seen.insert(LookAlikes.looks(name)).inserted
            // There may be ten thousand: the path of one is written where something is wrong with it.
            guard !isNew || !SpecCheck.isText(name) else { continue }
            check.text("\(path)[\(index)]", name)
            check.require(
                "\(path)[\(index)]", isNew, "\"\(name)\" appears twice, or looks like one before it")
        }
    }

    static func training(_ training: TaskSpec.Training, _ check: inout SpecCheck) {
        check.require(
            "training.trainer", training.trainer == trainer, "\"\(training.trainer)\" is unknown; use \"\(trainer)\"")
        check.range("training.local_epochs", training.localEpochs, 1, 1_000)
        check.range("training.batch_size", training.batchSize, 1, 10_000)
        check.range("training.learning_rate", training.learningRatePpm, 1, 1_000_000, parts: true)
        local(training.local, &check)
        check.range("training.server_rate", training.serverRatePpm, 1, 100_000_000, parts: true)
        outer(training, &check)
        switch training.weighting {
        case .uniform:
            check.require(
                "training.row_cap", training.rowCap == 0, uses: ["training.weighting"],
                "only weighting = \"rows\" has a row cap; use 0")
        case .rows:
            check.range("training.row_cap", training.rowCap, 1, 20_000_000)
            check.require(
                "training.weighting", training.local.correction == .none, uses: ["training.correction"],
                "scaffold averages without weights; use \"uniform\"")
        }
    }

    /// `value` belongs to a choice: within its range where the choice was made, else 0.
    private static func belongs(
        _ path: String, _ value: UInt32, _ least: UInt32, _ most: UInt32, if isChosen: Bool, to choice: String,
        _ owner: String, _ check: inout SpecCheck
    ) {
        if isChosen {
            check.require(
                path, value >= least && value <= most, uses: [owner],
                "\(Ppm.text(UInt64(value))) is out of range; \(Ppm.text(UInt64(least))) to \(Ppm.text(UInt64(most))) is allowed"
            )
        } else {
            check.require(
                path, value == 0, uses: [owner], "\(Ppm.text(UInt64(value))): only \(choice) reads it; use 0")
        }
    }

    private static func local(_ local: TaskSpec.LocalRecipe, _ check: inout SpecCheck) {
        let owner = "training.optimiser"
        belongs(
            "training.momentum", local.momentumPpm, 1, 999_999, if: local.optimiser != .sgd, to: "momentum and adamw",
            owner,
            &check)
        belongs(
            "training.beta2", local.secondMomentumPpm, 1, 999_999, if: local.optimiser == .adamW, to: "adamw", owner,
            &check)
        belongs(
            "training.epsilon", local.epsilonPpm, 1, 1_000_000, if: local.optimiser == .adamW, to: "adamw", owner,
            &check)
        check.range("training.weight_decay", local.weightDecayPpm, 0, 10_000_000, parts: true)
        check.range("training.proximal", local.proximalPpm, 0, 1_000_000_000, parts: true)
        check.range("training.gradient_clip", local.gradientClipPpm, 0, 1_000_000_000_000, parts: true)
        let hasRounds = local.schedule == .step || local.schedule == .warmUp
        check.require(
            "training.schedule_rounds",
            hasRounds ? (1...1_000).contains(local.scheduleRounds) : local.scheduleRounds == 0,
            uses: ["training.schedule"],
            hasRounds
                ? "\(local.scheduleRounds) is out of range; 1 to 1000 is allowed"
                : "only step and warm_up read it; use 0")
        switch local.schedule {
        case .cosine:
            check.range("training.schedule_factor", local.scheduleFactorPpm, 0, 1_000_000, parts: true)
        case .step: check.range("training.schedule_factor", local.scheduleFactorPpm, 1, 1_000_000, parts: true)
        case .constant, .warmUp:
            belongs(
                "training.schedule_factor", local.scheduleFactorPpm, 0, 0, if: false, to: "cosine (its floor) and step",
                "training.schedule", &check)
        }
        check.require(
            "training.correction", local.correction == .none || local.optimiser == .sgd, uses: [owner],
            "scaffold is defined for plain sgd only; use optimiser = \"sgd\"")
        belongs(
            "training.control_range", local.controlRangePpm, 1, 1_000_000_000, if: local.correction == .scaffold,
            to: "scaffold", "training.correction", &check)
    }

    private static func outer(_ training: TaskSpec.Training, _ check: inout SpecCheck) {
        let (rule, outer) = (training.server, training.outer)
        let isAdaptive = rule == .fedAdam || rule == .fedYogi
        belongs(
            "training.server_momentum", outer.momentumPpm, 0, 999_999, if: rule != .fedAvg && !rule.isRobust,
            to: "a rule with moments",
            "training.server", &check)
        belongs(
            "training.server_beta2", outer.secondMomentumPpm, 0, 999_999, if: isAdaptive, to: "fedadam and fedyogi",
            "training.server", &check)
        belongs(
            "training.server_tau", outer.tauPpm, 1, 1_000_000, if: isAdaptive, to: "fedadam and fedyogi",
            "training.server",
            &check)
    }

    static func update(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let update = spec.update
        check.range("update.clip_norm", update.clipNormPpm, 1, 1_000_000_000_000, parts: true)
        check.range("update.range", update.rangePpm, 1, 1_000_000_000, parts: true)
        check.range("update.bits", update.bits, 4, 16)
        let isCompressed = update.compression != .none
        let owner = "update.compression"
        belongs(
            "update.ratio", update.support.ratioPpm, 1, 1_000_000, if: isCompressed, to: "compression", owner, &check)
        belongs(
            "update.decay", update.support.decayPpm, 0, 1_000_000, if: update.compression == .residual, to: "residual",
            owner,
            &check)
        check.require(
            "update.dense_rounds", isCompressed ? update.support.denseRounds <= 1_000 : update.support.denseRounds == 0,
            uses: [owner],
            isCompressed ? "\(update.support.denseRounds) is above 1000" : "only compression reads it; use 0")
        belongs(
            "update.rate_factor", update.support.rateFactorPpm, 1, 100_000_000, if: update.compression == .masked,
            to: "masked", owner, &check)
        check.require(
            "update.compression", !isCompressed || spec.training.local.correction == .none,
            uses: ["training.correction"],
            "scaffold needs every coordinate; use compression = \"none\" or correction = \"none\"")
        check.require(
            "update.packing", (1...2).contains(update.packing), "\(update.packing) is not allowed; use 1 or 2")
        // B below 2^15 and n_max below 2^9: R^2 stays below 2^50.
        let reach: UInt64? = spec.update.bound.flatMap { bound in
            guard (1...2).contains(update.packing) else { return nil }
            let radix = 2 * Checked(spec.participants.maximum) * Checked(bound) + 1
            return (update.packing == 2 ? radix * radix : radix).value.map { UInt64(($0 - 1) / 2) }
        }
        check.require(
            "update.packing", reach.map { $0 <= (update.packing == 2 ? packedRange : unpackedRange) } ?? false,
            uses: ["update.bits", "update.packing", "participants.maximum"],
            "\(update.packing) coordinates of \(update.bits) bits from \(spec.participants.maximum) participants reach "
                + "\(reach.map(String.init) ?? "more than can be counted"), more than can be recovered; use packing = 1, "
                + "fewer bits or fewer participants"
        )
    }

    static func privacy(_ spec: TaskSpec, _ check: inout SpecCheck) {
        let privacy = spec.privacy
        guard privacy.noisePpm > 0 else {
            check.require(
                "privacy.delta", privacy.deltaPpm == 0, uses: ["privacy.noise"], "only noise above 0 reads it; use 0")
            return
        }
        check.range("privacy.noise", privacy.noisePpm, 1_000, 1_000_000_000, parts: true)
        check.range("privacy.delta", privacy.deltaPpm, 1, 100_000, parts: true)
        check.require(
            "update.scale", spec.update.scale == .fixed, uses: ["privacy.noise"],
            "with privacy the noise must not follow the sums; use \"fixed\"")
        check.require(
            "training.correction", spec.training.local.correction == .none, uses: ["privacy.noise"],
            "scaffold's second vector has no bounded norm; use \"none\" with privacy")
    }
}
