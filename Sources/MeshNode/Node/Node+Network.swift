internal import Chain
internal import Gossip
internal import Learn
internal import Logging
internal import MeshCrypto
internal import Wire

/// Frames in and out: gossip, digests, blocks, content.
extension Node {
    // MARK: In

    func handle(_ event: TransportEvent) {
        switch event {
        case .linkUp(let node, let address, let outbound):
            if !linked.contains(node) { linked = (linked + [node]).sorted() }
            noteLink(.linkUp, of: node, "linked to \(node.short) at \(address); \(Counted.text(linked.count, "peer"))")
            gossip(.linked(node, outbound: outbound))
            content(.peerLinked(node))
            sendDigests(to: node)
        case .linkDown(let node, let reason):
            linked.removeAll { $0 == node }
            if case .here(.oversize) = reason {
                // Nothing honest announces a packet of that length; the link is gone already, its score stays.
                count("oversize")
                gossip(.misbehaved(node, count: 7))
            }
            noteLink(
                .linkDown, of: node, "link to \(node.short) ended: \(reason); \(Counted.text(linked.count, "peer"))")
            gossip(.gone(node))
            deliveries.gone(node)
            sentBlocks.gone(node)
            content(.peerGone(node))
            strangersRanges.leave(node)
        case .malformed(let node, let number):
            count("malformed", UInt64(number))
            gossip(.misbehaved(node, count: number))
        case .frame(let node, _, let bytes):
            charging(node) { receive(bytes, from: node) }
        case .record(let record):
            remember(record)
        case .status(let node, let status):
            noteLink(.member, of: node, "\(node.short) is \(status.rawValue)")
        case .refused(let reason, let address):
            note("refused", "no link with \(address): \(reason)")
        case .drained:
            break
        }
    }

    private func receive(_ bytes: [UInt8], from node: NodeID) {
        // Its link is being closed; what is still queued costs nothing more.
        guard !topics.isCutOff.contains(node) else { return }
        let message: PeerMessage
        do { message = try PeerMessage(wireBytes: bytes) } catch {
            // Hostile or of another version: counted, never fatal.
            count("malformed")
            logger.debug("malformed message of \(node.short): \(error)")
            gossip(.misbehaved(node, count: 1))
            return
        }
        switch message {
        case .envelope(let envelope): receive(envelope, from: node)
        case .topics(let control): gossip(.control(control, from: node))
        case .digest(let digest): answer(digest, of: bytes.count, to: node)
        case .blocks(let range): receive(range, from: node)
        case .rangeContent(let chain, let first, let reference):
            receiveRange(of: chain, from: first, reference, from: node)
        case .content(let message):
            frameWasUseful = !message.isQuestion && transfer.exchange.isWanted(message.content)
            content(.frame(from: node, message))
        case .keyRelease(let release): receive(release, from: node)
        case .keyRequest(let chain, let manifest):
            if mayAnswer(node, asking: bytes.count) { answerKeyRequest(chain, manifest, from: node) }
        }
    }

    // MARK: Digests

    func height(of chain: ChainID) -> UInt64? {
        if chain == registry.chain { return registry.height }
        return tasks[chain]?.machine.height ?? ended[chain].map { $0.height + 1 }
    }

    private func digest(of chain: ChainID, turn: UInt64) -> ChainDigest? {
        chain == registry.chain ? registry.digest(turn: turn) : tasks[chain]?.machine.digest()
    }

    /// Neighbours that get a digest at one heartbeat: each answers with up to 64 messages, and all with the same ones.
    static let askedAtOnce = 2

    /// Heartbeats that pass without a question while what was sent already waits to be read. A node that is too busy to read
    /// asks for what it has, and the answers keep it busy; one that is flooded must ask all the same.
    static let beatsUnasked = 4

    /// What a partition or a full queue cost is asked for again.
    func sendDueDigests() {
        guard !transport.events.hasUnreadGossip || unaskedBeats >= Self.beatsUnasked else { return unaskedBeats += 1 }
        unaskedBeats = 0
        questions += 1
        sendDigests()
    }

    /// Those whose turn it is. Everybody's comes within `turns` heartbeats, so who has what this node lacks is asked, and
    /// what is lost or held back costs one heartbeat more.
    static func inTurn(_ nodes: [NodeID], beat: UInt64) -> (nodes: [NodeID], turns: UInt64) {
        let turns = (nodes.count + askedAtOnce - 1) / askedAtOnce
        guard turns > 1 else { return (nodes, 1) }
        let first = Int(beat % UInt64(turns)) * askedAtOnce
        return (Array(nodes[first..<min(first + askedAtOnce, nodes.count)]), UInt64(turns))
    }

    func sendDigests(to node: NodeID? = nil) {
        guard !linked.isEmpty else { return }
        for chain in [registry.chain] + taskOrder {
            guard chain == registry.chain || tasks[chain] != nil else { continue }
            // A link that has just come up is asked at once.
            var (nodes, turns) =
                node.map { ([$0], 1) } ?? Self.inTurn(topics.neighbours(of: chain, others: 2), beat: questions)
            if node == nil, isEndedElsewhere(chain) { nodes = Set(nodes + passersBy()).sorted() }
            // All neighbours are told the same part of what is pending before the next one's turn comes.
            guard !nodes.isEmpty, let digest = digest(of: chain, turn: questions / turns) else { continue }
            send(.digest(digest), to: nodes)
        }
    }

    func sendDigest(of chain: ChainID, to node: NodeID) {
        guard let digest = digest(of: chain, turn: beats) else { return }
        send(.digest(digest), to: node)
    }

    private func answer(_ digest: ChainDigest, of bytes: Int, to node: NodeID) {
        // Before a block is looked up: what is over the budget must cost nothing.
        guard let height = height(of: digest.chain) else { return }
        noteHeight(digest.height, of: digest.chain, from: node)
        guard mayAnswer(node, asking: bytes) else { return }
        // Asked before this node's own block is shown: both must see both, and who has seen both stops.
        if let question = digest.question(below: height, block: { recentBlock(of: digest.chain, at: $0) }) {
            answer(.digest(question), to: node)
        }
        if let first = digest.firstMissing(below: height, block: { recentBlock(of: digest.chain, at: $0) }) {
            sendBlocks(digest.chain, from: first, to: node)
        }
        guard digest.height == height else { return }
        let missing =
            digest.chain == registry.chain
            ? registry.answer(digest) : tasks[digest.chain]?.machine.answer(digest) ?? []
        answer(missing, to: node)
    }

    private func recentBlock(of chain: ChainID, at height: UInt64) -> BlockID? {
        chain == registry.chain
            ? registry.state.recentBlock(at: height) : tasks[chain]?.machine.state.recentBlock(at: height)
    }

    // MARK: Out

    func send(_ message: PeerMessage, to node: NodeID) { send(message, to: [node]) }

    /// Queues a frame; frames leave in the order in which they were queued.
    func send(_ message: PeerMessage, to nodes: [NodeID]) {
        send(frame: message.wireBytes, to: nodes, lane: message.lane)
    }

    func send(frame bytes: [UInt8], to nodes: [NodeID], lane: Lane, asksForChunks: Int = 0) {
        guard !isStopped, !nodes.isEmpty else { return }
        // Beyond this the peers cannot follow; what is lost comes back through digests and wants.
        let alone = nodes.count == 1 ? nodes[0] : nil
        guard outbox.count < 65_536, alone.map({ outboxOf[$0, default: 0] < 8_192 }) ?? true else {
            count("outbox full")
            return
        }
        if let alone { outboxOf[alone, default: 0] += 1 }
        outbox.append(OutboundFrame(to: nodes, bytes: bytes, lane: lane, asksForChunks: asksForChunks))
        guard !isSending else { return }
        isSending = true
        Task { await self.drainOutbox() }
    }

    private func drainOutbox() async {
        while !outbox.isEmpty, !isStopped {
            let batch = outbox
            outbox = []
            outboxOf = [:]
            await transport.send(batch)
        }
        isSending = false
    }

    func refreshTraffic() {
        Task {
            let counters = await transport.counters()
            traffic = counters.traffic
            linkDrops = [
                "links refused": counters.refusals, "handshakes failed": counters.failedHandshakes,
                "dials failed": counters.failedDials, "records rejected": counters.rejectedRecords,
                "datagrams dropped": counters.datagramDrops.values.reduce(0, +),
                "events dropped": counters.droppedEvents, "strangers paused": counters.strangersPaused,
            ].filter { $0.value > 0 }
        }
    }

    // MARK: Content

    func content(_ input: ContentInput) {
        let outcomes = transfer.handle(input, now: elapsed)
        if case .frame(_, .chunk(let id, _, _, _)) = input { noteArrival(of: id) }
        for outcome in outcomes {
            switch outcome {
            case .send(let node, let content):
                let message = PeerMessage.content(content)
                send(
                    frame: message.wireBytes, to: [node], lane: message.lane,
                    asksForChunks: content.chunksAskedFor)
            case .finish(let id): finish(id)
            case .completed(let id): stored(id)
            case .failed(let id, .cancelled): forgetNeed(id, isBroken: false)
            case .failed(let id, let reason):
                // Most of them are named by peers, each as often as it likes.
                warn(.failedContent, of: nodeID, "content \(id.short): \(reason)")
                forgetNeed(id, isBroken: true, isLate: reason.isLate)
            case .lengthRefuted(let id, let announced):
                if !refute(id, where: { $0 == announced }) {
                    warn(
                        .wrongLength, of: nodeID, "content \(id.short): announced with a wrong length of \(announced)")
                }
            case .starving: break
            case .misbehaved(let node, let offence):
                count("bad content")
                // An honest node that lacks much may ask for more than its queue holds; the queue bounds that already.
                if offence == .flooding {
                    warn(.flooding, of: node, "\(node.short) asks for more than its queue here holds")
                } else {
                    warn(.badContent, of: node, "\(node.short) served bad content: \(offence)")
                    gossip(.misbehaved(node, count: 4))
                }
            case .damaged(let lost, let reason): damaged(lost, reason)
            case .lost(let lost): fetchAgain(lost)
            case .schedule(let at): scheduleContent(at)
            }
        }
    }

    /// A whole content is told of when it is on disk; nothing else waits for that.
    func finish(_ id: ContentID) {
        guard unfinished.add(id) else { return }
        Task { await self.drainUnfinished() }
    }

    /// One after another. What a vote waits for is next, so it waits for one other content at most.
    private func drainUnfinished() async {
        while let id = unfinished.next(first: Set(needs.lazy.filter(\.isForVote).flatMap(\.missing))) {
            let failure = await disk.finish(id, in: contentStore)
            guard !isStopped else { return }
            content(.finished(id, failure: failure))
        }
    }

    private func scheduleContent(_ at: Duration) {
        contentTimer = at
        let delay = Node.milliseconds(at - elapsed) + 1
        after(delay) { node in
            guard let due = node.contentTimer, due <= node.elapsed else { return }
            node.contentTimer = nil
            node.content(.timer)
        }
    }

    /// Runs `action` once all of `references` are stored here; now, if they are. It runs again where it reads a damaged one
    /// (`run`), so it changes nothing before it has read all.
    ///
    /// - Parameters:
    ///   - origin: the only node that is asked while it is linked; nil asks all.
    ///   - first: of all, the one that is asked before the others. Without it all nodes ask the same one, and where that is silent all
    ///     wait for its time to run out.
    ///   - namedBy: whose word, not yet decided, names them: they take its places.
    ///   - attempt: the task whose present attempt needs them; they are not fetched beyond it.
    ///   - isForVote: they are made durable before all others.
    ///   - otherwise: runs instead of `action` where one of them cannot be had, or has another length than was named.
    ///
    /// The caller has compared each length with what this node knows by itself: a decided block, the task's policy, or the
    /// longest that a range can be. No length is taken from a peer alone. A content that is here, or comes, with another length
    /// than a reference names is not what that names: nothing is read for it.
    func whenStored(
        _ references: [ContentReference], from origin: NodeID?, first: NodeID? = nil, deadline: Duration? = nil,
        namedBy: NodeID? = nil, attempt: ChainID? = nil, isForVote: Bool = false, isRange: Bool = false,
        otherwise: (@Sendable (isolated Node) -> Void)? = nil,
        _ action: @escaping @Sendable (isolated Node) -> Void
    ) {
        if !isRange { keepRanges(references.map(\.id)) }
        if let refuted = references.first(where: { hasOtherLength($0) }) {
            noteRefuted(refuted)
            otherwise?(self)
            return
        }
        let missing = references.filter { !contentStore.has($0.id) }
        guard !missing.isEmpty else { return run(action, attempt: attempt) }
        needs.append(
            ContentNeed(
                references: references, missing: Set(missing.map(\.id)), attempt: attempt, isForVote: isForVote,
                isRange: isRange, waitsForPlace: namedBy == nil && deadline == nil, action: action,
                otherwise: otherwise))
        var providers = origin.map { linked.contains($0) ? [$0] : linked } ?? linked
        if let first, let index = providers.firstIndex(of: first) { providers.swapAt(0, index) }
        for reference in missing {
            content(
                .want(
                    reference.id, expectedLength: reference.length, providers: providers, deadline: deadline,
                    namedBy: namedBy))
        }
    }

    /// Whether a content is stored here and is longer or shorter than a reference to it says. A content's name commits to its
    /// length, so whoever made the reference is wrong.
    func hasOtherLength(_ reference: ContentReference) -> Bool {
        guard contentStore.has(reference.id), let stored = contentStore.reference(reference.id) else { return false }
        return stored.length != reference.length
    }

    private func noteRefuted(_ reference: ContentReference) {
        count("wrong length")
        let (name, length) = (reference.id.short, reference.length)
        warn(.wrongLength, of: nodeID, "content \(name): named with a wrong length of \(length)")
    }

    /// Fails what waits for a content under a length that it does not have; false where nothing does.
    @discardableResult
    private func refute(_ id: ContentID, where isWrong: (UInt64) -> Bool) -> Bool {
        func names(_ need: ContentNeed) -> ContentReference? {
            need.references.first { $0.id == id && isWrong($0.length) }
        }
        let failed = needs.filter { names($0) != nil }
        guard !failed.isEmpty else { return false }
        needs.removeAll { names($0) != nil }
        for need in failed {
            if let reference = names(need) { noteRefuted(reference) }
            need.otherwise?(self)
        }
        return true
    }

    private func stored(_ id: ContentID) {
        if let stored = contentStore.reference(id) { refute(id) { $0 != stored.length } }
        var ready: [ContentNeed] = []
        needs = needs.compactMap { need in
            var need = need
            need.missing.remove(id)
            if need.missing.isEmpty {
                ready.append(need)
                return nil
            }
            return need
        }
        for need in ready { run(need.action, attempt: need.attempt) }
    }

    /// - Parameter isLate: nothing is wrong with the content: what waits for a place keeps waiting.
    private func forgetNeed(_ id: ContentID, isBroken: Bool, isLate: Bool = false) {
        func isGivenUp(_ need: ContentNeed) -> Bool {
            need.missing.contains(id) && !(isLate && need.waitsForPlace)
        }
        let givenUp = needs.filter(isGivenUp)
        needs.removeAll(where: isGivenUp)
        if needs.contains(where: { $0.missing.contains(id) }) { isShortOfPlaces = true }
        if let offer = removeRange(id, isBroken: isBroken) { removeFetched(offer) }
        for need in givenUp { need.otherwise?(self) }
    }

    /// The attempt has ended: what only it needed is not fetched any more.
    func endAttempt(_ chain: ChainID) {
        let ended = needs.filter { $0.attempt == chain }.flatMap { $0.missing.sorted() }
        guard !ended.isEmpty else { return }
        let givenUp = needs.compactMap { $0.attempt == chain ? $0.otherwise : nil }
        needs.removeAll { $0.attempt == chain }
        for otherwise in givenUp { otherwise(self) }
        let needed = Set(needs.flatMap(\.missing))
        for id in ended where !needed.contains(id) { content(.cancel(id)) }
    }

    /// Every heartbeat: whoever is linked may have what is still missing. One input for all wants, as each costs a look at all
    /// of them.
    func askAgain() {
        content(.linked(linked))
        wantWhatWaits()
        requestKeys()
    }

    /// Wants of one heartbeat that waited for a place.
    private static let wantedAtOnce = 64

    private func wantWhatWaits() {
        let room = min(transfer.exchange.room, Self.wantedAtOnce)
        guard isShortOfPlaces, room > 0 else { return }
        var waiting: [ContentReference] = []
        for need in needs where need.waitsForPlace {
            for reference in need.references where need.missing.contains(reference.id) {
                guard !transfer.exchange.isWanted(reference.id), !transfer.exchange.finishing.contains(reference.id),
                    !waiting.contains(where: { $0.id == reference.id })
                else { continue }
                waiting.append(reference)
                if waiting.count >= room { break }
            }
            if waiting.count >= room { break }
        }
        isShortOfPlaces = waiting.count >= room
        for reference in waiting {
            content(.want(reference.id, expectedLength: reference.length, providers: linked, deadline: nil))
        }
    }
}

extension ContentFailure {
    /// There was no place, or no time: the content itself may be had.
    fileprivate var isLate: Bool {
        switch self {
        case .tooManyWants, .deadline: true
        default: false
        }
    }
}
