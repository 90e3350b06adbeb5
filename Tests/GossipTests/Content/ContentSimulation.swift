import Gossip
import MeshCrypto
import Wire

/// xorshift64*: the same numbers for a seed on every machine.
struct TestRandom {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// 0 ..< limit, 0 for an empty range.
    mutating func below(_ limit: Int) -> Int { limit <= 0 ? 0 : Int(next() >> 33) % limit }

    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 40) } }
}

func node(_ number: UInt8) -> NodeID { NodeID([UInt8](repeating: number, count: 32)) }

/// A node with contents in memory; what a disk would do is done at once.
struct ContentPeer {
    let id: NodeID
    var exchange: ContentExchange
    var whole: [ContentID: (manifest: ContentManifest, bytes: [UInt8])] = [:]
    var partial: [ContentID: (manifest: ContentManifest, chunks: [Int: [UInt8]])] = [:]
    var completed: [ContentID] = []
    /// Tells the exchange of no content that it is on disk.
    var isDiskStuck = false
    var failures: [ContentFailure] = []
    var offences: [NodeID: [ContentOffence]] = [:]
    var refuted: [UInt64] = []
    var starved = 0
    var timer: Duration?
    /// Bends what it serves: a hostile provider.
    var bend: (@Sendable (ContentMessage) -> ContentMessage?)?

    init(_ number: UInt8, _ settings: ContentSettings = ContentSettings()) {
        id = node(number)
        exchange = ContentExchange(settings: settings)
    }

    mutating func hold(_ bytes: [UInt8], kind: ContentManifest.Kind = .model) -> ContentID {
        let manifest = ContentManifest(of: bytes, kind: kind)
        whole[manifest.contentID] = (manifest, bytes)
        return manifest.contentID
    }

    /// - Returns: what it sends.
    mutating func handle(_ input: ContentInput, _ now: Duration) -> [(to: NodeID, message: ContentMessage)] {
        var sent: [(to: NodeID, message: ContentMessage)] = []
        var pending = exchange.handle(input, now: now)[...]
        while let directive = pending.popFirst() {
            switch directive {
            case .send(let to, let message): sent.append((to, message))
            case .open(let id, let manifest):
                var arrived = ChunkBitmap(count: manifest.chunks.count)
                for index in partial[id]?.chunks.keys.sorted() ?? [] { arrived.insert(index) }
                partial[id] = (manifest, partial[id]?.chunks ?? [:])
                pending += exchange.handle(.opened(id, arrived), now: now)
            case .store(let id, let index, let bytes): partial[id]!.chunks[index] = bytes
            case .completed(let id):
                let (manifest, chunks) = partial.removeValue(forKey: id)!
                whole[id] = (manifest, manifest.chunks.indices.flatMap { chunks[$0]! })
                completed.append(id)
                if !isDiskStuck { pending += exchange.handle(.finished(id, failure: nil), now: now) }
            case .failed(_, let failure): failures.append(failure)
            case .lengthRefuted(_, let announced): refuted.append(announced)
            case .starving: starved += 1
            case .misbehaved(let peer, let offence): offences[peer, default: []].append(offence)
            case .schedule(let at): timer = at
            case .serveManifest(let to, let id):
                let known = whole[id]?.manifest ?? partial[id]?.manifest
                serve(to, known.map { .manifest(id, $0.root.wireBytes) } ?? .notFound(id, .absent), &sent)
            case .serveChunk(let to, let id, let tier, let index): serve(to, chunk(id, tier, index), &sent)
            }
        }
        return sent
    }

    private func serve(_ to: NodeID, _ message: ContentMessage, _ sent: inout [(to: NodeID, message: ContentMessage)]) {
        if let bend {
            if let bent = bend(message) { sent.append((to, bent)) }
        } else {
            sent.append((to, message))
        }
    }

    private func chunk(_ id: ContentID, _ tier: ContentMessage.Tier, _ index: Int) -> ContentMessage {
        if let content = whole[id] {
            let bytes = tier == .content ? content.bytes : content.manifest.wireBytes
            let start = index * ContentLimits.chunkBytes
            guard start < bytes.count else { return .notFound(id, .absent) }
            return .chunk(
                id, tier, index: UInt32(index), Array(bytes[start..<min(start + ContentLimits.chunkBytes, bytes.count)])
            )
        }
        guard tier == .content, let part = partial[id] else { return .notFound(id, .absent) }
        if let bytes = part.chunks[index] { return .chunk(id, tier, index: UInt32(index), bytes) }
        var arrived = ChunkBitmap(count: part.manifest.chunks.count)
        for index in part.chunks.keys.sorted() { arrived.insert(index) }
        return .have(id, first: 0, bitmap: arrived.slice(from: 0, bytes: ContentLimits.haveBitmapBytes))
    }
}

/// Peers in one thread under virtual time, over links that lose, double and reorder messages.
struct ContentNetwork {
    private struct Delivery {
        let at: Duration
        let order: Int
        let from: NodeID
        let to: NodeID
        let message: ContentMessage
    }

    var peers: [NodeID: ContentPeer] = [:]
    var now: Duration = .zero
    var random: TestRandom
    /// Of 1,000 messages.
    var lost = 0
    var doubled = 0
    var slowest = 20
    /// Bytes of chunks that were delivered, by sender.
    var served: [NodeID: Int] = [:]
    /// The most chunks one node owed another at any time.
    var largestBacklog = 0
    /// Messages that asked for chunks.
    var requests = 0
    private var deliveries: [Delivery] = []
    private var count = 0

    init(_ peers: [ContentPeer], seed: UInt64) {
        for peer in peers { self.peers[peer.id] = peer }
        random = TestRandom(seed: seed)
    }

    mutating func give(_ input: ContentInput, to id: NodeID) {
        // What was under way to a peer that is gone is lost.
        guard let sent = peers[id]?.handle(input, now) else { return }
        for (to, message) in sent where peers[to] != nil {
            if case .getChunks = message { requests += 1 }
            if random.below(1000) < lost { continue }
            for _ in 0..<(random.below(1000) < doubled ? 2 : 1) {
                count += 1
                let at = now + .milliseconds(1 + random.below(slowest))
                deliveries.append(Delivery(at: at, order: count, from: id, to: to, message: message))
            }
        }
    }

    /// Runs until `done` or `limit`.
    /// - Returns: whether it was done.
    mutating func run(until limit: Duration, _ done: (ContentNetwork) -> Bool) -> Bool {
        var steps = 0
        while !done(self) {
            // A run that gets nowhere is a failure, not a hanging test.
            steps += 1
            guard steps < 100_000 else { return false }
            let timers = peers.values.compactMap { peer in peer.timer.map { (at: $0, id: peer.id) } }
            let timer = timers.min { ($0.at, $0.id) < ($1.at, $1.id) }
            let next = deliveries.indices.min {
                (deliveries[$0].at, deliveries[$0].order) < (deliveries[$1].at, deliveries[$1].order)
            }
            guard let at = [timer?.at, next.map { deliveries[$0].at }].compactMap({ $0 }).min(), at <= limit else {
                return false
            }
            now = max(now, at)
            if let timer, timer.at <= at {
                peers[timer.id]!.timer = nil
                give(.timer, to: timer.id)
            } else if let next {
                let delivery = deliveries.remove(at: next)
                if case .chunk(_, _, _, let bytes) = delivery.message {
                    served[delivery.from, default: 0] += bytes.count
                }
                let backlog = deliveries.filter { $0.from == delivery.from && $0.to == delivery.to }.count
                largestBacklog = max(largestBacklog, backlog)
                give(.frame(from: delivery.from, delivery.message), to: delivery.to)
            }
        }
        return true
    }
}

/// Compared instead of long bytes, which a failing expectation would print in full; nil for nothing.
func digest(_ bytes: [UInt8]?) -> String? { bytes.map { blake2b($0).hex } }
