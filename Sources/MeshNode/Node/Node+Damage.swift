internal import Gossip
internal import Logging
internal import Wire

/// Contents whose bytes on disk are not what they were: whoever reads or serves one notices, it is said, and it is fetched
/// again.
extension Node {
    /// The bytes of a content; nil if it is not here, or not whole any more. Every read of a running node goes through here
    /// or `read`: damage that is taken for absence would stay, since the store still lists it.
    func bytes(of id: ContentID) -> [UInt8]? { (try? read(id)) ?? nil }

    func read(_ id: ContentID, limit: UInt64 = ContentLimits.longestContent) throws(StorageError) -> [UInt8]? {
        do throws(StorageError) {
            return try contentStore.get(id, limit: limit)
        } catch {
            if case .damagedContent(_, let reason) = error, let lost = contentStore.discard(id) {
                damaged(lost, reason)
            }
            throw error
        }
    }

    /// For computations, which do not run on this actor.
    nonisolated func bytesForWorker(of id: ContentID) -> [UInt8]? {
        do throws(StorageError) {
            return try contentStore.get(id)
        } catch {
            if case .damagedContent(_, let reason) = error, let lost = contentStore.discard(id) {
                Task { await self.damaged(lost, reason) }
            }
            return nil
        }
    }

    /// - Parameter lost: given up by the store already.
    func damaged(_ lost: ContentReference, _ reason: String) {
        count("damaged content")
        unreadable?.append(lost)
        // What nothing keeps and nobody waits for was about to be collected.
        let isNeeded = contentStore.isMissed(lost.id) || contentsInUse().contains(lost.id)
        note(
            "warning",
            "content \(lost.id.short) is damaged on disk: \(reason); "
                + (isNeeded ? "it is fetched again" : "nothing needs it"))
        guard isNeeded else { return }
        whenStored([lost], from: nil) { node in node.logger.notice("content \(lost.id.short) is whole again") }
    }

    /// Runs what waited for contents. Where it came upon a damaged one it found nothing to go on with: it runs again once
    /// that is whole. So an action reads all that it needs before it changes anything.
    func run(_ action: @escaping @Sendable (isolated Node) -> Void, attempt: ChainID?) {
        let outer = unreadable
        unreadable = []
        action(self)
        let lost = unreadable ?? []
        unreadable = outer
        if !lost.isEmpty { whenStored(lost, from: nil, attempt: attempt, action) }
    }
}
