internal import Learn
public import Wire

/// A task as people write it: TOML, every value written out. Reading it gives a task that may be published.
public enum TaskFile {
    /// - Parameters:
    ///   - file: name that faults carry.
    ///   - overrides: by path, each a TOML value, for example `["rounds": "3"]`.
    /// - Throws: faults of form and of value, all at once.
    public static func read(
        _ text: String, file: String, overrides: [String: String] = [:]
    ) throws(TaskError) -> PreparedTask {
        let document = TOMLDocument(text)
        var root = document.root
        var faults = document.faults
        for path in overrides.keys.sorted() {
            let value = overrides[path] ?? ""
            if let node = TOMLDocument.value(value) {
                root = replacing(path.split(separator: ".").map(String.init), in: root, by: node)
            } else {
                faults.append(
                    Fault(path, "\(SettingValue.quoted(String(value.prefix(60)))) is no TOML value; texts need quotes"))
            }
        }
        guard faults.isEmpty else { throw TaskError(file: file, faults: faults) }
        var reader = TaskFileReader(root)
        let spec = reader.spec()
        let broken = Set(reader.faults.map(\.path))
        faults = reader.faults + TaskSpecValidator.faults(spec, ignoring: broken.union(["model.initial"]))
        guard faults.isEmpty else { throw TaskError(file: file, faults: faults) }
        do {
            return try PreparedTask(completing: spec)
        } catch {
            throw TaskError(file: file, faults: error.faults)
        }
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
        func quoted(_ text: String) -> String { SettingValue.quoted(text) }
        let deadlines = spec.deadlines
        return """
            name = \(quoted(spec.name))
            seed = \(spec.seed)
            rounds = \(spec.rounds)
            body_retention = \(spec.bodyRetention)
            voting = \(quoted(spec.voting.word))

            [model]
            architecture = \(quoted(spec.model.architecture.word))
            hidden = [\(spec.model.hidden.map { "\($0)" }.joined(separator: ", "))]

            [data]
            type = \(quoted(spec.data.type))
            features = \(spec.data.features)
            labels = [\(spec.data.labels.map(quoted).joined(separator: ", "))]
            scale = \(Ppm.text(spec.data.scalePpm))
            minimum_rows = \(spec.data.minimumRows)

            [participants]
            minimum = \(spec.participants.minimum)
            maximum = \(spec.participants.maximum)
            smallest_set = \(spec.participants.smallestSet)

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
            server = \(quoted(spec.training.server.word))
            server_rate = \(Ppm.text(UInt64(spec.training.serverRatePpm)))
            weighting = \(quoted(spec.training.weighting.word))
            row_cap = \(spec.training.rowCap)

            [update]
            clip_norm = \(Ppm.text(spec.update.clipNormPpm))
            bits = \(spec.update.bits)
            range = \(Ppm.text(UInt64(spec.update.rangePpm)))
            compression = \(quoted(spec.update.compression.word))
            packing = \(spec.update.packing)
            encoding = \(quoted(spec.update.encoding.word))

            [holders]
            count = \(spec.holders.count)
            threshold = \(spec.holders.threshold)

            [evaluation]
            tolerance = \(Ppm.text(UInt64(spec.evaluation.tolerancePpm)))
            target = \(Ppm.text(UInt64(spec.evaluation.targetPpm)))\(commitment(spec))

            [reward]
            credits = \(spec.reward.credits)
            rule = \(quoted(spec.reward.rule.word))
            minimum_bond = \(spec.reward.minimumBond)

            """
    }

    private static func commitment(_ spec: TaskSpec) -> String {
        spec.evaluation.targetCommitment.map { "\ntarget_commitment = \"\($0.hex)\"" } ?? ""
    }
}
