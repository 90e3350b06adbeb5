internal import Wire

/// The fetching half: what arrives, what is asked next, what is overdue.
extension ContentExchange {
    // MARK: Arrivals

    mutating func manifest(
        _ id: ContentID, _ bytes: [UInt8], from peer: NodeID, now: Duration, _ directives: inout [ContentDirective]
    ) {
        guard let want = wants[id], case .manifest = want.stage, let provider = want.providerIndex(peer),
            !want.providers[provider].isBanned
        else { return }
        guard ContentManifest.contentID(rootBytes: bytes) == id else {
            ban(peer, id)
            wants[id]!.stage = .manifest(asked: nil, until: .zero)
            directives.append(.misbehaved(peer, .badManifest(id)))
            return
        }
        noteDelivery(peer, now)
        // From here on the bytes are what the cid names: faults are the author's, not the provider's.
        let root: ContentManifest
        do throws(WireError) {
            root = try ContentManifest(wireBytes: bytes)
        } catch {
            end(id, .unreadableManifest(error.description), &directives)
            return
        }
        guard root.kind == .manifest else {
            accept(root, id, &directives)
            return
        }
        let fitting = want.lengths.filter {
            ContentManifest.isNested(length: $0) && UInt64(ContentManifest.encodedLength(length: $0)) == root.length
        }
        guard !fitting.isEmpty else {
            let implied = root.length < 25 ? 0 : (root.length - 25) / 32 * UInt64(ContentLimits.chunkBytes)
            end(id, .lengthMismatch(announced: want.lengths[0], manifest: implied), &directives)
            return
        }
        wants[id]!.stage = .list(
            root: root, parts: Array(repeating: [], count: root.chunks.count),
            ChunkProgress(arrived: ChunkBitmap(count: root.chunks.count)))
    }

    /// The manifest of the content itself is known: compare its length with what was announced.
    private mutating func accept(_ manifest: ContentManifest, _ id: ContentID, _ directives: inout [ContentDirective]) {
        let lengths = wants[id]!.lengths
        guard lengths.contains(manifest.length) else {
            end(id, .lengthMismatch(announced: lengths[0], manifest: manifest.length), &directives)
            return
        }
        for length in lengths where length != manifest.length {
            directives.append(.lengthRefuted(id, announced: length))
        }
        wants[id]!.lengths = [manifest.length]
        wants[id]!.stage = .opening(manifest)
        directives.append(.open(id, manifest))
    }

    mutating func opened(_ id: ContentID, _ arrived: ChunkBitmap, _ directives: inout [ContentDirective]) {
        guard case .opening(let manifest)? = wants[id]?.stage, arrived.count == manifest.chunks.count else { return }
        wants[id]!.stage = .content(manifest, ChunkProgress(arrived: arrived))
        completeIfWhole(id, &directives)
    }

    /// Its want goes on, with its providers and its deadline; what is on its way is called off, since it may be there.
    mutating func reopen(_ id: ContentID, _ directives: inout [ContentDirective]) {
        guard case .content(let manifest, _)? = wants[id]?.stage else { return }
        for provider in releaseAll(of: id, where: { _, _ in true }) {
            directives.append(.send(to: provider, .cancel(id)))
        }
        wants[id]!.stage = .opening(manifest)
        directives.append(.open(id, manifest))
    }

    mutating func chunk(
        _ id: ContentID, _ tier: ContentMessage.Tier, _ index: Int, _ bytes: [UInt8], from peer: NodeID, now: Duration,
        _ directives: inout [ContentDirective]
    ) {
        guard let want = wants[id], let provider = want.providerIndex(peer), !want.providers[provider].isBanned else {
            return
        }
        let manifest: ContentManifest
        let progress: ChunkProgress
        switch (want.stage, tier) {
        case (.list(let root, _, let listed), .manifest): (manifest, progress) = (root, listed)
        case (.content(let content, let fetched), .content): (manifest, progress) = (content, fetched)
        default: return
        }
        guard index < manifest.chunks.count, !progress.arrived.contains(index) else { return }
        guard manifest.matches(bytes, chunk: index) else {
            ban(peer, id)
            releaseAll(of: id) { _, request in request.provider == peer }
            directives.append(.misbehaved(peer, .badChunk(id, index: index)))
            return
        }
        noteDelivery(peer, now)
        wants[id]!.providers[provider].pauses = 0
        wants[id]!.providers[provider].has?.insert(index)
        if let asked = mark(id, index, bytes) { flows[asked]?.inFlight -= 1 }
        if tier == .content {
            directives.append(.store(id, index: index, bytes))
            completeIfWhole(id, &directives)
        } else {
            readListIfWhole(id, &directives)
        }
    }

    /// - Returns: who had been asked for the chunk.
    private mutating func mark(_ id: ContentID, _ index: Int, _ bytes: [UInt8]) -> NodeID? {
        let asked: NodeID?
        switch wants[id]!.stage {
        case .list(let root, var parts, var progress):
            wants[id]!.stage = .opening(root)
            parts[index] = bytes
            asked = progress.arrive(index)
            wants[id]!.stage = .list(root: root, parts: parts, progress)
        case .content(let manifest, var progress):
            wants[id]!.stage = .opening(manifest)
            asked = progress.arrive(index)
            wants[id]!.stage = .content(manifest, progress)
        case .manifest, .opening: asked = nil
        }
        return asked
    }

    private mutating func completeIfWhole(_ id: ContentID, _ directives: inout [ContentDirective]) {
        guard case .content(_, let progress)? = wants[id]?.stage, progress.arrived.isComplete else { return }
        finishing.insert(id)
        named.protect(finishing)
        end(id, nil, &directives)
        directives.append(.completed(id))
    }

    private mutating func readListIfWhole(_ id: ContentID, _ directives: inout [ContentDirective]) {
        guard case .list(_, let parts, let progress)? = wants[id]?.stage, progress.arrived.isComplete else { return }
        let manifest: ContentManifest
        do throws(WireError) {
            manifest = try ContentManifest(wireBytes: Array(parts.joined()))
        } catch {
            end(id, .unreadableManifest(error.description), &directives)
            return
        }
        guard manifest.kind != .manifest, ContentManifest.isNested(length: manifest.length) else {
            end(id, .unreadableManifest("a manifest within a manifest"), &directives)
            return
        }
        accept(manifest, id, &directives)
    }

    mutating func have(_ id: ContentID, _ first: Int, _ bitmap: [UInt8], from peer: NodeID, now: Duration) {
        guard let want = wants[id], case .content(let manifest, _) = want.stage,
            let provider = want.providerIndex(peer)
        else { return }
        var has = want.providers[provider].has ?? ChunkBitmap(count: manifest.chunks.count)
        let end = min(manifest.chunks.count, first + bitmap.count * 8)
        guard first < end else { return }
        for index in first..<end { has.remove(index) }
        for index in ChunkBitmap.indices(bitmap, first: UInt32(first), end: end) { has.insert(index) }
        wants[id]!.providers[provider].has = has
        releaseAll(of: id) { index, request in request.provider == peer && !has.contains(index) }
    }

    /// Leaves a provider alone for a while, longer each time; afterwards it is assumed to have everything again.
    mutating func pause(_ peer: NodeID, of id: ContentID, now: Duration) {
        guard let provider = wants[id]?.providerIndex(peer) else { return }
        withdraw(peer, from: id)
        guard wants[id]!.providers[provider].pausedUntil <= now else { return }
        let pauses = wants[id]!.providers[provider].pauses
        let length = min(settings.longestRetry, settings.pause * (1 << min(pauses, 16)))
        wants[id]!.providers[provider].pausedUntil = now + length
        wants[id]!.providers[provider].pauses = pauses + 1
        wants[id]!.providers[provider].has = nil
    }

    // MARK: Time

    /// Gives up what is past its deadline and takes back requests that were not answered.
    mutating func expire(_ now: Duration, _ directives: inout [ContentDirective]) {
        let silent = Set(flows.filter { $0.value.inFlight > 0 && $0.value.progressAt + settings.stall <= now }.keys)
        for peer in silent.sorted() { noteStall(peer, now) }
        for id in order {
            guard let want = wants[id] else { continue }
            if let deadline = want.deadline, deadline <= now {
                end(id, .deadline(missingChunks: want.missingChunks), &directives)
                continue
            }
            if case .manifest(let asked?, let until) = want.stage, until <= now {
                noteStall(asked, now)
                pause(asked, of: id, now: now)
            }
            guard let progress = want.progress, let oldest = progress.oldest else { continue }
            if !silent.isEmpty {
                var stalled: [NodeID] = []
                for (_, request) in progress.requests
                where silent.contains(request.provider) && !stalled.contains(request.provider) {
                    stalled.append(request.provider)
                }
                for provider in stalled {
                    pause(provider, of: id, now: now)
                    // What it still has queued would only come twice.
                    directives.append(.send(to: provider, .cancel(id)))
                }
            }
            let limit = settings.oldestRequest
            if oldest + limit <= now { releaseAll(of: id) { _, request in request.at + limit <= now } }
        }
    }

    /// Asks for what is missing, as far as windows allow.
    mutating func advance(_ now: Duration, _ directives: inout [ContentDirective]) {
        var active = 0
        var activeOf: [NodeID: Int] = [:]
        for id in order where active < settings.activeWants {
            guard let want = wants[id] else { continue }
            let namer = named.sender(of: id)
            // What drips in at one peer's word takes a quarter of the places at most.
            if let namer, activeOf[namer, default: 0] >= max(1, settings.activeWants / 4) { continue }
            // What nobody can deliver now must not keep out what came later: enough of it would stop everything.
            guard !want.isStuck(now) else {
                tellStarving(id, now, &directives)
                continue
            }
            active += 1
            if let namer { activeOf[namer, default: 0] += 1 }
            switch want.stage {
            case .manifest(nil, _): askManifest(id, now, &directives)
            case .list(let root, let parts, var progress):
                let providers = askable(want, progress, now)
                guard !providers.isEmpty else { break }
                wants[id]!.stage = .opening(root)
                let batches = assign(providers, &progress, now)
                wants[id]!.stage = .list(root: root, parts: parts, progress)
                ask(id, .manifest, batches, &directives)
            case .content(let manifest, var progress):
                let providers = askable(want, progress, now)
                guard !providers.isEmpty else { break }
                wants[id]!.stage = .opening(manifest)
                let batches = assign(providers, &progress, now)
                wants[id]!.stage = .content(manifest, progress)
                ask(id, .content, batches, &directives)
                pauseExhausted(id, batches, now)
            case .manifest, .opening: continue
            }
            tellStarving(id, now, &directives)
        }
    }

    private mutating func askManifest(_ id: ContentID, _ now: Duration, _ directives: inout [ContentDirective]) {
        let first = firstClass(wants[id]!, now)
        let usable = wants[id]!.providers.filter { $0.isUsable(now) && providerClass($0.id, now) == first }
        // Fewest pauses first, so that one silent provider is not asked again and again.
        guard let provider = usable.min(by: { $0.pauses < $1.pauses }) else { return }
        wants[id]!.stage = .manifest(asked: provider.id, until: now + settings.stall)
        directives.append(.send(to: provider.id, .getManifest(id)))
    }

    /// Who may be asked for more of it now: nobody where everything is there or on its way. Looked up only then, because
    /// this runs for every want whenever a frame comes.
    private func askable(_ want: ContentWant, _ progress: ChunkProgress, _ now: Duration) -> [ContentWant.Provider] {
        guard progress.firstUnasked(from: 0) != nil, let first = firstClass(want, now) else { return [] }
        return want.providers.filter { mayBeAsked($0, now) && providerClass($0.id, now) == first }
    }

    private func firstClass(_ want: ContentWant, _ now: Duration) -> ProviderClass? {
        want.providers.lazy.filter { $0.isUsable(now) }.map { providerClass($0.id, now) }.min()
    }

    /// Usable, and with room for a batch of requests, or owing nothing.
    private func mayBeAsked(_ provider: ContentWant.Provider, _ now: Duration) -> Bool {
        let owed = flows[provider.id]?.inFlight ?? 0
        return provider.isUsable(now) && (owed == 0 || owed + settings.requestBatch <= settings.window)
    }

    /// Spreads the missing chunks over the providers: always to the one that owes least.
    private mutating func assign(
        _ providers: [ContentWant.Provider], _ progress: inout ChunkProgress, _ now: Duration
    ) -> [(NodeID, [Int])] {
        var batches = providers.map { (provider: $0, indices: [Int]()) }
        var skipped = 0
        var next = progress.firstUnasked(from: 0)
        while let index = next, skipped < 1024 {
            var best: Int?
            var hasRoom = false
            for (position, batch) in batches.enumerated() {
                let load = flows[batch.provider.id]?.inFlight ?? 0
                guard load < settings.window else { continue }
                hasRoom = true
                guard batch.provider.has?.contains(index) ?? true else { continue }
                if let current = best, load >= flows[batches[current].provider.id]?.inFlight ?? 0 { continue }
                best = position
            }
            guard hasRoom else { break }
            if let best {
                let id = batches[best].provider.id
                flows[id, default: Flow(progressAt: now)].askedAfterNothing(at: now)
                flows[id]!.inFlight += 1
                progress.request(index, .init(provider: id, at: now))
                batches[best].indices.append(index)
            } else {
                skipped += 1
            }
            next = progress.firstUnasked(from: index + 1)
        }
        return batches.map { ($0.provider.id, $0.indices) }
    }

    /// A provider of a part that has nothing more to give now may have more later.
    private mutating func pauseExhausted(_ id: ContentID, _ batches: [(NodeID, [Int])], _ now: Duration) {
        for (provider, indices) in batches where indices.isEmpty {
            guard let index = wants[id]!.providerIndex(provider), wants[id]!.providers[index].has != nil,
                flows[provider]?.inFlight ?? 0 < settings.window,
                wants[id]!.progress?.requests.contains(where: { $0.request.provider == provider }) == false
            else { continue }
            pause(provider, of: id, now: now)
        }
    }

    private func ask(
        _ id: ContentID, _ tier: ContentMessage.Tier, _ batches: [(NodeID, [Int])],
        _ directives: inout [ContentDirective]
    ) {
        for (provider, indices) in batches {
            var rest = indices[...]
            while let first = rest.first {
                let part = rest.prefix { $0 - first < ContentLimits.requestBitmapBytes * 8 }
                rest = rest.dropFirst(part.count)
                let (start, bitmap) = ChunkBitmap.bitmap(Array(part))
                directives.append(.send(to: provider, .getChunks(id, tier, first: start, bitmap: bitmap)))
            }
        }
    }

    private mutating func tellStarving(_ id: ContentID, _ now: Duration, _ directives: inout [ContentDirective]) {
        guard let want = wants[id], !want.toldStarving else { return }
        // A paused provider comes back by itself; a banned or lost one does not.
        guard want.providers.allSatisfy({ $0.isBanned || !$0.isLinked }) else { return }
        wants[id]!.toldStarving = true
        directives.append(.starving(id))
    }

    /// When something of the above falls due without a further input.
    func nextFetchDue(_ now: Duration) -> Duration? {
        // Of the peers that owe something, not of each request: this runs for every chunk that comes.
        var due: Duration?
        func consider(_ at: Duration) { due = min(due ?? at, at) }
        for flow in flows.values where flow.inFlight > 0 { consider(flow.progressAt + settings.stall) }
        var active = 0
        for id in order {
            guard let want = wants[id] else { continue }
            if let deadline = want.deadline { consider(deadline) }
            guard active < settings.activeWants else { continue }
            if !want.isStuck(now) { active += 1 }
            if case .manifest(_?, let until) = want.stage { consider(until) }
            if let oldest = want.progress?.oldest { consider(oldest + settings.oldestRequest) }
            for provider in want.providers where provider.isLinked && !provider.isBanned && provider.pausedUntil > now {
                consider(provider.pausedUntil)
            }
        }
        return due.map { max($0, now) }
    }
}

extension ContentWant {
    var progress: ChunkProgress? {
        switch stage {
        case .list(_, _, let progress), .content(_, let progress): progress
        case .manifest, .opening: nil
        }
    }
}
