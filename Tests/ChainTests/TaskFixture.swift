import MeshCrypto
import Wire

@testable import Chain

/// A task of five members with equal bonds and three holders, at its first height, with everything that a valid
/// MANIFEST and RESULT carry.
struct TaskFixture {
    let keys: [SigningKey]
    var state: TaskState

    /// - Parameter sealing: public sealing keys by node, for tests that encrypt.
    init(
        seed: UInt8 = 1, weights: [UInt64] = [10, 10, 10, 10, 10], smallestSet: UInt32 = 4, rounds: UInt32 = 2,
        holders: (UInt8, UInt8) = (3, 1), scoredRounds: UInt32 = 0, sealing: ((NodeID) -> SealingKey)? = nil,
        change: (inout TaskSpec) -> Void = { _ in }
    ) {
        let made = weights.indices.map { index in
            try! SigningKey(seed: SecretBytes(Transcript.hash("fixture", [seed, UInt8(index)])))
        }
        keys = made.sorted { $0.nodeID < $1.nodeID }
        var spec = RegistryTests.spec()
        spec.participants.smallestSet = smallestSet
        spec.rounds = rounds
        if scoredRounds > 0 {
            spec.reward = .init(credits: 1_000, rule: .contribution, scoredRounds: scoredRounds, minimumBond: 50)
        }
        spec.holders = .init(count: holders.0, threshold: holders.1)
        change(&spec)
        let task = TaskID([UInt8](repeating: seed, count: 32))
        let genesis = TaskGenesis(
            network: NetworkID([UInt8](repeating: 200, count: 32)), task: task, spec: spec, publisher: keys[0].nodeID,
            publisherSealingKey: sealing?(keys[0].nodeID) ?? .zero, publishedMs: 1_000,
            closeBlock: BlockID([UInt8](repeating: 7, count: 32)),
            registryBeacon: Digest([UInt8](repeating: 8, count: 32)),
            members: zip(keys, weights).map { key, weight in
                .init(
                    node: key.nodeID,
                    enrolment: Enrolment(
                        task: task, sealingKey: sealing?(key.nodeID) ?? SealingKey(key.nodeID.bytes),
                        electionKey: .zero, rows: 20,
                        dataForm: spec.data.form, bond: weight))
            },
            parameters: .init(electionProofBytes: 0, proposeMs: 1_000, voteMs: 300),
            registry: RegistryAnchor(height: 4, next: .zero, second: .zero))
        state = TaskState(genesis: genesis)
    }

    var context: RoundContext { RoundContext(state) }
    var height: UInt64 { state.height + 1 }
    var author: NodeID { state.nextProposers[0] }

    func key(_ node: NodeID) -> SigningKey { keys.first { $0.nodeID == node }! }

    func sign(_ payload: [UInt8], _ kind: MessageKind, by node: NodeID, major: UInt64, minor: UInt32) -> Envelope {
        .signed(
            payload, slot: Slot(kind: kind, chain: state.chain, major: major, minor: minor),
            network: state.genesis.network, by: key(node))
    }

    // MARK: MANIFEST

    func submission(_ node: NodeID, variant: UInt8 = 0, elements: UInt32? = nil, round: UInt32? = nil) -> Envelope {
        let header = SubmissionHeader(
            context: context.digest, round: round ?? state.round, attempt: state.attempt, submitter: node,
            nonce: Digest([UInt8](repeating: variant, count: 32)), componentCommitments: [.zero, .zero, .zero],
            ephemeral: .zero, proof: Signature([UInt8](repeating: 0, count: 64)), boxesHash: .zero,
            elementCount: elements ?? UInt32(state.spec.elementCount(round: state.round)), elementsRoot: .zero,
            body: ContentReference(id: ContentID([UInt8](repeating: variant, count: 32)), length: 10),
            resubmission: state.resubmits.first { $0.node == node }.map {
                .init(previous: $0.submission, lambda: .zero)
            })
        return sign(
            header.wireBytes, .submission, by: node, major: UInt64(state.round), minor: UInt32(state.attempt))
    }

    func submissions(_ nodes: [NodeID]? = nil) -> [Envelope] {
        (nodes ?? keys.map(\.nodeID)).sorted().map { submission($0) }
    }

    /// The list that `node` signs for these ids, in block form over `union`.
    func list(
        _ node: NodeID, _ ids: [SubmissionID], union: [SubmissionID], kind: MessageKind = .received
    ) -> ReceivedList {
        let envelope = sign(Received(submissions: ids.sorted()).wireBytes, kind, by: node, major: height, minor: 0)
        return ReceivedList(
            signer: node, bitmap: TaskRules.bitmap(of: ids, in: union), signature: envelope.signature)
    }

    func ready(_ node: NodeID, _ ids: [SubmissionID]) -> Envelope {
        sign(
            Ready(context: context.digest, opened: ids.sorted()).wireBytes, .ready, by: node,
            major: UInt64(state.round), minor: UInt32(state.attempt))
    }

    /// A valid manifest: `submitters` announced, `listers` listed all of them, every holder opened all.
    func manifest(
        submitters: [NodeID]? = nil, listers: [NodeID]? = nil, scores: ScoreSection? = nil
    ) -> ManifestBody {
        let envelopes = submissions(submitters)
        let ids = envelopes.map(\.submissionID).sorted()
        return ManifestBody(
            context: context.digest, union: ids,
            lists: (listers ?? keys.map(\.nodeID)).sorted().map { list($0, ids, union: ids) }, submissions: envelopes,
            readys: state.holders.map(\.node).sorted().map { ready($0, ids) }, scores: scores)
    }

    func set(of manifest: ManifestBody) -> [TaskState.SetMember] {
        manifest.submissions.map { .init(node: $0.signer, submission: $0.submissionID) }
    }

    func header(_ content: TaskBlockContent, view: UInt32 = 0) -> BlockHeader {
        let order = state.nextProposers
        return TaskRules.header(
            for: content, state: state, author: order[Int(view) % order.count], view: view, timeMs: 5_000)
    }

    /// What validity says of a block with this content: nil when it is valid.
    func verdict(_ content: TaskBlockContent, view: UInt32 = 0, _ change: (inout BlockHeader) -> Void = { _ in })
        -> String?
    {
        var header = header(content, view: view)
        change(&header)
        do {
            _ = try TaskRules.check(header: header, body: content.bytes, state: state)
            return nil
        } catch { return "\(error)" }
    }

    func verdict(_ manifest: ManifestBody, set: [TaskState.SetMember]? = nil) -> String? {
        verdict(.manifest(manifest, set: set ?? self.set(of: manifest)))
    }

    // MARK: RESULT

    /// The state after a manifest of these submitters.
    func keyed(submitters: [NodeID]? = nil) throws -> TaskFixture {
        let body = manifest(submitters: submitters)
        return try decided(.manifest(body, set: set(of: body)))
    }

    func decided(_ content: TaskBlockContent, view: UInt32 = 0) throws -> TaskFixture {
        let header = header(content, view: view)
        var next = self
        let checked = try TaskRules.check(header: header, body: content.bytes, state: state)
        next.state.apply(checked, header: header, block: header.id)
        return next
    }

    var manifestBlock: BlockID? {
        if case .aggregating(let block, _) = state.phase { block } else { nil }
    }

    func statement(_ node: NodeID, mark: UInt8 = 1) -> Envelope {
        let place = state.holders.firstIndex { $0.node == node } ?? 0
        let roots = (state.holderProfile?.components(of: place) ?? []).sorted().map {
            KeyStatement.ComponentRoot(component: UInt8($0), root: Digest([UInt8](repeating: mark, count: 32)))
        }
        return sign(
            KeyStatement(context: context.digest, manifest: manifestBlock ?? .zero, roots: roots).wireBytes,
            .keyStatement,
            by: node, major: UInt64(state.round), minor: UInt32(state.attempt))
    }

    var aggregate: ContentReference { .of([1, 2, 3], kind: .aggregate) }
    var model: ContentReference { .of([4, 5, 6], kind: .model) }
    var payload: PayloadID {
        TaskRules.payloadID(manifest: manifestBlock ?? .zero, aggregate: aggregate, model: model, opening: .zero)
    }

    func opinion(
        _ node: NodeID, _ verdict: Opinion.Verdict, accuracyPpm: UInt32 = 900_000, payload: PayloadID? = nil,
        rows: UInt32 = 10
    ) -> Envelope {
        sign(
            Opinion(
                payload: payload ?? self.payload, verdict: verdict, accuracyPpm: accuracyPpm, lossPpm: 1,
                evaluatedRows: rows
            ).wireBytes, .opinion, by: node, major: height, minor: 0)
    }

    func result(
        rejected: Bool = false, statements: [Envelope]? = nil, opinions: [Envelope]? = nil, manifest: BlockID? = nil
    ) -> ResultBody {
        ResultBody(
            manifest: manifest ?? manifestBlock ?? .zero, aggregate: aggregate, model: model, opening: .zero,
            rejected: rejected, keyStatements: statements ?? state.holders.map(\.node).sorted().map { statement($0) },
            opinions: opinions ?? keys.map { opinion($0.nodeID, .accept) })
    }

    func verdict(_ result: ResultBody, accuracyPpm: UInt32 = 900_000) -> String? {
        verdict(.result(result, accuracyPpm: accuracyPpm))
    }
}
