internal import Chain
internal import Wire

/// What a shell does with a machine's directives: in order, durable before sent, interrupted anywhere by a crash.
extension Simulation {
    func perform(_ directives: [ChainDirective], chain: ChainID, node index: Int) {
        let life = nodes[index].life
        for directive in directives {
            // A crash between two directives loses the rest of them.
            guard isAlive(index, life) else { return }
            if faultsOn, crashPpm > 0, random.chance(crashPpm) {
                crash(index, restartAfter: random.within(50_000...2_500_000))
                return
            }
            perform(directive, chain: chain, node: index)
        }
        checkQueues(index)
    }

    private var crashPpm: UInt64 {
        switch configuration.faults {
        case .crash, .all: 2_500
        case .none, .loss, .partition: 0
        }
    }

    private func perform(_ directive: ChainDirective, chain: ChainID, node index: Int) {
        switch directive {
        case .persist(let envelopes, let state):
            persist(envelopes.map { listingBoth($0, node: index) }, state, chain: chain, node: index)
        // Everybody is linked with everybody here, so a mesh is all of them.
        case .broadcast(let said), .relay(let said):
            let envelope = listingBoth(said, node: index)
            if isHonest(index), envelope.signer == nodes[index].id {
                checkSending(envelope, node: index)
            }
            observe(envelope, node: index)
            if isHonest(index) {
                send([envelope], from: index)
            } else {
                emit(envelope, byzantine: index)
            }
            reachStages(envelope, node: index)
        case .store(let bytes, let reference, _):
            nodes[index].disk.put(bytes, reference.id)
            ledger.contents[reference.id] = bytes
        case .fetch(let reference, _, _):
            fetch(reference, chain: chain, node: index)
        case .commit(let decided):
            commit(decided, chain: chain, node: index)
        case .schedule(let timer, let delay):
            if configuration.planted == .noDeadlines, case .phase = timer { return }
            queue.push(.timer(node: index, life: nodes[index].life, chain, timer), at: now + delay * 1_000)
        case .openTask(let genesis):
            note(index, "opens task \(genesis.task.short)")
            openTask(genesis, node: index)
        case .work(let work):
            begin(work, chain: chain, node: index)
        case .evidence(let first, let second):
            if isHonest(index), let transaction = Evidence.transaction(first, second) {
                evidence += 1
                nodes[index].disk.evidence.append(transaction)
            }
        case .event(let event):
            observe(event, chain: chain, node: index)
        case .halt(let reason):
            note(index, "halts: \(reason)")
            guard isHonest(index) else { return }
            if reason.contains("two certificates") { alarms.append((index, chain == registryChain)) }
            ledger.report(.noHalt, now, "node \(index): \(reason)")
        }
    }

    private func persist(_ envelopes: [Envelope], _ state: VoteState?, chain: ChainID, node index: Int) {
        // One barrier: blocks and bodies are durable before anything that rests on them is signed.
        if configuration.planted != .lateSync { nodes[index].disk.sync() }
        if configuration.planted != .noDurableSlots { nodes[index].disk.keep(envelopes) }
        if isHonest(index) {
            for envelope in envelopes { ledger.sign(envelope, now) }
        }
        guard let state else { return }
        if let old = nodes[index].disk.voteState[chain], isHonest(index), configuration.planted == nil {
            ledger.check(
                (old.height, old.view, old.step.rawValue) <= (state.height, state.view, state.step.rawValue),
                .oneMessagePerSlot, now, "node \(index) moved its vote state back")
        }
        nodes[index].disk.voteState[chain] = state
    }

    /// What must hold before an own message leaves.
    private func checkSending(_ envelope: Envelope, node index: Int) {
        if envelope.slot.kind == .transaction { return }
        ledger.check(
            nodes[index].disk.holds(envelope), .durableBeforeSent, now,
            "node \(index) sends a \(envelope.slot.kind) that it has not stored")
        switch envelope.slot.kind {
        case .proposal, .prevote, .precommit, .received, .candidate, .opinion:
            let decided = nodes[index].disk.durableHeight(envelope.slot.chain)
            ledger.check(
                decided + 1 >= envelope.slot.major, .durableBeforeSent, now,
                "node \(index) signs at height \(envelope.slot.major) with \(decided) blocks durable")
        default: break
        }
        if envelope.slot.kind == .received, let received = try? Received(wireBytes: envelope.payload) {
            for id in received.submissions {
                let body = ledger.submissionBodies[id]
                ledger.check(
                    body.map { nodes[index].disk.holdsDurably($0) } ?? false, .storedBeforeListed, now,
                    "node \(index) lists \(id.short) without its body on disk")
            }
        }
    }

    /// Planted bug: an honest list with everything that its members announced.
    private func listingBoth(_ envelope: Envelope, node index: Int) -> Envelope {
        guard configuration.planted == .listsBoth, isHonest(index), envelope.slot.kind == .received,
            let place = nodes[index].memory?.taskIndex(envelope.slot.chain)
        else { return envelope }
        let context = nodes[index].memory!.tasks[place].currentContext.digest
        let known = nodes[index].memory!.headers.filter { $0.value.context == context }.keys.sorted()
        return .signed(
            Received(submissions: known).wireBytes, slot: envelope.slot, network: network, by: nodes[index].key)
    }

    /// Planted bug: the key that a hostile member wants to join with is taken as it is.
    private func believeKeys(ofTask task: Int, node index: Int) {
        let record = nodes[index].memory!.registry.state.tasks[task]
        for (place, enrolled) in record.enrolments.enumerated()
        where byzantine[indexOf[enrolled.node] ?? -1]?.strategy == .badKeys {
            let old = enrolled.enrolment
            nodes[index].memory!.registry.state.tasks[task].enrolments[place].enrolment = Enrolment(
                task: old.task, sealingKey: SealingKey([UInt8](repeating: 0, count: 32)), electionKey: old.electionKey,
                rows: old.rows, dataForm: old.dataForm, bond: old.bond)
        }
    }

    /// What the checks need to know of messages.
    private func observe(_ envelope: Envelope, node index: Int) {
        switch envelope.slot.kind {
        case .submission: ledger.noteSubmission(envelope)
        case .complaint where accused == nil:
            accused = (try? Complaint(wireBytes: envelope.payload))?.entries.first
                .flatMap { ledger.submitter(of: $0.submission) }
        case .proposal:
            if let proposal = try? Proposal(wireBytes: envelope.payload) {
                ledger.headers[proposal.header.id] = proposal.header
            }
        default: break
        }
    }

    private func observe(_ event: ChainEvent, chain: ChainID, node index: Int) {
        switch event {
        case .conflict: conflicts += 1
        case .complaint, .falseComplaint: if isHonest(index) { complaints += 1 }
        case .decided(let header):
            note(index, "decided \(header.kind) height \(header.height) view \(header.originView)")
        case .view(let height, let view, let proposer):
            note(index, "height \(height) view \(view), proposer n\(indexOf[proposer] ?? -1)")
            if configuration.planted == .noLock, view > 0, nodes[index].isUp { dropLock(chain, node: index) }
        case .warning(let text): note(index, "warning: \(text)")
        default: note(index, "\(event)")
        }
    }

    /// Planted bug: a node that enters a view with its votes but without its lock.
    private func dropLock(_ chain: ChainID, node index: Int) {
        if chain == registryChain {
            nodes[index].memory!.registry.dropLock()
        } else if let place = nodes[index].memory!.taskIndex(chain) {
            nodes[index].memory!.tasks[place].dropLock()
        }
    }

    func commit(_ decided: DecidedBlock, chain: ChainID, node index: Int) {
        nodes[index].disk.append(decided, chain: chain)
        trace.mix(decided.header.id.bytes)
        noteRecovery(decided, node: index)
        reachStages(decided.header, node: index)
        plant(decided, chain: chain, node: index)
        guard isHonest(index), let memory = nodes[index].memory else { return }
        if chain == registryChain {
            ledger.commit(decided, state: memory.registry.state, now, node: index)
        } else if let place = memory.taskIndex(chain) {
            ledger.commit(decided, state: memory.tasks[place].state, now, node: index)
        }
        if configuration.planted == .divergentState, index == 1, chain == registryChain, decided.header.height == 3 {
            nodes[index].memory!.registry.state.accounts[genesis.accounts[0].node]!.balance += 1
        }
    }

    /// Planted bugs of the state that follows from a block.
    private func plant(_ decided: DecidedBlock, chain: ChainID, node index: Int) {
        guard nodes[index].isUp else { return }
        switch configuration.planted {
        case .mint:
            guard chain == registryChain,
                nodes[index].memory!.registry.state.tasks.contains(where: { $0.paidMs != nil })
                    || !nodes[index].memory!.registry.state.ended.isEmpty
            else { return }
            nodes[index].memory!.registry.state.accounts[genesis.accounts[0].node]!.balance += 1
        case .believesKeys:
            for task in nodes[index].memory!.registry.state.tasks.indices where chain == registryChain {
                believeKeys(ofTask: task, node: index)
            }
        case .freePlaces:
            for task in nodes[index].memory!.registry.state.tasks.indices where chain == registryChain {
                let record = nodes[index].memory!.registry.state.tasks[task]
                nodes[index].memory!.registry.state.accounts[record.publisher]!.balance += record.deposit
                nodes[index].memory!.registry.state.tasks[task].deposit = 0
            }
        case .believesComplaints:
            guard decided.header.kind == .result, let place = nodes[index].memory!.taskIndex(chain),
                let accused
            else { return }
            nodes[index].memory!.tasks[place].state.evicted.append(accused)
        case .countsDropouts:
            guard decided.header.kind == .void, let place = nodes[index].memory!.taskIndex(chain),
                let latest = nodes[index].memory!.tasks[place].state.decidedSets.last
            else { return }
            // The rule that was: as many as the smallest set has leave, those who dropped out first, then one by key.
            let hostile = configuration.byzantineNodes.map { nodes[$0].id }
            let present = latest.filter { !hostile.contains($0) }
            nodes[index].memory!.tasks[place].state.decidedSets = [
                Array(present.dropFirst(Int(spec.participants.smallestSet) - hostile.count))
            ]
        case .lostPayout:
            guard chain == registryChain,
                let place = nodes[index].memory!.registry.state.journal.lastIndex(where: { $0.kind == .payout })
            else { return }
            nodes[index].memory!.registry.state.journal.remove(at: place)
        case .forgetsSets:
            guard decided.header.kind == .void, let place = nodes[index].memory!.taskIndex(chain) else { return }
            nodes[index].memory!.tasks[place].state.decidedSets = []
        case .forgetsMember:
            guard decided.header.kind == .void, let place = nodes[index].memory!.taskIndex(chain),
                let latest = nodes[index].memory!.tasks[place].state.decidedSets.indices.last
            else { return }
            nodes[index].memory!.tasks[place].state.decidedSets[latest].removeFirst()
        default: return
        }
    }

    private func checkQueues(_ index: Int) {
        guard isHonest(index), let memory = nodes[index].memory else { return }
        let held = memory.registry.queuedMessages + memory.tasks.reduce(0) { $0 + $1.queuedMessages }
        ledger.check(
            held <= 200 * nodes.count, .boundedQueues, now, "node \(index) keeps \(held) messages")
        let ahead = memory.tasks.reduce(memory.registry.viewsAhead) { max($0, $1.viewsAhead) }
        ledger.check(
            ahead <= ChainTables.viewHorizon, .boundedQueues, now,
            "node \(index) keeps messages of \(ahead) views ahead")
    }

    // MARK: Network

    func send(_ envelopes: [Envelope], from index: Int, to peers: [Int]? = nil) {
        for peer in peers ?? Array(nodes.indices) where peer != index {
            send(.envelopes(envelopes), from: index, to: peer)
        }
    }

    func send(_ packet: Packet, from: Int, to: Int) {
        guard !isCut[from][to] else { return }
        let model = configuration.network
        if faultsOn, random.chance(lossPpm) { return }
        var copies = 1
        if faultsOn, random.chance(duplicatePpm) { copies = 2 }
        for _ in 0..<copies {
            guard var delay = throughUplink(packet, from: from) else { return }
            delay += links[from][to] + random.within(0...model.jitter)
            if faultsOn, random.chance(latePpm) { delay += random.within(0...model.lateness) }
            queue.push(.deliver(from: from, to: to, packet), at: now + delay)
        }
    }

    /// How long a packet waits until a node's uplink has sent it, microseconds; nil: the queue is too long and drops it.
    private func throughUplink(_ packet: Packet, from: Int) -> UInt64? {
        let model = configuration.network
        let rate = uplinks[from]
        guard rate > 0 else { return 0 }
        let start = max(now, uplinkFree[from])
        guard start - now <= model.patience else { return nil }
        uplinkFree[from] = start + packet.size(contentBytes: model.contentBytes) * 1_000_000 / rate
        return uplinkFree[from] - now
    }

    private var isLossy: Bool { configuration.faults == .loss || configuration.faults == .all }
    private var lossPpm: UInt64 {
        isLossy ? max(configuration.network.lossPpm, 120_000) : configuration.network.lossPpm
    }
    private var duplicatePpm: UInt64 {
        isLossy ? max(configuration.network.duplicatePpm, 50_000) : configuration.network.duplicatePpm
    }
    private var latePpm: UInt64 { isLossy ? max(configuration.network.latePpm, 80_000) : configuration.network.latePpm }

    func deliver(_ packet: Packet, from: Int, to: Int) {
        // A packet that was under way when the partition fell is lost.
        guard nodes[to].isUp, !isCut[from][to] else { return }
        let label = packet.label
        trace.mix(label.kind)
        trace.mix(label.word)
        switch packet {
        case .envelopes(let envelopes):
            for envelope in envelopes where !isLost(envelope, to: to) { receive(envelope, from: from, node: to) }
        case .digest(let digest): answer(digest, from: from, node: to)
        case .blocks(let blocks): for block in blocks { receive(block, node: to) }
        case .want(let id): serve(id, to: from, node: to)
        case .content(let id, let bytes): arrived(id, bytes, node: to)
        case .wantVectors(let manifest):
            if nodes[to].disk.released[manifest]?.contains(nodes[from].id) ?? false {
                send(.vectors(manifest), from: to, to: from)
            }
        case .vectors(let manifest):
            let holder = nodes[from].id
            nodes[to].disk.take(vectorsOf: holder, manifest)
            lookAtWaiting(node: to)
        }
    }

    private func isLost(_ envelope: Envelope, to receiver: Int) -> Bool {
        guard !configuration.losses.isEmpty, envelope.slot.chain != registryChain,
            let signer = indexOf[envelope.signer]
        else { return false }
        return configuration.losses.contains { loss in
            loss.kind == envelope.slot.kind && loss.height == envelope.slot.major && loss.view == envelope.slot.minor
                && loss.signers.contains(signer) && loss.receivers.contains(receiver)
        }
    }

    private func receive(_ envelope: Envelope, from: Int, node index: Int) {
        guard nodes[index].isUp else { return }
        // A planted loss of memory shows in what a node signs, not in what its peers remind it of.
        if configuration.planted != nil, envelope.signer == nodes[index].id { return }
        if !isHonest(index) { byzantine[index]!.remember(envelope, &random) }
        let chain = envelope.slot.chain
        if chain == registryChain {
            let (admission, directives) = nodes[index].memory!.registry.receive(envelope, instant(index))
            count(admission, envelope, from: from, node: index)
            perform(directives, chain: chain, node: index)
        } else if let place = nodes[index].memory!.taskIndex(chain) {
            let (admission, directives) = nodes[index].memory!.tasks[place].receive(envelope, instant(index))
            count(admission, envelope, from: from, node: index)
            perform(directives, chain: chain, node: index)
        }
        if configuration.planted == .lowQuorum { decideOnLowQuorum(envelope, node: index) }
    }

    private func count(_ admission: Admission, _ envelope: Envelope, from: Int, node: Int) {
        let reason: String
        switch admission {
        case .reject(let text): reason = text
        case .ignore(let text) where configuration.planted == .rejectsLate && text.hasPrefix("height"): reason = text
        default: return
        }
        rejected += 1
        note(node, "rejects \(envelope.slot.kind) of n\(indexOf[envelope.signer] ?? -1): \(reason)")
        // An honest node passes on only what it accepted, its own or another's, at a height that may be another one than
        // the receiver's: so nobody may find it bad. On another branch of a fork it is.
        guard isHonest(from), isHonest(node), !ledger.hasFork else { return }
        if configuration.planted == nil || configuration.planted == .rejectsLate {
            ledger.report(
                .honestRejected, now,
                "node \(node) rejects the \(envelope.slot.kind) of node \(indexOf[envelope.signer] ?? -1) that node "
                    + "\(from) passes on: \(reason)")
        }
    }

    private func receive(_ decided: DecidedBlock, node index: Int) {
        guard nodes[index].isUp else { return }
        let chain = decided.header.chain
        if chain == registryChain {
            let (_, directives) = nodes[index].memory!.registry.receive(decided, instant(index))
            perform(directives, chain: chain, node: index)
        } else if let place = nodes[index].memory!.taskIndex(chain) {
            let (_, directives) = nodes[index].memory!.tasks[place].receive(decided, instant(index))
            perform(directives, chain: chain, node: index)
        }
    }

    // MARK: Heartbeat

    func heartbeat(_ index: Int) {
        let life = nodes[index].life
        queue.push(.heartbeat(node: index, life: life), at: now + configuration.network.heartbeat)
        actAsClient(index)
        guard isAlive(index, life) else { return }
        if configuration.planted != .noTimers {
            perform(nodes[index].memory!.registry.resume(instant(index)), chain: registryChain, node: index)
        }
        guard isAlive(index, life) else { return }
        followOrders(index)
        guard isAlive(index, life) else { return }
        if !isHonest(index) { misbehave(index) }
        if configuration.planted == .noDigests { return }
        let peers = random.shuffled(Array(nodes.indices.filter { $0 != index })).prefix(2)
        let memory = nodes[index].memory!
        for digest in [memory.registry.digest()] + memory.tasks.map({ $0.digest() }) {
            for peer in peers { send(.digest(digest), from: index, to: peer) }
        }
    }

    private func answer(_ digest: ChainDigest, from: Int, node index: Int) {
        // What a peer cannot decode does not exist.
        guard let digest = try? ChainDigest(wireBytes: digest.wireBytes) else {
            ledger.report(.progress, now, "node \(from) sent a digest that does not decode")
            return
        }
        guard mayAnswer(from, asking: .digest(digest), node: index) else { return }
        let memory = nodes[index].memory!
        let height: UInt64
        var envelopes: [Envelope]
        if digest.chain == registryChain {
            height = memory.registry.height
            envelopes = memory.registry.answer(digest)
        } else if let place = memory.taskIndex(digest.chain) {
            height = memory.tasks[place].height
            envelopes = memory.tasks[place].answer(digest)
        } else {
            return
        }
        let stored = nodes[index].disk.blocks[digest.chain] ?? []
        if let question = digest.question(below: height, block: { stored[Int($0) - 1].header.id }) {
            // The hostile nodes leave each branch to itself.
            guard byzantine[index]?.strategy != .colluder else { return }
            send(.digest(question), from: index, to: from)
        }
        if let first = digest.firstMissing(below: height, block: { stored[Int($0) - 1].header.id }) {
            answer(.blocks(Array(stored.dropFirst(Int(first) - 1).prefix(8))), to: from, node: index)
        }
        guard digest.height >= height else { return }
        if !isHonest(index) {
            let hostile = Set(isAttacked(digest.chain) ? configuration.byzantineNodes.map { nodes[$0].id } : [])
            envelopes = byzantine[index]!.withheld(envelopes, own: nodes[index].id, hostile: hostile)
        }
        if !envelopes.isEmpty { answer(.envelopes(envelopes), to: from, node: index) }
    }
}
