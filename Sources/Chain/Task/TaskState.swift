internal import MeshCrypto
public import Wire

/// The state of a task chain: a fold over its decided blocks, the same at every node.
public struct TaskState: Hashable, Sendable {
    public enum Phase: Hashable, Sendable {
        /// Submissions of (round, attempt) are being collected; the next block is MANIFEST or VOID.
        case collecting
        /// The set is decided; the next block is RESULT or VOID.
        case aggregating(manifest: BlockID, set: [SetMember])
        /// Terminal.
        case ended(TaskOutcome)
    }

    /// A member of a decided set, with the announcement that counts.
    public struct SetMember: Hashable, Sendable, WireCodable {
        public let node: NodeID
        public let submission: SubmissionID

        public init(node: NodeID, submission: SubmissionID) {
            self.node = node
            self.submission = submission
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(node)
            encoder.value(submission)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            node = try decoder.value()
            submission = try decoder.value()
        }
    }

    /// What drew a decided set.
    public struct SetPresence: Hashable, Sendable {
        /// Ascending.
        public let submitters: [NodeID]
        public let beacon: Digest
        /// The set that was decided before on this base model; empty for the first.
        public let previous: [NodeID]
        /// Who was in a set on this base model and missing at a later one, ascending.
        public let dropped: [NodeID]

        public init(submitters: [NodeID], beacon: Digest, previous: [NodeID] = [], dropped: [NodeID] = []) {
            self.submitters = submitters
            self.beacon = beacon
            self.previous = previous
            self.dropped = dropped
        }
    }

    public let genesis: TaskGenesis
    public let electorate: Electorate
    /// By place: whoever replaces a holder takes its place.
    public private(set) var holders: [TaskGenesis.Holder]
    /// Holders that were replaced, in order; at most t.
    public private(set) var formerHolders: [NodeID] = []
    /// More holders are convicted than the profile lets replace.
    public private(set) var isShortOfHolders = false

    /// Height of the last decided block; 0 before the first.
    public private(set) var height: UInt64 = 0
    public private(set) var head: BlockID
    public private(set) var headTimeMs: UInt64
    /// R of the last decided block.
    public private(set) var beacon: Digest
    /// R of the block that ended the round before this one: the seed of the present round.
    public private(set) var roundBeacon: Digest
    public private(set) var round: UInt32 = 1
    public private(set) var attempt: UInt16 = 0
    /// Attempts of this round that had a decided MANIFEST.
    public private(set) var keyedAttempts: UInt32 = 0
    /// Attempts of this round without one: each doubles the deadlines.
    public private(set) var unkeyedAttempts: UInt32 = 0
    public private(set) var phase = Phase.collecting
    public private(set) var model: ContentReference
    /// Every set decided on the present base model, in order: each is contained in the one before.
    public package(set) var decidedSets: [[NodeID]] = []
    /// Under a robust rule: the buckets of the latest set that was decided on the present base model.
    public private(set) var buckets: [[NodeID]] = []
    /// Who was present when the latest set was decided, and R of its block: what a holder checks the draw of those who left
    /// with. A function of that block, so the root need not cover it.
    public private(set) var presence = SetPresence(submitters: [], beacon: .zero)
    public package(set) var evicted: [NodeID] = []
    /// Submitters that the present attempt's MANIFEST proves bad: evicted when the attempt ends, because the context of
    /// an attempt does not change while it lasts.
    public private(set) var condemned: [NodeID] = []
    /// The set of the latest attempt of this round that had one: its members submit the same vector again.
    public private(set) var resubmits: [SetMember] = []
    public private(set) var rejectionsInRow: UInt32 = 0
    /// What the members have earned: rounds in accepted sums, rounds aggregated, credits.
    public internal(set) var payouts: PayoutTable
    /// Whether the publisher has paused it: only CONTROL follows then.
    public private(set) var isPaused = false
    /// The last order of the publisher that this chain carries.
    public private(set) var orderSequence: UInt32 = 0
    /// Registry headers that this chain has proven, the genesis' first: an order is proven from the last one below its block,
    /// so no move of the anchor can pass an order by.
    public private(set) var registryAnchors: [RegistryAnchor]
    /// The last decided blocks, the newest last: what a second certificate of a height is held against.
    public private(set) var recent: [BlockID] = []
    /// Weight-median accuracy of the last accepted round, ppm.
    public private(set) var accuracyPpm: UInt32 = 0
    /// Scored rounds.
    public internal(set) var scores: ScoreBook

    public init(genesis: TaskGenesis) {
        self.genesis = genesis
        electorate = genesis.electorate
        holders = genesis.holders
        registryAnchors = [genesis.registry]
        head = genesis.closeBlock
        headTimeMs = genesis.publishedMs
        beacon = genesis.beacon
        roundBeacon = genesis.beacon
        model = genesis.spec.model.initial
        scores = ScoreBook(genesis)
        payouts = PayoutTable(
            outcome: .running, rounds: 0, accuracyPpm: 0,
            entries: genesis.members.map { .init(node: $0.node, rounds: 0, aggregated: 0, credits: 0) })
    }

    public var spec: TaskSpec { genesis.spec }
    public var chain: ChainID { genesis.task }
    /// The registry header that the next move starts from.
    public var registryAnchor: RegistryAnchor { registryAnchors.last ?? genesis.registry }
    /// Where the proof of an order of this registry height starts; nil for one before the task's genesis.
    public func registryAnchor(below height: UInt64) -> RegistryAnchor? { registryAnchors.last { $0.height < height } }
    /// How it ended; nil while it goes on.
    public var outcome: TaskOutcome? { if case .ended(let outcome) = phase { outcome } else { nil } }
    public var isEnded: Bool { if case .ended = phase { true } else { false } }

    /// Members that may still submit, ascending.
    public var roster: [NodeID] { genesis.members.map(\.node).filter { !evicted.contains($0) } }

    /// The order in which the next height's views are given out.
    public var nextProposers: [NodeID] {
        Election.proposers(
            electorate: electorate, beacon: beacon,
            holders: spec.holders.publisherAlone ? [] : holders.map(\.node))
    }

    /// H("round" ‖ r ‖ R of the block that ended round r−1), the same in every attempt.
    public var roundSeed: Digest {
        var transcript = Transcript("round")
        transcript.append(UInt64(round))
        transcript.append(roundBeacon)
        return transcript.identifier()
    }

    /// The CONTROL block that decided blocks imply, if any: nothing else may follow then.
    public var impliedControl: ControlBody? {
        guard !isEnded else { return nil }
        if rejectionsInRow >= 3 { return .failed(.quality) }
        if round > spec.rounds { return .complete }
        if spec.evaluation.targetPpm > 0, accuracyPpm >= spec.evaluation.targetPpm { return .complete }
        if case .collecting = phase, keyedAttempts >= 3 { return .failed(.attempts) }
        if isShortOfHolders { return .failed(.holders) }
        return nil
    }

    public var expiresMs: UInt64 { genesis.publishedMs &+ spec.deadlines.expiryMs }

    /// Hash of everything above: what the header's state root must be after a block.
    public var root: Digest {
        var encoder = WireEncoder()
        encoder.u16(WireDomain.taskState.rawValue)
        encoder.u8(WireDomain.taskState.version)
        encoder.value(chain)
        encoder.u64(height)
        encoder.value(beacon)
        encoder.value(roundBeacon)
        encoder.u32(round)
        encoder.u16(attempt)
        encoder.u32(keyedAttempts)
        encoder.u32(unkeyedAttempts)
        switch phase {
        case .collecting: encoder.u8(1)
        case .aggregating(_, let set):
            encoder.u8(2)
            encoder.list(set)
        case .ended(let outcome):
            encoder.u8(3)
            encoder.value(outcome)
        }
        encoder.value(model)
        encoder.list(decidedSets) { encoder, set in encoder.list(set) }
        encoder.list(evicted)
        encoder.u32(rejectionsInRow)
        encoder.value(payouts)
        encoder.u32(accuracyPpm)
        encoder.bool(isPaused)
        encoder.u32(orderSequence)
        encoder.list(holders.map(\.node))
        encoder.list(formerHolders)
        encoder.bool(isShortOfHolders)
        encoder.list(condemned)
        encoder.list(resubmits)
        scores.encode(into: &encoder)
        encoder.list(registryAnchors) { encoder, anchor in
            encoder.u64(anchor.height)
            encoder.value(anchor.next)
            encoder.value(anchor.second)
        }
        if spec.training.server.isRobust { encoder.list(buckets) { encoder, bucket in encoder.list(bucket) } }
        return Digest(Transcript.hash("meshnode/task-state/1", encoder.bytes))
    }

    /// Root of what each member has earned so far.
    public var payoutRoot: Digest { payouts.root }

    /// The decided block of a recent height; nil for others.
    public func recentBlock(at height: UInt64) -> BlockID? {
        guard height <= self.height, self.height - height < UInt64(recent.count) else { return nil }
        return recent[recent.count - 1 - Int(self.height - height)]
    }

    // MARK: Fold

    /// Applies a decided block's content. Roots are compared by the caller, who may be building the block.
    ///
    /// - Parameter block: id of the block when it is known; a proposer passes a placeholder, because the id depends
    ///   on the state root. The state root does not cover it.
    public mutating func apply(_ content: TaskBlockContent, header: BlockHeader, block: BlockID) {
        height = header.height
        head = block
        headTimeMs = header.timeMs
        beacon = Election.beacon(after: beacon, header: header)
        recent.append(block)
        if recent.count > RegistryState.recentBlocks { recent.removeFirst() }
        switch content {
        case .manifest(let body, let set):
            keyedAttempts += 1
            decideScores(body.scores)
            condemned = body.evicted
            notePresence(body)
            decidedSets.append(set.map(\.node))
            buckets = buckets(of: set.map(\.node))
            phase = .aggregating(manifest: block, set: set)
        case .result(let body, let accuracy):
            if body.rejected {
                rejectionsInRow += 1
                endScoredRound(nil)
            } else {
                rejectionsInRow = 0
                accuracyPpm = accuracy
                model = body.model
                if case .aggregating(_, let set) = phase {
                    pay(set.map(\.node), aggregator: header.author)
                    endScoredRound(set)
                }
                decidedSets = []
                buckets = []
            }
            evict([])
            replace(body.liars, unanswered: 0)
            resubmits = []
            round += 1
            attempt = 0
            keyedAttempts = 0
            unkeyedAttempts = 0
            roundBeacon = beacon
            phase = .collecting
        case .void(let body):
            switch phase {
            case .collecting: unkeyedAttempts = unkeyedAttempts.clampedSum(1)
            case .aggregating(_, let set): resubmits = set
            case .ended: break
            }
            evict(body.evicted)
            // Silence may be the network's: a holder that nobody can follow keeps its place, a liar does not.
            replace(body.replaced, unanswered: body.reason == .holders ? body.replaced.count : 0)
            attempt = attempt.clampedSum(1)
            phase = .collecting
        case .control(.complete): end(.complete)
        case .control(.failed(let reason)): end(.failed(reason))
        case .control(.direction(let commitment)): decideDirection(commitment)
        case .control(.noDirection): decideDirection(nil)
        case .control(.scores(let section)): decideScores(section)
        case .control(.anchor(let steps)):
            if let last = steps.last { registryAnchors.append(RegistryAnchor(last.header)) }
        case .control(.ordered(let order)):
            // Decided blocks hold an order that decodes: validity has looked at it.
            guard let control = order.control else { return }
            orderSequence = control.sequence
            switch control.action {
            case .pause: isPaused = true
            case .resume: isPaused = false
            case .stop: end(.stopped)
            }
        }
    }

    private mutating func notePresence(_ body: ManifestBody) {
        let byKey = Dictionary(grouping: body.submissions, by: \.signer).mapValues { $0.map(\.submissionID) }
        let submitters = TaskRules.submitters(byKey, condemned: body.evicted)
        let previous = decidedSets.last ?? []
        let missing = Set(previous).subtracting(submitters).subtracting(evicted).subtracting(condemned)
        presence = SetPresence(
            submitters: submitters, beacon: beacon, previous: previous,
            dropped: previous.isEmpty ? [] : missing.union(presence.dropped).sorted())
    }

    private mutating func end(_ outcome: TaskOutcome) {
        phase = .ended(outcome)
        payouts.outcome = outcome
    }

    /// Shares out what one accepted round is worth.
    private mutating func pay(_ set: [NodeID], aggregator: NodeID) {
        payouts.rounds += 1
        payouts.accuracyPpm = accuracyPpm
        let members = genesis.members.filter { set.contains($0.node) }.map {
            (node: $0.node, weight: Payouts.weight($0.enrolment, rule: spec.reward.rule))
        }
        let budget = Payouts.budget(reward: spec.reward.credits, round: payouts.rounds, of: spec.rounds)
        let shares = Payouts.shares(budget: budget, aggregator: aggregator, members: members)
        for index in payouts.entries.indices {
            let node = payouts.entries[index].node
            if set.contains(node) { payouts.entries[index].rounds += 1 }
            if node == aggregator {
                payouts.entries[index].aggregated += 1
                scores.authored[index] += budget
            }
            payouts.entries[index].credits += shares[node] ?? 0
        }
        shareByContribution()
    }

    private mutating func evict(_ nodes: [NodeID]) {
        evicted = Set(evicted).union(nodes).union(condemned).sorted()
        condemned = []
    }

    /// Gives the places of `nodes` to the next of the shuffle, at most t in a task.
    ///
    /// - Parameter unanswered: how many of them may stay where nobody can follow.
    private mutating func replace(_ nodes: [NodeID], unanswered: Int) {
        guard !nodes.isEmpty else { return }
        var left = 0
        for place in holders.indices where nodes.contains(holders[place].node) {
            let next = genesis.holderOrder.first { candidate in
                !holders.contains { $0.node == candidate.node } && !formerHolders.contains(candidate.node)
                    && !evicted.contains(candidate.node)
            }
            guard formerHolders.count < Int(spec.holders.threshold), let next else {
                left += 1
                continue
            }
            formerHolders.append(holders[place].node)
            holders[place] = next
        }
        if left > unanswered { isShortOfHolders = true }
    }
}

/// A task block's body, decoded, with what validity derived from it.
public enum TaskBlockContent: Hashable, Sendable {
    case manifest(ManifestBody, set: [TaskState.SetMember])
    case result(ResultBody, accuracyPpm: UInt32)
    case void(VoidBody)
    case control(ControlBody)

    public var bytes: [UInt8] {
        switch self {
        case .manifest(let body, _): body.wireBytes
        case .result(let body, _): body.wireBytes
        case .void(let body): body.wireBytes
        case .control(let body): body.wireBytes
        }
    }

    public var kind: BlockKind {
        switch self {
        case .manifest: .manifest
        case .result: .result
        case .void: .void
        case .control: .control
        }
    }
}
