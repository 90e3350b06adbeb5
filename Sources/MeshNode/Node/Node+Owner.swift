internal import Chain
internal import Foundation
internal import Learn
internal import MeshCrypto
internal import Wire

/// What the owner allows, and what a task would cost this machine.
extension Node {
    /// Why the owner's policy refuses a task now; nil when it allows it.
    /// - Parameter isRound: a round is about to be trained, so the hours count too.
    func ownerRefusal(of spec: TaskSpec, publisher: NodeID, isRound: Bool) -> String? {
        let policy: OwnerPolicy
        do {
            guard let found = try OwnerPolicy.load(home: home.path) else { return nil }
            policy = found
        } catch { return "\(error)" }
        let epsilon = (try? spec.learnRecipe())?.worstEpsilon(rounds: Int(spec.rounds))
        if let reason = policy.refusal(of: spec, publisher: publisher, epsilon: epsilon) { return reason }
        if isRound {
            if let reason = policy.refusal(atMinute: OwnerPolicy.localMinute()) { return reason }
            if let threads = policy.threads { LinearAlgebra.setThreadCount(threads) }
        }
        return nil
    }

    /// What leaves this machine and what it costs, measured here.
    func cost(of record: RegistryState.TaskRecord) async -> CostView? {
        let (spec, publisher) = (record.spec, record.publisher)
        guard let policy = try? RoundPolicy(spec) else { return nil }
        let count = Int(spec.rounds)
        let elements = policy.elementCount(round: spec.rounds)
        let body = UInt64(elements * policy.encoding.width + TaskTraffic.boxBytes(policy))
        let members = record.closed == nil ? Int(spec.participants.maximum) : record.enrolments.count
        let traffic = TaskTraffic(policy, members: members)
        let total = (1...max(1, count)).reduce(0) { $0 + policy.coordinateCount(round: UInt32($1)) }
        let data = configuration.data
        // The rows are read once for a task, not once for each look at it.
        var seconds = measuredSeconds[record.task]
        if seconds == nil {
            let measured: Result<(Double, Double), RoundError> = await worker.run {
                Result { () throws(RoundError) in try Self.measure(policy: policy, data: data) }
            }
            seconds = try? measured.get()
            if measuredSeconds.count >= 256 { measuredSeconds = [:] }
            measuredSeconds[record.task] = seconds
        }
        let recipe = policy.recipe
        return CostView(
            leaves: Self.leaves(spec, body: body, elements: elements),
            stays: [
                "rows, labels and file names", "the update in plain form",
                "training loss and accuracy on the own training rows",
            ],
            trainSeconds: seconds?.0, encryptSeconds: seconds?.1, members: members,
            megabytesOut: traffic.roundOut / 1e6, megabytesIn: traffic.roundIn / 1e6,
            holderMegabytesOut: traffic.holderOut / 1e6, summerMegabytesIn: traffic.summerIn / 1e6,
            onceMegabytes: traffic.once / 1e6, memoryBytes: Self.memory(policy),
            summingMemoryBytes: UInt64(policy.plan.totalBytes), bond: usualBond(of: spec), rounds: spec.rounds,
            parameters: UInt64(recipe.parameterCount), coordinates: policy.coordinateCount(round: spec.rounds),
            ratio: Double(total) / Double(max(1, recipe.parameterCount * count)),
            epsilon: (try? recipe.epsilon(after: count)) ?? nil,
            epsilonAgainstMembers: (try? recipe.epsilonAgainstMembers(after: count)) ?? nil,
            refusal: ownerRefusal(of: spec, publisher: publisher, isRound: false))
    }

    /// Rounded up, with one place.
    static func megabytes(_ bytes: Double) -> String {
        let tenths = Int((bytes / 1e5).rounded(.up))
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Bytes that a member's training, evaluation and check of a result take at most, beside the node itself.
    static func memory(_ policy: RoundPolicy) -> UInt64 {
        guard let demand = try? TaskDemand(policy.spec) else { return 0 }
        return UInt64(max(demand.trainingBytes, demand.checkingBytes))
    }

    private static func leaves(_ spec: TaskSpec, body: UInt64, elements: Int) -> [CostView.Leaving] {
        [
            .init(
                what: "enrolment: node id, number of rows, hash of label map and preprocessing, task keys, bond",
                bytes: 300,
                when: "once", readable: "everybody"),
            .init(
                what: "encrypted update: \(elements) group elements and sealed seeds", bytes: body, when: "every round",
                readable: TaskSpecValidator.readers(spec)
                    + "; the sum with \(spec.participants.smallestSet - 1) others or more is public"),
            .init(
                what: "announcement of the update: that this node took part, and when", bytes: 700, when: "every round",
                readable: "everybody"),
            .init(
                what: "opinion: accuracy, loss and number of the own held-out rows", bytes: 250,
                when: "every round, as a voter with held-out rows", readable: "everybody"),
            .init(
                what: "key vectors of the other members' masks, sealed to the aggregator",
                bytes: UInt64(elements * 32 * Int(spec.training.robust.buckets)),
                when: "every round, as a key holder", readable: "the aggregator; they hold nothing of the own rows"),
        ]
    }

    /// Seconds that a round's training and encryption take here, from a share of each.
    private static func measure(
        policy: RoundPolicy, data: NodeConfiguration.Data
    ) throws(RoundError) -> (Double, Double) {
        let rows: Dataset
        do {
            rows = try data.fitted(.training, to: policy.spec)
        } catch { throw .failed("\(error)") }
        let sample = rows.selecting(Array(0..<min(rows.count, 256)))
        var settings = policy.spec.learnSettings
        settings.epochs = 1
        let clock = ContinuousClock()
        do {
            let weights = policy.model.initialParameters(seed: Seed.number(0))
            let start = clock.now
            _ = try Trainer(model: policy.model).train(
                parameters: weights, data: sample, settings: settings, seed: Seed.number(0))
            let trained = interval(start, .now)
            let steps = Double(rows.count) / Double(sample.count) * Double(policy.spec.training.localEpochs)
            let count = min(512, policy.elementCount(round: policy.spec.rounds))
            let binding = try SubmissionBinding(
                context: [UInt8](repeating: 1, count: 32), publicKey: [UInt8](repeating: 2, count: 32),
                nonce: [UInt8](repeating: 3, count: 32))
            let seeds = (0..<policy.profile.componentCount).map { _ in SecretBytes.random(32) }
            let begun = clock.now
            _ = try Encryptor.encrypt(
                values: [Int64](repeating: 1, count: count),
                maskKeys: MaskDerivation.maskKeys(seeds: seeds, binding: binding), encoding: policy.encoding)
            let share = Double(policy.elementCount(round: policy.spec.rounds)) / Double(max(1, count))
            return (trained * steps, interval(begun, .now) * share)
        } catch { throw .failed("\(error)") }
    }
}

extension RoundRecipe {
    /// Epsilon that the owner's limit is held against.
    func worstEpsilon(rounds: Int) -> Double? { (try? epsilon(after: rounds)) ?? nil }
}
