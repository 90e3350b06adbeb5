@testable import Chain
import MeshCrypto
import Wire

/// A started task, its valid messages and blocks, and a member's machine: inputs change bytes behind the signature.
struct RoundFuzz: Sendable {
    let genesis: TaskGenesis
    let collecting: Chain.TaskState
    let manifest: ManifestBody
    let manifestHeader: BlockHeader
    /// After the manifest: keys and candidates are due.
    let aggregating: Chain.TaskState
    let set: [Chain.TaskState.SetMember]

    /// States that only some inputs reach: direction due, scores open, paused, three attempts behind.
    let others: [Chain.TaskState]
    var states: [Chain.TaskState] { [collecting, aggregating] + others }

    static let world = RoundFuzz(SpecMutation.plain())
    static let worlds: [RoundFuzz] = {
        var scored = SpecMutation.plain()
        scored.reward.rule = .contribution
        scored.reward.scoredRounds = 3
        return [world, RoundFuzz(scored)]
    }()

    private init(_ spec: TaskSpec) {
        genesis = LedgerFuzz.started(spec).state.openedTasks()[0]
        var state = Chain.TaskState(genesis: genesis)
        var others: [Chain.TaskState] = []
        if state.isDirectionDue {
            others.append(state)
            let commitment = Self.sign(
                DirectionCommitment(commitment: .zero).wireBytes, .direction, genesis.publisher, state, major: 1,
                minor: 0)
            state = Self.after(.control(.direction(commitment)), state)
        }
        collecting = state
        let nodes = genesis.members.map(\.node)
        let context = RoundContext(state).digest
        let submissions = nodes.map { node in
            let header = SubmissionHeader(
                context: context, round: 1, attempt: 0, submitter: node, nonce: Digest(node.bytes),
                componentCommitments: [.zero, .zero, .zero], ephemeral: .zero,
                proof: unsigned, boxesHash: .zero,
                elementCount: UInt32(state.spec.elementCount(round: 1)), elementsRoot: .zero,
                body: ContentReference(id: ContentID(node.bytes), length: 10))
            return Self.sign(header.wireBytes, .submission, node, state, major: 1, minor: 0)
        }
        let ids = submissions.map(\.submissionID).sorted()
        let lists = nodes.map { node in
            ReceivedList(
                signer: node, bitmap: [UInt8((1 << ids.count) - 1)],
                signature: Self.sign(
                    Received(submissions: ids).wireBytes, .received, node, state, major: 1, minor: 0
                ).signature)
        }
        let readys = state.holders.map(\.node).sorted().map { node in
            Self.sign(
                Ready(context: context, opened: ids).wireBytes, .ready, node, state, major: 1, minor: 0)
        }
        manifest = ManifestBody(
            context: context, union: ids, lists: lists, submissions: submissions, readys: readys,
            scores: nil)
        set = submissions.map { .init(node: $0.signer, submission: $0.submissionID) }
        let content = TaskBlockContent.manifest(manifest, set: set)
        manifestHeader = TaskRules.header(
            for: content, state: state, author: state.nextProposers[0], view: 0,
            timeMs: state.headTimeMs + 5_000)
        var next = state
        next.apply(content, header: manifestHeader, block: manifestHeader.id)
        aggregating = next
        others.append(
            Self.after(
                .result(
                    ResultBody(
                        manifest: manifestHeader.id, aggregate: .init(id: .zero, length: 2_600),
                        model: .init(id: .zero, length: 3_000), opening: .zero, rejected: false, keyStatements: [],
                        opinions: []), accuracyPpm: 1), next))
        let void = VoidBody(reason: .deadline, evicted: [], union: [], lists: [])
        others.append(Self.after(.void(void), next))
        let silent = VoidBody(
            reason: .holders, evicted: [], union: [], lists: [], replaced: [state.holders[0].node])
        others.append(Self.after(.void(silent), next))
        others.append(Self.after(.void(void), Self.after(.void(void), Self.after(.void(void), state))))
        self.others = others
        // Whatever made the world first may have been outside of a target.
        let isValid = SignatureMemory.$current.withValue(SignatureMemory(believing: ())) {
            (try? TaskRules.check(header: manifestHeader, body: content.bytes, state: state)) == content
        }
        precondition(isValid, "the fuzzer's manifest is not valid")
    }

    private static func after(_ content: TaskBlockContent, _ state: Chain.TaskState) -> Chain.TaskState {
        let header = TaskRules.header(
            for: content, state: state, author: state.nextProposers[0], view: 0, timeMs: state.headTimeMs + 5_000)
        var next = state
        next.apply(content, header: header, block: header.id)
        return next
    }

    static func sign(
        _ payload: [UInt8], _ kind: MessageKind, _ node: NodeID, _ state: Chain.TaskState,
        major: UInt64, minor: UInt32
    ) -> Envelope {
        Envelope(
            network: state.genesis.network, slot: Slot(kind: kind, chain: state.chain, major: major, minor: minor),
            signer: node, payload: payload, signature: unsigned)
    }

    static let kinds: [MessageKind] = (0...64).compactMap { MessageKind(rawValue: $0) }

    /// A valid payload of a kind in this state.
    func payload(
        _ kind: MessageKind, _ node: NodeID, _ state: Chain.TaskState, _ input: inout FuzzInput
    ) -> [UInt8] {
        let context = RoundContext(state).digest
        let block = manifestHeader.id
        let ids = manifest.union
        let components: [UInt8] = [UInt8(state.holders.firstIndex { $0.node == node } ?? 0)]
        let digest = Digest(node.bytes)
        switch kind {
        case .submission: return manifest.submissions.first { $0.signer == node }?.payload ?? []
        case .received: return Received(submissions: ids).wireBytes
        case .ready: return Ready(context: context, opened: ids).wireBytes
        case .keyStatement:
            return KeyStatement(
                context: context, manifest: block,
                roots: components.map { .init(component: $0, root: digest) }
            ).wireBytes
        case .candidate:
            return Candidate(
                manifest: block, payload: PayloadID(digest.bytes),
                aggregate: .init(id: .zero, length: 2_600), model: .init(id: .zero, length: 3_000),
                opening: .zero
            ).wireBytes
        case .opinion:
            return Opinion(
                payload: PayloadID(digest.bytes), verdict: .accept, accuracyPpm: 1, lossPpm: 1,
                evaluatedRows: 1
            ).wireBytes
        case .complaint:
            return Complaint(
                context: context,
                entries: [
                    .init(
                        submission: ids[0], component: components[0], sharedPoint: digest,
                        proof: Signature([UInt8](repeating: 1, count: 64)),
                        boxes: [[UInt8]](repeating: [UInt8](repeating: 1, count: 48), count: 6))
                ]
            ).wireBytes
        case .absence: return Absence(holders: [state.holders[0].node]).wireBytes
        case .claim:
            return BlameClaim(
                context: context, manifest: block, kind: input.bool() ? .recovery : .dispute, element: 0,
                entries: (0..<3).map { .init(holder: $0, component: $0, key: digest, path: []) }
            ).wireBytes
        case .disclosure:
            return Disclosure(
                context: context, manifest: block, element: 0,
                masks: [.init(component: components[0], values: set.map { _ in digest })]
            ).wireBytes
        case .opening:
            let own = set.first { $0.node == node }?.submission ?? ids[0]
            return SeedOpening(context: context, submission: own, component: 0, seed: digest).wireBytes
        case .score:
            let own = set.first { $0.node == node }?.submission ?? ids[0]
            return ScoreStatement(submission: own, score: input.number(near: 1), mask: digest).wireBytes
        case .reveal:
            return DirectionReveal(
                salt: digest, direction: .init(id: .zero, length: input.number(near: 650))
            ).wireBytes
        case .direction: return DirectionCommitment(commitment: digest).wireBytes
        case .prevote, .precommit: return Vote(block: manifestHeader.id).wireBytes
        case .proposal: return Proposal(header: manifestHeader, validView: -1).wireBytes
        default: return input.take(200)
        }
    }

    /// A signed message near to what is due.
    func message(_ state: Chain.TaskState, _ input: inout FuzzInput) -> Envelope {
        let kind = input.pick(Self.kinds)
        let node = input.pick(LedgerFuzz.keys).nodeID
        let payload = input.edited(payload(kind, node, state, &input))
        let major: UInt64 = input.number(near: kind.usesHeight ? state.height + 1 : UInt64(state.round))
        return Self.sign(payload, kind, node, state, major: major, minor: input.number(near: 0))
    }
}

extension MessageKind {
    /// Whether its slot names the height and not the round.
    var usesHeight: Bool {
        switch self {
        case .proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored: true
        default: false
        }
    }
}

extension FuzzTarget {
    /// A member's machine under messages, timers, blocks and contents.
    static let rounds = FuzzTarget("rounds", of: "Sources/Chain/Engine/TaskMachine+Inputs.swift") { input in
        let world = input.pick(RoundFuzz.worlds)
        let state = input.pick(world.states)
        var machine = TaskMachine(
            state: state, key: LedgerFuzz.keys[1 + input.pick(5)], manual: input.bool(), own: [],
            voteState: nil)
        var now = Instant(monotonicMs: 1_000, wallMs: state.headTimeMs + 10_000)
        var timers: [ChainTimer] = []
        func note(_ directives: [ChainDirective]) {
            for case .schedule(let timer, _) in directives where timers.count < 64 {
                timers.append(timer)
            }
        }
        note(machine.resume(now))
        for _ in 0..<1 + input.pick(8) {
            let step = input.pick(4_000)
            now = Instant(monotonicMs: now.monotonicMs + UInt64(step), wallMs: now.wallMs + UInt64(step))
            switch input.pick(8) {
            case 0: if !timers.isEmpty { note(machine.timer(input.pick(timers), now)) }
            case 1: note(machine.content(world.manifestHeader.body.id, world.manifest.wireBytes, now))
            case 2:
                guard let body = try? ManifestBody(wireBytes: input.edited(world.manifest.wireBytes)) else {
                    continue
                }
                note(
                    machine.content(
                        ContentReference.of(body.wireBytes, kind: .blockBody).id, body.wireBytes, now))
            default:
                let (_, directives) = machine.receive(world.message(state, &input), now)
                note(directives)
            }
        }
    }

    /// Claims about a broken sum, with what holders and clients say to them.
    static let blame = FuzzTarget("blame", of: "Sources/Chain/Task/BlameCase.swift") { input in
        let world = RoundFuzz.world
        let state = world.aggregating
        let members = world.genesis.members.map(\.node)
        func many(_ kind: MessageKind, _ nodes: [NodeID]) -> [Envelope] {
            nodes.compactMap { node in input.pick(4) == 0 ? nil : world.message(state, &input, kind, node)
            }
        }
        let holders = state.holders.map(\.node)
        let claim = world.message(state, &input, .claim, input.pick(members))
        let statements = many(.keyStatement, holders)
        let disclosures = many(.disclosure, holders)
        let openings = many(.opening, members)
        if let found = try? BlameCase(
            claim: claim, statements: statements, disclosures: disclosures, openings: openings,
            submissions: world.manifest.submissions, manifest: world.manifestHeader.id, set: world.set,
            state: state)
        {
            _ = found.claim
        }
        let context = RoundContext(state)
        _ = try? TaskRules.checkComplaint(
            world.message(state, &input, .complaint, input.pick(holders)), context: context, state: state,
            signatureKnown: true)
    }

    /// Shares of a reward, whatever is opened.
    static let tables = FuzzTarget("tables", of: "Sources/Chain/Task/ContributionShares.swift") {
        input in
        let count = input.pick(6)
        let rounds = (0..<input.pick(6)).map { _ in
            (0..<count).map { _ in input.bool() ? nil : input.number() as Int64 }
        }
        law(
            ContributionShares.weights(rounds: rounds).count == (rounds.isEmpty ? 0 : count),
            "a weight is missing")
        let node = NodeID([UInt8](repeating: 1, count: 32))
        let reward = (input.number() as UInt64) >> 1
        let shares = Payouts.shares(
            budget: reward, aggregator: node,
            members: (0..<count).map {
                (NodeID([UInt8](repeating: UInt8($0), count: 32)), UInt64(input.number() as UInt32))
            })
        law(shares.values.reduce(0, +) == reward, "a share was made or lost")
    }
}

extension RoundFuzz {
    /// A message of this kind and signer with a few bytes changed; its signature is taken for granted.
    func message(
        _ state: Chain.TaskState, _ input: inout FuzzInput, _ kind: MessageKind, _ node: NodeID
    ) -> Envelope {
        Envelope(
            network: state.genesis.network,
            slot: Slot(
                kind: kind, chain: state.chain,
                major: kind.usesHeight ? state.height + 1 : UInt64(state.round),
                minor: UInt32(state.attempt)),
            signer: node, payload: input.edited(payload(kind, node, state, &input)),
            signature: unsigned)
    }
}
