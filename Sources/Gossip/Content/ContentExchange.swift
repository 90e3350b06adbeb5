public import Wire

/// Fetches and serves content without touching a socket, a disk or a clock.
///
/// A want starts with a length from a signed announcement, before a byte is fetched. The manifest is checked
/// against the cid and that length; each chunk against the manifest. Several providers are asked in parallel, each
/// for at most a window of chunks; a provider of a wrong byte is never asked again for that content. Strangers are asked when
/// nobody who is known can be, and who lets a request go unanswered comes after those who do not.
///
/// Messages may be lost, doubled or reordered: what does not come is asked for again.
public struct ContentExchange: Sendable {
    /// Who has how many chunks to deliver, over all contents.
    struct Flow {
        var inFlight = 0
        /// When it last delivered, or was asked after owing nothing.
        var progressAt: Duration
        /// How often in a row it was asked and sent nothing in time.
        var stalls = 0
        /// Until then others are asked first, whatever is wanted.
        var stalledUntil: Duration = .zero

        /// Who owes nothing is not late yet.
        mutating func askedAfterNothing(at now: Duration) {
            if inFlight == 0 { progressAt = now }
        }
    }

    /// Who is asked first: only providers of the first class that could be asked now are.
    enum ProviderClass: Int, Comparable {
        case known, knownThatStalled, stranger, strangerThatStalled
        static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    let settings: ContentSettings
    var wants: [ContentID: ContentWant] = [:]
    /// Wants in the order in which they came.
    var order: [ContentID] = []
    /// Of `order`, what peers named: each has places of its own.
    var named = Bounded<NodeID, ContentID, Bool>(GossipTables.namedWants)
    /// Whole contents that the disk does not have yet. They keep their places: else a slow disk would let a peer name ever
    /// more.
    public internal(set) var finishing: Set<ContentID> = []
    var flows: [NodeID: Flow] = [:]
    private var serving: ContentServing
    private var standing = Standing()
    private var scheduledAt: Duration?
    /// Who is linked, as last told, and how often that has changed.
    private var linkedNodes: [NodeID] = []
    private var linkedChanges: UInt64 = 1
    /// How often all wants were looked through. What is given at every heartbeat costs one of them, whatever is wanted.
    public private(set) var passes: UInt64 = 0
    /// Providers of wrong bytes, by content; outlives the want, bounded, oldest first.
    private var bans: [Ban] = []

    struct Ban: Equatable {
        let content: ContentID
        let provider: NodeID
    }

    public init(settings: ContentSettings = ContentSettings()) {
        self.settings = settings
        serving = ContentServing(settings)
    }

    public func isWanted(_ content: ContentID) -> Bool { wants[content] != nil }

    /// Contents being fetched, in the order in which they were wanted.
    public var wanted: [ContentID] { order }

    /// How many more contents find a place that are not wanted at a peer's word.
    public var room: Int { max(0, settings.mostWants - (order.count + finishing.count - named.count)) }

    /// Chunks that are there and chunks in all; nil until the manifest is known.
    public func progress(of content: ContentID) -> (present: Int, count: Int)? {
        guard case .content(_, let progress)? = wants[content]?.stage else { return nil }
        return (progress.arrived.present, progress.arrived.count)
    }

    /// - Parameter now: monotonic time since any fixed origin.
    public mutating func handle(_ input: ContentInput, now: Duration) -> [ContentDirective] {
        var directives: [ContentDirective] = []
        // What a peer asks, and what is on disk now, changes nothing of what is fetched: no look through all wants.
        var concernsWants = true
        switch input {
        case .want(let id, let length, let providers, let deadline, let namedBy):
            want(id, length: length, providers: providers, deadline: deadline, namedBy, &directives)
        case .providers(let id, let providers):
            if wants[id] != nil { addProviders(providers, to: id, isNews: true) }
        case .linked(let nodes):
            if nodes != linkedNodes { (linkedNodes, linkedChanges) = (nodes, linkedChanges + 1) }
            for id in order where wants[id]!.widenedAt != linkedChanges {
                addProviders(nodes, to: id, isNews: false)
                wants[id]!.widenedAt = linkedChanges
            }
        case .cancel(let id):
            if wants[id] != nil { end(id, .cancelled, &directives) }
        case .frame(let peer, let message):
            receive(message, from: peer, now: now, &directives)
            concernsWants = !message.isQuestion
        case .peerGone(let peer):
            serving.remove(peer)
            forget(peer)
        case .peerLinked(let peer):
            for id in order where wants[id]?.providerIndex(peer) != nil { addProviders([peer], to: id, isNews: true) }
        case .opened(let id, let arrived):
            opened(id, arrived, &directives)
        case .reopen(let id):
            reopen(id, &directives)
        case .storeFailed(let id, let reason):
            if wants[id] != nil { end(id, .store(reason), &directives) }
        case .finished(let id, _):
            if finishing.remove(id) != nil { named.remove(id) }
            concernsWants = false
        case .lacked(let peer):
            // Nothing is fetched for it.
            serving.lacked(peer)
            return serving.due(now)
        case .standing(let standing):
            self.standing = standing
            // Who is known now may take a stranger's place.
            linkedChanges += 1
            serving.stand(standing)
        case .timer:
            scheduledAt = nil
        }
        if concernsWants {
            passes += 1
            expire(now, &directives)
            advance(now, &directives)
        }
        directives += serving.due(now)
        let due = concernsWants ? nextDue(now) : serving.nextDue(now)
        if let next = due, scheduledAt.map({ next < $0 }) ?? true {
            scheduledAt = next
            directives.append(.schedule(at: next))
        }
        return directives
    }

    // MARK: Wants

    private mutating func want(
        _ id: ContentID, length: UInt64, providers: [NodeID], deadline: Duration?, _ namedBy: NodeID?,
        _ directives: inout [ContentDirective]
    ) {
        guard length <= ContentLimits.longestContent else {
            directives.append(.failed(id, .tooLong(announced: length, limit: ContentLimits.longestContent)))
            return
        }
        if let known = wants[id] {
            if !known.lengths.contains(length) { addLength(length, to: id, &directives) }
            if let deadline, let earlier = known.deadline { wants[id]?.deadline = max(deadline, earlier) }
            if deadline == nil { wants[id]?.deadline = nil }
            // Decided now: it is nobody's word any more.
            if namedBy == nil { named.remove(id) }
        } else {
            if let namedBy {
                let outcome = named.insert(true, for: id, by: namedBy)
                if case .displacing(let other, _) = outcome {
                    end(other, .tooManyWants(limit: named.rule.quota), &directives)
                }
                guard outcome.isIn else {
                    directives.append(.failed(id, .tooManyWants(limit: named.rule.total)))
                    return
                }
            } else if order.count + finishing.count - named.count >= settings.mostWants {
                directives.append(.failed(id, .tooManyWants(limit: settings.mostWants)))
                return
            }
            wants[id] = ContentWant(id: id, lengths: [length], deadline: deadline)
            order.append(id)
        }
        addProviders(providers, to: id, isNews: false)
    }

    private mutating func addLength(_ length: UInt64, to id: ContentID, _ directives: inout [ContentDirective]) {
        switch wants[id]?.stage {
        case .opening(let manifest), .content(let manifest, _):
            // The manifest is known and disagrees.
            if manifest.length != length { directives.append(.lengthRefuted(id, announced: length)) }
        default:
            if wants[id]!.lengths.count < 8 { wants[id]!.lengths.append(length) }
        }
    }

    /// - Parameter isNews: they have just linked, or just said that they have it, so the pause of whoever had nothing ends.
    ///   What comes again by itself, at a heartbeat or with another want, is no news: else what nobody has is asked of
    ///   everybody each time.
    private mutating func addProviders(_ providers: [NodeID], to id: ContentID, isNews: Bool) {
        for provider in providers {
            if let index = wants[id]!.providerIndex(provider) {
                guard isNews || !wants[id]!.providers[index].isLinked else { continue }
                wants[id]!.providers[index].isLinked = true
                wants[id]!.providers[index].pausedUntil = .zero
            } else if makeRoom(for: provider, of: id) {
                var added = ContentWant.Provider(id: provider)
                added.isBanned = bans.contains(Ban(content: id, provider: provider))
                wants[id]!.providers.append(added)
            } else {
                continue
            }
            wants[id]!.toldStarving = false
        }
    }

    /// Places are few and keys cost nothing: a stranger's goes to who is known.
    private mutating func makeRoom(for provider: NodeID, of id: ContentID) -> Bool {
        guard let want = wants[id], want.providers.count >= settings.mostProviders else { return true }
        guard standing.footing(of: provider) > .stranger,
            let place = want.providers.lastIndex(where: { standing.footing(of: $0.id) == .stranger })
        else { return false }
        withdraw(want.providers[place].id, from: id)
        wants[id]!.providers.remove(at: place)
        return true
    }

    /// Takes back all that this provider was asked for of one content.
    mutating func withdraw(_ provider: NodeID, from id: ContentID) {
        _ = releaseAll(of: id) { _, request in request.provider == provider }
        if case .manifest(provider, _)? = wants[id]?.stage { wants[id]!.stage = .manifest(asked: nil, until: .zero) }
    }

    func providerClass(_ node: NodeID, _ now: Duration) -> ProviderClass {
        let hasStalled = flows[node].map { $0.stalledUntil > now } ?? false
        if standing.footing(of: node) > .stranger { return hasStalled ? .knownThatStalled : .known }
        return hasStalled ? .strangerThatStalled : .stranger
    }

    /// It was asked and sent nothing in time. One content's wait is enough: for the next one, others are asked first.
    mutating func noteStall(_ node: NodeID, _ now: Duration) {
        var flow = flows[node] ?? Flow(progressAt: now)
        flow.stalledUntil = now + settings.longestPause * (1 << min(flow.stalls, 6))
        flow.stalls += 1
        flow.progressAt = now
        flows[node] = flow
    }

    mutating func noteDelivery(_ node: NodeID, _ now: Duration) {
        guard flows[node] != nil else { return }
        flows[node]!.progressAt = now
        flows[node]!.stalls = 0
        flows[node]!.stalledUntil = .zero
    }

    /// Ends a want; requests on their way are called off.
    mutating func end(_ id: ContentID, _ failure: ContentFailure?, _ directives: inout [ContentDirective]) {
        for provider in releaseAll(of: id, where: { _, _ in true }) {
            directives.append(.send(to: provider, .cancel(id)))
        }
        wants[id] = nil
        if !finishing.contains(id) { named.remove(id) }
        order.removeAll { $0 == id }
        if let failure { directives.append(.failed(id, failure)) }
    }

    mutating func ban(_ provider: NodeID, _ id: ContentID) {
        if let index = wants[id]?.providerIndex(provider) { wants[id]!.providers[index].isBanned = true }
        let ban = Ban(content: id, provider: provider)
        guard !bans.contains(ban) else { return }
        bans.append(ban)
        if bans.count > 1024 { bans.removeFirst() }
    }

    private mutating func forget(_ peer: NodeID) {
        for id in order {
            withdraw(peer, from: id)
            if let index = wants[id]?.providerIndex(peer) { wants[id]!.providers[index].isLinked = false }
        }
        flows[peer] = nil
    }

    /// Takes requests back and frees the windows they filled.
    /// - Returns: who had been asked, each once, in the order of the chunks.
    @discardableResult
    mutating func releaseAll(of id: ContentID, where condition: (Int, ChunkProgress.Request) -> Bool) -> [NodeID] {
        guard let stage = wants[id]?.stage else { return [] }
        var released: [NodeID] = []
        switch stage {
        case .manifest, .opening: return []
        case .list(let root, let parts, var progress):
            released = progress.release(where: condition)
            wants[id]!.stage = .list(root: root, parts: parts, progress)
        case .content(let manifest, var progress):
            released = progress.release(where: condition)
            wants[id]!.stage = .content(manifest, progress)
        }
        var providers: [NodeID] = []
        for provider in released {
            flows[provider]?.inFlight -= 1
            if !providers.contains(provider) { providers.append(provider) }
        }
        return providers
    }

    // MARK: Frames

    private mutating func receive(
        _ message: ContentMessage, from peer: NodeID, now: Duration, _ directives: inout [ContentDirective]
    ) {
        switch message {
        case .getManifest(let id):
            serve([ContentServing.Item(content: id, chunk: nil)], id, to: peer, now, &directives)
        case .getChunks(let id, let tier, let first, let bitmap):
            let items = ChunkBitmap.indices(bitmap, first: first, end: ContentLimits.mostChunks).map {
                ContentServing.Item(content: id, chunk: .init(tier: tier, index: $0))
            }
            serve(items, id, to: peer, now, &directives)
        case .cancel(let id): serving.cancel(id, from: peer)
        case .manifest(let id, let bytes): manifest(id, bytes, from: peer, now: now, &directives)
        case .chunk(let id, let tier, let index, let bytes):
            chunk(id, tier, Int(index), bytes, from: peer, now: now, &directives)
        case .have(let id, let first, let bitmap): have(id, Int(first), bitmap, from: peer, now: now)
        case .notFound(let id, _): pause(peer, of: id, now: now)
        }
    }

    private mutating func serve(
        _ items: [ContentServing.Item], _ id: ContentID, to peer: NodeID, _ now: Duration,
        _ directives: inout [ContentDirective]
    ) {
        guard serving.enqueue(items, from: peer, now: now) > 0 else { return }
        directives.append(.misbehaved(peer, .flooding))
        directives.append(.send(to: peer, .notFound(id, .busy)))
    }

    private func nextDue(_ now: Duration) -> Duration? {
        [nextFetchDue(now), serving.nextDue(now)].compactMap { $0 }.min()
    }
}
