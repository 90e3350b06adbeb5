internal import Learn
public import Wire

/// A task as people write it: TOML, every value written out. Reading it gives a task that may be published.
public enum TaskFile {
    /// Whether it can be nothing but a text: it begins with a letter and holds nothing that TOML writes otherwise.
    private static func isWord(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x41...0x5A).contains(first) || (0x61...0x7A).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || [0x2D, 0x5F, 0x2E, 0x2F].contains(byte)
        }
    }

    /// - Parameters:
    ///   - file: name that faults carry.
    ///   - overrides: by path, each a TOML value or a word, for example `["rounds": "3"]`.
    ///   - weights: a warm start: safetensors to begin from instead of the seed's weights.
    /// - Throws: faults of form and of value, all at once.
    public static func read(
        _ text: String, file: String, overrides: [String: String] = [:], weights: [UInt8]? = nil
    ) throws(TaskError) -> PreparedTask {
        let document = TOMLDocument(text)
        var root = document.root
        var faults = document.faults
        for path in overrides.keys.sorted() {
            let value = overrides[path] ?? ""
            // Shells take quotes away: a word alone is a text.
            if let node = TOMLDocument.value(value) ?? (Self.isWord(value) ? TOMLDocument.value("\"\(value)\"") : nil) {
                root = replacing(path.split(separator: ".").map(String.init), in: root, by: node)
            } else {
                // A number that is too large needs no quotes.
                let reason =
                    TOMLScalar.isWhole(value) ? TOMLDocument("value = \(value)").faults.first?.reason : nil
                faults.append(
                    Fault(
                        path, reason ?? "\(String(value.prefix(60)).tomlWord) is no TOML value; texts need quotes"))
            }
        }
        // Rows, a picture, a model: one sentence instead of a fault a line.
        if document.root.isEmpty, document.faults.count > 1 {
            throw TaskError(
                file: file,
                faults: [
                    Fault("", "this is no task file: TOML with lines such as rounds = 30; see examples/digits.toml")
                ])
        }
        guard faults.isEmpty else { throw TaskError(file: file, faults: faults) }
        var reader = TaskFileReader(root)
        let spec = reader.spec()
        let broken = Set(reader.faults.map(\.path))
        faults =
            reader.faults(judging: spec) + TaskSpecValidator.faults(spec, ignoring: broken.union(["model.initial"]))
        guard faults.isEmpty else { throw TaskError(file: file, faults: faults) }
        do {
            return try PreparedTask(completing: spec, weights: weights)
        } catch {
            throw TaskError(file: file, faults: error.faults)
        }
    }

    /// The specification alone, whose weights are elsewhere; it is judged like one that is published.
    public static func specification(_ text: String, file: String) throws(TaskError) -> TaskSpec {
        let document = TOMLDocument(text)
        guard document.faults.isEmpty else { throw TaskError(file: file, faults: document.faults) }
        var reader = TaskFileReader(document.root)
        let spec = reader.spec()
        let faults =
            reader.faults(judging: spec)
            + TaskSpecValidator.faults(spec, ignoring: Set(reader.faults.map(\.path)).union(["model.initial"]))
        guard faults.isEmpty else { throw TaskError(file: file, faults: faults) }
        return spec
    }

    private static func replacing(
        _ path: [String], in table: [String: TOMLNode], by node: TOMLNode
    ) -> [String: TOMLNode] {
        guard let first = path.first else { return table }
        var table = table
        if path.count == 1 {
            table[first] = node
        } else if case .table(let inner)? = table[first] {
            table[first] = .table(replacing(Array(path.dropFirst()), in: inner, by: node))
        } else if table[first] == nil {
            table[first] = .table(replacing(Array(path.dropFirst()), in: [:], by: node))
        }
        return table
    }

    /// Writes a task so that ``read(_:file:overrides:)`` gives the same again.
    public static func text(_ spec: TaskSpec) -> String {
        func quoted(_ text: String) -> String { text.tomlWord }
        let deadlines = spec.deadlines
        let local = spec.training.local
        return """
            name = \(quoted(spec.name))
            seed = \(Int64(exactly: spec.seed).map { "\($0)" } ?? quoted("\(spec.seed)"))
            rounds = \(spec.rounds)
            body_retention = \(spec.bodyRetention)
            voting = \(quoted(spec.voting.word))

            [model]
            architecture = \(quoted(spec.model.architecture.word))
            hidden = [\(spec.model.hidden.map { "\($0)" }.joined(separator: ", "))]
            start = \(quoted(spec.model.start.word))

            [data]
            type = \(quoted(spec.data.type))
            shape = [\(spec.data.shape.map { "\($0)" }.joined(separator: ", "))]
            labels = [\(spec.data.labels.map(quoted).joined(separator: ", "))]
            targets = \(spec.data.targets)
            columns = [\(spec.data.columns.map(quoted).joined(separator: ", "))]\(inOrder(spec.data))
            scale = \(Ppm.text(spec.data.scalePpm))
            resize = \(spec.data.resizes)
            mean = [\(spec.data.meanPpm.map { ($0 < 0 ? "-" : "") + Ppm.text($0.magnitude) }.joined(separator: ", "))]
            deviation = [\(spec.data.deviationPpm.map(Ppm.text).joined(separator: ", "))]
            minimum_rows = \(spec.data.minimumRows)

            [participants]
            minimum = \(spec.participants.minimum)
            maximum = \(spec.participants.maximum)
            smallest_set = \(spec.participants.smallestSet)\(members(spec.participants))

            [deadlines]
            enrol = \(quoted(DurationText.text(UInt64(deadlines.enrolMs))))
            submit = \(quoted(DurationText.text(UInt64(deadlines.submitMs))))
            aggregate = \(quoted(DurationText.text(UInt64(deadlines.aggregateMs))))
            opinion = \(quoted(DurationText.text(UInt64(deadlines.opinionMs))))
            expiry = \(quoted(DurationText.text(deadlines.expiryMs)))

            [training]
            trainer = \(quoted(spec.training.trainer))
            local_epochs = \(spec.training.localEpochs)
            batch_size = \(spec.training.batchSize)
            learning_rate = \(Ppm.text(UInt64(spec.training.learningRatePpm)))
            optimiser = \(quoted(local.optimiser.word))
            momentum = \(Ppm.text(UInt64(local.momentumPpm)))
            beta2 = \(Ppm.text(UInt64(local.secondMomentumPpm)))
            epsilon = \(Ppm.text(UInt64(local.epsilonPpm)))
            weight_decay = \(Ppm.text(UInt64(local.weightDecayPpm)))
            proximal = \(Ppm.text(UInt64(local.proximalPpm)))
            gradient_clip = \(Ppm.text(local.gradientClipPpm))
            schedule = \(quoted(local.schedule.word))
            schedule_rounds = \(local.scheduleRounds)
            schedule_factor = \(Ppm.text(UInt64(local.scheduleFactorPpm)))
            correction = \(quoted(local.correction.word))
            control_range = \(Ppm.text(UInt64(local.controlRangePpm)))
            server = \(quoted(spec.training.server.word))\(robust(spec.training))
            server_rate = \(Ppm.text(UInt64(spec.training.serverRatePpm)))
            server_momentum = \(Ppm.text(UInt64(spec.training.outer.momentumPpm)))
            server_beta2 = \(Ppm.text(UInt64(spec.training.outer.secondMomentumPpm)))
            server_tau = \(Ppm.text(UInt64(spec.training.outer.tauPpm)))
            weighting = \(quoted(spec.training.weighting.word))
            row_cap = \(spec.training.rowCap)

            [update]
            clip_norm = \(Ppm.text(spec.update.clipNormPpm))
            bits = \(spec.update.bits)
            range = \(Ppm.text(UInt64(spec.update.rangePpm)))
            scale = \(quoted(spec.update.scale.word))
            compression = \(quoted(spec.update.compression.word))
            ratio = \(Ppm.text(UInt64(spec.update.support.ratioPpm)))
            decay = \(Ppm.text(UInt64(spec.update.support.decayPpm)))
            dense_rounds = \(spec.update.support.denseRounds)
            rate_factor = \(Ppm.text(UInt64(spec.update.support.rateFactorPpm)))
            packing = \(spec.update.packing)
            encoding = \(quoted(spec.update.encoding.word))

            [holders]
            count = \(spec.holders.count)
            threshold = \(spec.holders.threshold)

            [evaluation]
            tolerance = \(Ppm.text(UInt64(spec.evaluation.tolerancePpm)))
            target = \(Ppm.text(UInt64(spec.evaluation.targetPpm)))\(commitment(spec))

            [privacy]
            noise = \(Ppm.text(UInt64(spec.privacy.noisePpm)))
            delta = \(Ppm.text(UInt64(spec.privacy.deltaPpm)))

            [reward]
            credits = \(spec.reward.credits)
            rule = \(quoted(spec.reward.rule.word))
            scored_rounds = \(spec.reward.scoredRounds)
            minimum_bond = \(spec.reward.minimumBond)

            """
    }

    private static func robust(_ training: TaskSpec.Training) -> String {
        guard training.server.isRobust else { return "" }
        return "\nbuckets = \(training.robust.buckets)\nhostile = \(training.robust.hostile)"
    }

    private static func inOrder(_ data: TaskSpec.Data) -> String {
        data.columnsInOrder ? "\ncolumns_in_order = true" : ""
    }

    private static func members(_ group: TaskSpec.Participants) -> String {
        guard !group.members.isEmpty else { return "" }
        return "\nmembers = [" + group.members.map { "\"\($0.hex)\"" }.joined(separator: ", ") + "]"
    }

    private static func commitment(_ spec: TaskSpec) -> String {
        spec.evaluation.targetCommitment.map { "\ntarget_commitment = \"\($0.hex)\"" } ?? ""
    }
}
