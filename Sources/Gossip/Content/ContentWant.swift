internal import Wire

/// One content that is being fetched.
struct ContentWant {
    enum Stage {
        /// Waiting for the root manifest; `asked` is who was asked last and until when.
        case manifest(asked: NodeID?, until: Duration)
        /// Fetching the chunks of the encoded manifest, which are kept in memory: a thousandth of the content.
        case list(root: ContentManifest, parts: [[UInt8]], ChunkProgress)
        /// Waiting for the disk.
        case opening(ContentManifest)
        case content(ContentManifest, ChunkProgress)
    }

    struct Provider {
        let id: NodeID
        var isLinked = true
        /// A bad chunk or manifest came from it: never asked again.
        var isBanned = false
        var pausedUntil: Duration = .zero
        /// Pauses in a row, for the next one's length.
        var pauses = 0
        /// What it told of a partial content; nil means it is assumed to have all.
        var has: ChunkBitmap?

        func isUsable(_ now: Duration) -> Bool { isLinked && !isBanned && pausedUntil <= now }
    }

    let id: ContentID
    /// Lengths that announcements told, in the order in which they came; the manifest decides.
    var lengths: [UInt64]
    var deadline: Duration?
    var providers: [Provider] = []
    var stage = Stage.manifest(asked: nil, until: .zero)
    var toldStarving = false
    /// Up to which change of the linked nodes it knows them.
    var widenedAt: UInt64 = 0

    func providerIndex(_ id: NodeID) -> Int? { providers.firstIndex { $0.id == id } }

    /// Nothing is asked for, and there is nobody to ask now.
    func isStuck(_ now: Duration) -> Bool {
        switch stage {
        case .opening, .manifest(_?, _): return false
        case .manifest(nil, _): break
        case .list(_, _, let progress), .content(_, let progress): if !progress.requests.isEmpty { return false }
        }
        return !providers.contains { $0.isUsable(now) }
    }

    /// Chunks of the content still missing, once its manifest is known.
    var missingChunks: Int? {
        switch stage {
        case .manifest, .list: nil
        case .opening(let manifest): manifest.chunks.count
        case .content(_, let progress): progress.arrived.count - progress.arrived.present
        }
    }
}

/// Which chunks of one tier are there, and who was asked for which.
struct ChunkProgress {
    struct Request {
        let provider: NodeID
        let at: Duration
    }

    var arrived: ChunkBitmap
    /// Sorted by index, so that nothing depends on hashing; never longer than the windows of all providers.
    private(set) var requests: [(index: Int, request: Request)] = []
    /// No request is older than this; nil while there is none.
    private(set) var oldest: Duration?

    init(arrived: ChunkBitmap) { self.arrived = arrived }

    func isRequested(_ index: Int) -> Bool {
        let position = position(index)
        return position < requests.count && requests[position].index == index
    }

    mutating func request(_ index: Int, _ request: Request) {
        requests.insert((index, request), at: position(index))
        oldest = min(oldest ?? request.at, request.at)
    }

    /// Notes a chunk that came, and tells who had been asked for it.
    mutating func arrive(_ index: Int) -> NodeID? {
        arrived.insert(index)
        let position = position(index)
        guard position < requests.count, requests[position].index == index else { return nil }
        let provider = requests.remove(at: position).request.provider
        if requests.isEmpty { oldest = nil }
        return provider
    }

    /// Forgets the requests that `condition` picks.
    mutating func release(where condition: (Int, Request) -> Bool) -> [NodeID] {
        var released: [NodeID] = []
        requests.removeAll { entry in
            guard condition(entry.index, entry.request) else { return false }
            released.append(entry.request.provider)
            return true
        }
        oldest = requests.lazy.map(\.request.at).min()
        return released
    }

    /// The first chunk at or after `start` that is neither there nor asked for.
    func firstUnasked(from start: Int) -> Int? {
        var next = arrived.firstMissing(from: start)
        while let index = next, isRequested(index) { next = arrived.firstMissing(from: index + 1) }
        return next
    }

    private func position(_ index: Int) -> Int {
        var (low, high) = (0, requests.count)
        while low < high {
            let middle = (low + high) / 2
            if requests[middle].index < index { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
