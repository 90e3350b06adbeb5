internal import Learn
internal import Wire

/// Reads the fields of a task file. A field that is missing or of a wrong kind is a fault and gets a stand-in, so that
/// all others can still be judged.
struct TaskFileReader {
    private var document: DocumentReader
    /// Values that no specification can hold, by path, as they are written.
    private(set) var outOfRange: [String: String] = [:]

    init(_ root: [String: TOMLNode]) { document = DocumentReader(root) }

    var faults: [Fault] { document.faults }

    /// The same, with the range of the rules where the form alone would allow more.
    /// - Parameter spec: what was read, with stand-ins.
    func faults(judging spec: TaskSpec) -> [Fault] {
        guard !outOfRange.isEmpty else { return faults }
        let ranges = TaskSpecValidator.ranges(spec)
        return faults.map { fault in
            guard let value = outOfRange[fault.path], let range = ranges[fault.path] else { return fault }
            return Fault(fault.path, "\(value) is out of range; \(range) is allowed")
        }
    }

    mutating func spec() -> TaskSpec {
        var spec = TaskSpec(
            name: text("name"), seed: seed(),
            model: TaskSpec.Model(
                architecture: choice("model.architecture", else: .softmax), hidden: wholes("model.hidden"),
                start: choice("model.start", else: .seed), initial: ContentReference(id: .zero, length: 0)),
            data: TaskSpec.Data(
                type: text("data.type"), shape: wholes("data.shape"), labels: texts("data.labels"),
                targets: whole("data.targets"), columns: texts("data.columns"), scalePpm: parts("data.scale"),
                resizes: flag("data.resize"), meanPpm: signedParts("data.mean"),
                deviationPpm: signedParts("data.deviation").map { UInt64(clamping: $0) },
                minimumRows: whole("data.minimum_rows"), columnsInOrder: optionalFlag("data.columns_in_order")),
            rounds: whole("rounds"),
            participants: TaskSpec.Participants(
                minimum: whole("participants.minimum"), maximum: whole("participants.maximum"),
                smallestSet: whole("participants.smallest_set"), members: members("participants.members")),
            deadlines: TaskSpec.Deadlines(
                enrolMs: duration("deadlines.enrol"), submitMs: duration("deadlines.submit"),
                aggregateMs: duration("deadlines.aggregate"), opinionMs: duration("deadlines.opinion"),
                expiryMs: duration("deadlines.expiry")),
            training: TaskSpec.Training(
                trainer: text("training.trainer"), localEpochs: whole("training.local_epochs"),
                batchSize: whole("training.batch_size"), learningRatePpm: parts("training.learning_rate"),
                local: TaskSpec.LocalRecipe(
                    optimiser: choice("training.optimiser", else: .sgd), momentumPpm: parts("training.momentum"),
                    secondMomentumPpm: parts("training.beta2"), epsilonPpm: parts("training.epsilon"),
                    weightDecayPpm: parts("training.weight_decay"), proximalPpm: parts("training.proximal"),
                    gradientClipPpm: parts("training.gradient_clip"),
                    schedule: choice("training.schedule", else: .constant),
                    scheduleRounds: whole("training.schedule_rounds"),
                    scheduleFactorPpm: parts("training.schedule_factor"),
                    correction: choice("training.correction", else: .none),
                    controlRangePpm: parts("training.control_range")),
                server: choice("training.server", else: .fedAvg), serverRatePpm: parts("training.server_rate"),
                outer: TaskSpec.OuterRecipe(
                    momentumPpm: parts("training.server_momentum"),
                    secondMomentumPpm: parts("training.server_beta2"), tauPpm: parts("training.server_tau")),
                weighting: choice("training.weighting", else: .uniform), rowCap: whole("training.row_cap")),
            update: TaskSpec.Update(
                clipNormPpm: parts("update.clip_norm"), bits: whole("update.bits", standIn: 4),
                rangePpm: parts("update.range"), scale: choice("update.scale", else: .fixed),
                compression: choice("update.compression", else: .none),
                support: TaskSpec.Support(
                    ratioPpm: parts("update.ratio"), decayPpm: parts("update.decay"),
                    denseRounds: whole("update.dense_rounds"), rateFactorPpm: parts("update.rate_factor")),
                packing: whole("update.packing"), encoding: choice("update.encoding", else: .ristretto)),
            holders: TaskSpec.Holders(count: whole("holders.count"), threshold: whole("holders.threshold")),
            evaluation: TaskSpec.Evaluation(
                tolerancePpm: parts("evaluation.tolerance"), targetPpm: parts("evaluation.target"),
                targetCommitment: commitment("evaluation.target_commitment")),
            privacy: TaskSpec.Privacy(noisePpm: parts("privacy.noise"), deltaPpm: parts("privacy.delta")),
            reward: TaskSpec.Reward(
                credits: whole("reward.credits"), rule: choice("reward.rule", else: .equal),
                scoredRounds: whole("reward.scored_rounds"),
                minimumBond: whole("reward.minimum_bond")),
            bodyRetention: whole("body_retention"), voting: choice("voting", else: .automatic))
        spec.training.robust = robust(spec.training.server)
        document.refuseUnknownKeys()
        return spec
    }

    /// Read for rules that work on buckets only; with another rule the keys are unknown, and said to be.
    private mutating func robust(_ rule: TaskSpec.ServerRule) -> TaskSpec.Robust {
        guard rule.isRobust else { return .none }
        return TaskSpec.Robust(buckets: whole("training.buckets", standIn: 2), hostile: whole("training.hostile"))
    }

    /// The nodes that may enrol, in any order. It may be left out: then everybody may, and `task show` says so.
    private mutating func members(_ path: String) -> [NodeID] {
        guard document.value(path) != nil else { return [] }
        var nodes: [NodeID] = []
        for text in texts(path) {
            guard let node = NodeID(hex: text.lowercased()) else {
                document.fault(
                    path, "\(String(text.prefix(70)).tomlWord) is no node id of 64 hexadecimal digits")
                continue
            }
            nodes.append(node)
        }
        return nodes.sorted()
    }

    /// The hash of a target that stays closed until the end. It may be left out: without it there is nothing to open.
    private mutating func commitment(_ path: String) -> Digest? {
        guard document.value(path) != nil else { return nil }
        let text = text(path)
        guard let digest = Digest(hex: text) else {
            document.fault(path, "is not 64 hexadecimal digits; make it with: `meshnode task commit TARGET`")
            return nil
        }
        return digest
    }

    /// The value at `path`, with a fault when it is absent: nothing is filled in silently.
    private mutating func required(_ path: String, _ kind: String) -> TOMLNode? {
        let before = document.faults.count
        guard let node = document.value(path) else {
            if document.faults.count == before {
                document.fault(path, "is missing; write it out, \(kind): nothing has a hidden default")
            } else {
                document.fault(path, "cannot be read, its table is something else")
            }
            return nil
        }
        return node
    }

    private mutating func wrong(_ path: String, _ kind: String, _ node: TOMLNode) {
        document.fault(path, "must be \(kind), found \(node.kind)")
    }

    private mutating func text(_ path: String) -> String {
        let kind = "a text"
        guard let node = required(path, kind) else { return "" }
        guard case .text(let text) = node else {
            wrong(path, kind, node)
            return ""
        }
        return text
    }

    private mutating func texts(_ path: String) -> [String] {
        let kind = "a list of texts"
        guard let node = required(path, kind) else { return [] }
        guard case .list(let items) = node else {
            wrong(path, kind, node)
            return []
        }
        var result: [String] = []
        for (index, item) in items.enumerated() {
            if case .text(let text) = item {
                result.append(text)
            } else {
                wrong("\(path)[\(index)]", "a text", item)
            }
        }
        if result.count != items.count { document.fault(path, "not every item is a text") }
        return result
    }

    private mutating func whole<Number: FixedWidthInteger>(_ path: String, standIn: Number = 0) -> Number {
        // TOML's integers end at 2^63 - 1.
        let most = min(UInt64(Number.max), UInt64(Int64.max))
        let kind = "a whole number"
        guard let node = required(path, kind) else { return standIn }
        guard case .integer(let value) = node else {
            wrong(path, kind, node)
            return standIn
        }
        guard let number = Number(exactly: value), value >= 0 else {
            document.fault(path, "\(value) is out of range; 0 to \(most) can be written")
            outOfRange[path] = "\(value)"
            return standIn
        }
        return number
    }

    /// A seed has 64 bits. What is beyond TOML's integers stands in quotes.
    private mutating func seed() -> UInt64 {
        guard case .text(let text) = document.value("seed") else { return whole("seed") }
        guard let number = UInt64(text), text == String(number) else {
            document.fault(
                "seed", "\(String(text.prefix(40)).tomlWord) is no whole number from 0 to \(UInt64.max)")
            return 0
        }
        return number
    }

    private mutating func wholes(_ path: String) -> [UInt32] {
        let kind = "a list of whole numbers"
        guard let node = required(path, kind) else { return [] }
        guard case .list(let items) = node else {
            wrong(path, kind, node)
            return []
        }
        var result: [UInt32] = []
        for (index, item) in items.enumerated() {
            if case .integer(let value) = item, let number = UInt32(exactly: value) {
                result.append(number)
            } else if case .integer(let value) = item {
                document.fault("\(path)[\(index)]", "\(value) is out of range; 0 to \(UInt32.max) can be written")
            } else {
                wrong("\(path)[\(index)]", "a whole number from 0 to \(UInt32.max)", item)
            }
        }
        if result.count != items.count { document.fault(path, "not every item is a whole number") }
        return result
    }

    /// A flag that publication adds; absent is false.
    private mutating func optionalFlag(_ path: String) -> Bool {
        let before = document.faults.count
        guard let node = document.value(path) else {
            if document.faults.count != before { document.fault(path, "cannot be read, its table is something else") }
            return false
        }
        guard case .flag(let flag) = node else {
            wrong(path, "true or false", node)
            return false
        }
        return flag
    }

    private mutating func flag(_ path: String) -> Bool {
        let kind = "true or false"
        guard let node = required(path, kind) else { return false }
        guard case .flag(let flag) = node else {
            wrong(path, kind, node)
            return false
        }
        return flag
    }

    /// Fractions with a sign as millionths.
    private mutating func signedParts(_ path: String) -> [Int64] {
        let kind = "a list of numbers with at most six decimals"
        guard let node = required(path, kind) else { return [] }
        guard case .list(let items) = node else {
            wrong(path, kind, node)
            return []
        }
        var result: [Int64] = []
        for (index, item) in items.enumerated() {
            let value: Double
            switch item {
            case .integer(let number): value = Double(number)
            case .number(let number): value = number
            default:
                wrong("\(path)[\(index)]", "a number", item)
                continue
            }
            guard let millionths = Ppm.exactly(value.magnitude) else {
                document.fault("\(path)[\(index)]", "\(value) has more than six decimals or is too large")
                continue
            }
            result.append(value < 0 ? -Int64(millionths) : Int64(millionths))
        }
        if result.count != items.count { document.fault(path, "not every item is usable") }
        return result
    }

    /// A fraction as millionths.
    private mutating func parts<Number: FixedWidthInteger>(_ path: String) -> Number {
        let most = min(UInt64(Number.max), 1 << 53) / Ppm.one
        let kind = "a number with at most six decimals"
        guard let node = required(path, kind) else { return 0 }
        let value: Double
        switch node {
        case .integer(let number): value = Double(number)
        case .number(let number): value = number
        default:
            wrong(path, kind, node)
            return 0
        }
        guard let millionths = Ppm.exactly(value), let number = Number(exactly: millionths) else {
            let wrong = !value.isFinite ? "is no number" : value < 0 ? "is negative" : "cannot be taken exactly"
            document.fault(
                path, "\(value) \(wrong); 0 to \(most) with at most six decimals can be written")
            if value < 0 || !value.isFinite || value > Double(most) { outOfRange[path] = "\(value)" }
            return 0
        }
        return number
    }

    private mutating func duration<Number: FixedWidthInteger>(_ path: String) -> Number {
        let kind = "a duration such as \"500ms\", \"30s\", \"10m\", \"2h\" or \"7d\""
        guard let node = required(path, kind) else { return 0 }
        guard case .text(let text) = node else {
            wrong(path, kind, node)
            return 0
        }
        guard let milliseconds = DurationText.milliseconds(text) else {
            document.fault(path, "\(String(text.prefix(40)).tomlWord) is not \(kind)")
            return 0
        }
        guard let number = Number(exactly: milliseconds) else {
            document.fault(path, "\(text) is longer than \(DurationText.text(UInt64(Number.max)))")
            return 0
        }
        return number
    }

    private mutating func choice<Choice: WordChoice>(_ path: String, else standIn: Choice) -> Choice {
        guard let node = required(path, Choice.listed) else { return standIn }
        guard case .text(let word) = node else {
            wrong(path, Choice.listed, node)
            return standIn
        }
        guard let choice = Choice(word: word) else {
            document.fault(path, Choice.fault(of: word))
            return standIn
        }
        return choice
    }
}
