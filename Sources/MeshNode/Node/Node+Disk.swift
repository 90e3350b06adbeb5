internal import Chain
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// What reads, writes, syncs or hashes much, beside this actor's own queue.
///
/// Votes are handled on that queue, so nothing on it takes longer than a vote may wait. On it stays what a message that
/// leaves rests on, in the order in which the chains ask for it: slots and vote states, keys, seeds, decided blocks, bodies of
/// own proposals. Everything else goes to one of four workers:
///
/// - `worker`: computations, with the contents that they read and the files that they leave (`compute(reading:)`);
/// - `disk`: what a vote or a round waits for: fetched contents, offered ranges, sealed key vectors;
/// - `operatorDisk`: what the operator gives, reads or waits for, and the own rows, where a task is compared with them;
/// - `background`: what nobody waits for, in the order in which it was asked for (`later`): pins and their end, files of past
///   rounds, events, records of peers, and blocks for peers that are behind.
///
/// Whoever comes back from a worker looks at the state anew: what it left may have ended meanwhile.
extension Node {
    // MARK: Computations

    /// What a computation did not get to see.
    private enum Reading<Success: Sendable>: Sendable {
        case done(Success)
        case unread([Lost])
    }

    /// Runs a computation over whole contents, which are read, and so hashed, on the worker; none beyond the length of its
    /// reference.
    ///
    /// - Parameters:
    ///   - unread: runs instead of `finish` where one of them could not be read.
    ///   - again: after `unread`, once what was found damaged is whole again.
    func compute<Success: Sendable>(
        reading contents: [ContentReference], attempt: ChainID? = nil,
        unread: (@Sendable (isolated Node) -> Void)? = nil, again: @escaping @Sendable (isolated Node) -> Void,
        _ body: @escaping @Sendable ([[UInt8]]) -> Result<Success, RoundError>,
        _ finish: @escaping @Sendable (isolated Node, Result<Success, RoundError>) -> Void
    ) {
        let store = contentStore
        Task {
            let outcome = await worker.run { () -> Result<Reading<Success>, RoundError> in
                var bytes: [[UInt8]] = []
                var lost: [Lost] = []
                for content in contents {
                    let read = try? Self.read(content.id, in: store, &lost, limit: content.length)
                    if let read = read ?? nil { bytes.append(read) }
                }
                guard bytes.count == contents.count else { return .success(.unread(lost)) }
                return body(bytes).map { .done($0) }
            }
            guard !isStopped else { return }
            switch outcome {
            case .success(.done(let value)): finish(self, .success(value))
            case .failure(let error): finish(self, .failure(error))
            case .success(.unread(let lost)):
                for each in lost { damaged(each.reference, each.reason) }
                unread?(self)
                // Also what somebody else found damaged in between. What was removed is not wanted any more.
                let missing = contents.filter { !store.has($0.id) && store.reference($0.id) != nil }
                let all = missing + lost.map(\.reference).filter { !missing.contains($0) }
                if !all.isEmpty { whenStored(all, from: nil, attempt: attempt, again) }
            }
        }
    }

    /// A content for the operator, who may ask for a gigabyte.
    func readForOperator(_ id: ContentID, limit: UInt64) async throws(StorageError) -> [UInt8]? {
        let store = contentStore
        let outcome = await operatorDisk.run { () -> Result<(Result<[UInt8]?, StorageError>, [Lost]), RoundError> in
            var lost: [Lost] = []
            let read = Result { () throws(StorageError) in try Self.read(id, in: store, &lost, limit: limit) }
            return .success((read, lost))
        }
        guard case .success(let (read, lost)) = outcome else { return nil }
        for each in lost { damaged(each.reference, each.reason) }
        return try read.get()
    }

    /// Stores what was made here under the name that the chain gave it, so that it is on disk before anybody is told of it. On
    /// the worker that made it, where it is no body of a block.
    /// - Returns: why it could not be stored.
    nonisolated func storeContent(
        _ bytes: [UInt8], _ reference: ContentReference, _ role: ContentRole
    ) -> StorageError? {
        do {
            let id = try contentStore.put(bytes, kind: ContentManifest.Kind(rawValue: role.rawValue))
            precondition(id == reference.id, "content is stored under the name that the chain gave it")
            return nil
        } catch { return error }
    }

    func noteUnstored(_ reference: ContentReference, _ error: StorageError?) {
        guard let error else { return }
        logger.error("content \(reference.id.short): \(error)")
        checkRoom()
    }

    /// Does on the disk's worker what a round waits for and no vote.
    func onDisk<Success: Sendable>(
        _ body: @escaping @Sendable () -> Success,
        _ finish: @escaping @Sendable (isolated Node, Success) -> Void
    ) {
        Task {
            let outcome = await disk.run { () -> Result<Success, RoundError> in .success(body()) }
            guard !isStopped, case .success(let value) = outcome else { return }
            finish(self, value)
        }
    }

    // MARK: Errands

    /// Peers' records beyond which newer ones are not stored: they are told again.
    static let errandsOfPeers = 1_024

    /// Does what nobody waits for, after all that was asked for before. What it leaves out in a crash is done again at the next
    /// start, or tells nobody anything wrong.
    func later(_ errand: @escaping @Sendable () -> Void) {
        errands.append(errand)
        guard !isOnErrands else { return }
        isOnErrands = true
        Task { await self.runErrands() }
    }

    private func runErrands() async {
        while !errands.isEmpty {
            let batch = errands
            errands = []
            _ = await background.run { () -> Result<Void, RoundError> in
                for errand in batch { errand() }
                return .success(())
            }
        }
        isOnErrands = false
    }

    /// Returns when all of them are done.
    func finishErrands() async {
        let rest = errands
        errands = []
        _ = await background.run { () -> Result<Void, RoundError> in
            for errand in rest { errand() }
            return .success(())
        }
    }
}
