internal import Chain
internal import MeshCrypto
internal import Wire

/// What a task leaves on this node's disk, and for how long: key vectors until their attempt ends, updates until their
/// round ends, seeds and bodies for the task's `body_retention`, sums and models for ever.
extension Node {
    /// Several tasks share one folder: every name begins with its chain. 104 bytes at most, a name may have 128.
    static func vectorName(_ chain: ChainID, _ manifest: BlockID, _ component: Int) -> String {
        vectorPrefix(chain) + "\(manifest.hex)-\(component)"
    }

    static func vectorPrefix(_ chain: ChainID) -> String { "key-\(chain.hex.prefix(32))-" }
    static func updatesPrefix(_ chain: ChainID) -> String { "update-\(chain.hex.prefix(32))-" }
    static func updatePrefix(_ chain: ChainID, _ round: UInt32) -> String { updatesPrefix(chain) + "\(round)-" }

    /// Pins of a round's bodies, and of what stays for the chain's life: at most 64 characters.
    static func bodyLabel(_ chain: ChainID, _ round: UInt32) -> String { bodyLabels(chain) + "\(round)" }
    /// What all labels of a task's bodies begin with.
    static func bodyLabels(_ chain: ChainID) -> String { "b-\(chain.hex.prefix(48))-" }
    static func chainLabel(_ chain: ChainID) -> String { "c-\(chain.hex.prefix(48))" }

    private static func seedSpace(_ chain: ChainID) -> String { "submission-\(chain.hex)" }

    /// Round and attempt first, so that the rows of a chain are in the order in which they end.
    private static func seedKey(_ round: UInt32, _ id: SubmissionID) -> [UInt8] {
        var encoder = WireEncoder()
        encoder.u32(round.byteSwapped)
        encoder.value(id)
        return encoder.bytes
    }

    // MARK: Keeping

    /// Whoever verifies this chain later needs the bodies, so every node keeps them, also one that came late.
    func keepBodies(of manifest: ManifestBody, chain: ChainID) {
        for header in manifest.submissions.compactMap({ try? SubmissionHeader(wireBytes: $0.payload) }) {
            // What could not be pinned is not fetched to be kept; what a round needs it asks for itself.
            guard storeProblem == nil || contentStore.has(header.body.id) else { continue }
            whenStored([header.body], from: header.submitter) {
                $0.keepBody(header.body, chain: chain, round: header.round)
            }
        }
    }

    func keepContents(of result: ResultBody, author: NodeID, chain: ChainID) {
        whenStored([result.aggregate, result.model], from: author) {
            $0.keepForever([result.aggregate, result.model], chain: chain)
        }
    }

    /// After a restart: a block may have been stored whose contents a crash kept this node from fetching.
    func resumeContents(_ chain: ChainID) {
        guard storeProblem == nil else { return }
        do {
            try ChainReplay.forEach(chainStore, chain) { block in
                switch block.header.kind {
                case .manifest where isRetained(block.header.round, chain: chain):
                    keepBodies(of: try ManifestBody(wireBytes: block.body), chain: chain)
                case .result:
                    keepContents(of: try ResultBody(wireBytes: block.body), author: block.header.author, chain: chain)
                case .manifest, .registry, .void, .control: break
                }
            }
        } catch { logger.error("contents of task \(chain.short): \(error)") }
    }

    /// A body that a verifier needs is not collected before the task's retention has passed.
    func keepBody(_ body: ContentReference, chain: ChainID, round: UInt32) {
        // A node that was away may fetch what is past its retention already.
        guard isRetained(round, chain: chain) else { return }
        // One whose pins gave way pins no more.
        guard !gaveWay.contains(chain) else { return }
        keep([body], label: Self.bodyLabel(chain, round))
    }

    func isRetained(_ round: UInt32, chain: ChainID) -> Bool {
        guard let present = tasks[chain]?.machine.state.round ?? ended[chain]?.round,
            let retention = tasks[chain]?.policy.spec.bodyRetention ?? ended[chain]?.bodyRetention
        else { return false }
        return Self.isRetained(round, at: present, for: retention)
    }

    static func isRetained(_ round: UInt32, at present: UInt32, for retention: UInt32) -> Bool {
        let first = present.subtractingReportingOverflow(retention)
        return first.overflow || round >= first.partialValue
    }

    func keepForever(_ references: [ContentReference], chain: ChainID) {
        keep(references, label: Self.chainLabel(chain))
    }

    /// Held at once; the file of the pin follows. It keeps what is here already, and what a crash left unpinned is pinned at
    /// the next start (`resumeContents`), so no message rests on it.
    private func keep(_ references: [ContentReference], label: String) {
        for id in references.map(\.id) {
            do throws(StorageError) { try contentStore.hold(id, label: label) } catch .full {
                // `storeProblem` says so, once: any publisher can cause more of these.
                logger.debug("content \(id.short) is not pinned: the store is full")
                continue
            } catch {
                logger.error("content \(id.short) cannot be pinned: \(error)")
                continue
            }
            later { [contentStore, logger] in
                do throws(StorageError) { try contentStore.writePin(id, label: label) } catch {
                    logger.error("content \(id.short) cannot be pinned: \(error)")
                }
            }
        }
    }

    /// What nobody else has: the pin is on disk when this returns. Whoever asks for it must not promise anything that rests on
    /// the content, or take away another pin of it, where it fails.
    func keepForeverNow(_ reference: ContentReference, chain: ChainID) throws(StorageError) {
        try contentStore.pin(reference.id, label: Self.chainLabel(chain))
    }

    /// The seeds of an own submission, durable: a rebuttal, the proof of the same vector and a score open them.
    func keepSeeds(_ sealed: Submitting.Sealed, chain: ChainID) throws {
        var secret = WireEncoder()
        secret.value(sealed.header)
        secret.list(sealed.seeds) { encoder, seed in seed.withCopy { encoder.data($0) } }
        let key = Self.seedKey(sealed.header.round, SubmissionID.of(headerBytes: sealed.header.wireBytes))
        try durable.commit([.value(space: Self.seedSpace(chain), key: key, bytes: secret.bytes)])
    }

    /// One seed a component; nil when they are not here (any more).
    func seeds(of id: SubmissionID, round: UInt32, chain: ChainID) -> (header: SubmissionHeader, seeds: [SecretBytes])?
    {
        guard let bytes = try? durable.value(space: Self.seedSpace(chain), key: Self.seedKey(round, id)) else {
            return nil
        }
        var decoder = WireDecoder(bytes)
        guard let header = try? SubmissionHeader(from: &decoder),
            let seeds = try? decoder.list(
                limit: Limits.components, "seeds",
                { (decoder: inout WireDecoder) throws(WireError) in try decoder.data(limit: 32, "seed") })
        else { return nil }
        return (header, seeds.map { SecretBytes($0) })
    }

    // MARK: Forgetting

    /// An attempt is over: nobody may ask for its vectors any more.
    func forgetKeyVectors(_ chain: ChainID) { forgetVectors(Self.vectorPrefix(chain)) }

    /// A round is over: its vectors go at once, seeds and bodies of the round whose retention ends go now.
    func forgetRound(_ chain: ChainID, _ round: UInt32) {
        forgetKeyVectors(chain)
        // The vector of a round with open scores stays until these are decided.
        forgetScored(chain)
        guard let retention = tasks[chain]?.policy.spec.bodyRetention, round > retention else { return }
        forgetBodies(chain, through: round - retention)
    }

    /// A task is over: its keys and own updates open nothing any more. Bodies of the last rounds stay for verifiers.
    func forgetTask(_ chain: ChainID) {
        forgetFiles(chain)
        var records = [DurableRecord.removeValue(space: "sealing-key", key: chain.bytes)]
        for stored in (try? durable.values(space: Self.seedSpace(chain))) ?? [] {
            records.append(.removeValue(space: Self.seedSpace(chain), key: stored.key))
        }
        tasks[chain]?.gate = nil
        do { try durable.commit(records) } catch { logger.error("keys of task \(chain.short): \(error)") }
    }

    func forgetFiles(_ chain: ChainID) {
        forgetKeyVectors(chain)
        forgetVectors(Self.updatesPrefix(chain))
        forgetVectors(Self.directionPrefix(chain))
    }

    private func forgetVectors(_ prefix: String) {
        guard let names = try? vectorFiles.list() else { return }
        forget(names.filter { $0.hasPrefix(prefix) })
    }

    /// Removes files that are named now: what the next attempt writes meanwhile stays.
    func forget(_ names: [String]) {
        guard !names.isEmpty else { return }
        later { [vectorFiles] in for name in names { try? vectorFiles.remove(name: name) } }
    }

    /// A computation has left files of a round or a task that ended meanwhile.
    func forgetWhatCameLate(_ chain: ChainID) {
        if tasks[chain]?.machine.state.isEnded == false { return forgetScored(chain) }
        forgetVectors(Self.updatesPrefix(chain))
        try? MemberMemory(files: vectorFiles, chain: chain).forget()
    }

    private func forgetBodies(_ chain: ChainID, through last: UInt32) {
        let end = Self.seedKey(last + 1, .zero)
        let records = ((try? durable.values(space: Self.seedSpace(chain))) ?? [])
            .filter { $0.key.lexicographicallyPrecedes(end) }
            .map { DurableRecord.removeValue(space: Self.seedSpace(chain), key: $0.key) }
        do { try durable.commit(records) } catch { logger.error("retention of task \(chain.short): \(error)") }
        later { [contentStore, logger] in
            do throws(StorageError) {
                // Rounds end one by one, so one label ends with each.
                let removed = try contentStore.release(label: Self.bodyLabel(chain, last))
                if !removed.isEmpty { logger.debug("removed \(removed.count) bodies of round \(last)") }
            } catch { logger.error("retention of task \(chain.short): \(error)") }
        }
    }
}
