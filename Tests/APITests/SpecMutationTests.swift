import Testing
import Wire

@testable import MeshNode

/// Specifications that a peer could send: valid ones with a few fields replaced, extremes of every field among them.
@Suite("No specification traps the validator")
struct SpecMutationTests {
    /// SplitMix64: the same mutants on every machine.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }

        /// An extreme, a power of two and its neighbours, or a neighbour of what was there.
        mutating func number<Number: FixedWidthInteger>(near old: Number = 0) -> Number {
            switch UInt8.random(in: 0..<8, using: &self) {
            case 0: .max
            case 1: .min
            case 2: 1
            case 3: Number(1) << Number.random(in: 0..<Number(Number.bitWidth), using: &self)
            case 4: (Number(1) << Number.random(in: 0..<Number(Number.bitWidth), using: &self)) &- 1
            case 5: old &+ 1
            case 6: old &- 1
            default: .random(in: .min ... .max, using: &self)
            }
        }

        mutating func list<Element>(upTo most: Int, _ element: (inout Generator) -> Element) -> [Element] {
            let count = Int.random(in: 0...most, using: &self)
            return (0..<count).map { _ in element(&self) }
        }
    }

    typealias Mutation = (inout TaskSpec, inout Generator) -> Void

    static func field<Number: FixedWidthInteger>(_ path: WritableKeyPath<TaskSpec, Number>) -> Mutation {
        { spec, generator in spec[keyPath: path] = generator.number(near: spec[keyPath: path]) }
    }

    static func choice<Choice: RawRepresentable>(_ path: WritableKeyPath<TaskSpec, Choice>) -> Mutation
    where Choice.RawValue == UInt8 {
        { spec, generator in
            let cases = (0...16).compactMap { Choice(rawValue: $0) }
            spec[keyPath: path] = cases.randomElement(using: &generator)!
        }
    }

    static var mutations: [Mutation] { recipes + ranges + choices }

    private static var recipes: [Mutation] {
        [
            field(\.seed), field(\.rounds), field(\.bodyRetention),
            { spec, generator in
                let length: UInt64 = generator.number(near: spec.model.initial.length)
                spec.model.initial = .init(id: spec.model.initial.id, length: length)
            },
            field(\.participants.minimum), field(\.participants.maximum), field(\.participants.smallestSet),
            field(\.deadlines.enrolMs), field(\.deadlines.submitMs), field(\.deadlines.aggregateMs),
            field(\.deadlines.opinionMs), field(\.deadlines.expiryMs), field(\.data.targets), field(\.data.scalePpm),
            field(\.data.minimumRows), field(\.training.localEpochs), field(\.training.batchSize),
            field(\.training.learningRatePpm), field(\.training.local.momentumPpm),
            field(\.training.local.secondMomentumPpm), field(\.training.local.epsilonPpm),
            field(\.training.local.weightDecayPpm), field(\.training.local.proximalPpm),
            field(\.training.local.gradientClipPpm), field(\.training.local.scheduleRounds),
        ]
    }

    private static var ranges: [Mutation] {
        [
            field(\.training.local.scheduleFactorPpm), field(\.training.local.controlRangePpm),
            field(\.training.serverRatePpm), field(\.training.outer.momentumPpm),
            field(\.training.outer.secondMomentumPpm), field(\.training.outer.tauPpm), field(\.training.rowCap),
            field(\.training.robust.buckets), field(\.training.robust.hostile), field(\.update.clipNormPpm),
            field(\.update.bits), field(\.update.rangePpm), field(\.update.support.ratioPpm),
            field(\.update.support.decayPpm), field(\.update.support.denseRounds),
            field(\.update.support.rateFactorPpm), field(\.update.packing), field(\.holders.count),
            field(\.holders.threshold), field(\.evaluation.tolerancePpm), field(\.evaluation.targetPpm),
            field(\.privacy.noisePpm), field(\.privacy.deltaPpm), field(\.reward.credits),
            field(\.reward.scoredRounds), field(\.reward.minimumBond),
        ]
    }

    private static var choices: [Mutation] {
        [
            choice(\.model.architecture), choice(\.model.start), choice(\.training.local.optimiser),
            choice(\.training.local.schedule), choice(\.training.local.correction), choice(\.training.server),
            choice(\.training.weighting), choice(\.update.scale), choice(\.update.compression),
            choice(\.update.encoding), choice(\.reward.rule), choice(\.voting),
            { $0.model.hidden = $1.list(upTo: 16) { $0.number(near: 32) } },
            { $0.model.hidden = $1.list(upTo: 4) { .random(in: 1...9_000, using: &$0) } },
            { $0.data.shape = $1.list(upTo: 4) { $0.number(near: 8) } },
            { $0.data.shape = $1.list(upTo: 3) { .random(in: 1...300, using: &$0) } },
            { spec, generator in
                var number = 0
                spec.data.labels = generator.list(upTo: 40) { _ in
                    number += 1
                    return "\(number)"
                }
            },
            { $0.data.columns = $1.list(upTo: 3) { "\($0.next())" } },
            { $0.data.meanPpm = $1.list(upTo: 3) { $0.number() } },
            { $0.data.deviationPpm = $1.list(upTo: 3) { $0.number() } },
            { $0.data.resizes = Bool.random(using: &$1) },
            { $0.evaluation.targetCommitment = Bool.random(using: &$1) ? .zero : nil },
            { $0.name = $1.list(upTo: 3) { _ in "\u{7}n" }.joined() },
        ]
    }

    /// Valid ones of every kind that has rules of its own.
    static func bases() throws -> [TaskSpec] {
        var plain = try TaskSpec.example()
        repair(&plain)
        var bases = [plain]
        func add(_ change: (inout TaskSpec) -> Void) {
            var spec = plain
            change(&spec)
            repair(&spec)
            bases.append(spec)
        }
        add {
            $0.model.architecture = .mlp; $0.model.hidden = [32, 16]
        }
        add {
            $0.model.architecture = .cnn; $0.model.hidden = [4, 8]; $0.data.shape = [1, 8, 8]
        }
        add {
            $0.model.architecture = .linear
            $0.data.labels = []
            $0.data.targets = 1
        }
        for (rule, hostile) in [(TaskSpec.ServerRule.median, 0), (.trimmedMean, 1), (.krum, 1)] {
            add {
                $0.training.server = rule
                $0.training.robust = .init(buckets: 5, hostile: UInt16(hostile))
                $0.participants = .init(minimum: 20, maximum: 20, smallestSet: 4)
            }
        }
        add {
            $0.training.local.correction = .scaffold; $0.training.local.controlRangePpm = 1_000_000
        }
        add {
            $0.update.compression = .residual
            $0.update.support = .init(ratioPpm: 350_000, decayPpm: 950_000, denseRounds: 1, rateFactorPpm: 0)
        }
        add {
            $0.update.compression = .masked
            $0.update.support = .init(ratioPpm: 100_000, decayPpm: 0, denseRounds: 0, rateFactorPpm: 4_000_000)
        }
        add {
            $0.update.packing = 2; $0.update.bits = 6; $0.participants.maximum = 8
        }
        add {
            $0.reward.rule = .contribution; $0.reward.scoredRounds = 2; $0.update.packing = 1
        }
        add {
            $0.privacy = .init(noisePpm: 1_000_000, deltaPpm: 10); $0.update.scale = .fixed
        }
        return bases
    }

    /// Says the length of initial weights that belongs to the model.
    static func repair(_ spec: inout TaskSpec) {
        guard let size = spec.modelSize, size < 1 << 40 else { return }
        spec.model.initial = .init(id: spec.model.initial.id, length: 4 * size + 512)
    }

    @Test func everyBaseIsValid() throws {
        for spec in try Self.bases() { #expect(TaskSpecValidator.faults(spec) == [], "\(spec)") }
    }

    /// Whatever has no fault can be carried out: no node fails to open a task that the registry took.
    @Test(arguments: 0..<4) func mutantsGiveFaultsOrCanBeCarriedOut(part: Int) throws {
        let (bases, mutations) = (try Self.bases(), Self.mutations)
        var generator = Generator(state: UInt64(part))
        var (faulty, valid) = (0, 0)
        for number in 0..<75_000 {
            var spec = bases[number % bases.count]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                mutations.randomElement(using: &generator)!(&spec, &generator)
            }
            if Bool.random(using: &generator) { Self.repair(&spec) }
            let faults = TaskSpecValidator.faults(spec)
            _ = TaskSpecValidator.warnings(spec)
            _ = TaskSpecValidator.readers(spec.holders)
            _ = TaskSpecValidator.mostScoredRounds(spec)
            _ = TaskFile.text(spec)
            guard faults.isEmpty else {
                faulty += 1
                continue
            }
            valid += 1
            do { _ = try RoundPolicy(spec) } catch { Issue.record("\(error): \(TaskFile.text(spec))") }
            #expect(spec.validatedSizes.elementCount(round: spec.rounds) <= spec.validatedSizes.largestElements)
            #expect(throws: Never.self) { try TaskDemand(spec) }
        }
        #expect(faulty > 30_000 && valid > 3_000, "\(faulty) faulty, \(valid) valid")
    }

    @Test func sumsOfHugeLayersAreFaults() throws {
        var spec = try TaskSpec.example()
        spec.model.architecture = .mlp
        spec.model.hidden = [1 << 31, .max]
        for rule in [TaskSpec.ServerRule.median, .trimmedMean, .krum] {
            spec.training.server = rule
            spec.training.robust = .init(buckets: 5, hostile: 1)
            #expect(TaskSpecValidator.faults(spec).contains { $0.path.hasPrefix("model") })
        }
        spec.training.server = .fedAvg
        spec.training.local.correction = .scaffold
        spec.update.compression = .residual
        spec.update.support.ratioPpm = .max
        spec.update.bits = 64
        #expect(TaskSpecValidator.faults(spec).contains { $0.path.hasPrefix("model") })
    }

    /// Numbers that the memory rule reports, on both sides of its limit.
    @Test func whatNoNodeHasTheMemoryForIsAFault() throws {
        var spec = try TaskSpec.example()
        spec.model.architecture = .mlp
        spec.model.hidden = [4_000, 3_000]
        Self.repair(&spec)
        let faults = TaskSpecValidator.faults(spec)
        #expect(faults.map(\.path) == ["model"])
        #expect(faults.first?.reason.contains("cannot be carried out") == true)
        #expect(faults.first?.reason.contains("\(Limits.roundMemory) are allowed") == true)
        spec.model.hidden = [3_000, 2_000]
        Self.repair(&spec)
        #expect(TaskSpecValidator.faults(spec) == [])
        // Every sample of a batch lies in memory, whatever the model's size.
        spec.model.architecture = .cnn
        spec.model.hidden = [8]
        spec.data.shape = [256, 256]
        spec.training.batchSize = 10_000
        Self.repair(&spec)
        let batch = TaskSpecValidator.faults(spec)
        #expect(batch.map(\.path) == ["model"] && batch.first?.reason.contains("batch_size") == true, "\(batch)")
    }
}
