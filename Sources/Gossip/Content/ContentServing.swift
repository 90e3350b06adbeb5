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
        /// Bytes that may be sent now; negative after a chunk larger than what was left.
        var budget: Int
        var filledAt: Duration
    }

    private let settings: ContentSettings
    private var peers: [NodeID: Peer] = [:]

    init(_ settings: ContentSettings) { self.settings = settings }

    /// Queues requests.
    /// - Returns: how many did not fit.
    mutating func enqueue(_ items: [Item], from peer: NodeID, now: Duration) -> Int {
        if peers[peer] == nil {
            guard peers.count < settings.mostServedPeers else { return items.count }
            peers[peer] = Peer(budget: settings.serveBurstBytes, filledAt: now)
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

    /// What may be answered now, peers in order of their ids.
    mutating func due(_ now: Duration) -> [ContentDirective] {
        var directives: [ContentDirective] = []
        for id in peers.filter({ !$0.value.queue.isEmpty }).keys.sorted() {
            fill(id, now)
            var sent = 0
            for item in peers[id]!.queue {
                guard peers[id]!.budget > 0 else { break }
                peers[id]!.budget -= ContentLimits.chunkBytes
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
        for (_, peer) in peers where !peer.queue.isEmpty {
            let owed = max(0, 1 - peer.budget)
            let at = peer.filledAt + .milliseconds(owed * 1000 / settings.serveBytesPerSecond + 1)
            next = min(next ?? at, at)
        }
        return next.map { max($0, now) }
    }

    private mutating func fill(_ id: NodeID, _ now: Duration) {
        guard let peer = peers[id], now > peer.filledAt else { return }
        let (seconds, attoseconds) = (now - peer.filledAt).components
        // A long pause fills the budget whatever its length is.
        let milliseconds = seconds >= 60 ? 60_000 : Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
        guard milliseconds > 0 else { return }
        let gained = milliseconds * (settings.serveBytesPerSecond / 1000)
        peers[id]!.budget = min(settings.serveBurstBytes, peer.budget + gained)
        peers[id]!.filledAt = now
    }
}
