public import Wire

/// Gossip of one node over all topics: gossipsub v1.1's mesh (libp2p/specs, pubsub/gossipsub) on signed envelopes,
/// without I/O, clocks or chance of its own.
///
/// Small messages go to the mesh of their topic at once; larger ones, and peers outside the mesh, are told the id and
/// pull. Own messages go to every peer of the topic. Deviations: topics are chains; there is no mesh-delivery score
/// (P3), as topics are quiet; no peer exchange, as membership knows everybody; a peer below the lowest threshold is
/// cut off until its score has recovered; large messages are told within the mesh as soon as they are accepted.
///
/// `seen` is charged only after ACCEPT: forged copies cannot keep the real message out. Rejected ids have a small
/// cache of their own; ignored ones are only not pulled again.
public struct TopicMesh: Sendable {
    struct Peer: Sendable {
        let isOutbound: Bool
        var topics: Set<ChainID> = []
        var score: TopicScore
        var bucket: TokenBucket
        var answers: AnswerBudget
        var haveFrames = 0
        var haveIDs = 0
        var wantIDs = 0
    }

    struct Topic: Sendable {
        /// Sorted.
        var mesh: [NodeID] = []
        /// Until when a peer may not be grafted.
        var backoff = Bounded<NodeID, NodeID, Duration>(GossipTables.backoffs)
    }

    /// A message under judgement.
    struct Pending: Sendable {
        let message: TopicMessage
        var senders: [NodeID]
    }

    /// A message that was told of and asked for.
    struct Pull: Sendable {
        let topic: ChainID
        /// Who told of it and was not asked yet.
        var others: [NodeID]
        var asked: [NodeID]
        let promisedUntil: Duration
        var retryAt: Duration
    }

    public let own: NodeID
    public let settings: TopicSettings
    var generator: MeshGenerator
    var peers: [NodeID: Peer] = [:]
    /// Sorted keys of `peers`.
    var order: [NodeID] = []
    var topics: [ChainID: Topic] = [:]
    /// Scores of peers that are gone or cut off, so that a new link washes nothing away.
    var remembered: [NodeID: TopicScore] = [:]
    /// Keys of `remembered`, oldest first.
    var rememberedOrder: [NodeID] = []
    var standing = Standing()
    var busyUntil: Duration = .zero
    var cutOff: Set<NodeID> = []
    var cache: TopicCache
    var seen: RecentNames<MessageID>
    var rejected: RecentNames<MessageID>
    var ignored: RecentNames<MessageID>
    var pending: [MessageID: Pending] = [:]
    /// Each in the place of who told of it first.
    var pulls = Bounded<NodeID, MessageID, Pull>(GossipTables.pulls)
    /// No pull is due before; it may be gone by then.
    var nextPullAt: Duration?
    var nextHeartbeat: Duration
    var wakesAt: Duration?
    var heartbeats: UInt64 = 0
    public internal(set) var counters = TopicCounters()

    /// - Parameter seed: of peer choice; the same seed and inputs give the same directives.
    public init(own: NodeID, settings: TopicSettings, seed: UInt64, now: Duration) {
        self.own = own
        self.settings = settings
        generator = MeshGenerator(seed: seed)
        cache = TopicCache(windows: settings.windows, bytesMax: settings.cacheBytesMax)
        seen = RecentNames(capacity: settings.seenMax)
        rejected = RecentNames(capacity: settings.rejectedMax)
        ignored = RecentNames(capacity: settings.rejectedMax)
        // Nodes that start together need not beat together.
        let phase = Double(generator.next() >> 11) / Double(1 << 53)
        nextHeartbeat = now + settings.heartbeat * (0.5 + phase / 2)
    }

    public mutating func handle(_ input: TopicInput, now: Duration) -> [TopicDirective] {
        var out: [TopicDirective] = []
        switch input {
        case .join(let topic): join(topic, now, &out)
        case .leave(let topic): leave(topic, &out)
        case .linked(let node, let outbound): linked(node, outbound, now, &out)
        case .gone(let node):
            gone(node)
            boundRemembered(&out)
        case .publish(let message): publish(message, now, &out)
        case .relay(let message): relay(message, &out)
        case .message(let message, let node): receive(message, from: node, now, &out)
        case .verdict(let id, let verdict): judged(id, verdict, now, &out)
        case .control(let control, let node): receive(control, from: node, now, &out)
        case .standing(let standing):
            self.standing = standing
            for node in order { peers[node]!.answers.change(allowance(node)) }
        case .busy(let until): busyUntil = max(busyUntil, until)
        case .misbehaved(let node, let count): penalise(node, &out) { $0.sentInvalid(Double(count), $1) }
        case .tick: tick(now, &out)
        }
        if let next = nextDeadline, wakesAt.map({ next < $0 }) ?? true {
            wakesAt = next
            out.append(.wake(at: next))
        }
        return out
    }

    // MARK: Questions

    public var joined: [ChainID] { topics.keys.sorted() }
    public func mesh(of topic: ChainID) -> [NodeID] { topics[topic]?.mesh ?? [] }
    public func score(of node: NodeID) -> Double? { (peers[node]?.score ?? remembered[node])?.value }
    public var isCutOff: Set<NodeID> { cutOff }
    public func hasSeen(_ id: MessageID) -> Bool { seen.contains(id) }
    /// Messages held for requests, under judgement, and asked for: each has a limit in the settings.
    public var load: (cached: Int, cachedBytes: Int, pending: Int, pulls: Int) {
        (cache.entries.count, cache.bytes, pending.count, pulls.count)
    }

    /// Peers that hear what this node has of a chain: its mesh, and `others` more in turn.
    public mutating func neighbours(of topic: ChainID, others count: Int) -> [NodeID] {
        let mesh = mesh(of: topic)
        let rest = lots(subscribers(of: topic).filter { !mesh.contains($0) })
        // Before anything is known of a peer's topics it is a neighbour too.
        return (mesh + (rest.isEmpty && mesh.isEmpty ? shuffled(order) : rest).prefix(count)).sorted()
    }

    /// Linked peers of the topic, sorted.
    func subscribers(of topic: ChainID) -> [NodeID] { order.filter { peers[$0]!.topics.contains(topic) } }

    var nextDeadline: Duration? {
        var next = nextHeartbeat
        if let nextPullAt { next = min(next, nextPullAt) }
        return next
    }

    mutating func shuffled(_ nodes: [NodeID]) -> [NodeID] {
        var nodes = nodes
        for index in nodes.indices.reversed() where index > 0 {
            nodes.swapAt(index, Int(generator.next(upperBound: UInt64(index + 1))))
        }
        return nodes
    }

    // MARK: Peers and topics

    private mutating func linked(_ node: NodeID, _ outbound: Bool, _ now: Duration, _ out: inout [TopicDirective]) {
        guard node != own, peers[node] == nil, !cutOff.contains(node) else { return }
        peers[node] = Peer(
            isOutbound: outbound, score: remembered[node] ?? TopicScore(),
            bucket: TokenBucket(rate: settings.validationsPerSecond, now: now),
            answers: AnswerBudget(allowance(node), now: now))
        forgetScore(node)
        order.insert(node, at: order.firstIndex { node < $0 } ?? order.count)
        var rest = joined[...]
        while !rest.isEmpty {
            tell(.join(Array(rest.prefix(TopicControl.topicsMax))), node, &out)
            rest = rest.dropFirst(TopicControl.topicsMax)
        }
    }

    private mutating func gone(_ node: NodeID) {
        guard let peer = peers.removeValue(forKey: node) else { return }
        order.removeAll { $0 == node }
        for topic in topics.keys { topics[topic]!.mesh.removeAll { $0 == node } }
        if !peer.score.isBlank { remember(node, peer.score) }
        for id in pulls.keys { pulls.update(id) { $0.others.removeAll { $0 == node } } }
    }

    func allowance(_ node: NodeID) -> AnswerBudget.Allowance {
        .of(standing.footing(of: node), settings.profile)
    }

    mutating func remember(_ node: NodeID, _ score: TopicScore) {
        forgetScore(node)
        remembered[node] = score
        rememberedOrder.append(node)
    }

    mutating func forgetScore(_ node: NodeID) {
        guard remembered.removeValue(forKey: node) != nil else { return }
        rememberedOrder.removeAll { $0 == node }
    }

    /// Keys are made for nothing, so what is remembered of them has a bound: first those go that may link anyway, the
    /// oldest of them, then the longest cut off, who may link again.
    mutating func boundRemembered(_ out: inout [TopicDirective]) {
        while remembered.count > settings.rememberedMax {
            let node = rememberedOrder.first { !cutOff.contains($0) } ?? rememberedOrder[0]
            forgetScore(node)
            if cutOff.remove(node) != nil { out.append(.readmit(node)) }
        }
    }

    private mutating func join(_ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]) {
        guard topics[topic] == nil else { return }
        topics[topic] = Topic()
        for node in order { tell(.join([topic]), node, &out) }
        for node in lots(subscribers(of: topic)) { graftIfNeeded(node, topic, now, &out) }
    }

    private mutating func leave(_ topic: ChainID, _ out: inout [TopicDirective]) {
        guard topics.removeValue(forKey: topic) != nil else { return }
        for node in order { tell(.leave([topic]), node, &out) }
    }

    /// A mesh below its wanted size does not wait for the heartbeat.
    mutating func graftIfNeeded(_ node: NodeID, _ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]) {
        guard let state = topics[topic], state.mesh.count < settings.degreeLow, mayGraft(node, topic, now) else {
            return
        }
        graft(node, topic, &out)
    }

    func mayGraft(_ node: NodeID, _ topic: ChainID, _ now: Duration) -> Bool {
        guard let peer = peers[node], let state = topics[topic], peer.topics.contains(topic) else { return false }
        guard hasPlace(for: node, in: topic) else { return false }
        return !state.mesh.contains(node) && state.backoff[node].map { $0 <= now } ?? true
            && peer.score.value >= settings.score.meshThreshold
    }

    func isKnown(_ node: NodeID) -> Bool { standing.footing(of: node) > .stranger }

    func strangers(in topic: ChainID) -> [NodeID] { mesh(of: topic).filter { !isKnown($0) } }

    /// Strangers have few places.
    func hasPlace(for node: NodeID, in topic: ChainID) -> Bool {
        isKnown(node) || strangers(in: topic).count < settings.strangersMost
    }

    /// In the order of a lot, who is known before who is not.
    mutating func lots(_ nodes: [NodeID]) -> [NodeID] {
        let nodes = shuffled(nodes)
        return nodes.filter(isKnown) + nodes.filter { !isKnown($0) }
    }

    mutating func graft(_ node: NodeID, _ topic: ChainID, _ out: inout [TopicDirective]) {
        insert(node, topic)
        tell(.graft(topic), node, &out)
    }

    mutating func insert(_ node: NodeID, _ topic: ChainID) {
        let mesh = topics[topic]!.mesh
        topics[topic]!.mesh.insert(node, at: mesh.firstIndex { node < $0 } ?? mesh.count)
    }

    mutating func prune(_ node: NodeID, _ topic: ChainID, _ now: Duration, _ out: inout [TopicDirective]) {
        topics[topic]!.mesh.removeAll { $0 == node }
        hold(node, topic, until: now + settings.pruneBackoff)
        tell(.prune(topic, backoffMs: milliseconds(settings.pruneBackoff)), node, &out)
    }

    mutating func hold(_ node: NodeID, _ topic: ChainID, until: Duration) {
        topics[topic]!.backoff.remove(node)
        // One that is not remembered ends early: the node is grafted and pruned again.
        _ = topics[topic]!.backoff.insert(
            until, for: node, by: node, isProtected: standing.rank(of: node) > .stranger)
    }

    func milliseconds(_ duration: Duration) -> UInt32 { UInt32(clamping: Int(duration / .milliseconds(1))) }

    mutating func tell(_ control: TopicControl, _ node: NodeID, _ out: inout [TopicDirective]) {
        counters.controlSent += 1
        out.append(.control(control, to: node))
    }

    // MARK: Score

    mutating func penalise(
        _ node: NodeID, _ out: inout [TopicDirective], _ change: (inout TopicScore, TopicScoreSettings) -> Void
    ) {
        guard var peer = peers[node] else { return }
        change(&peer.score, settings.score)
        peers[node] = peer
        guard peer.score.value < settings.score.cutOffThreshold else { return }
        counters.cutOffs += 1
        gone(node)
        remember(node, peer.score)
        cutOff.insert(node)
        out.append(.cutOff(node))
        boundRemembered(&out)
    }
}
