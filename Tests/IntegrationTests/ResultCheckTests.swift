@testable import Chain
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// One encrypted round in memory, with every role played by the real functions, then every single lie in it.
struct ResultCheckTests {
    struct Round {
        let policy: RoundPolicy
        let job: KeyJob
        let set: SetContent
        let outcome: Aggregating.Outcome
        let base: [UInt8]
        let sum: [Int64]
        let keys: [[UInt8]]
    }

    static func spec(encoding: TaskSpec.Encoding, holders: (UInt8, UInt8), buckets: Int = 1) throws -> TaskSpec {
        try PreparedTask(
            completing: TaskSpec(
                name: "round", seed: 3,
                model: .init(architecture: .softmax, hidden: [], initial: ContentReference(id: .zero, length: 0)),
                data: .init(
                    type: "t", features: 5, labels: ["a", "b", "c"], scalePpm: 1_000_000, minimumRows: 1),
                rounds: 1,
                participants: .init(
                    minimum: buckets == 1 ? 5 : UInt32(4 * buckets), maximum: buckets == 1 ? 5 : 9, smallestSet: 4),
                deadlines: .init(
                    enrolMs: 1_000, submitMs: 1_000, aggregateMs: 1_000, opinionMs: 1_000, expiryMs: 3_600_000),
                training: .init(
                    trainer: "builtin/1", localEpochs: 1, batchSize: 1, learningRatePpm: 100_000,
                    server: buckets == 1 ? .fedAvg : .median, serverRatePpm: 1_000_000,
                    robust: .init(buckets: UInt16(buckets), hostile: 0), weighting: .uniform, rowCap: 0),
                update: .init(
                    clipNormPpm: 10_000_000, bits: 10, rangePpm: 4_000_000, compression: .none, packing: 1,
                    encoding: encoding),
                holders: .init(count: holders.0, threshold: holders.1),
                evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
                reward: .init(credits: 1, rule: .equal, minimumBond: 1), bodyRetention: 1, voting: .automatic)
        ).spec
    }

    static func play(
        encoding: TaskSpec.Encoding, holders: (UInt8, UInt8) = (3, 1), sums: [[Int]] = [[0, 1, 2, 3, 4]]
    ) throws -> Round {
        let spec = try spec(encoding: encoding, holders: holders, buckets: sums.count)
        let policy = try RoundPolicy(spec)
        let holderKeys = (0..<Int(holders.0)).map { _ in RistrettoKey.generate() }
        let context = Digest(randomBytes(32))
        let training = RoundJob(
            round: 1, attempt: 0, context: context, seed: .zero, model: spec.model.initial)
        var headers: [SubmissionHeader] = []
        var contents: [SubmissionContent] = []
        let (members, count) = (sums.reduce(0) { $0 + $1.count }, policy.recipe.parameterCount)
        var sum = [Int64](repeating: 0, count: sums.count * count)
        for client in 0..<members {
            // The extremes, zero and a spread of both signs.
            let values = (0..<count).map { Int32([511, -511, 0, client * 37, -client * 51][$0 % 5]) }
            let first = count * sums.firstIndex { $0.contains(client) }!
            for (index, value) in values.enumerated() { sum[first + index] += Int64(value) }
            let sealed = try Submitting.encrypt(
                policy: policy, values: values, job: training, node: SigningKey.generate().nodeID,
                holderKeys: holderKeys.map { SealingKey($0.publicKey) })
            headers.append(sealed.header)
            contents.append(try BodyCheck.check(sealed.content, header: sealed.header, policy: policy))
        }
        let opened = zip(headers, contents).map { (header: $0, content: $1) }
        var byComponent: [Int: [UInt8]] = [:]
        for (place, key) in holderKeys.enumerated() {
            for vector in try HoldingKeys.derive(
                members: opened, sums: sums, place: place, key: key, policy: policy)
            {
                if let known = byComponent[vector.component] { #expect(known == vector.bytes) }
                byComponent[vector.component] = vector.bytes
            }
        }
        let keys = byComponent.keys.sorted().compactMap { byComponent[$0] }
        let job = KeyJob(
            manifest: BlockID(randomBytes(32)), round: 1, attempt: 0, context: context,
            set: headers.map { .init(node: $0.submitter, submission: .of(headerBytes: $0.wireBytes)) },
            sums: sums, model: spec.model.initial)
        let set = SetContent(
            headers: headers, bodies: contents.map(\.elements), rows: [UInt32](repeating: 1, count: members), sums: sums
        )
        let base = try PreparedTask(checking: spec).initialWeights
        let recovery = try Aggregating.run(
            policy: policy, job: job, set: set, keyVectors: keys, base: base,
            logarithm: BoundedLogarithm(bound: policy.packing.range))
        guard case .sum(let outcome) = recovery else { throw RoundError.failed("\(recovery)") }
        return Round(policy: policy, job: job, set: set, outcome: outcome, base: base, sum: sum, keys: keys)
    }

    private func check(
        _ round: Round, aggregate: [UInt8]? = nil, opening: Digest? = nil, model: [UInt8]? = nil,
        set: SetContent? = nil,
        context: Digest? = nil, manifest: BlockID? = nil
    ) throws(RoundError) {
        try ResultCheck.check(
            policy: round.policy, context: context ?? round.job.context, manifest: manifest ?? round.job.manifest,
            set: set ?? round.set, aggregate: aggregate ?? round.outcome.aggregate,
            opening: opening ?? round.outcome.candidate.opening, base: round.base, model: model ?? round.outcome.model)
    }

    @Test(arguments: [TaskSpec.Encoding.affine, .ristretto])
    func recoversTheExactSumAndVerifies(_ encoding: TaskSpec.Encoding) throws {
        let round = try Self.play(encoding: encoding)
        #expect(try round.policy.decode(aggregate: round.outcome.aggregate, round: 1) == round.sum)
        try check(round)
    }

    @Test func everySingleLieIsFound() throws {
        let round = try Self.play(encoding: .affine)
        var wrong = try round.policy.decode(aggregate: round.outcome.aggregate, round: 1)
        wrong[3] += 1
        #expect(throws: RoundError.self) { try check(round, aggregate: round.policy.encode(aggregate: wrong)) }
        // Swapping two coordinates keeps every plain checksum of e.
        var swapped = try round.policy.decode(aggregate: round.outcome.aggregate, round: 1)
        swapped.swapAt(0, 1)
        #expect(throws: RoundError.self) { try check(round, aggregate: round.policy.encode(aggregate: swapped)) }
        #expect(throws: RoundError.self) { try check(round, opening: Digest([UInt8](repeating: 1, count: 32))) }
        var model = round.outcome.model
        model[model.count - 1] ^= 1
        #expect(throws: RoundError.self) { try check(round, model: model) }
        #expect(throws: RoundError.self) { try check(round, context: .zero) }
        #expect(throws: RoundError.self) { try check(round, manifest: .zero) }
        let fewer = SetContent(
            headers: Array(round.set.headers.dropLast()), bodies: Array(round.set.bodies.dropLast()),
            rows: [1, 1, 1, 1], sums: [[0, 1, 2, 3]])
        #expect(throws: RoundError.self) { try check(round, set: fewer) }
    }

    @Test func eachBucketIsExactAndEveryLieInOneIsFound() throws {
        let sums = [[0, 2, 5, 7], [1, 3, 4, 6, 8]]
        let round = try Self.play(encoding: .affine, sums: sums)
        let (policy, each) = (round.policy, round.policy.elementCount(round: 1))
        #expect(try policy.decode(aggregate: round.outcome.aggregate, round: 1, sums: 2) == round.sum)
        #expect(policy.aggregateLength(round: 1, sums: 2) == round.outcome.candidate.aggregate.length)
        try check(round)
        // The median of two buckets of different size is the mean of their means, not the mean of all members.
        let means = sums.indices.map { sum in
            (0..<each).map { Float(round.sum[sum * each + $0]) * Float(4) / 511 / Float(sums[sum].count) }
        }
        let base = try policy.parameters(of: round.base)
        let next = try policy.parameters(of: round.outcome.model)
        for index in base.indices {
            #expect(abs(base[index] - next[index] - (means[0][index] + means[1][index]) / 2) < 1e-4)
        }
        for element in [0, each - 1, each, 2 * each - 1] {
            var wrong = round.sum
            wrong[element] += 1
            #expect(throws: RoundError.self) { try check(round, aggregate: policy.encode(aggregate: wrong)) }
        }
        let swapped = Array(round.sum[each...]) + Array(round.sum[..<each])
        #expect(throws: RoundError.self) { try check(round, aggregate: policy.encode(aggregate: swapped)) }
        func with(_ sums: [[Int]]) -> SetContent {
            SetContent(headers: round.set.headers, bodies: round.set.bodies, rows: round.set.rows, sums: sums)
        }
        // Another partition, the buckets in another order, one sum only.
        for other in [[[0, 2, 5, 8], [1, 3, 4, 6, 7]], [sums[1], sums[0]], [Array(0..<9)], [sums[0]]] {
            #expect(throws: RoundError.self) { try check(round, set: with(other)) }
        }
        #expect(throws: RoundError.self) {
            try check(round, aggregate: policy.encode(aggregate: Array(round.sum[..<each])))
        }
    }

    @Test func bodyThatIsNotItsHeadersIsRefused() throws {
        let spec = try Self.spec(encoding: .affine, holders: (3, 1))
        let policy = try RoundPolicy(spec)
        let keys = (0..<3).map { _ in SealingKey(RistrettoKey.generate().publicKey) }
        let job = RoundJob(
            round: 1, attempt: 0, context: Digest(randomBytes(32)), seed: .zero, model: spec.model.initial)
        let sealed = try Submitting.encrypt(
            policy: policy, values: [Int32](repeating: 7, count: policy.recipe.parameterCount), job: job,
            node: SigningKey.generate().nodeID, holderKeys: keys)
        func refusal(_ bytes: [UInt8], _ header: SubmissionHeader) -> String {
            do throws(RoundError) {
                _ = try BodyCheck.check(bytes, header: header, policy: policy)
                return "none"
            } catch { return "\(error)" }
        }
        let header = sealed.header
        #expect(refusal(sealed.content, header) == "none")
        #expect(refusal([], header).contains("another content id"))
        let whole = try SubmissionContent(wireBytes: sealed.content)
        var (elements, boxes) = (whole.elements, whole.boxes)
        elements[0] ^= 1
        boxes[0][0] ^= 1
        let others = [
            (SubmissionContent(boxes: whole.boxes, elements: elements), "the elements are not"),
            (SubmissionContent(boxes: boxes, elements: whole.elements), "the sealed boxes are not"),
            (SubmissionContent(boxes: whole.boxes, elements: Array(elements.dropLast())), "bytes of elements"),
        ]
        for (content, words) in others {
            let bytes = content.wireBytes
            #expect(refusal(bytes, header).contains("another content id"), "\(words)")
            // Whoever signs the header names what body it likes: hash and root are held against it as well.
            #expect(refusal(bytes, naming(.of(bytes, kind: .submission), header)).contains(words), "\(words)")
        }
    }

    private func naming(_ body: ContentReference, _ header: SubmissionHeader) -> SubmissionHeader {
        SubmissionHeader(
            context: header.context, round: header.round, attempt: header.attempt, submitter: header.submitter,
            nonce: header.nonce, componentCommitments: header.componentCommitments, ephemeral: header.ephemeral,
            proof: header.proof, boxesHash: header.boxesHash, elementCount: header.elementCount,
            elementsRoot: header.elementsRoot, body: body)
    }
}
