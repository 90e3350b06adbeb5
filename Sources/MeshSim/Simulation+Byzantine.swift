internal import Chain
internal import MeshCrypto
internal import Wire

/// What leaves a node that breaks the protocol.
extension Simulation {
    private func halves(of index: Int) -> ([Int], [Int]) {
        let others = nodes.indices.filter { $0 != index }
        return (others.filter { $0.isMultiple(of: 2) }, others.filter { !$0.isMultiple(of: 2) })
    }

    private func signed(_ payload: [UInt8], _ slot: Slot, node index: Int) -> Envelope {
        .signed(payload, slot: slot, network: network, by: nodes[index].key)
    }

    /// Sends what a strategy makes of an own or forwarded message.
    func emit(_ envelope: Envelope, byzantine index: Int) {
        guard envelope.signer == nodes[index].id else {
            if byzantine[index]!.strategy != .silent { send([envelope], from: index) }
            return
        }
        let (even, odd) = halves(of: index)
        switch (byzantine[index]!.strategy, envelope.slot.kind) {
        case (.silent, .transaction): send([envelope], from: index)
        case (.silent, _): return
        case (.equivocatingProposer, .proposal), (.equivocatingProposer, .prevote), (.equivocatingProposer, .precommit):
            guard let twin = twin(of: envelope, makers: [index], node: index) else { break }
            send([envelope], from: index, to: even)
            send([twin], from: index, to: odd)
            return
        case (.colluder, .proposal), (.colluder, .prevote), (.colluder, .precommit):
            let hostile = configuration.byzantineNodes
            guard isAttacked(envelope.slot.chain), let twin = twin(of: envelope, makers: hostile, node: index) else {
                break
            }
            let honest = honestNodes
            let first = honest.indices.filter { $0.isMultiple(of: 2) }.map { honest[$0] }
            send([envelope], from: index, to: hostile + first)
            send([twin], from: index, to: honest.filter { !first.contains($0) })
            return
        case (.doubleVoter, .prevote), (.doubleVoter, .precommit):
            guard let vote = try? Vote(wireBytes: envelope.payload) else { break }
            let other = vote.block == nil ? anyBlock(at: envelope.slot, node: index) : nil
            let turned = envelope.slot.minor.isMultiple(of: 2)
            send([envelope], from: index, to: turned ? even : odd)
            send(
                [signed(Vote(block: other).wireBytes, envelope.slot, node: index)], from: index, to: turned ? odd : even
            )
            return
        case (.dropOut, _) where ByzantineMemory.isKept(envelope): return
        case (.omittedSubmission, .proposal), (.futureTime, .proposal), (.earlyVoid, .proposal),
            (.falseComplaint, .proposal):
            if let crafted = craftedProposal(envelope, node: index) {
                send([crafted], from: index)
                return
            }
        case (.falseComplaint, .complaint):
            // In every other round the proof is broken as well.
            guard !envelope.slot.major.isMultiple(of: 2), let complaint = try? Complaint(wireBytes: envelope.payload)
            else { break }
            let entries = complaint.entries.map { entry in
                var proof = entry.proof.bytes
                proof[40] ^= 1
                return Complaint.Entry(
                    submission: entry.submission, component: entry.component, sharedPoint: entry.sharedPoint,
                    proof: Signature(proof), boxes: entry.boxes)
            }
            let broken = Complaint(context: complaint.context, entries: entries)
            send([signed(broken.wireBytes, envelope.slot, node: index)], from: index)
            return
        case (.splitView, _):
            send([envelope], from: index, to: even)
            return
        case (.falseHolder, .keyStatement): return
        case (.wrongModel, .candidate):
            guard let candidate = try? Candidate(wireBytes: envelope.payload) else { break }
            let model = candidate.aggregate
            let wrong = Candidate(
                manifest: candidate.manifest,
                payload: TaskRules.payloadID(
                    manifest: candidate.manifest, aggregate: candidate.aggregate, model: model,
                    opening: candidate.opening),
                aggregate: candidate.aggregate, model: model, opening: candidate.opening)
            send([signed(wrong.wireBytes, envelope.slot, node: index)], from: index)
            return
        case (.lockAmnesia, .prevote), (.lockAmnesia, .precommit):
            // Its own machine keeps its lock; what leaves is a vote for the newest proposal of this view.
            guard let block = proposed(at: envelope.slot, node: index) else { break }
            send([signed(Vote(block: block).wireBytes, envelope.slot, node: index)], from: index)
            return
        case (.garbageLister, .received):
            var ids: [SubmissionID] = []
            for number in 0..<Limits.submitters {
                ids.append(SubmissionID(Transcript.hash("sim/garbage", nodes[index].id.bytes, [UInt8(number & 255)])))
            }
            send([signed(Received(submissions: ids.sorted()).wireBytes, envelope.slot, node: index)], from: index)
            return
        case (.doubleSubmitter, .submission):
            guard let second = secondSubmission(envelope, node: index) else { break }
            send([envelope], from: index, to: even)
            send([second], from: index, to: odd)
            return
        case (.doubleAnnouncer, .submission):
            guard let second = secondSubmission(envelope, node: index) else { break }
            send([envelope, second], from: index)
            return
        case (.wrongRoots, .keyStatement):
            guard let statement = try? KeyStatement(wireBytes: envelope.payload) else { break }
            let wrong = KeyStatement(
                context: statement.context, manifest: statement.manifest,
                roots: statement.roots.map { .init(component: $0.component, root: .zero) })
            send([signed(wrong.wireBytes, envelope.slot, node: index)], from: index)
            return
        default: break
        }
        send([envelope], from: index)
    }

    /// Whether colluders do their work on a chain.
    func isAttacked(_ chain: ChainID) -> Bool { chain != registryChain || configuration.seed.isMultiple(of: 2) }

    /// The second message of a slot: another proposal, or a vote for the block of one. nil where there is no second block.
    ///
    /// - Parameter makers: nodes that know of it and vote for it.
    private func twin(of envelope: Envelope, makers: [Int], node index: Int) -> Envelope? {
        guard envelope.slot.kind == .proposal else {
            guard let block = try? Vote(wireBytes: envelope.payload).block, let twin = byzantine[index]!.twins[block]
            else { return nil }
            return signed(Vote(block: twin).wireBytes, envelope.slot, node: index)
        }
        guard let proposal = try? Proposal(wireBytes: envelope.payload), proposal.validView < 0,
            let memory = nodes[index].memory
        else { return nil }
        var header = proposal.header
        header.timeMs += 1
        if header.chain == registryChain {
            // The state of the registry knows the time.
            guard let body = nodes[index].disk.contents[header.body.id],
                let transactions = try? RegistryBody(wireBytes: body).transactions,
                let built = RegistryRules.build(
                    pending: transactions, state: memory.registry.state, author: nodes[index].id,
                    view: header.originView, timeMs: header.timeMs)
            else { return nil }
            header = built.header
        }
        for maker in makers { byzantine[maker]?.twins[proposal.header.id] = header.id }
        ledger.headers[header.id] = header
        return signed(Proposal(header: header, validView: -1).wireBytes, envelope.slot, node: index)
    }

    private func proposed(at slot: Slot, node index: Int) -> BlockID? {
        byzantine[index]!.seen.last {
            $0.slot.kind == .proposal && $0.slot.chain == slot.chain && $0.slot.major == slot.major
                && $0.slot.minor == slot.minor
        }.flatMap { try? Proposal(wireBytes: $0.payload).header.id }
    }

    private func anyBlock(at slot: Slot, node index: Int) -> BlockID? {
        byzantine[index]!.seen.last {
            $0.slot.kind == .proposal && $0.slot.chain == slot.chain && $0.slot.major == slot.major
        }
        .flatMap { try? Proposal(wireBytes: $0.payload).header.id }
    }

    private func secondSubmission(_ envelope: Envelope, node index: Int) -> Envelope? {
        guard let place = nodes[index].memory?.taskIndex(envelope.slot.chain) else { return nil }
        let machine = nodes[index].memory!.tasks[place]
        let (body, header) = update(
            of: index, job: machine.trainingJob, state: machine.state, variant: 255, flaw: NullScheme.flawless)
        nodes[index].disk.put(body, header.body.id)
        ledger.contents[header.body.id] = body
        let second = signed(header.wireBytes, envelope.slot, node: index)
        ledger.noteSubmission(second)
        return second
    }

    private func craftedProposal(_ envelope: Envelope, node index: Int) -> Envelope? {
        guard let proposal = try? Proposal(wireBytes: envelope.payload), proposal.validView < 0 else { return nil }
        var header = proposal.header
        switch byzantine[index]!.strategy {
        case .futureTime: header.timeMs = UInt64.max
        case .omittedSubmission:
            guard header.kind == .manifest, let place = nodes[index].memory?.taskIndex(header.chain),
                let bytes = nodes[index].disk.contents[header.body.id],
                let body = try? ManifestBody(wireBytes: bytes), body.submissions.count > 4
            else { return nil }
            let state = nodes[index].memory!.tasks[place].state
            let kept = Array(body.submissions.dropFirst())
            let crafted = ManifestBody(
                context: body.context, union: body.union, lists: body.lists, submissions: kept, readys: body.readys)
            header = craft(
                .manifest(crafted, set: kept.map { .init(node: $0.signer, submission: $0.submissionID) }), state,
                view: envelope.slot.minor, author: nodes[index].id, node: index)
        case .falseComplaint:
            // A manifest that evicts whom its own complaints, all of them false, accuse.
            guard header.kind == .manifest, let place = nodes[index].memory?.taskIndex(header.chain),
                let bytes = nodes[index].disk.contents[header.body.id],
                let body = try? ManifestBody(wireBytes: bytes),
                let own = ownComplaint(body, node: index), let victim = own.victim(in: body), body.submissions.count > 4
            else { return nil }
            let state = nodes[index].memory!.tasks[place].state
            let crafted = ManifestBody(
                context: body.context, union: body.union, lists: body.lists, submissions: body.submissions,
                readys: body.readys, complaints: [own.envelope], evicted: [victim])
            let kept = body.submissions.filter { $0.signer != victim }
            header = craft(
                .manifest(crafted, set: kept.map { .init(node: $0.signer, submission: $0.submissionID) }), state,
                view: envelope.slot.minor, author: nodes[index].id, node: index)
        case .earlyVoid:
            guard header.kind == .manifest || header.kind == .result,
                let place = nodes[index].memory?.taskIndex(header.chain)
            else { return nil }
            let state = nodes[index].memory!.tasks[place].state
            let order = state.nextProposers
            let view = TaskRules.firstVoidView(state)
            header = craft(
                .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])), state, view: view,
                author: order[Int(view) % order.count], node: index)
        default: return nil
        }
        ledger.headers[header.id] = header
        return signed(Proposal(header: header, validView: -1).wireBytes, envelope.slot, node: index)
    }

    /// A false complaint that this node has signed about a submission of a manifest.
    private func ownComplaint(_ body: ManifestBody, node index: Int) -> (FalseComplaint)? {
        nodes[index].disk.own.last { envelope in
            envelope.slot.kind == .complaint
                && (try? Complaint(wireBytes: envelope.payload))?.context == body.context
        }.flatMap { envelope in
            (try? Complaint(wireBytes: envelope.payload)).map { FalseComplaint(envelope: envelope, complaint: $0) }
        }
    }

    private struct FalseComplaint {
        let envelope: Envelope
        let complaint: Complaint

        func victim(in body: ManifestBody) -> NodeID? {
            body.submissions.first { one in complaint.entries.contains { $0.submission == one.submissionID } }?.signer
        }
    }

    private func craft(
        _ content: TaskBlockContent, _ state: TaskState, view: UInt32, author: NodeID, node index: Int
    ) -> BlockHeader {
        let header = TaskRules.header(
            for: content, state: state, author: author, view: view, timeMs: instant(index).wallMs)
        nodes[index].disk.put(content.bytes, header.body.id)
        ledger.contents[header.body.id] = content.bytes
        return header
    }

    /// What a strategy adds at each heartbeat.
    func misbehave(_ index: Int) {
        switch byzantine[index]!.strategy {
        case .staleReplay:
            let seen = byzantine[index]!.seen
            guard !seen.isEmpty else { return }
            for _ in 0..<6 {
                let envelope = seen[random.below(seen.count)]
                let peer = random.below(nodes.count)
                guard peer != index else { continue }
                var bytes = envelope.signature.bytes
                bytes[random.below(64)] ^= 1
                let forged = Envelope(
                    network: envelope.network, slot: envelope.slot, signer: envelope.signer, payload: envelope.payload,
                    signature: Signature(bytes))
                send(.envelopes([forged, envelope]), from: index, to: peer)
            }
            for chain in [registryChain] + (nodes[index].memory?.tasks.map(\.chain) ?? []) {
                guard let blocks = nodes[index].disk.blocks[chain], !blocks.isEmpty else { continue }
                send(.blocks([blocks[random.below(blocks.count)]]), from: index, to: (index + 1) % nodes.count)
            }
        case .viewSpammer:
            guard let task = nodes[index].memory?.tasks.first else { return }
            for step in 0..<(configuration.planted == .endlessViews ? 400 : 8) {
                let view = task.view + UInt32(step) * UInt32(nodes.count) + UInt32(random.below(1_000))
                let slot = Slot(kind: .prevote, chain: task.chain, major: task.height, minor: view)
                send([signed(Vote(block: nil).wireBytes, slot, node: index)], from: index)
                if case .aggregating(let manifest, _) = task.state.phase {
                    let opening = Digest(Transcript.hash("sim/spam", [UInt8(truncatingIfNeeded: step)]))
                    let model = task.state.model
                    let candidate = Candidate(
                        manifest: manifest,
                        payload: TaskRules.payloadID(
                            manifest: manifest, aggregate: model, model: model, opening: opening),
                        aggregate: model, model: model, opening: opening)
                    let order = task.state.nextProposers
                    let own = order.firstIndex(of: nodes[index].id).map { UInt32($0) } ?? 0
                    let mine = own + UInt32(step + random.below(1_000)) * UInt32(order.count)
                    send(
                        [
                            signed(
                                candidate.wireBytes,
                                Slot(kind: .candidate, chain: task.chain, major: task.height, minor: mine), node: index)
                        ], from: index)
                }
            }
        default: attack(index)
        }
    }

    // MARK: Planted: two thirds rounded down

    /// Decides a block as soon as its precommits weigh ⌊2W/3⌋.
    func decideOnLowQuorum(_ envelope: Envelope, node index: Int) {
        guard envelope.slot.kind == .precommit, nodes[index].isUp,
            let block = try? Vote(wireBytes: envelope.payload).block,
            let header = ledger.headers[block], let body = ledger.contents[header.body.id]
        else { return }
        let chain = envelope.slot.chain
        let height = UInt64(nodes[index].disk.blocks[chain]?.count ?? 0) + 1
        guard envelope.slot.major == height else { return }
        lowQuorumVotes[index, default: []].append(envelope)
        let order = genesis.accounts.map(\.node)
        let votes = lowQuorumVotes[index]!.filter { $0.slot == envelope.slot && $0.payload == envelope.payload }
        let voters = order.indices.filter { place in votes.contains { $0.signer == order[place] } }
        let weight = voters.reduce(0) { $0 + genesis.accounts[$1].validatorBond }
        let total = genesis.accounts.reduce(0) { $0 + $1.validatorBond }
        guard weight >= total * 2 / 3 else { return }
        let precommits = voters.map { place in
            Certificate.Precommit(voter: UInt8(place), signature: votes.first { $0.signer == order[place] }!.signature)
        }
        let decided = DecidedBlock(
            header: header, body: body,
            certificate: Certificate(
                chain: chain, height: height, view: envelope.slot.minor, block: block, precommits: precommits))
        commit(decided, chain: chain, node: index)
        nodes[index].disk.sync()
        crash(index, restartAfter: 1_000)
    }
}
