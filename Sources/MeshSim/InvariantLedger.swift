internal import Chain
internal import MeshCrypto
internal import Wire

/// What an observer who sees every honest node knows, and the rules that must hold after every event. It repeats no
/// rule of the machines: thresholds, sets and sums are worked out anew from what was signed and decided.
final class InvariantLedger {
    private(set) var violations: [Violation] = []
    /// Every content that a node made.
    var contents: [ContentID: [UInt8]] = [:]
    var submissionBodies: [SubmissionID: ContentID] = [:]
    var headers: [BlockID: BlockHeader] = [:]
    private(set) var highestView: UInt32 = 0
    private(set) var summaries: [SimulationReport.DecidedSummary] = []

    private let genesis: Genesis
    private let honest: Set<NodeID>
    private let indexOf: [NodeID: Int]
    private let credits: UInt64

    private struct Place: Hashable {
        let chain: ChainID
        let height: UInt64
    }
    private struct BaseModel: Hashable {
        let chain: ChainID
        let model: ContentID
    }

    private var witness: Witness
    /// Lists of honest voters, by chain and height.
    private var lists: [Place: [NodeID: [SubmissionID]]] = [:]
    private var sets: [BaseModel: [[NodeID]]] = [:]
    private var submissions: [SubmissionID: SubmissionHeader] = [:]
    private var latestSet: [NodeID] = []
    /// The sealing key that each node really holds.
    private var heldKeys: [NodeID: [UInt8]] = [:]
    /// What each decided block of a task says that its members have earned.
    private var earned: [Place: PayoutTable] = [:]
    /// What each honest node has stored since its last start.
    private var storedByNode: [Int: [SubmissionID]] = [:]
    /// The same at the moment at which it signed its list, by chain and height.
    private var storedAtList: [Place: [NodeID: [SubmissionID]]] = [:]

    init(genesis: Genesis, honest: Set<NodeID>, indexOf: [NodeID: Int]) {
        self.genesis = genesis
        witness = Witness(network: genesis.networkID)
        self.honest = honest
        self.indexOf = indexOf
        credits = genesis.accounts.reduce(0) { $0 + $1.balance + $1.validatorBond }
    }

    /// Whether two blocks were decided at one height.
    var hasFork: Bool { violations.contains { $0.invariant == .oneBlockPerHeight } }

    func report(_ invariant: Violation.Invariant, _ time: UInt64, _ detail: String) {
        violations.append(Violation(invariant: invariant, time: time, detail: detail))
    }

    func check(
        _ condition: Bool, _ invariant: Violation.Invariant, _ time: UInt64, _ detail: @autoclosure () -> String
    ) {
        if !condition { report(invariant, time, detail()) }
    }

    // MARK: Messages

    func noteSubmission(_ envelope: Envelope) {
        guard let header = try? SubmissionHeader(wireBytes: envelope.payload) else { return }
        submissionBodies[envelope.submissionID] = header.body.id
        submissions[envelope.submissionID] = header
    }

    /// A body is on a node's disk and good.
    func stored(_ id: SubmissionID, node: Int) { storedByNode[node, default: []].append(id) }

    /// Bodies on disk are looked at again after a restart, before the node can list them.
    func restarted(_ node: Int) { storedByNode[node] = nil }

    /// An honest node signs: once a slot, whatever happened to the node before.
    func sign(_ envelope: Envelope, _ time: UInt64) {
        let sight = witness.signs(envelope)
        check(
            sight != .other, .oneMessagePerSlot, time,
            "node \(name(envelope.signer)) signs two \(envelope.slot.kind) messages at "
                + "(\(envelope.slot.major), \(envelope.slot.minor))")
        guard sight == .first else { return }
        if envelope.slot.kind == .received, let received = try? Received(wireBytes: envelope.payload) {
            lists[Place(chain: envelope.slot.chain, height: envelope.slot.major), default: [:]][envelope.signer] =
                received.submissions
            let submitters = received.submissions.compactMap { submissions[$0]?.submitter }
            check(
                Set(submitters).count == submitters.count, .listedOnce, time,
                "node \(name(envelope.signer)) lists \(submitters.map(name))")
            let stored = indexOf[envelope.signer].flatMap { storedByNode[$0] } ?? []
            storedAtList[Place(chain: envelope.slot.chain, height: envelope.slot.major), default: [:]][
                envelope.signer] = stored
        }
    }

    // MARK: Blocks

    func commit(_ block: DecidedBlock, state: RegistryState, _ time: UInt64, node: Int) {
        // Weights as bonds and evidence have left them, by the state's own record of changes.
        let weights = state.electorate(at: block.header.height).members.map { ($0.node, $0.weight) }
        guard isFirst(block, weights: weights, time, node: node) else { return }
        var sum = state.burned
        // Accounts that a transfer has made count as well.
        for now in state.accounts.values {
            sum +=
                now.balance + now.bonded + now.validatorBond + now.reserve + now.unbonding.reduce(0) { $0 + $1.credits }
        }
        for task in state.tasks { sum += task.escrow + task.deposit }
        check(sum == credits, .credits, time, "height \(block.header.height): credits add up to \(sum), not \(credits)")
        checkPayouts(of: block, state: state, time)
        let place = "height \(block.header.height)"
        for task in state.tasks {
            let members = task.enrolments.map { ($0.node, $0.enrolment.sealingKey) }
            let joined = [(task.publisher, task.sealingKey)] + members
            for (node, key) in joined {
                check(key.bytes == heldKey(of: node), .heldKeys, time, "\(place): \(name(node)) brought another key")
            }
            check(
                task.slashed.allSatisfy { !honest.contains($0) }, .innocence, time,
                "\(place): bonds of \(task.slashed.map(name)) are lost")
            // So that all credits there are do not buy all places.
            check(
                task.isCancelled || task.deposit * UInt64(Limits.tasks) > self.credits, .paidPlaces, time,
                "\(place): a task of \(name(task.publisher)) has a deposit of \(task.deposit)")
        }
        for (publisher, open) in Dictionary(grouping: state.tasks.filter(\.isOpen), by: \.publisher) {
            check(
                open.count <= Limits.openTasksPerAccount, .paidPlaces, time,
                "\(place): \(name(publisher)) has \(open.count) open tasks")
        }
    }

    private func heldKey(of node: NodeID) -> [UInt8] {
        if let known = heldKeys[node] { return known }
        let key = SealedScheme.key(of: node).publicKey
        heldKeys[node] = key
        return key
    }

    func submitter(of id: SubmissionID) -> NodeID? { submissions[id]?.submitter }

    /// What a block pays for a task is what the task's own chain says at the settled height, to the credit and the member.
    private func checkPayouts(of block: DecidedBlock, state: RegistryState, _ time: UInt64) {
        for task in Set(state.journal.filter { $0.kind == .payout }.compactMap(\.task)).sorted() {
            let paid = state.journal.filter { $0.kind == .payout && $0.task == task }
            // What was paid long ago and late may leave the state in the same block.
            let record = state.task(task) ?? state.departed.last { $0.task == task }
            let place = record?.settlement.map { Place(chain: task, height: $0.height) }
            let due = (place.flatMap { earned[$0] }?.entries ?? []).filter { $0.credits > 0 }
            let isRight =
                paid.count == due.count
                && due.allSatisfy { entry in
                    paid.contains { $0.node == entry.node && $0.credits == Int64(clamping: entry.credits) }
                }
            check(
                isRight, .payouts, time,
                "height \(block.header.height): paid \(paid.map { "\(name($0.node)) \($0.credits)" }), due "
                    + "\(due.map { "\(name($0.node)) \($0.credits)" })")
        }
    }

    func commit(_ block: DecidedBlock, state: TaskState, _ time: UInt64, node: Int) {
        let weights = state.genesis.members.map { ($0.node, $0.enrolment.bond) }
        guard isFirst(block, weights: weights, time, node: node) else { return }
        check(
            state.evicted.allSatisfy { !honest.contains($0) }, .innocence, time,
            "height \(block.header.height): \(state.evicted.map(name)) are evicted")
        earned[Place(chain: block.header.chain, height: block.header.height)] = state.payouts
        var summary = SimulationReport.DecidedSummary(
            height: block.header.height, kind: "\(block.header.kind)", round: block.header.round,
            attempt: block.header.attempt, author: indexOf[block.header.author] ?? -1,
            originView: block.header.originView, decidedView: block.certificate.view, members: [], reason: "",
            time: time)
        switch block.header.kind {
        case .manifest:
            // A proposer that crashed before it told anybody else may be the only one that had shown these.
            headers[block.header.id] = block.header
            contents[block.header.body.id] = block.body
            if let body = try? ManifestBody(wireBytes: block.body), case .aggregating(_, let set) = state.phase {
                check(body, set: set, block: block, state: state, weights: weights, time)
                summary.members = set.compactMap { indexOf[$0.node] }
            }
        case .result:
            if let body = try? ResultBody(wireBytes: block.body) {
                check(body, block: block, state: state, time)
                summary.reason = body.rejected ? "rejected" : ""
            }
        case .void:
            if let body = try? VoidBody(wireBytes: block.body) { summary.reason = "\(body.reason)" }
        case .control:
            if let body = try? ControlBody(wireBytes: block.body) { summary.reason = "\(body)" }
        case .registry: break
        }
        summaries.append(summary)
    }

    /// Checks what every commit must satisfy; whether this is the first commit of the block anywhere.
    private func isFirst(
        _ block: DecidedBlock, weights: [(NodeID, UInt64)], _ time: UInt64, node: Int
    ) -> Bool {
        let (id, height) = (block.header.id, block.header.height)
        let fault = witness.fault(of: block, weights: weights.map { (node: $0.0, weight: $0.1) })
        check(fault == nil, .certificate, time, "node \(node), \(fault ?? "")")
        highestView = max(highestView, block.certificate.view)
        let sight = witness.decides(block.header)
        check(
            sight != .other, .oneBlockPerHeight, time,
            "height \(height): node \(node) decides \(id.short), another node decided "
                + "\(witness.decided(block.header.chain, height)?.short ?? "nothing")")
        return sight == .first
    }

    // MARK: Sets and sums

    private func check(
        _ body: ManifestBody, set: [TaskState.SetMember], block: DecidedBlock, state: TaskState,
        weights: [(NodeID, UInt64)], _ time: UInt64
    ) {
        let height = block.header.height
        let place = Place(chain: block.header.chain, height: height)
        let honestStored = (storedAtList[place] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        let honestLists = (lists[place] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
        let announced = body.submissions.map(\.submissionID)
        if let first = honestStored.first {
            for id in first where isOf(id, body.context) && honestStored.allSatisfy({ $0.contains(id) }) {
                // Of a member that announced two, lists name one.
                check(
                    announced.contains(id)
                        || announced.contains { submissions[$0]?.submitter == submissions[id]?.submitter },
                    .listedSubmissions, time,
                    "height \(height): \(id.short), which every honest voter stored, is left out")
            }
        }
        for id in announced {
            check(
                honestLists.contains { $0.contains(id) }, .listedSubmissions, time,
                "height \(height): \(id.short), which no honest voter listed, is in")
        }
        // On the first MANIFEST of a model, S is L without those who announced twice.
        let base = BaseModel(chain: block.header.chain, model: state.model.id)
        let keys = set.map(\.node)
        let smallest = Int(state.spec.participants.smallestSet)
        check(keys.count >= smallest, .nestedSets, time, "height \(height): a set of \(keys.count)")
        if let last = sets[base]?.last {
            // Whoever is listed once and not proven bad is present; whoever dropped out hides nobody.
            // An honest member is never guilty, whatever the blocks say.
            let bad = Set((state.provenBad + body.evicted).filter { !honest.contains($0) })
            let present = body.submissions.map(\.signer).filter { signer in
                last.contains(signer) && !bad.contains(signer)
                    && body.submissions.count { $0.signer == signer } == 1
            }
            let left = present.filter { !keys.contains($0) }
            let isInside = keys.allSatisfy { last.contains($0) }
            let isWhole = keys.count == last.count { !bad.contains($0) }
            let wanted = max(smallest, (present.count + 2) / 3)
            check(
                isInside && (isWhole ? left.isEmpty : left.count >= wanted), .nestedSets, time,
                "height \(height): set \(keys.map(name)) after \(last.map(name)) on one model, "
                    + "\(bad.sorted().map(name)) proven guilty")
        } else {
            // Without those who announced twice, and those whose boxes are proven bad.
            let flawed = body.submissions.filter { isFlawed($0.submissionID) }.map(\.signer)
            let once = body.submissions.filter { one in
                body.submissions.count { $0.signer == one.signer } == 1
                    && !(body.evicted.contains(one.signer) && flawed.contains(one.signer))
            }
            check(
                once.map(\.signer).sorted() == keys, .listedSubmissions, time,
                "height \(height): the first set is not what is listed")
        }
        sets[base, default: []].append(keys)
        latestSet = keys
    }

    private func check(_ body: ResultBody, block: DecidedBlock, state: TaskState, _ time: UInt64) {
        guard let header = headers[body.manifest], header.kind == .manifest,
            let manifestBytes = contents[header.body.id], let manifest = try? ManifestBody(wireBytes: manifestBytes)
        else {
            report(.exactSum, time, "height \(block.header.height): the manifest is unknown")
            return
        }
        // The set is the newest one recorded; its ids come from the manifest's announcements.
        let keys = latestSet
        let bodies = manifest.submissions.filter { keys.contains($0.signer) }
            .compactMap { submissions[$0.submissionID].flatMap { contents[$0.body.id] } }
        let sum = NullScheme.aggregate(bodies)
        check(
            bodies.count == keys.count && contents[body.aggregate.id] == sum, .exactSum, time,
            "height \(block.header.height): e is not the sum of the \(keys.count) members' updates")
    }

    private func isOf(_ id: SubmissionID, _ context: Digest) -> Bool { submissions[id]?.context == context }

    private func isFlawed(_ id: SubmissionID) -> Bool {
        submissions[id].flatMap { contents[$0.body.id]?.first } == NullScheme.flawedSeeds
    }

    private func name(_ node: NodeID) -> String { "n\(indexOf[node] ?? -1)" }
}
