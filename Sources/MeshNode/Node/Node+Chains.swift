internal import Chain
internal import Foundation
internal import Gossip
internal import Learn
internal import Logging
internal import MeshCrypto
internal import Wire

/// Performing what the chains ask for, in order.
extension Node {
    func perform(_ directives: [ChainDirective], chain: ChainID) {
        var persisted = directives.startIndex
        for (place, directive) in directives.enumerated() {
            guard !isStopped else { return }
            switch directive {
            case .persist:
                guard place >= persisted else { continue }
                // One transaction for all messages up to a block or a body that the next ones rest on: earlier than asked.
                persisted = directives[place...].firstIndex { $0.isWrite } ?? directives.endIndex
                guard persist(directives[place..<persisted], chain: chain) else { return }
            case .broadcast(let envelope):
                if envelope.signer == nodeID {
                    gossiped.signed += 1
                    noteArrival(envelope, chain: chain)
                }
                gossip(.publish(TopicMessage(envelope)))
            case .relay(let envelope): gossip(.relay(TopicMessage(envelope)))
            case .store(let bytes, let reference, let role): store(bytes, reference, role)
            case .fetch(let reference, _, let author):
                // The longest that a block's body may be; nothing that a proposal says is longer is fetched.
                guard reference.length <= UInt64(Limits.blockBody) else {
                    count("oversize")
                    continue
                }
                // Its author has it; everybody may have it, where the author is gone.
                whenStored([reference], from: nil, first: author, isForVote: true) { node in
                    guard let bytes = node.bytes(of: reference) else { return }
                    node.deliver(reference.id, bytes, to: chain)
                }
            case .commit(let block): commit(block)
            case .schedule(let timer, let delay):
                after(delay) { node in node.fire(timer, chain: chain) }
            case .openTask(let genesis): openTask(genesis)
            case .work(let work): perform(work, chain: chain)
            case .evidence(let first, let second): report(first, second)
            case .event(let event): report(event, chain: chain)
            case .halt(let reason):
                // The registry's end is the node's; a task's ends that task.
                if chain == registry.chain {
                    halt(reason)
                } else {
                    note("halt", "ALARM: \(reason)", task: chain)
                    logger.critical("\(reason)")
                }
            }
        }
    }

    func deliver(_ id: ContentID, _ bytes: [UInt8], to chain: ChainID) {
        if chain == registry.chain {
            perform(registry.content(id, bytes, now), chain: chain)
        } else if tasks[chain] != nil {
            perform(tasks[chain]!.machine.content(id, bytes, now), chain: chain)
        }
    }

    private func fire(_ timer: ChainTimer, chain: ChainID) {
        if chain == registry.chain {
            perform(registry.timer(timer, now), chain: chain)
        } else if tasks[chain] != nil {
            perform(tasks[chain]!.machine.timer(timer, now), chain: chain)
        }
    }

    /// - Returns: false where what follows must not be done.
    private func persist(_ directives: ArraySlice<ChainDirective>, chain: ChainID) -> Bool {
        var records: [DurableRecord] = []
        // What a decided height has made useless goes in the same transaction.
        if let height = prunable.removeValue(forKey: chain) {
            records.append(.prune(chain: chain, kinds: Self.votes, below: height))
        }
        for case .persist(let envelopes, let state) in directives {
            for envelope in envelopes {
                killBeforeManifest(envelope)
                records.append(
                    .slot(
                        kind: envelope.slot.kind.rawValue, chain: envelope.slot.chain, major: envelope.slot.major,
                        minor: envelope.slot.minor, message: envelope.wireBytes))
            }
            if let state { records.append(.voteState(chain: chain, bytes: state.wireBytes)) }
        }
        do {
            try durable.commit(records)
            return true
        } catch {
            switch error {
            case .slotUsed, .slotPruned: reopen(chain, error)
            default: storageFailed(error, "signing stops")
            }
            return false
        }
    }

    /// Kinds of a height, which nobody needs once it is decided.
    static let votes = [
        MessageKind.proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored,
    ]
    .map(\.rawValue)

    func store(_ bytes: [UInt8], _ reference: ContentReference, _ role: ContentRole) {
        noteUnstored(reference, storeContent(bytes, reference, role))
    }

    private func commit(_ block: DecidedBlock) {
        let header = block.header
        if header.chain == registry.chain, let reason = contradiction(height: header.height, block: header.id) {
            return halt(reason)
        }
        if let proof = proofOfTwin(block) { return raiseAlarm(proof) }
        let stored = StoredBlock(
            chain: header.chain, height: header.height, id: header.id, header: header.wireBytes,
            body: .inline(block.body), certificate: block.certificate.wireBytes, timeStored: now.wallMs)
        let view = roundView(of: block)
        var rows: [DerivedRow] = []
        if let view, let json = try? JSONEncoder().encode(view) {
            rows.append(
                .roundMetrics(
                    chain: header.chain, round: UInt64(view.round), attempt: UInt32(view.attempt),
                    json: String(decoding: json, as: UTF8.self)))
        }
        do {
            _ = try chainStore.append(block: stored, derived: rows)
            if header.height > 1 { prunable[header.chain] = header.height }
        } catch {
            storageFailed(error, "block \(header.height) of chain \(header.chain.short) could not be stored")
            return
        }
        environment.committed?(block)
        if header.chain != registry.chain { committed(block, view: view) } else { committedRegistry() }
    }

    // MARK: Tasks

    func openTask(_ genesis: TaskGenesis) {
        guard tasks[genesis.task] == nil, ended[genesis.task] == nil, unsupported[genesis.task] == nil else { return }
        do {
            try chainStore.store([
                .chain(
                    ChainRecord(
                        id: genesis.task, kind: 1, parent: registry.chain, info: Array(genesis.spec.name.utf8)))
            ])
            tasks[genesis.task] = try Self.runtime(
                .init(state: Chain.TaskState(genesis: genesis)), key: key, durable: durable,
                manual: configuration.voting == .manual, electionKey: electionKey, environment: environment)
        } catch {
            unsupported[genesis.task] = "\(error)"
            noteUnsupported(genesis.task, genesis.spec.name, "\(error)")
            return
        }
        taskOrder.append(genesis.task)
        gossip(.join(genesis.task))
        let holders = genesis.holders.map(\.node.short).joined(separator: ", ")
        let canBeGround = !genesis.spec.holders.publisherAlone && genesis.parameters.electionProofBytes == 0
        note(
            "task",
            "task \(genesis.task.short) \"\(genesis.spec.name)\" starts: \(genesis.members.count) members, "
                + "keys held by \(holders)"
                + (canBeGround ? " (without election proofs this draw can be ground)" : ""),
            task: genesis.task)
        resumeTask(genesis.task)
    }

    func noteUnsupported(_ task: TaskID, _ name: String, _ reason: String) {
        note(
            "task", "task \(task.short) \"\(name)\" is not supported here, the node goes on without it: \(reason)",
            task: task)
    }

    func resumeTask(_ chain: ChainID) {
        guard var runtime = tasks[chain] else { return }
        runtime.stats = freshStats()
        if case .aggregating(_, let set) = runtime.machine.state.phase {
            runtime.stats.submitted = set.count
            runtime.stats.containsOwn = set.contains { $0.node == nodeID }
        }
        tasks[chain] = runtime
        resumeContents(chain)
        // Whoever trains elsewhere exports it, and every check of a candidate starts from it.
        whenStored([runtime.machine.state.model], from: runtime.machine.state.genesis.publisher) { _ in }
        perform(tasks[chain]!.machine.resume(now), chain: chain)
    }

    func freshStats() -> RoundStats {
        var stats = RoundStats()
        stats.startedMs = now.monotonicMs
        stats.bytesIn = traffic.bytesIn
        stats.bytesOut = traffic.bytesOut
        return stats
    }

    /// Sends the Close of tasks whose time has come: the publisher at once, everybody else if it does not.
    func closeDueTasks() {
        for record in registry.state.tasks where record.closed == nil && mayTry(record.task) {
            let isMine = record.publisher == nodeID
            let patience: UInt64 = isMine ? 0 : 5_000
            guard now.wallMs > patience, registry.state.canClose(record, timeMs: now.wallMs - patience),
                isMine || now.wallMs >= registry.state.headTimeMs + 1_000,
                record.enrolments.allSatisfy({ $0.height <= registry.state.height })
            else { continue }
            guard !registry.isPending({ $0 == .close(task: record.task) }) else { continue }
            submitByItself(.close(task: record.task), "close task \(record.task.short)", for: record.task)
        }
        joinFittingTasks()
    }

    /// Signs a transaction of this node and hands it to the registry.
    /// Enrolments that are joined or left here are the operator's choice, and kept as such; what a node joins or leaves by
    /// itself is signed and queued.
    func submit(_ transaction: Transaction) throws(ServiceError) -> Sent {
        let envelope = try signed(transaction)
        try keepChoice(of: transaction)
        return try queue(envelope)
    }

    /// A checked transaction of this node that nobody has seen yet.
    func signed(_ transaction: Transaction) throws(ServiceError) -> Envelope {
        try requireRoom()
        let slot = Slot(
            kind: .transaction, chain: registry.chain, major: registry.nextNonce(of: nodeID), minor: 0)
        let payload = transaction.wireBytes
        guard payload.count <= Limits.envelopePayload else {
            throw .invalid([Fault("transaction", "\(payload.count) bytes, the limit is \(Limits.envelopePayload)")])
        }
        let envelope = Envelope.signed(payload, slot: slot, network: genesis.networkID, by: key)
        do { try registry.check(envelope, now) } catch {
            throw .conflict(
                reason: "\(error)",
                next: Self.next(
                    after: transaction, account: nodeID, exists: registry.state.accounts[nodeID] != nil))
        }
        return envelope
    }

    /// A transaction on its way. Its decision is looked for above `height`, the registry's before it was sent: a lone
    /// validator decides while it is sent, and so may others.
    struct Sent {
        let envelope: Envelope
        let height: UInt64
    }

    func queue(_ envelope: Envelope) throws(ServiceError) -> Sent {
        let height = registry.state.height
        let (admission, directives) = registry.receive(envelope, now)
        guard admission == .accept else {
            throw .conflict(reason: "the registry did not take the transaction: \(admission)", next: "try again")
        }
        perform(directives, chain: registry.chain)
        return Sent(envelope: envelope, height: height)
    }

    /// Checks this node's own data against a task and signs an Enrol.
    func enrol(_ record: RegistryState.TaskRecord, bond: UInt64?) async throws(ServiceError) -> Sent {
        try submit(.enrol(try await enrolment(in: record, bond: bond)))
    }

    /// What this node brings to a task; fails where waiting changes nothing: its data, its labels, its owner's policy.
    func enrolment(
        in record: RegistryState.TaskRecord, bond: UInt64?
    ) async throws(ServiceError) -> Enrolment {
        let spec = record.spec
        let invited = spec.participants.members
        guard invited.isEmpty || invited.contains(nodeID) else {
            throw .denied(
                reason: "the task is by invitation and does not name this node",
                next: "ask its publisher for a new task")
        }
        guard bond != nil || usualBond(of: spec) <= configuration.miner.mostBond else {
            throw .denied(
                reason: "the task asks for a bond of \(spec.reward.minimumBond), miner.max_bond is "
                    + "\(configuration.miner.mostBond)",
                next: "`meshnode task join \(record.task.short) --bond \(spec.reward.minimumBond)`")
        }
        if let reason = ownerRefusal(of: spec, publisher: record.publisher, isRound: false) {
            throw .denied(
                reason: "the owner's policy refuses the task: \(reason)",
                next: "change \(home.path)/\(OwnerPolicy.fileName) if you own this machine")
        }
        do { _ = try Self.policy(of: spec, environment) } catch {
            throw .conflict(
                reason: "\(error)", next: "nothing can be done here; see: `meshnode task show \(record.task.short)`")
        }
        let rows = try await fittingRows(spec, task: record.task, publisher: record.publisher)
        // Fresh for this task and stored before it is announced; erased when the task ends.
        let sealing: RistrettoKey
        do {
            sealing = try sealingKey(for: record.task)
        } catch { throw .failed(reason: "\(error)", next: "see: `meshnode doctor`") }
        return KeyRules.enrolment(
            task: record.task, sealingKey: sealing, electionKey: electionKey, rows: UInt32(rows),
            dataForm: spec.data.form, bond: bond ?? usualBond(of: spec), network: genesis.networkID, account: nodeID)
    }

    /// How many rows of this node a task can have: of its type, under its labels, with its columns.
    /// - Parameter task: nil before it is published.
    func fittingRows(_ spec: TaskSpec, task: TaskID?, publisher: NodeID) async throws(ServiceError) -> Int {
        let own = configuration.data.labels
        if !own.isEmpty, own != spec.data.labels {
            let place = zip(own, spec.data.labels).enumerated().first { $0.element.0 != $0.element.1 }
            throw .conflict(
                reason: "this node's label map differs from the task's: "
                    + (place.map { "class \($0.offset) is \"\($0.element.0)\" here and \"\($0.element.1)\" there" }
                        ?? "\(own.count) classes here, \(spec.data.labels.count) there"),
                next:
                    "set [data] labels in \(home.configuration) to what the class numbers of your rows mean, or number them anew"
            )
        }
        let rows = try await readRows(spec, task: task, publisher: publisher)
        guard configuration.data.type == spec.data.type else {
            throw .conflict(
                reason: "this node holds data of type \(configuration.data.type), the task asks for \(spec.data.type)",
                next: "set [data] type in \(home.configuration)")
        }
        return rows
    }

    /// They are read from their file, which may take seconds, so an operator's
    /// request waits for it and nothing else.
    private func readRows(_ spec: TaskSpec, task: TaskID?, publisher: NodeID) async throws(ServiceError) -> Int {
        let data = configuration.data
        let hasTitles = trainingData?.columnNames.isEmpty == false
        let holdsOut = evaluationData != nil
        let read = await operatorDisk.run { () -> Result<(count: Int, largest: Float), RoundError> in
            do {
                // Flat rows mean something by their titles alone, and a task without any cannot say what.
                if spec.data.columns.isEmpty, spec.data.shape.count == 1, hasTitles {
                    throw LearnError.invalid(
                        field: data.train, reason: "has titles, and the task names no columns to compare them with",
                        next:
                            "ask \(publisher.short) to publish it with columns = [...], as "
                            + "`meshnode data inspect FILE --normalise` prints it")
                }
                let rows = try data.fitted(.training, to: spec)
                // Held-out rows that do not fit would only be noticed as missing opinions.
                if holdsOut { _ = try data.fitted(.evaluation, to: spec) }
                return .success((rows.count, rows.features.reduce(Float(0)) { max($0, abs($1)) }))
            } catch { return .failure(.failed("\(error)")) }
        }
        switch read {
        case .success(let (count, largest)):
            if largest > Self.largeFeature {
                note(
                    "warning",
                    "features up to \(largest) after the task's preprocessing: updates will hit their range; data.mean and "
                        + "data.deviation in the task bring them to about 1 (`meshnode data inspect FILE --normalise`)",
                    task: task)
            }
            return count
        case .failure(let error):
            throw .conflict(
                reason: "this node's data do not fit the task: \(error)",
                next: "set [data] train in \(home.configuration) to rows of type \(spec.data.type)")
        }
    }

    /// Values of features above which a linear model's updates leave the usual range.
    private static let largeFeature: Float = 30

    /// The stored sealing key of a task, or a new one.
    func sealingKey(for task: TaskID) throws -> RistrettoKey {
        if let stored = try durable.value(space: "sealing-key", key: task.bytes) {
            return try RistrettoKey(secret: SecretBytes(stored))
        }
        let fresh = RistrettoKey.generate()
        try fresh.secretBytes.withCopy { bytes in
            try durable.commit([.value(space: "sealing-key", key: task.bytes, bytes: bytes)])
        }
        return fresh
    }

    // MARK: Reports

    private func report(_ event: ChainEvent, chain: ChainID) {
        guard chain != registry.chain else {
            switch event {
            case .decided(let header): note("registry", "registry height \(header.height) decided")
            case .conflict(let node, let kind): note("conflict", "\(node.short) sent two different \(kind)s")
            case .warning(let text): note("warning", text)
            case .votedNil(let height, let view, let reason):
                note("vote", "registry, height \(height), view \(view): voted for no block: \(reason.words)")
            default: break
            }
            return
        }
        guard let machine = tasks[chain]?.machine else { return }
        let round = machine.state.round
        let text: String
        var kind = "phase"
        switch event {
        case .roundStarted(let round, let attempt):
            text = "round \(round)" + (attempt > 0 ? ", attempt \(attempt)" : "") + ": train"
            resendByHand(chain)
        case .submission(let node, let stored, let of):
            text = "round \(round): \(stored)/\(of) submissions, \(node.short)'s stored"
        case .listSigned(let count): text = "round \(round): list of \(count) signed"
        case .keyStatement(let node): text = "round \(round): key statement of \(node.short)"
        case .candidate(let node):
            text = "round \(round): candidate of \(node.short)"
            if tasks[chain]?.stats.candidateMs == nil { tasks[chain]?.stats.candidateMs = now.monotonicMs }
            tasks[chain]?.stats.aggregator = node
        case .opinion(let node): text = "round \(round): opinion of \(node.short)"
        case .view(let height, let view, let proposer):
            guard view > 0 else { return }
            kind = "view"
            text = "round \(round), height \(height): view \(view), \(proposer.short) goes on"
        case .proposed(let blockKind, let height, let view):
            refreshTraffic()
            text = "round \(round): proposed \(blockKind) at height \(height), view \(view)"
        case .decided: return
        case .votedNil(let height, let view, let reason):
            kind = "vote"
            text = "round \(round), height \(height), view \(view): voted for no block: \(reason.words)"
        case .conflict(let node, let messageKind):
            kind = "conflict"
            text = "\(node.short) sent two different \(messageKind)s in one slot"
        case .complaint(let holder, let client):
            kind = "blame"
            text = "round \(round): holder \(holder.short) proves that a box of \(client.short) is bad"
        case .falseComplaint(let holder):
            kind = "blame"
            count("false complaint")
            text = "round \(round): holder \(holder.short) complained about a box that opens; it has no effect"
        case .claim(let node, let element):
            kind = "blame"
            text = "round \(round): \(node.short) shows that element \(element) is wrong"
        case .convicted(let holders):
            kind = "blame"
            text =
                "round \(round): holder \(holders.map(\.short).joined(separator: ", ")) is convicted of a wrong vector"
        case .named(let clients):
            kind = "blame"
            text =
                clients.isEmpty
                ? "round \(round): no client's element is out of range"
                : "round \(round): client \(clients.map(\.short).joined(separator: ", ")) is out of range"
        case .absent(let holders):
            kind = "blame"
            text =
                "round \(round): nothing heard of holder \(holders.map(\.short).joined(separator: ", ")) at the deadline"
        case .badDirection(let of, let reason):
            kind = "warning"
            count("bad direction")
            text = "round \(of): the revealed direction gets no openings: \(reason)"
        case .badScore(let node, let of):
            kind = "warning"
            count("bad score")
            text = "round \(of): \(node.short)'s opening is not that of its submission"
        case .warning(let warning):
            kind = "warning"
            text = warning
        }
        note(kind, text, task: chain, round: round)
    }

    func noteArrival(_ envelope: Envelope, chain: ChainID) {
        guard envelope.slot.kind == .proposal, let proposal = try? Proposal(wireBytes: envelope.payload),
            proposal.header.kind == .result
        else { return }
        tasks[chain]?.stats.proposedMs = now.monotonicMs
        // The bytes of a round that is shorter than a heartbeat are its own, too.
        refreshTraffic()
    }
}

extension ChainDirective {
    /// Something durable that messages after it may rest on.
    fileprivate var isWrite: Bool {
        switch self {
        case .commit, .store: true
        default: false
        }
    }
}
