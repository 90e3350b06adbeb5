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
    private func rank(_ node: NodeID) -> Standing.Rank { standing.isEmpty ? .member : standing.rank(of: node) }

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
        return refused
    }

    mutating func cancel(_ content: ContentID, from peer: NodeID) {
        peers[peer]?.queue.removeAll { $0.content == content }
    }

    mutating func remove(_ peer: NodeID) { peers[peer] = nil }

    /// What may be answered now: members first, then accounts, and by id.
    mutating func due(_ now: Duration) -> [ContentDirective] {
        var directives: [ContentDirective] = []
        let waiting = peers.filter { !$0.value.queue.isEmpty }.keys.map { (rank: rank($0), id: $0) }
        for (rank, id) in waiting.sorted(by: { $0.rank == $1.rank ? $0.id < $1.id : $0.rank > $1.rank }) {
            var sent = 0
            for item in peers[id]!.queue {
                guard peers[id]!.budget.isOpen(now), rank > .stranger || strangers.isOpen(now) else { break }
                peers[id]!.budget.answered(ContentLimits.chunkBytes)
                if rank == .stranger { strangers.answered(ContentLimits.chunkBytes) }
                sent += 1
                if let chunk = item.chunk {
                    directives.append(.serveChunk(to: id, item.content, chunk.tier, index: chunk.index))
                } else {
                    directives.append(.serveManifest(to: id, item.content))
                }
            }
            peers[id]!.queue.removeFirst(sent)
        }
        return directives
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
