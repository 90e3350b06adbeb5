import MeshNode
import Testing
import Wire

@Suite struct TaskTests {
    private func paths(_ change: (inout TaskSpec) -> Void) throws -> [String] {
        var spec = try TaskSpec.example()
        change(&spec)
        return TaskSpecValidator.faults(spec).map(\.path)
    }

    @Test func exampleIsValidAndStable() throws {
        let spec = try TaskSpec.example()
        #expect(TaskSpecValidator.faults(spec).isEmpty)
        #expect(spec.rounds == 30 && spec.training.learningRatePpm == 100_000 && spec.data.scalePpm == 16_000_000)
        #expect(spec.deadlines.expiryMs == 7_200_000)
        // Initial weights follow from the seed alone, on every machine.
        #expect(spec.model.initial.id.hex == "ad86c3891c96b2d193ed5dfc8588be6f122363510c8db8f7bcbbfe35001d6e13")
        #expect(TaskSpecValidator.parameterCount(spec) == 650)
        #expect(try TaskSpec(wireBytes: spec.wireBytes) == spec)
    }

    @Test func textsThatLookLikeOthersAreFaults() throws {
        #expect(try paths { $0.name = "d\u{456}gits" } == ["name"])
        #expect(try paths { $0.name = "digits " } == ["name"])
        #expect(try paths { $0.data.type = "\u{441}\u{43E}\u{440}\u{435}" } == ["data.type"])
        #expect(try paths { $0.data.labels[3] = "3\u{200B}" } == ["data.labels[3]"])
        #expect(try paths { $0.data.columns = ["gr\u{430}y"] }.contains("data.columns[0]"))
        // Two labels that no reader tells apart.
        let twins = try paths { spec in
            spec.data.labels[4] = "c"
            spec.data.labels[7] = "\u{441}"
        }
        #expect(twins == ["data.labels[7]"])
    }

    @Test func writtenTasksAreReadBack() throws {
        var spec = try TaskSpec.example()
        spec.name = "ü \"quoted\" \\"
        spec.model.architecture = .mlp
        spec.model.hidden = [32, 16]
        spec.training.weighting = .rows
        spec.training.rowCap = 500
        spec.training.learningRatePpm = 1
        spec.update.rangePpm = 1_234_567
        spec.update.encoding = .ristretto
        spec.deadlines.submitMs = 1_001
        spec.voting = .manual
        spec.reward.rule = .rows
        let completed = try PreparedTask(completing: spec).spec
        #expect(try TaskFile.read(TaskFile.text(completed), file: "t").spec == completed)
        #expect(try TaskDocument.read(completed.wireBytes).spec == completed)
    }

    /// A reward that is worth more than a quorum of bonds is said before the task is published.
    @Test func rewardsAboveTheBondsOfAQuorumAreSaid() throws {
        var spec = try TaskSpec.example()
        spec.reward.minimumBond = 100
        spec.reward.credits = 200 * UInt64(spec.participants.minimum)
        let isSaid = { (spec: TaskSpec) in
            TaskSpecValidator.warnings(spec).contains { $0.contains("reward.credits is above") }
        }
        #expect(!isSaid(spec))
        spec.reward.credits += 1
        #expect(isSaid(spec))
        spec.reward.minimumBond = UInt64(Int64.max)
        #expect(!isSaid(spec))
        spec.reward.minimumBond = 100
        spec.participants.members = [NodeID([UInt8](repeating: 1, count: 32))]
        #expect(!isSaid(spec))
    }

    /// What happens when nobody votes is said before the task is published.
    @Test func roundsThatWaitForPeopleSaySo() throws {
        var spec = try TaskSpec.example()
        #expect(!TaskSpecValidator.warnings(spec).contains { $0.contains("waits for people") })
        spec.voting = .manual
        #expect(TaskSpecValidator.warnings(spec).contains { $0.contains("waits for people") })
        // Deadlines for nodes are none for people.
        (spec.deadlines.submitMs, spec.deadlines.aggregateMs, spec.deadlines.opinionMs) = (20_000, 20_000, 10_000)
        #expect(
            TaskSpecValidator.warnings(spec).contains { $0.contains("have 20 s to train and submit and 30 s to look") })
        (spec.deadlines.submitMs, spec.deadlines.opinionMs) = (600_000, 600_000)
        #expect(!TaskSpecValidator.warnings(spec).contains { $0.contains("short for them") })
    }

    @Test func everyFieldOfTheLearningPartIsReadBack() throws {
        var spec = try TaskSpec.example()
        spec.model.architecture = .cnn
        spec.model.hidden = [8, 16]
        spec.data.meanPpm = [-500_000]
        spec.data.deviationPpm = [250_000]
        spec.data.resizes = true
        spec.training.local = .init(
            optimiser: .adamW, momentumPpm: 900_000, secondMomentumPpm: 999_000, epsilonPpm: 1, weightDecayPpm: 10_000,
            proximalPpm: 5, gradientClipPpm: 7_000_000, schedule: .step, scheduleRounds: 10, scheduleFactorPpm: 500_000,
            correction: .none, controlRangePpm: 0)
        spec.training.server = .fedYogi
        spec.training.outer = .init(momentumPpm: 900_000, secondMomentumPpm: 990_000, tauPpm: 1_000)
        spec.update.compression = .residual
        spec.update.support = .init(ratioPpm: 250_000, decayPpm: 950_000, denseRounds: 1, rateFactorPpm: 0)
        spec.privacy = .init(noisePpm: 1_100_000, deltaPpm: 10)
        #expect(
            TaskSpecValidator.faults(spec).map(\.path) == ["model.initial"],
            "the example's weights are of another model")
        let completed = try PreparedTask(completing: spec).spec
        #expect(try TaskFile.read(TaskFile.text(completed), file: "t").spec == completed)
        #expect(try TaskSpec(wireBytes: completed.wireBytes) == completed)
        // 8 (9 + 1), 16 (72 + 1), 10 (64 + 1): two blocks halve 8 x 8 to 2 x 2.
        #expect(completed.modelSize == UInt64(1898))
        let counts: [Int] = [1, 2, 3].map { (round: UInt32) in completed.coordinateCount(round: round) }
        #expect(counts == [1898, 475, 475])
    }

    /// Numbers of choices that were not made, and choices that exclude each other.
    @Test func learningRules() throws {
        #expect(try paths { $0.training.local.momentumPpm = 1 } == ["training.momentum"])
        #expect(try paths { $0.training.local.optimiser = .momentum } == ["training.momentum"])
        #expect(
            try paths { $0.training.local.schedule = .step } == [
                "training.schedule_rounds", "training.schedule_factor",
            ])
        #expect(try paths { $0.training.local.correction = .scaffold } == ["training.control_range"])
        #expect(try paths { $0.training.server = .fedAdam } == ["training.server_tau"])
        #expect(try paths { $0.training.outer.momentumPpm = 1 } == ["training.server_momentum"])
        #expect(try paths { $0.update.compression = .residual } == ["update.ratio"])
        #expect(try paths { $0.update.support.ratioPpm = 1 } == ["update.ratio"])
        #expect(
            try paths {
                $0.update.compression = .masked
                $0.update.support = .init(ratioPpm: 100_000, decayPpm: 0, denseRounds: 1, rateFactorPpm: 4_000_000)
                $0.training.local.correction = .scaffold
                $0.training.local.controlRangePpm = 1
            } == ["update.compression"])
        #expect(try paths { $0.privacy.noisePpm = 1_000_000 } == ["privacy.delta"])
        #expect(
            try paths {
                $0.privacy = .init(noisePpm: 1_000_000, deltaPpm: 10)
                $0.update.scale = .previous
            } == ["update.scale"])
        #expect(try paths { $0.model.architecture = .linear } == ["model.architecture"])
        #expect(
            try paths {
                $0.data.labels = []
                $0.model.architecture = .linear
            } == ["data.targets"])
        #expect(try paths { $0.data.columns = ["a"] } == ["data.columns"])
        #expect(try paths { $0.data.meanPpm = [1] } == ["data.deviation"])
        #expect(
            try paths {
                $0.model.architecture = .cnn
                $0.model.hidden = [4, 4, 4, 4]
            } == ["model.hidden"])
        let unknown = try Repository.text("examples/digits.toml")
            .replacing("server = \"fedavg\"", with: "server = \"mean\"")
        let error = #expect(throws: TaskError.self) { try TaskFile.read(unknown, file: "t") }
        #expect(error?.description.contains("fedavg\" or \"fedavgm") == true, "an unknown rule lists the known ones")
    }

    @Test func bucketRules() throws {
        func robust(
            _ rule: TaskSpec.ServerRule, _ buckets: UInt16, _ hostile: UInt16, minimum: UInt32 = 40,
            _ more: (inout TaskSpec) -> Void = { _ in }
        ) throws -> [String] {
            try paths {
                $0.training.server = rule
                $0.training.robust = .init(buckets: buckets, hostile: hostile)
                $0.participants = .init(minimum: minimum, maximum: 60, smallestSet: 4)
                more(&$0)
            }
        }
        #expect(try robust(.median, 2, 0) == [])
        #expect(try robust(.median, 2, 0, minimum: 8) == [])
        #expect(try robust(.median, 2, 0, minimum: 7) == ["participants.minimum"])
        #expect(try robust(.median, 10, 0) == [])
        #expect(try robust(.median, 11, 0) == ["participants.minimum"])
        #expect(try robust(.median, 3, 1) == ["training.hostile"])
        #expect(try robust(.median, 1, 0) == ["training.buckets", "training.buckets"])
        // A rule that rests on a field which is wrong itself says nothing.
        #expect(try robust(.median, 65, 0) == ["training.buckets"])
        #expect(try robust(.trimmedMean, 3, 1) == [])
        #expect(try robust(.trimmedMean, 4, 2) == ["training.buckets"])
        #expect(try robust(.trimmedMean, 3, 0) == ["training.hostile"])
        #expect(try robust(.krum, 5, 1) == [])
        #expect(try robust(.krum, 4, 1) == ["training.buckets"])
        #expect(try robust(.krum, 2, .max) == ["training.buckets"])
        #expect(try paths { $0.training.robust = .init(buckets: 2, hostile: 0) } == ["training.buckets"])
        #expect(try robust(.median, 3, 0) { $0.training.outer.momentumPpm = 1 } == ["training.server_momentum"])
        #expect(try robust(.median, 3, 0) { $0.update.scale = .previous } == ["update.scale"])
        #expect(
            try robust(.median, 3, 0) {
                $0.training.local.correction = .scaffold
                $0.training.local.controlRangePpm = 1
            } == ["training.correction"])
        // All faults at once.
        #expect(
            try robust(.krum, 4, 1, minimum: 15) { $0.update.scale = .previous } == [
                "training.buckets", "update.scale",
            ])
    }

    @Test func robustTasksAreReadBackAndWarnOfWhatTheyShow() throws {
        var spec = try TaskSpec.example()
        let plain = spec.wireBytes
        spec.training.server = .krum
        spec.training.robust = .init(buckets: 6, hostile: 1)
        spec.participants = .init(minimum: 24, maximum: 30, smallestSet: 4)
        let completed = try PreparedTask(completing: spec)
        #expect(try TaskFile.read(TaskFile.text(completed.spec), file: "t").spec == completed.spec)
        #expect(try TaskSpec(wireBytes: completed.spec.wireBytes) == completed.spec)
        #expect(completed.spec.wireBytes.count == plain.count + 4, "other rules have no such field")
        #expect(completed.warnings.contains { $0.contains("sums of as few as 4 members") })
        #expect(completed.spec.leastBuckets == 5 && completed.spec.leastMembers == 20)
        spec.training.server = .median
        spec.training.robust = .init(buckets: 2, hostile: 0)
        #expect(TaskSpecValidator.warnings(spec).contains { $0.contains("withstands no hostile member") })
        let example = try Repository.text("examples/digits.toml")
        // Without its numbers a robust rule is not guessed, and with another rule they mean nothing.
        let missing = example.replacing("server = \"fedavg\"", with: "server = \"median\"")
        let error = #expect(throws: TaskError.self) { try TaskFile.read(missing, file: "t") }
        #expect(error?.description.contains("training.buckets: is missing") == true)
        #expect(error?.description.contains("training.hostile: is missing") == true)
        let superfluous = example.replacing("server = \"fedavg\"", with: "server = \"fedavg\"\nbuckets = 2")
        #expect(throws: TaskError.self) { try TaskFile.read(superfluous, file: "t") }
    }

    @Test func warmStartTakesOnlyTheModelsTensors() throws {
        let spec = try TaskSpec.example()
        let first = try PreparedTask(completing: spec)
        let again = try PreparedTask(completing: spec, weights: first.initialWeights)
        #expect(again.spec.model.start == .given && again.initialWeights == first.initialWeights)
        #expect(try TaskDocument.readWithWeights(TaskDocument.withWeights(again)) == again)
        #expect(throws: TaskError.self) { try PreparedTask(checking: again.spec) }
        #expect(throws: TaskError.self) { try PreparedTask(completing: spec, weights: [1, 2, 3]) }
    }

    @Test func ownerPolicyRefusesWithItsReason() throws {
        let spec = try TaskSpec.example()
        let publisher = NodeID([UInt8](repeating: 0xab, count: 32))
        func policy(_ text: String) throws -> OwnerPolicy { try OwnerPolicy.parse(text, file: "owner.toml") }
        #expect(try policy("").refusal(of: spec, publisher: publisher, epsilon: nil) == nil)
        for (text, word) in [
            ("publishers = [\"\(String(repeating: "cd", count: 32))\"]", "publishers"), ("rounds = 29", "rounds"),
            ("trainers = [\"other/1\"]", "trainers"), ("epsilon = 8", "epsilon"), ("colluders = 3", "colluders"),
        ] {
            let reason = try policy(text).refusal(of: spec, publisher: publisher, epsilon: nil)
            #expect(reason?.contains(word) == true, "\(text): \(reason ?? "allowed")")
        }
        #expect(try policy("epsilon = 8").refusal(of: spec, publisher: publisher, epsilon: 9) != nil)
        #expect(try policy("epsilon = 8").refusal(of: spec, publisher: publisher, epsilon: .nan) != nil)
        #expect(try policy("epsilon = 8").refusal(of: spec, publisher: publisher, epsilon: 7) == nil)
        #expect(try policy("rounds = 30\ncolluders = 2").refusal(of: spec, publisher: publisher, epsilon: nil) == nil)
        let night = try policy("hours = \"22:00-06:30\"")
        #expect(night.refusal(atMinute: 23 * 60) == nil && night.refusal(atMinute: 6 * 60 + 29) == nil)
        #expect(night.refusal(atMinute: 6 * 60 + 30) != nil && night.refusal(atMinute: 12 * 60) != nil)
        for bad in ["hours = \"22-6\"", "rounds = 0", "publishers = [\"ab\"]", "epsilom = 3", "threads = \"two\""] {
            #expect(throws: ConfigurationError.self, "\(bad)") { try policy(bad) }
        }
    }

    @Test func otherWeightsThanThoseOfTheSeedAreRefused() throws {
        var spec = try TaskSpec.example()
        spec.seed += 1
        let error = #expect(throws: TaskError.self) { try PreparedTask(checking: spec) }
        #expect(error?.faults.map(\.path) == ["model.initial"])
    }

    /// Both edges of every range and one step beyond.
    @Test func ranges() throws {
        typealias Change = (inout TaskSpec, UInt64) -> Void
        let table: [(String, UInt64, UInt64, Change)] = [
            ("rounds", 1, 1_000, { $0.rounds = UInt32($1) }),
            ("body_retention", 1, 1_000, { $0.bodyRetention = UInt32($1) }),
            ("training.local_epochs", 1, 1_000, { $0.training.localEpochs = UInt32($1) }),
            ("training.batch_size", 1, 10_000, { $0.training.batchSize = UInt32($1) }),
            ("training.learning_rate", 1, 1_000_000, { $0.training.learningRatePpm = UInt32($1) }),
            ("training.server_rate", 1, 100_000_000, { $0.training.serverRatePpm = UInt32($1) }),
            ("update.bits", 4, 16, { $0.update.bits = UInt8($1) }),
            ("update.clip_norm", 1, 1_000_000_000_000, { $0.update.clipNormPpm = $1 }),
            ("update.range", 1, 1_000_000_000, { $0.update.rangePpm = UInt32($1) }),
            ("evaluation.tolerance", 0, 1_000_000, { $0.evaluation.tolerancePpm = UInt32($1) }),
            ("evaluation.target", 0, 1_000_000, { $0.evaluation.targetPpm = UInt32($1) }),
            ("reward.credits", 0, UInt64(Int64.max), { $0.reward.credits = $1 }),
            ("reward.minimum_bond", 1, UInt64(Int64.max), { $0.reward.minimumBond = $1 }),
            ("data.scale", 1, 1_000_000_000_000, { $0.data.scalePpm = $1 }),
            ("data.minimum_rows", 1, 1_000_000_000, { $0.data.minimumRows = UInt32($1) }),
            (
                "deadlines.enrol", 100, 2_592_000_000,
                {
                    $0.deadlines.enrolMs = UInt32($1); $0.deadlines.expiryMs = 4_000_000_000
                }
            ),
            (
                "deadlines.submit", 100, 604_800_000,
                {
                    $0.deadlines.submitMs = UInt32($1); $0.deadlines.expiryMs = 4_000_000_000
                }
            ),
            (
                "deadlines.aggregate", 100, 604_800_000,
                {
                    $0.deadlines.aggregateMs = UInt32($1); $0.deadlines.expiryMs = 4_000_000_000
                }
            ),
            (
                "deadlines.opinion", 100, 604_800_000,
                {
                    $0.deadlines.opinionMs = UInt32($1); $0.deadlines.expiryMs = 4_000_000_000
                }
            ),
        ]
        for (path, least, most, change) in table {
            for value in [least, most] { #expect(try paths { change(&$0, value) } == [], "\(path) = \(value)") }
            #expect(try paths { change(&$0, most + 1) } == [path], "\(path) = \(most + 1)")
            if least > 0 { #expect(try paths { change(&$0, least - 1) } == [path], "\(path) = \(least - 1)") }
        }
    }

    @Test func rulesBetweenFields() throws {
        #expect(try paths { $0.participants.smallestSet = 3 } == ["participants.smallest_set"])
        #expect(try paths { $0.participants.smallestSet = 6 } == ["participants.smallest_set"])
        #expect(try paths { $0.participants.minimum = 4 } == ["participants.minimum"])
        #expect(
            try paths {
                $0.participants.minimum = 4; $0.holders = .init(count: 1, threshold: 0)
            } == [])
        #expect(try paths { $0.participants.maximum = 4 } == ["participants.maximum"])
        #expect(try paths { $0.participants.maximum = 256 } == [])
        #expect(try paths { $0.participants.maximum = 257 } == ["participants.maximum"])
        #expect(try paths { $0.holders = .init(count: 5, threshold: 2) } == ["participants.minimum"])
        #expect(try paths { $0.holders = .init(count: 3, threshold: 2) } == ["holders"])
        #expect(try paths { $0.model.hidden = [4] } == ["model.hidden"])
        #expect(try paths { $0.model.architecture = .mlp } == ["model.hidden"])
        #expect(try paths { $0.model.initial = .init(id: .zero, length: 4 * 650 - 1) } == ["model.initial"])
        #expect(try paths { $0.data.labels[3] = "1" } == ["data.labels[3]"])
        #expect(try paths { $0.data.labels[3] = "" } == ["data.labels[3]"])
        #expect(try paths { $0.data.labels = ["0"] } == ["data.labels"])
        #expect(try paths { $0.name = "a\nb" } == ["name"])
        #expect(try paths { $0.name = "8c41b044" } == ["name"])
        #expect(try paths { $0.name = "cafe" } == ["name"])
        #expect(try paths { $0.name = "8c41b04x" } == [])
        #expect(try paths { $0.name = String(repeating: "n", count: 256) } == ["name"])
        #expect(try paths { $0.training.rowCap = 1 } == ["training.row_cap"])
        #expect(try paths { $0.training.weighting = .rows } == ["training.row_cap"])
        #expect(try paths { $0.training.trainer = "builtin/2" } == ["training.trainer"])
        #expect(try paths { $0.deadlines.expiryMs = 169_999 } == ["deadlines.expiry"])
        #expect(try paths { $0.deadlines.expiryMs = 170_000 } == [])
    }

    /// The rule of the packing: (R^2 - 1) / 2 up to 2^23 with R = 2 n_max B + 1.
    @Test func packing() throws {
        func packed(bits: UInt8, most: UInt32) throws -> [String] {
            try paths {
                $0.update.packing = 2
                $0.update.bits = bits
                $0.participants = .init(minimum: 4, maximum: most, smallestSet: 4)
                $0.holders = .init(count: 1, threshold: 0)
            }
        }
        #expect(try packed(bits: 8, most: 16) == [])
        #expect(try packed(bits: 8, most: 17) == ["update.packing"])
        #expect(try packed(bits: 10, most: 4) == [])
        #expect(try packed(bits: 10, most: 5) == ["update.packing"])
        #expect(try packed(bits: 16, most: 256) == ["update.packing"])
        #expect(try paths { $0.update.packing = 3 } == ["update.packing"])
        #expect(try paths { $0.update.packing = 0 } == ["update.packing"])
        #expect(
            try paths {
                $0.update.bits = 16; $0.participants.maximum = 256
            } == [])
    }

    /// What a peer publishes may hold any numbers; the validator must judge them all without a trap.
    @Test func extremesNeverTrap() throws {
        var generator = SystemRandomNumberGenerator()
        let base = try TaskSpec.example()
        func pick<Number: FixedWidthInteger>(_: Number.Type) -> Number {
            [.min, .max, 0, 1, Number.max / 2, .random(in: .min ... .max)].randomElement(using: &generator)!
        }
        for _ in 0..<2_000 {
            var spec = base
            spec.rounds = pick(UInt32.self)
            spec.model.architecture = .mlp
            spec.model.hidden = (0..<Int.random(in: 0...16)).map { _ in pick(UInt32.self) }
            spec.model.initial = .init(id: .zero, length: pick(UInt64.self))
            spec.data.shape = [pick(UInt32.self)]
            spec.data.scalePpm = pick(UInt64.self)
            spec.data.minimumRows = pick(UInt32.self)
            spec.participants = .init(
                minimum: pick(UInt32.self), maximum: pick(UInt32.self), smallestSet: pick(UInt32.self))
            spec.deadlines = .init(
                enrolMs: pick(UInt32.self), submitMs: pick(UInt32.self), aggregateMs: pick(UInt32.self),
                opinionMs: pick(UInt32.self), expiryMs: pick(UInt64.self))
            spec.training.localEpochs = pick(UInt32.self)
            spec.training.rowCap = pick(UInt32.self)
            spec.update.bits = pick(UInt8.self)
            spec.update.packing = pick(UInt8.self)
            spec.update.clipNormPpm = pick(UInt64.self)
            spec.holders = .init(count: pick(UInt8.self), threshold: pick(UInt8.self))
            spec.reward.credits = pick(UInt64.self)
            spec.reward.minimumBond = pick(UInt64.self)
            #expect(!TaskSpecValidator.faults(spec).isEmpty)
            _ = TaskSpecValidator.warnings(spec)
            _ = TaskSpecValidator.readers(spec)
        }
    }

    @Test func formAndValueFaultsComeTogether() throws {
        let text = try Repository.text("examples/digits.toml")
            .replacing("rounds = 30", with: "rounds = 3000\nround = 1")
            .replacing("bits = 10", with: "bits = \"ten\"")
            .replacing("learning_rate = 0.1", with: "learning_rate = 0.0000001")
            .replacing("submit = \"20s\"", with: "submit = 20")
            .replacing("maximum = 5", with: "# no maximum")
            .replacing("architecture = \"softmax\"", with: "architecture = \"resnet\"")
            .replacing("labels = [\"0\", ", with: "labels = [0, ")
            .replacing("smallest_set = 4", with: "smallest_set = 2")
        let error = #expect(throws: TaskError.self) { try TaskFile.read(text, file: "digits.toml") }
        #expect(
            Set(error?.faults.map(\.path) ?? []) == [
                "rounds", "round", "update.bits", "training.learning_rate", "deadlines.submit", "participants.maximum",
                "model.architecture", "data.labels", "data.labels[0]", "participants.smallest_set",
            ])
        #expect(error?.faults.first { $0.path == "round" }?.reason.contains("did you mean rounds?") == true)
        #expect(error?.file == "digits.toml")
    }

    /// A rule that people may look for is refused with its reason, not as a typing error.
    @Test func payByNormIsRefusedWithTheReason() throws {
        let text = try Repository.text("examples/digits.toml").replacing("rule = \"equal\"", with: "rule = \"norm\"")
        let error = #expect(throws: TaskError.self) { try TaskFile.read(text, file: "t") }
        let fault = try #require(error?.faults.first)
        #expect(error?.faults.count == 1 && fault.path == "reward.rule")
        #expect(fault.reason.contains("encryption hides the norm") && fault.reason.contains("\"contribution\""))
    }

    @Test func everyKeyOfTheExampleIsNeeded() throws {
        let lines = try Repository.text("examples/digits.toml").split(separator: "\n", omittingEmptySubsequences: false)
        var keys = 0
        for index in lines.indices where lines[index].contains("=") && !lines[index].hasPrefix("#") {
            var rest = lines
            let key = String(rest.remove(at: index).prefix { $0 != " " })
            let error = #expect(throws: TaskError.self, "\(key)") {
                try TaskFile.read(rest.joined(separator: "\n"), file: "t")
            }
            #expect(error?.faults.count == 1)
            #expect(error?.faults.first?.path.hasSuffix(key) == true, "\(key)")
            keys += 1
        }
        #expect(keys == 70)
    }

    @Test func overrides() throws {
        let text = try Repository.text("examples/digits.toml")
        let spec = try TaskFile.read(text, file: "t", overrides: ["rounds": "3", "update.encoding": "\"ristretto\""])
            .spec
        #expect(spec.rounds == 3 && spec.update.encoding == .ristretto)
        let error = #expect(throws: TaskError.self) {
            try TaskFile.read(text, file: "t", overrides: ["rounds": "three"])
        }
        #expect(error?.faults.map(\.path) == ["rounds"])
        let unknown = #expect(throws: TaskError.self) { try TaskFile.read(text, file: "t", overrides: ["a.b": "1"]) }
        #expect(unknown?.faults.map(\.path) == ["a"])
    }

    @Test func warningsArePlain() throws {
        var spec = try TaskSpec.example()
        spec.holders = .init(count: 1, threshold: 0)
        #expect(TaskSpecValidator.warnings(spec).contains { $0.contains("publisher alone") })
        #expect(TaskSpecValidator.readers(spec).contains("publisher alone could read"))
        #expect(TaskSpecValidator.readers(.init(count: 5, threshold: 2)).contains("3 of the 5 key holders"))
    }

    @Test func millionths() {
        for (value, expected) in [
            (0.1, 100_000), (16, 16_000_000), (0.000001, 1), (0.3, 300_000), (123456.789012, 123_456_789_012),
        ] {
            #expect(Ppm.exactly(value) == UInt64(expected))
        }
        for value in [0.0000001, -1, .nan, .infinity, 1e300, 0.1000001] {
            #expect(Ppm.exactly(value) == nil, "\(value)")
        }
        for (value, expected) in [(0.0000004, 0), (-2.5, -2_500_000), (1e9, 1_000_000_000_000_000)] {
            #expect(Ppm.nearest(value) == Int64(expected))
        }
        for value in [3.5e13, -3.5e13, .nan, .infinity, 1e300] { #expect(Ppm.nearest(value) == nil, "\(value)") }
        for (millionths, text) in [(100_000, "0.1"), (16_000_000, "16"), (1, "0.000001"), (0, "0"), (1_500_000, "1.5")]
        {
            #expect(Ppm.text(UInt64(millionths)) == text)
        }
    }
}
