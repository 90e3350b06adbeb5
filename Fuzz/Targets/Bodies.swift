@testable import Chain
import MeshCrypto
import Wire

/// Bodies of task blocks with their parts exchanged, doubled, left out, changed: each a body that decodes, with the header
/// that names it.
struct BodyFuzz {
    let world: RoundFuzz
    let state: Chain.TaskState

    /// Some of what is there, in another order, some of it twice, some of it changed.
    private func some<Element>(
        _ parts: [Element], _ input: inout FuzzInput, _ change: (Element, inout FuzzInput) -> Element
    ) -> [Element] {
        var result = parts
        for _ in 0..<input.pick(3) {
            guard !result.isEmpty else { break }
            let place = input.pick(result.count)
            switch input.pick(5) {
            case 0: result.remove(at: place)
            case 1: result.insert(result[place], at: input.pick(result.count + 1))
            case 2: result.swapAt(place, input.pick(result.count))
            default: result[place] = change(result[place], &input)
            }
        }
        return result
    }

    private func envelopes(_ valid: [Envelope], _ input: inout FuzzInput) -> [Envelope] {
        some(valid, &input) { envelope, input in
            var slot = envelope.slot
            if input.pick(4) == 0 {
                slot = Slot(
                    kind: slot.kind, chain: slot.chain, major: input.number(near: slot.major),
                    minor: input.number(near: slot.minor))
            }
            let signer = input.pick(4) == 0 ? node(&input) : envelope.signer
            return Envelope(
                network: envelope.network, slot: slot, signer: signer, payload: input.edited(envelope.payload),
                signature: unsigned)
        }
    }

    private func node(_ input: inout FuzzInput) -> NodeID {
        let place = input.pick(8)
        return place < LedgerFuzz.keys.count ? LedgerFuzz.keys[place].nodeID : NodeID(Digest.zero.bytes)
    }

    private func nodes(_ input: inout FuzzInput) -> [NodeID] {
        let found = input.list(upTo: 4) { node(&$0) }
        return input.bool() ? found : Set(found).sorted()
    }

    private func lists(_ input: inout FuzzInput) -> [ReceivedList] {
        some(world.manifest.lists, &input) { list, input in
            ReceivedList(
                signer: input.bool() ? list.signer : node(&input),
                bitmap: input.bool() ? input.take(3) : input.edited(list.bitmap), signature: unsigned)
        }
    }

    private func union(_ input: inout FuzzInput) -> [SubmissionID] {
        some(world.manifest.union, &input) { _, input in SubmissionID(Transcript.hash("union", [input.byte()])) }
    }

    private func messages(_ kind: MessageKind, _ nodes: [NodeID], _ input: inout FuzzInput) -> [Envelope] {
        envelopes(nodes.map { world.message(state, &input, kind, $0) }, &input)
    }

    private var holders: [NodeID] { state.holders.map(\.node).sorted() }
    private var members: [NodeID] { world.genesis.members.map(\.node).sorted() }

    private func scores(_ input: inout FuzzInput) -> ScoreSection? {
        guard input.pick(4) == 0 else { return nil }
        return ScoreSection(
            reveal: input.bool() ? world.message(state, &input, .reveal, world.genesis.publisher) : nil,
            union: union(&input), lists: lists(&input), openings: messages(.score, members, &input))
    }

    private func blame(_ input: inout FuzzInput) -> BlameProof? {
        guard input.pick(3) == 0 else { return nil }
        let chunks = input.list(upTo: 3) { input in
            BlameProof.Chunk(
                submission: input.pick(world.manifest.union), bytes: input.take(64),
                path: input.list(upTo: 3) { Digest(Transcript.hash("path", [$0.byte()])) })
        }
        return BlameProof(
            claim: world.message(state, &input, .claim, input.pick(members)),
            statements: messages(.keyStatement, holders, &input),
            disclosures: messages(.disclosure, holders, &input), openings: messages(.opening, members, &input),
            submissions: envelopes(world.manifest.submissions, &input), chunks: chunks)
    }

    func manifest(_ input: inout FuzzInput) -> [UInt8] {
        ManifestBody(
            context: input.pick(8) == 7 ? .zero : world.manifest.context, union: union(&input), lists: lists(&input),
            submissions: envelopes(world.manifest.submissions, &input),
            readys: envelopes(world.manifest.readys, &input),
            complaints: input.bool() ? [] : messages(.complaint, holders, &input), evicted: nodes(&input),
            scores: scores(&input)
        ).wireBytes
    }

    func result(_ input: inout FuzzInput) -> [UInt8] {
        let references = (0..<2).map { ContentReference(id: .zero, length: input.number(near: [2_600, 3_000][$0])) }
        return ResultBody(
            manifest: world.manifestHeader.id, aggregate: references[0], model: references[1], opening: .zero,
            rejected: input.bool(), keyStatements: messages(.keyStatement, holders, &input),
            opinions: messages(.opinion, members, &input), blame: blame(&input),
            liars: input.bool() ? [] : nodes(&input)
        ).wireBytes
    }

    func void(_ input: inout FuzzInput) -> [UInt8] {
        VoidBody(
            reason: input.pick(VoidReason.allCases), evicted: nodes(&input), union: input.bool() ? [] : union(&input),
            lists: input.bool() ? [] : lists(&input), replaced: nodes(&input),
            absences: input.bool() ? [] : messages(.absence, members, &input),
            complaints: input.bool() ? [] : messages(.complaint, holders, &input),
            submissions: input.bool() ? [] : envelopes(world.manifest.submissions, &input), blame: blame(&input)
        ).wireBytes
    }

    /// An order as the registry would have decided it, with the number of steps that the input says.
    private func steps(_ input: inout FuzzInput, body: RegistryBody) -> [RegistryStep] {
        let members = LedgerFuzz.started.state.validators.members.map {
            ElectorateEntry(node: $0.node, weight: $0.weight)
        }
        var height = state.registryAnchor.height
        let count = input.bool() ? Limits.proofSteps : input.pick(3)
        return (0..<count).map { _ in
            height = input.number(near: height)
            let header = BlockHeader(
                chain: input.pick(8) == 7 ? state.chain : world.genesis.network.registryChain, height: height,
                parent: .zero, timeMs: 1, author: members[0].node, originView: input.number(near: 0), kind: .registry,
                round: 0, attempt: 0, body: .of(body.wireBytes, kind: .blockBody), stateRoot: .zero, payoutRoot: .zero,
                nextElectorate: LedgerFuzz.started.state.validators.hash,
                secondElectorate: LedgerFuzz.started.state.validators.hash,
                electionProof: [])
            let electorate = some(members, &input) { entry, input in
                ElectorateEntry(node: entry.node, weight: input.number(near: entry.weight))
            }
            return RegistryStep(
                header: header,
                certificate: Certificate(
                    chain: header.chain, height: height, view: input.number(near: 0), block: header.id,
                    precommits: members.indices.map { .init(voter: UInt8($0), signature: unsigned) }),
                electorate: electorate)
        }
    }

    func control(_ input: inout FuzzInput) -> [UInt8] {
        let body: ControlBody
        switch input.pick(7) {
        case 0: body = .complete
        case 1: body = .failed(input.pick([.attempts, .quality, .expired, .holders]))
        case 2: body = .noDirection
        case 3: body = .direction(world.message(state, &input, .direction, world.genesis.publisher))
        case 4:
            guard let section = scores(&input) else { return ControlBody.complete.wireBytes }
            body = .scores(section)
        case 5: body = .anchor(steps(&input, body: RegistryBody(transactions: [])))
        default:
            let order = Transaction.control(
                TaskControl(
                    task: state.chain, sequence: input.number(near: state.orderSequence + 1),
                    action: input.pick(ControlAction.allCases)))
            let transactions = RegistryBody(transactions: [
                Envelope(
                    network: world.genesis.network,
                    slot: Slot(kind: .transaction, chain: world.genesis.network.registryChain, major: 1, minor: 0),
                    signer: world.genesis.publisher, payload: order.wireBytes, signature: unsigned)
            ])
            body = .ordered(
                ControlOrder(
                    steps: steps(&input, body: transactions), body: transactions, index: input.number(near: 0)))
        }
        return body.wireBytes
    }
}

extension FuzzTarget {
    /// Bodies of every kind of task block, straight to the rules.
    static let bodies = FuzzTarget("bodies", of: "Sources/Chain/Task/TaskRules.swift") { input in
        let world = input.pick(RoundFuzz.worlds)
        let state = input.pick(world.states)
        let fuzz = BodyFuzz(world: world, state: state)
        let kind = input.pick([BlockKind.manifest, .result, .void, .control])
        var body =
            switch kind {
            case .manifest: fuzz.manifest(&input)
            case .result: fuzz.result(&input)
            case .void: fuzz.void(&input)
            default: fuzz.control(&input)
            }
        if input.pick(4) == 0 { body = input.edited(body) }
        let proposers = state.nextProposers
        let view: UInt32 = input.number(near: 0)
        let header = BlockHeader(
            chain: state.chain, height: state.height + 1, parent: state.head,
            timeMs: input.pick(4) == 0 ? input.number(near: state.headTimeMs + 1) : state.headTimeMs + 5_000,
            author: proposers[Int(view) % proposers.count], originView: view, kind: kind, round: state.round,
            attempt: state.attempt, body: .of(body, kind: .blockBody), stateRoot: .zero, payoutRoot: .zero,
            nextElectorate: .zero, secondElectorate: .zero, electionProof: [])
        _ = try? TaskRules.check(header: header, body: body, state: state)
    }
}
