internal import Gossip
internal import Logging
internal import Wire

/// Contents whose bytes on disk are not what they were: whoever reads or serves one notices, it is said, and it is fetched
/// again.
extension Node {
    /// The bytes of a content; nil if it is not here, is longer than it was named, or not whole any more. Every read of a
    /// running node goes through here or `read`: damage that is taken for absence would stay, since the store still lists it.
    func bytes(of reference: ContentReference) -> [UInt8]? {
        (try? read(reference.id, limit: reference.length)) ?? nil
    }

    func read(_ id: ContentID, limit: UInt64 = ContentLimits.longestContent) throws(StorageError) -> [UInt8]? {
        try contentStore.giveUpIfDamaged(id, damaged) { () throws(StorageError) in
            try contentStore.get(id, limit: limit)
        }
    }

    /// For computations, which do not run on this actor.
    nonisolated func bytesForWorker(of reference: ContentReference) -> [UInt8]? {
        let id = reference.id
        let bytes = try? contentStore.giveUpIfDamaged(
            id, { lost, reason in Task { await self.damaged(lost, reason) } },
            { () throws(StorageError) in try contentStore.get(id, limit: reference.length) })
        return bytes ?? nil
    }

    /// For a worker, which gives what it found damaged to `damaged` when it is back on this actor.
    static func read(
        _ id: ContentID, in store: ContentStore, _ lost: inout [Lost], limit: UInt64 = ContentLimits.longestContent
    ) throws(StorageError) -> [UInt8]? {
        var found: Lost?
        defer { if let found { lost.append(found) } }
        return try store.giveUpIfDamaged(id, { found = Lost(reference: $0, reason: $1) }) {
            () throws(StorageError) in try store.get(id, limit: limit)
        }
    }

    struct Lost: Sendable {
        let reference: ContentReference
        let reason: String
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
        if isNeeded { refetch(lost) }
    }

    private func refetch(_ lost: ContentReference) {
        whenStored([lost], from: nil) { node in node.logger.notice("content \(lost.id.short) is whole again") }
    }

    /// It was given up while it was made durable: whatever waited for it waits on, and the fetch begins anew.
    func fetchAgain(_ lost: ContentReference) {
        guard contentStore.isMissed(lost.id) || contentsInUse().contains(lost.id) else { return }
        content(.want(lost.id, expectedLength: lost.length, providers: linked, deadline: nil))
    }

    /// What a former run, or this start, found damaged of what is pinned; also what a crash left unfinished.
    func fetchMissed() {
        let skipped = contentStore.skippedFiles
        for file in skipped.prefix(16) { logger.warning("content file \(file): it is left on disk and not used") }
        if skipped.count > 16 { logger.warning("\(skipped.count - 16) more content files cannot be used") }
        // The rest at the next start: more at once would take the places of what rounds need.
        let (known, unknown) = contentStore.missed()
        for lost in known.prefix(1_024) { refetch(lost) }
        if !unknown.isEmpty {
            logger.warning(
                "\(unknown.count) pinned contents are not here, and their lengths are not known; see: `meshnode doctor`"
            )
        }
    }

    /// Nil while all that is pinned is here.
    func missedContents() -> HealthCheck? {
        let (known, unknown) = contentStore.missed()
        guard !known.isEmpty || !unknown.isEmpty else { return nil }
        let names = (unknown + known.map(\.id)).prefix(4).map(\.short).joined(separator: ", ")
        return HealthCheck(
            "contents", .warning,
            "\(known.count + unknown.count) pinned contents are not whole on this disk: \(names)"
                + (known.isEmpty ? "" : "; \(known.count) are fetched from the peers"),
            next: unknown.isEmpty
                ? "check the disk; the log names each file"
                : "give the length of the others: `meshnode store get CONTENT:LENGTH --out FILE`")
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
