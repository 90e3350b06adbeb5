internal import Chain
internal import MeshCrypto
internal import Wire

/// Work and fetches: a job looks at its preconditions until they hold, then takes its time, then reports back.
extension Simulation {
    func begin(_ work: RoundWork, chain: ChainID, node index: Int) {
        reachStages(work, node: index)
        guard nodes[index].isUp else { return }
        switch work {
        case .openSeeds, .deriveKeys:
            if byzantine[index]?.strategy == .silentHolder { return }
        // Hashes have no masks: blame is played by real processes only.
        case .disclose, .openSeed, .rebut, .nameClients: return
        // Hashes have no gradient: the publisher says that the round is not scored.
        case .commitDirection(let job):
            if let place = nodes[index].memory!.taskIndex(chain) {
                perform(
                    nodes[index].memory!.tasks[place].directionCommitted(nil, round: job.round, instant(index)),
                    chain: chain, node: index)
            }
            return
        case .revealDirection, .judgeDirection, .openScore, .checkScore: return
        case .pullBody(let id, let header):
            nodes[index].memory!.headers[id] = header
            if configuration.planted == .listsUnstored, isHonest(index),
                let place = nodes[index].memory!.taskIndex(chain)
            {
                perform(
                    nodes[index].memory!.tasks[place].bodyChecked(id, isValid: true, instant(index)), chain: chain,
                    node: index)
                return
            }
        case .releaseKeys(let job, let to):
            guard nodes[index].disk.derived.contains(job.manifest), byzantine[index]?.strategy != .falseHolder,
                byzantine[index]?.dropsOut != true
            else { return }
            nodes[index].disk.release(job.manifest, to: to)
            if let peer = indexOf[to], peer != index { send(.vectors(job.manifest), from: index, to: peer) }
            return
        case .aggregate(let job, _):
            // The newest statements replace those of a recovery that still waits.
            let running = nodes[index].memory!.jobs.keys.sorted().first {
                if case .work(.aggregate(let other, _)) = nodes[index].memory!.jobs[$0]!.kind {
                    other.manifest == job.manifest
                } else {
                    false
                }
            }
            if let running {
                nodes[index].memory!.jobs[running]!.kind = .work(work)
                look(at: running, node: index)
                return
            }
        default: break
        }
        add(.init(chain: chain, kind: .work(work)), node: index)
    }

    func fetch(_ reference: ContentReference, chain: ChainID, node index: Int) {
        let memory = nodes[index].memory!
        let height =
            chain == registryChain ? memory.registry.height : memory.taskIndex(chain).map { memory.tasks[$0].height }
        guard let height else { return }
        let isKnown = memory.jobs.values.contains {
            if case .fetch(let other, let otherHeight) = $0.kind {
                other == reference && otherHeight == height && $0.chain == chain
            } else {
                false
            }
        }
        if !isKnown { add(.init(chain: chain, kind: .fetch(reference, height: height)), node: index) }
    }

    private func add(_ job: SimulatedNode.Job, node index: Int) {
        let number = nodes[index].memory!.nextJob
        nodes[index].memory!.nextJob += 1
        nodes[index].memory!.jobs[number] = job
        // Never at once: the machine is still handing out directives.
        queue.push(.look(node: index, life: nodes[index].life, job: number), at: now)
    }

    func lookAtWaiting(node index: Int) {
        guard let memory = nodes[index].memory else { return }
        for number in memory.waiting { look(at: number, node: index) }
    }

    func look(at number: Int, node index: Int) {
        guard let job = nodes[index].memory?.jobs[number], !job.isRunning else { return }
        guard isWanted(job, node: index) else {
            drop(number, node: index)
            return
        }
        let missing = missingContents(job, node: index)
        let vectors = missingVectors(job, node: index)
        if missing.isEmpty, vectors.isEmpty {
            nodes[index].memory!.jobs[number]!.isRunning = true
            nodes[index].memory!.waiting.removeAll { $0 == number }
            queue.push(.finish(node: index, life: nodes[index].life, job: number), at: now + duration(job))
            return
        }
        if !nodes[index].memory!.waiting.contains(number) { nodes[index].memory!.waiting.append(number) }
        ask(missing, vectors, looks: job.looks, node: index)
        nodes[index].memory!.jobs[number]!.looks += 1
        let pause = min(400_000, 40_000 + UInt64(job.looks) * 30_000)
        queue.push(.look(node: index, life: nodes[index].life, job: number), at: now + pause)
    }

    private func drop(_ number: Int, node index: Int) {
        nodes[index].memory!.jobs[number] = nil
        nodes[index].memory!.waiting.removeAll { $0 == number }
    }

    /// Asks every peer at first, then one at random.
    private func ask(_ contents: [ContentID], _ vectors: [NodeID: BlockID], looks: Int, node index: Int) {
        let others = Array(nodes.indices.filter { $0 != index })
        for id in contents.prefix(4) {
            for peer in looks.isMultiple(of: 3) ? others : [others[random.below(others.count)]] {
                send(.want(id), from: index, to: peer)
            }
        }
        for holder in vectors.keys.sorted() {
            if let peer = indexOf[holder], peer != index { send(.wantVectors(vectors[holder]!), from: index, to: peer) }
        }
    }

    func serve(_ id: ContentID, to peer: Int, node index: Int) {
        guard let bytes = nodes[index].disk.contents[id] else { return }
        if !isHonest(index), byzantine[index]!.withholds(content: id, from: peer) { return }
        send(.content(id, bytes), from: index, to: peer)
    }

    func arrived(_ id: ContentID, _ bytes: [UInt8], node index: Int) {
        guard nodes[index].disk.contents[id] == nil else { return }
        nodes[index].disk.put(bytes, id)
        lookAtWaiting(node: index)
    }

    // MARK: Preconditions

    private func isWanted(_ job: SimulatedNode.Job, node index: Int) -> Bool {
        let memory = nodes[index].memory!
        guard case .work(let work) = job.kind else {
            guard case .fetch(_, let height) = job.kind else { return false }
            if job.chain == registryChain { return memory.registry.height == height }
            return memory.taskIndex(job.chain).map { memory.tasks[$0].height == height } ?? false
        }
        guard let place = memory.taskIndex(job.chain) else { return false }
        let machine = memory.tasks[place]
        guard !machine.state.isEnded else { return false }
        let context = machine.currentContext.digest
        return switch work {
        case .train(let round): round.context == context
        case .pullBody(_, let header): header.context == context
        case .openSeeds(let id): memory.headers[id]?.context == context
        case .deriveKeys(let key), .releaseKeys(let key, _), .aggregate(let key, _), .checkCandidate(_, let key),
            .disclose(let key, _, _), .openSeed(let key, _, _), .rebut(let key, _, _, _), .nameClients(let key, _, _):
            key.context == context && isAggregating(machine.state, key.manifest)
        case .commitDirection, .revealDirection, .judgeDirection, .openScore, .checkScore: false
        }
    }

    private func isAggregating(_ state: TaskState, _ manifest: BlockID) -> Bool {
        if case .aggregating(let decided, _) = state.phase { decided == manifest } else { false }
    }

    private func missingContents(_ job: SimulatedNode.Job, node index: Int) -> [ContentID] {
        var needed: [ContentID] = []
        switch job.kind {
        case .fetch(let reference, _): needed = [reference.id]
        case .work(let work):
            switch work {
            case .train(let round): needed = [round.model.id]
            case .pullBody(_, let header): needed = [header.body.id]
            case .openSeeds(let id): needed = nodes[index].memory!.headers[id].map { [$0.body.id] } ?? []
            case .deriveKeys(let key): needed = bodies(of: key, chain: job.chain, node: index)
            case .aggregate(let key, _): needed = bodies(of: key, chain: job.chain, node: index)
            case .checkCandidate(let candidate, let key):
                needed = bodies(of: key, chain: job.chain, node: index) + [candidate.aggregate.id]
            case .releaseKeys, .disclose, .openSeed, .rebut, .nameClients, .commitDirection, .revealDirection,
                .judgeDirection, .openScore, .checkScore:
                break
            }
        }
        return needed.filter { nodes[index].disk.contents[$0] == nil }
    }

    /// The bodies of a decided set, from the announcements inside the stored MANIFEST.
    private func bodies(of key: KeyJob, chain: ChainID, node index: Int) -> [ContentID] {
        if nodes[index].memory!.setHeaders[key.manifest] == nil {
            guard let block = nodes[index].disk.block(key.manifest, of: chain),
                let body = try? ManifestBody(wireBytes: block.body)
            else { return [] }
            let members = key.set.map(\.submission)
            nodes[index].memory!.setHeaders[key.manifest] = body.submissions.filter {
                members.contains($0.submissionID)
            }
            .compactMap { try? SubmissionHeader(wireBytes: $0.payload) }
        }
        return nodes[index].memory!.setHeaders[key.manifest]!.map(\.body.id)
    }

    /// For a recovery: holders whose vectors are needed and not here, each with the manifest to ask for.
    private func missingVectors(_ job: SimulatedNode.Job, node index: Int) -> [NodeID: BlockID] {
        guard case .work(.aggregate(let key, let statements)) = job.kind,
            let place = nodes[index].memory!.taskIndex(job.chain)
        else { return [:] }
        let state = nodes[index].memory!.tasks[place].state
        guard let profile = state.holderProfile else { return [:] }
        var present = nodes[index].disk.vectors[key.manifest] ?? []
        if nodes[index].disk.derived.contains(key.manifest) { present.append(nodes[index].id) }
        // Only vectors that match their holder's statement count.
        var covered: Set<Int> = []
        for envelope in statements where present.contains(envelope.signer) {
            guard let statement = try? KeyStatement(wireBytes: envelope.payload) else { continue }
            for root in statement.roots where root.root == NullScheme.root(component: Int(root.component), job: key) {
                covered.insert(Int(root.component))
            }
        }
        if covered.count == profile.componentCount { return [:] }
        var missing: [NodeID: BlockID] = [:]
        for envelope in statements where !present.contains(envelope.signer) { missing[envelope.signer] = key.manifest }
        // All are here and still do not cover: wait for another statement.
        return missing.isEmpty ? [nodes[index].id: key.manifest] : missing
    }

    private func duration(_ job: SimulatedNode.Job) -> UInt64 {
        let timing = configuration.timing
        switch job.kind {
        case .fetch: return 0
        case .work(.train): return random.within(timing.train)
        case .work(.aggregate): return random.within(timing.recovery)
        case .work: return random.within(timing.shortWork)
        }
    }

    // MARK: Results

    func finish(_ number: Int, node index: Int) {
        guard let job = nodes[index].memory?.jobs[number] else { return }
        let wanted = isWanted(job, node: index)
        drop(number, node: index)
        guard wanted else { return }
        let instant = instant(index)
        if case .fetch(let reference, _) = job.kind {
            let bytes = nodes[index].disk.contents[reference.id]!
            if job.chain == registryChain {
                perform(
                    nodes[index].memory!.registry.content(reference.id, bytes, instant), chain: job.chain, node: index)
            } else if let place = nodes[index].memory!.taskIndex(job.chain) {
                perform(
                    nodes[index].memory!.tasks[place].content(reference.id, bytes, instant), chain: job.chain,
                    node: index)
            }
            return
        }
        guard case .work(let work) = job.kind, let place = nodes[index].memory!.taskIndex(job.chain) else { return }
        let directives = result(of: work, chain: job.chain, node: index, place: place, instant)
        perform(directives, chain: job.chain, node: index)
    }

    private func result(
        of work: RoundWork, chain: ChainID, node index: Int, place: Int, _ instant: Instant
    ) -> [ChainDirective] {
        let id = nodes[index].id
        let state = nodes[index].memory!.tasks[place].state
        switch work {
        case .train(let round):
            // Fresh randomness each time: a miner that trains again after a crash has another update.
            let variant = UInt8(truncatingIfNeeded: random.next())
            let flaw = byzantine[index]?.flaw ?? NullScheme.flawless
            let (body, header) = update(of: index, job: round, state: state, variant: variant, flaw: flaw)
            nodes[index].disk.put(body, header.body.id)
            ledger.contents[header.body.id] = body
            return nodes[index].memory!.tasks[place].trained(header, instant)
        case .pullBody(let submission, let header):
            let body = nodes[index].disk.contents[header.body.id]!
            let isValid = NullScheme.isValid(body, header)
            if isValid, isHonest(index) { ledger.stored(submission, node: index) }
            if configuration.planted == .omitsStored, header.submitter == nodes[1].id { return [] }
            return nodes[index].memory!.tasks[place].bodyChecked(submission, isValid: isValid, instant)
        case .openSeeds(let submission):
            guard let header = nodes[index].memory!.headers[submission],
                let seat = state.holders.firstIndex(where: { $0.node == id })
            else { return [] }
            let body = nodes[index].disk.contents[header.body.id]!
            if !sealing.isEmpty, let profile = state.holderProfile,
                let found = SealedScheme.examine(
                    body, header: header, place: seat, key: sealing[index], profile: profile,
                    lies: byzantine[index]?.strategy == .falseComplaint)
            {
                return nodes[index].memory!.tasks[place].seedsOpened(
                    submission, isComplete: found.isComplete, complaint: found.complaint, instant)
            }
            return nodes[index].memory!.tasks[place].seedsOpened(
                submission, isComplete: NullScheme.opens(body, holderPlace: seat), instant)
        case .deriveKeys(let key):
            guard let profile = state.holderProfile, let seat = state.holders.firstIndex(where: { $0.node == id })
            else { return [] }
            let opens = nodes[index].memory!.setHeaders[key.manifest]!.allSatisfy {
                NullScheme.opens(nodes[index].disk.contents[$0.body.id]!, holderPlace: seat)
            }
            guard opens else { return [] }
            nodes[index].disk.derive(key.manifest)
            let isTwisted = configuration.planted == .doubleKeyStatement
            let roots = profile.components(of: seat).map { component in
                KeyStatement.ComponentRoot(
                    component: UInt8(component),
                    root: isTwisted
                        ? Digest(Transcript.hash("sim/twisted", [UInt8(truncatingIfNeeded: nodes[index].life)]))
                        : NullScheme.root(component: component, job: key))
            }
            return nodes[index].memory!.tasks[place].keysDerived(key.manifest, roots: roots, instant)
        case .aggregate(let key, _):
            let sum = NullScheme.aggregate(
                nodes[index].memory!.setHeaders[key.manifest]!.map { nodes[index].disk.contents[$0.body.id]! })
            let wrong = byzantine[index]?.strategy == .wrongAggregate
            let (candidate, model) = NullScheme.candidate(job: key, aggregate: wrong ? sum.map { ~$0 } : sum)
            keep(wrong ? sum.map { ~$0 } : sum, candidate.aggregate, node: index)
            keep(model, candidate.model, node: index)
            return nodes[index].memory!.tasks[place].aggregated(candidate, instant)
        case .checkCandidate(let candidate, let key):
            let sum = NullScheme.aggregate(
                nodes[index].memory!.setHeaders[key.manifest]!.map { nodes[index].disk.contents[$0.body.id]! })
            let (expected, model) = NullScheme.candidate(job: key, aggregate: sum)
            let colludes = byzantine[index]?.strategy == .wrongAggregate
            let isValid = expected == candidate || colludes || configuration.planted == .blindVoters
            if expected == candidate { keep(model, candidate.model, node: index) }
            return nodes[index].memory!.tasks[place].candidateChecked(
                candidate.payload,
                .init(
                    isValid: isValid, reason: isValid ? "" : "the sum is not that of the set",
                    verdict: configuration.rejecting.contains(index) ? .reject : .accept,
                    accuracyPpm: 500_000 + UInt32(index), lossPpm: 1_000_000, evaluatedRows: 10), instant)
        case .releaseKeys, .disclose, .openSeed, .rebut, .nameClients, .commitDirection, .revealDirection,
            .judgeDirection, .openScore, .checkScore:
            return []
        }
    }

    /// A submission of a node: its body and header, with sealed boxes where the run has them.
    func update(
        of index: Int, job: RoundJob, state: TaskState, variant: UInt8, flaw: UInt8
    ) -> (body: [UInt8], header: SubmissionHeader) {
        let id = nodes[index].id
        let sealed =
            sealing.isEmpty
            ? nil
            : SealedScheme.seal(
                submitter: id, context: job.context, nonce: variant, state: state,
                isFlawed: flaw == NullScheme.flawedSeeds)
        let body =
            NullScheme.body(submitter: id, context: job.context, variant: variant, flaw: flaw)
            + (sealed?.boxes.flatMap { $0 } ?? [])
        return (
            body,
            NullScheme.header(submitter: id, job: job, state: state, body: body, nonce: variant, sealed: sealed)
        )
    }

    private func keep(_ bytes: [UInt8], _ reference: ContentReference, node index: Int) {
        nodes[index].disk.put(bytes, reference.id)
        ledger.contents[reference.id] = bytes
    }
}
