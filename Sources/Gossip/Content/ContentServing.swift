internal import Wire

/// Decides when a peer's requests are answered: a short queue and a byte rate for each peer, so that nobody makes
/// this node read or send without bound.
struct ContentServing {
    struct Item: Equatable {
        let content: ContentID
        /// Nil for the manifest.
        let chunk: Chunk?

        struct Chunk: Equatable {
            let tier: ContentMessage.Tier
            let index: Int
        }
    }

    private struct Peer {
        var queue: [Item] = []
        /// Bytes that may be sent now; in debt after a chunk larger than what was left.
        var budget: AnswerBudget
    }

    private let settings: ContentSettings
    private var peers: [NodeID: Peer] = [:]
    /// Those that wait for an answer.
    private var turns = Turns()
    private var standing = Standing()
    /// All keys together that nobody knows.
    private var strangers: AnswerBudget

    init(_ settings: ContentSettings) {
        self.settings = settings
        strangers = AnswerBudget(
            .init(burst: settings.serveBurstBytes, perSecond: settings.strangersBytesPerSecond), now: .zero)
    }

    mutating func stand(_ standing: Standing) {
        self.standing = standing
        for id in peers.keys.sorted() { peers[id]!.budget.change(settings.allowance(rank(id))) }
    }

    /// Without chains, or before they have spoken, all are alike.
    private func rank(_ node: NodeID) -> Standing.Rank { standing.footing(of: node) }

    /// Queues requests.
    /// - Returns: how many did not fit.
    mutating func enqueue(_ items: [Item], from peer: NodeID, now: Duration) -> Int {
        if peers[peer] == nil {
            guard peers.count < settings.mostServedPeers else { return items.count }
            peers[peer] = Peer(budget: AnswerBudget(settings.allowance(rank(peer)), now: now))
        }
        var refused = 0
        for item in items where !peers[peer]!.queue.contains(item) {
            if peers[peer]!.queue.count < settings.serveQueue {
                peers[peer]!.queue.append(item)
            } else {
                refused += 1
            }
        }
        if !peers[peer]!.queue.isEmpty { turns.join(peer) }
        return refused
    }

    mutating func cancel(_ content: ContentID, from peer: NodeID) {
        peers[peer]?.queue.removeAll { $0.content == content }
        if peers[peer]?.queue.isEmpty == true { turns.leave(peer) }
    }

    mutating func remove(_ peer: NodeID) {
        peers[peer] = nil
        turns.leave(peer)
    }

    /// What may be answered now: members first, then accounts, then strangers; among equals one item each in turn, which goes
    /// on where it stopped, because what strangers share is often too little for a whole round of them.
    mutating func due(_ now: Duration) -> [ContentDirective] {
        var directives: [ContentDirective] = []
        var turns = turns
        defer { self.turns = turns }
        for rank in Standing.Rank.allCases.reversed() {
            while rank > .stranger || strangers.isOpen(now),
                let id = turns.next({ self.rank($0) == rank && peers[$0]!.budget.isOpen(now) })
            {
                let item = peers[id]!.queue.removeFirst()
                if peers[id]!.queue.isEmpty { turns.leave(id) }
                peers[id]!.budget.answered(ContentLimits.chunkBytes)
                if rank == .stranger { strangers.answered(ContentLimits.chunkBytes) }
                if let chunk = item.chunk {
                    directives.append(.serveChunk(to: id, item.content, chunk.tier, index: chunk.index))
                } else {
                    directives.append(.serveManifest(to: id, item.content))
                }
            }
        }
        return directives
    }

    /// What was asked for is not here: that costs the work of a frame, and not the chunk that it was charged as.
    mutating func lacked(_ peer: NodeID) {
        let excess = ContentLimits.chunkBytes - StrangersBudget.frameCost
        peers[peer]?.budget.gaveBack(excess)
        if rank(peer) == .stranger { strangers.gaveBack(excess) }
    }

    /// When the next queued item may be answered.
    func nextDue(_ now: Duration) -> Duration? {
        var next: Duration?
        for (id, peer) in peers where !peer.queue.isEmpty {
            var at = peer.budget.opens(now)
            if rank(id) == .stranger { at = max(at, strangers.opens(now)) }
            next = min(next ?? at, at)
        }
        return next.map { max($0, now) }
    }
}
