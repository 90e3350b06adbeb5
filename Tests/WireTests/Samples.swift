import MeshCrypto
import Wire

/// One value of every message and part, with bytes that depend on the salt alone.
struct Samples {
    private var state: UInt64

    init(salt: UInt64) { state = salt &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func number() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    mutating func id<Kind>(_ kind: Identifier<Kind>.Type = Identifier<Kind>.self) -> Identifier<Kind> {
        Identifier<Kind>((0..<32).map { _ in UInt8(truncatingIfNeeded: number()) })
    }

    mutating func ids<Kind>(_ count: Int) -> [Identifier<Kind>] { (0..<count).map { _ in id() }.sorted() }
    mutating func signature() -> Signature { Signature((0..<64).map { _ in UInt8(truncatingIfNeeded: number()) }) }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: number()) } }
    mutating func reference() -> ContentReference { ContentReference(id: id(), length: number() % 1_000_000) }

    mutating func envelope(_ kind: MessageKind = .prevote) -> Envelope {
        Envelope(
            network: id(), slot: Slot(kind: kind, chain: id(), major: number() % 1_000, minor: UInt32(number() % 10)),
            signer: id(), payload: bytes(17), signature: signature())
    }

    mutating func header(_ kind: BlockKind = .manifest) -> BlockHeader {
        BlockHeader(
            chain: id(), height: 7, parent: id(), timeMs: 1_790_000_000_000, author: id(), originView: 2, kind: kind,
            round: 3, attempt: 1, body: reference(), stateRoot: id(), payoutRoot: id(), nextElectorate: .zero,
            secondElectorate: .zero, electionProof: bytes(80))
    }

    mutating func certificate() -> Certificate {
        Certificate(
            chain: id(), height: 7, view: 1, block: id(),
            precommits: [0, 2, 3].map { .init(voter: $0, signature: signature()) })
    }

    mutating func spec() -> TaskSpec {
        TaskSpec(
            name: "digits", seed: number(),
            model: .init(architecture: .mlp, hidden: [16, 8], start: .given, initial: reference()),
            data: .init(
                type: "digits", shape: [1, 8, 8], labels: ["0", "1", "zwei"], targets: 0, columns: ["f0", "f1"],
                scalePpm: 16_000_000, resizes: true, meanPpm: [-1_500_000], deviationPpm: [2_000_000], minimumRows: 10,
                columnsInOrder: true),
            rounds: 30, participants: .init(minimum: 5, maximum: 9, smallestSet: 4, members: ids(9)),
            deadlines: .init(
                enrolMs: 60_000, submitMs: 30_000, aggregateMs: 10_000, opinionMs: 5_000, expiryMs: 3_600_000),
            training: .init(
                trainer: "builtin/1", localEpochs: 2, batchSize: 10, learningRatePpm: 100_000,
                local: .init(
                    optimiser: .adamW, momentumPpm: 900_000, secondMomentumPpm: 999_000, epsilonPpm: 1,
                    weightDecayPpm: 10_000, proximalPpm: 5, gradientClipPpm: 7_000_000, schedule: .step,
                    scheduleRounds: 10, scheduleFactorPpm: 500_000, correction: .scaffold, controlRangePpm: 3),
                server: .fedYogi, serverRatePpm: 1_000_000,
                outer: .init(momentumPpm: 900_001, secondMomentumPpm: 990_000, tauPpm: 1_000), weighting: .rows,
                rowCap: 500),
            update: .init(
                clipNormPpm: 1_000_000, bits: 10, rangePpm: 500_000, scale: .previous, compression: .masked,
                support: .init(ratioPpm: 250_000, decayPpm: 950_000, denseRounds: 1, rateFactorPpm: 4_000_000),
                packing: 2, encoding: .affine),
            holders: .init(count: 3, threshold: 1), evaluation: .init(tolerancePpm: 1_000_000, targetPpm: 0),
            privacy: .init(noisePpm: 1_100_000, deltaPpm: 10),
            reward: .init(credits: 100, rule: .rows, scoredRounds: 3, minimumBond: 1),
            bodyRetention: 2, voting: .manual)
    }

    mutating func submissionHeader() -> SubmissionHeader {
        SubmissionHeader(
            context: id(), round: 3, attempt: 1, submitter: id(), nonce: id(),
            componentCommitments: [id(), id(), id()], ephemeral: id(), proof: signature(), boxesHash: id(),
            elementCount: 650, elementsRoot: id(), body: reference())
    }

    mutating func submissionAgain() -> SubmissionHeader {
        var header = submissionHeader()
        header.resubmission = .init(previous: id(), lambda: id())
        return header
    }

    mutating func complaint() -> Complaint {
        let names: [SubmissionID] = ids(2)
        return Complaint(
            context: id(),
            entries: names.map {
                .init(
                    submission: $0, component: 1, sharedPoint: id(), proof: signature(), boxes: [bytes(48), bytes(48)])
            })
    }

    mutating func claim() -> BlameClaim {
        BlameClaim(
            context: id(), manifest: id(), kind: .dispute, element: 7,
            entries: [0, 2].map { .init(holder: $0, component: 1, key: id(), path: [id(), id()]) })
    }

    mutating func blameProof() -> BlameProof {
        BlameProof(
            claim: envelope(.claim), statements: [envelope(.keyStatement)], disclosures: [envelope(.disclosure)],
            openings: [envelope(.opening)], submissions: [envelope(.submission)],
            chunks: [.init(submission: id(), bytes: bytes(64), path: [id()])])
    }

    mutating func list() -> ReceivedList { ReceivedList(signer: id(), bitmap: [0b101], signature: signature()) }

    mutating func genesis() -> Genesis {
        let nodes: [NodeID] = ids(3)
        return Genesis(
            name: "test", timeMs: 1,
            accounts: nodes.map {
                .init(
                    node: $0, balance: 100, validatorBond: 10, electionKey: Digest($0.bytes),
                    proofs: .init(election: signature(), node: signature()))
            },
            parameters: .init(
                electionProofBytes: 80, proposeMs: 1_000, voteMs: 300, settleMs: 3_600_000, evidenceMs: 172_800_000,
                epochMs: 7_200_000))
    }

    /// The genesis of a fork that one of two voters has signed.
    mutating func fork() -> Genesis {
        let nodes: [NodeID] = ids(3)
        return Genesis(
            name: "test", timeMs: 1,
            accounts: [
                .init(
                    node: nodes[0], balance: 100, validatorBond: 10, electionKey: id(),
                    proofs: .init(election: signature(), node: signature())),
                .init(node: nodes[1], balance: 110, validatorBond: 0),
                .init(node: nodes[2], balance: 100, validatorBond: 10, electionKey: id()),
            ],
            parameters: .init(
                electionProofBytes: 80, proposeMs: 1_000, voteMs: 300, settleMs: 3_600_000, evidenceMs: 172_800_000,
                epochMs: 7_200_000),
            origin: .init(network: id(), height: 77, block: id(), carried: id(), without: [nodes[1]]))
    }

    mutating func settlement() -> Settlement {
        let nodes: [NodeID] = ids(2)
        return Settlement(
            header: header(.control), certificate: certificate(),
            payouts: PayoutTable(
                outcome: .failed(.expired), rounds: 3, accuracyPpm: 910_000,
                entries: nodes.map { .init(node: $0, rounds: 3, aggregated: 1, credits: 45) }))
    }

    mutating func order() -> ControlOrder {
        let nodes: [NodeID] = ids(2)
        return ControlOrder(
            steps: [
                RegistryStep(
                    header: header(.registry), certificate: certificate(),
                    electorate: nodes.map { .init(node: $0, weight: 10) })
            ], body: RegistryBody(transactions: [envelope(.transaction)]), index: 0)
    }

    /// Complaints, blame and the bodies that carry them.
    mutating func blame() -> [any WireSample] {
        [
            Sample("submission-again", submissionAgain()),
            Sample("complaint", complaint()), Sample("absence", Absence(holders: ids(2))),
            Sample("blame-claim", claim()),
            Sample(
                "disclosure",
                Disclosure(
                    context: id(), manifest: id(), element: 5,
                    masks: [0, 2].map { .init(component: $0, values: ids(2)) })),
            Sample("seed-opening", SeedOpening(context: id(), submission: id(), component: 2, seed: id())),
            Sample("blame-proof", blameProof()),
            Sample(
                "manifest-complaints",
                ManifestBody(
                    context: id(), union: ids(1), lists: [list()], submissions: [envelope(.submission)],
                    readys: [envelope(.ready)], complaints: [envelope(.complaint)], evicted: ids(1))),
            Sample(
                "result-blame",
                ResultBody(
                    manifest: id(), aggregate: reference(), model: reference(), opening: id(), rejected: true,
                    keyStatements: [envelope(.keyStatement)], opinions: [envelope(.opinion)], blame: blameProof(),
                    liars: ids(1))),
            Sample(
                "void-holders",
                VoidBody(
                    reason: .holders, evicted: [], union: [], lists: [], replaced: ids(1),
                    absences: [envelope(.absence)])),
            Sample(
                "void-blame",
                VoidBody(
                    reason: .blame, evicted: ids(1), union: [], lists: [], replaced: ids(1),
                    complaints: [envelope(.complaint)], submissions: [envelope(.submission)], blame: blameProof())),
        ]
    }

    /// Every message and part, by name.
    mutating func all() -> [any WireSample] {
        let (opinion, candidate) = (
            Opinion(
                payload: id(), verdict: .reject, reason: .byHand, remark: "looks odd", accuracyPpm: 950_000,
                lossPpm: 123_456, evaluatedRows: 180),
            Candidate(manifest: id(), payload: id(), aggregate: reference(), model: reference(), opening: id())
        )
        let enrolment = Enrolment(
            task: id(), sealingKey: id(), electionKey: id(), rows: 360,
            dataForm: Digest([UInt8](repeating: 0x5a, count: 32)), bond: 20, sealingProof: signature(),
            electionProof: signature())
        let state = VoteState(
            height: 9, view: 2, step: .precommit, locked: .init(view: 1, header: header()), valid: nil)
        return [
            Sample("identifier", id(NodeID.self)), Sample("signature", signature()), Sample("slot", envelope().slot),
            Sample("envelope", envelope()), Sample("content-reference", reference()),
            Sample("block-header", header()), Sample("certificate", certificate()),
            Sample("decided-block", DecidedBlock(header: header(), body: bytes(20), certificate: certificate())),
            Sample("submission-header", submissionHeader()),
            Sample("submission-content", SubmissionContent(boxes: [bytes(48), bytes(48)], elements: bytes(64))),
            Sample("received", Received(submissions: ids(3))),
            Sample("ready", Ready(context: id(), opened: ids(2))),
            Sample(
                "key-statement",
                KeyStatement(context: id(), manifest: id(), roots: [0, 2].map { .init(component: $0, root: id()) })),
            Sample("candidate", candidate), Sample("opinion", opinion), Sample("received-list", list()),
            Sample(
                "manifest-body",
                ManifestBody(
                    context: id(), union: ids(3), lists: [list(), list()], submissions: [envelope(.submission)],
                    readys: [envelope(.ready)])),
            Sample(
                "result-body",
                ResultBody(
                    manifest: id(), aggregate: reference(), model: reference(), opening: id(), rejected: false,
                    keyStatements: [envelope(.keyStatement)], opinions: [envelope(.opinion)])),
            Sample("void-body", VoidBody(reason: .tooFew, evicted: ids(1), union: ids(2), lists: [list()])),
            Sample("control-complete", ControlBody.complete), Sample("control-failed", ControlBody.failed(.quality)),
            Sample("registry-body", RegistryBody(transactions: [envelope(.transaction)])),
            Sample("task-spec", spec()),
            Sample("publish", Transaction.publish(spec(), sealingKey: id(), proof: signature())),
            Sample("enrol", Transaction.enrol(enrolment)), Sample("close", Transaction.close(task: id())),
            Sample("genesis", genesis()), Sample("proposal-fresh", Proposal(header: header(), validView: -1)),
            Sample("proposal-again", Proposal(header: header(.result), validView: 1)),
            Sample("vote-block", Vote(block: id())), Sample("vote-nil", Vote(block: nil, reason: .locked)),
            Sample("vote-state", state),
            Sample("transfer", Transaction.transfer(to: id(), credits: 7)),
            Sample("bond", Transaction.bond(credits: 8, electionKey: id(), proof: signature())),
            Sample("unbond-validator", Transaction.unbond(.validator(credits: 9))),
            Sample("unbond-enrolment", Transaction.unbond(.enrolment(task: id()))),
            Sample("control-order", Transaction.control(TaskControl(task: id(), sequence: 2, action: .resume))),
            Sample("reveal", Transaction.reveal(task: id(), targetPpm: 900_000, nonce: id())),
            Sample("settle", Transaction.settle(settlement())), Sample("refund", Transaction.refund(task: id())),
            Sample("evidence", Transaction.evidence(first: envelope(.prevote), second: envelope(.prevote))),
            Sample("rating", Transaction.rating(task: id(), node: id(), stars: 4)),
            Sample("control-ordered", ControlBody.ordered(order())),
        ] + blame() + scores()
    }

    mutating func scoreSection() -> ScoreSection {
        ScoreSection(reveal: envelope(.reveal), union: ids(2), lists: [list()], openings: [envelope(.score)])
    }

    /// Scored rounds.
    mutating func scores() -> [any WireSample] {
        [
            Sample("direction-commitment", DirectionCommitment(commitment: id())),
            Sample("direction-none", DirectionCommitment(commitment: nil)),
            Sample("direction-reveal", DirectionReveal(salt: id(), direction: reference())),
            Sample("score-statement", ScoreStatement(submission: id(), score: -1_234, mask: id())),
            Sample("score-section", scoreSection()),
            Sample(
                "manifest-scores",
                ManifestBody(
                    context: id(), union: ids(1), lists: [list()], submissions: [envelope(.submission)],
                    readys: [envelope(.ready)], scores: scoreSection())),
            Sample("control-direction", ControlBody.direction(envelope(.direction))),
            Sample("control-no-direction", ControlBody.noDirection),
            Sample("control-scores", ControlBody.scores(scoreSection())),
            Sample("genesis-fork", fork()),
        ]
    }
}

/// A value with a name, whatever its type.
protocol WireSample: Sendable {
    var name: String { get }
    var bytes: [UInt8] { get }
    /// The bytes that decoding and encoding `bytes` gives; nil when it is refused.
    func reencoded(_ bytes: [UInt8]) -> [UInt8]?
    /// Whether decoding the sample's own bytes gives the sample.
    var returns: Bool { get }
}

struct Sample<Value: WireCodable & Equatable>: WireSample {
    let name: String
    let value: Value

    init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }

    var bytes: [UInt8] { value.wireBytes }
    func reencoded(_ bytes: [UInt8]) -> [UInt8]? { (try? Value(wireBytes: bytes))?.wireBytes }
    var returns: Bool { (try? Value(wireBytes: value.wireBytes)) == value }
}
