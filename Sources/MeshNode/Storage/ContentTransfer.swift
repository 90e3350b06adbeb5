public import Gossip
public import Wire

/// What a node has to do for content transfer; the disk is dealt with already.
public enum ContentOutcome: Sendable, Equatable {
    /// On the bulk lane.
    case send(to: NodeID, ContentMessage)
    /// The content is whole and checked: off this executor, make it durable with ``NodeWorker/finish(_:in:)``, then give
    /// ``ContentInput/finished(_:failure:)``.
    case finish(ContentID)
    /// The content is whole, checked and on disk.
    case completed(ContentID)
    case failed(ContentID, ContentFailure)
    case lengthRefuted(ContentID, announced: UInt64)
    /// Nobody is left to ask: add providers if there are any.
    case starving(ContentID)
    case misbehaved(NodeID, ContentOffence)
    /// A content here turned out to be damaged and was given up: want it again if it is needed.
    case damaged(ContentReference, reason: String)
    /// It was found damaged while it was made durable: want it once more if it is needed, all that waited for it waits on.
    case lost(ContentReference)
    /// Call ``ContentTransfer/handle(_:now:)`` with `.timer` at this time.
    case schedule(at: Duration)
}

/// A ``ContentExchange`` over a ``ContentStore``: the exchange decides, the store reads and writes, in order and
/// within one call. Drive it from one serial executor; a call costs a few disk writes and no sync: who drives it syncs a
/// whole content elsewhere.
public struct ContentTransfer: Sendable {
    public private(set) var exchange: ContentExchange
    public let store: ContentStore

    public init(store: ContentStore, settings: ContentSettings = ContentSettings()) {
        self.store = store
        exchange = ContentExchange(settings: settings)
    }

    /// - Parameter now: monotonic time since any fixed origin.
    public mutating func handle(_ input: ContentInput, now: Duration) -> [ContentOutcome] {
        var outcomes: [ContentOutcome] = []
        var first: [ContentDirective] = []
        switch input {
        case .want(let id, let length, _, _, _) where exchange.finishing.contains(id):
            // It is answered by `finished`, with the want before it.
            let manifest = try? store.manifest(id)
            if let manifest, manifest.length != length { return [.lengthRefuted(id, announced: length)] }
            return []
        case .want(let id, let length, _, _, _):
            if let outcome = alreadyHere(id, length) { return [outcome] }
            // Its file was found damaged since: what the exchange takes for arrived may not be there any more.
            if exchange.progress(of: id) != nil, store.arrived(id) == nil {
                first = exchange.handle(.reopen(id), now: now)
            }
        case .finished(let id, let failure):
            guard exchange.finishing.contains(id) else { return [] }
            outcomes.append(failure.map { unfinished(id, $0) } ?? .completed(id))
        default: break
        }
        var pending = (first + exchange.handle(input, now: now))[...]
        while let directive = pending.popFirst() {
            // Answers of the disk come before what follows from them.
            if let answer = perform(directive, &outcomes) { pending += exchange.handle(answer, now: now) }
        }
        return outcomes
    }

    private func alreadyHere(_ id: ContentID, _ length: UInt64) -> ContentOutcome? {
        guard store.has(id), let manifest = try? store.manifest(id) else { return nil }
        guard manifest.length == length else {
            return .failed(id, .lengthMismatch(announced: length, manifest: manifest.length))
        }
        return .completed(id)
    }

    /// Why a content that was whole is not durable: the disk refused, or its file was given up meanwhile.
    private func unfinished(_ id: ContentID, _ failure: String) -> ContentOutcome {
        if store.has(id) { return .completed(id) }
        // What a disk refuses to sync stays whole.
        guard store.arrived(id)?.isComplete != true, let lost = store.reference(id) else {
            return .failed(id, .store(failure))
        }
        return .lost(lost)
    }

    private func perform(_ directive: ContentDirective, _ outcomes: inout [ContentOutcome]) -> ContentInput? {
        switch directive {
        case .send(let peer, let message): outcomes.append(.send(to: peer, message))
        case .completed(let id): outcomes.append(.finish(id))
        case .open(let id, let manifest):
            do throws(StorageError) {
                return .opened(id, try store.openPartial(id, manifest))
            } catch {
                return .storeFailed(id, reason: error.description)
            }
        case .store(let id, let index, let bytes):
            do throws(StorageError) {
                // The exchange has checked it.
                try store.store(id, verifiedChunk: index, bytes)
            } catch {
                switch error {
                case .damagedContent(_, let reason):
                    if let lost = store.discard(id) { outcomes.append(.damaged(lost, reason: reason)) }
                    return .reopen(id)
                // Given up since on another thread, not removed.
                case .unknownContent where store.reference(id) != nil: return .reopen(id)
                default: return .storeFailed(id, reason: error.description)
                }
            }
        case .failed(let id, let failure): outcomes.append(.failed(id, failure))
        case .lengthRefuted(let id, let announced): outcomes.append(.lengthRefuted(id, announced: announced))
        case .starving(let id): outcomes.append(.starving(id))
        case .misbehaved(let peer, let offence): outcomes.append(.misbehaved(peer, offence))
        case .schedule(let at): outcomes.append(.schedule(at: at))
        case .serveManifest(let peer, let id):
            return answer(peer, id, &outcomes) { () throws(StorageError) in try manifest(id) }
        case .serveChunk(let peer, let id, let tier, let index):
            return answer(peer, id, &outcomes) { () throws(StorageError) in try chunk(id, tier, index) }
        }
        return nil
    }

    /// Sends what was read to a peer, or `notFound`; damage on our disk must not look like a lie of ours.
    private func answer(
        _ peer: NodeID, _ id: ContentID, _ outcomes: inout [ContentOutcome],
        _ read: () throws(StorageError) -> ContentMessage?
    ) -> ContentInput? {
        var loss: ContentOutcome?
        let message = (try? store.giveUpIfDamaged(id, { loss = .damaged($0, reason: $1) }, read)) ?? nil
        if let loss { outcomes.append(loss) }
        outcomes.append(.send(to: peer, message ?? .notFound(id, .absent)))
        // What cannot be read any more must not be offered either. Where it is being fetched, that goes on with what is
        // still good.
        if loss != nil { return .reopen(id) }
        return message == nil ? .lacked(peer) : nil
    }

    private func manifest(_ id: ContentID) throws(StorageError) -> ContentMessage? {
        try store.manifest(id).map { .manifest(id, $0.root.wireBytes) }
    }

    private func chunk(
        _ id: ContentID, _ tier: ContentMessage.Tier, _ index: Int
    ) throws(StorageError) -> ContentMessage? {
        guard let number = UInt32(exactly: index) else { return nil }
        switch tier {
        case .content:
            if let bytes = try store.chunk(id, index) { return .chunk(id, tier, index: number, bytes) }
            guard let arrived = store.arrived(id), index < arrived.count else { return nil }
            let first = index - index % (ContentLimits.requestBitmapBytes * 8)
            return .have(
                id, first: UInt32(first), bitmap: arrived.slice(from: first, bytes: ContentLimits.requestBitmapBytes))
        case .manifest:
            guard let manifest = try store.manifest(id), ContentManifest.isNested(length: manifest.length) else {
                return nil
            }
            let start = index.multipliedReportingOverflow(by: ContentLimits.chunkBytes)
            let bytes = manifest.wireBytes
            guard !start.overflow, start.partialValue < bytes.count else { return nil }
            let end = min(start.partialValue + ContentLimits.chunkBytes, bytes.count)
            return .chunk(id, tier, index: number, Array(bytes[start.partialValue..<end]))
        }
    }
}
