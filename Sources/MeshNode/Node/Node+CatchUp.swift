internal import Chain
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// Decided blocks for those who are behind: a late joiner, or a node that was away for long.
extension Node {
    // MARK: In

    func receive(_ range: BlockRange, from node: NodeID?) {
        let chain = range.blocks[0].header.chain
        var accepted = 0
        for (place, block) in range.blocks.enumerated() {
            guard !isStopped else { return }
            let (admission, directives): (Admission, [ChainDirective])
            if chain == registry.chain {
                (admission, directives) = registry.receive(block, now)
            } else if tasks[chain] != nil {
                (admission, directives) = tasks[chain]!.machine.receive(block, now)
            } else {
                return
            }
            // Work for a height that the next block has decided already would only keep the worker from the present one.
            let isPast = admission == .accept && place + 1 < range.blocks.count
            perform(isPast ? directives.filter { !$0.isWork } : directives, chain: chain)
            switch admission {
            case .accept: accepted += 1
            // The range began below this node's height: what follows may still be new.
            case .ignore: continue
            case .reject(let reason):
                count("rejected")
                logger.warning("rejected block \(block.header.height) via \(node?.short ?? "content"): \(reason)")
                if let node { gossip(.misbehaved(node, count: 1)) }
                return
            }
        }
        if accepted > 0 { frameWasUseful = true }
        if accepted > 1 {
            // Behind, and busy with it: what peers promised meanwhile comes late through no fault of theirs.
            gossip(.busy(until: elapsed + .seconds(5)))
            let first = range.blocks[0].header.height
            note(
                "catch-up",
                "\(accepted) decided blocks of \(chain == registry.chain ? "registry" : chain.short), heights \(first) to "
                    + "\(first + UInt64(range.blocks.count) - 1), from \(node?.short ?? "content")")
        }
        // More may be there: ask at once instead of a heartbeat later.
        if accepted > 0, let node, linked.contains(node) { sendDigest(of: chain, to: node) }
    }

    func receiveRange(of chain: ChainID, from first: UInt64, _ reference: ContentReference, from node: NodeID) {
        guard reference.length <= Self.longestRange else {
            // Nothing is fetched: who announces more than a range can be is no node of this version.
            count("oversize")
            return gossip(.misbehaved(node, count: 4))
        }
        guard height(of: chain) == first else { return }
        let id = reference.id
        let isStranger = standing.footing(of: node) == .stranger
        let offer = RangeOffer(
            chain: chain, first: first, reference: reference, node: node, isStrangers: isStranger,
            isFetched: contentStore.reference(id) == nil)
        if let known = ranges[id] {
            // Being read: whoever tells of it again costs nothing.
            guard !known.isRead else { return }
            if known.isSame(as: offer) { return content(.providers(id, [node])) }
            // A stranger's word about a content keeps no known node's out.
            guard known.isStrangers, !isStranger else { return count("ranges refused") }
            ranges.remove(id)
            withdraw(known)
        }
        // What something else waits for is no range, and is neither given up nor removed as one.
        guard !transfer.exchange.isWanted(id), !isStranger || mayTakeRange(of: chain, reference.length) else {
            return count("ranges refused")
        }
        // A range that nobody delivers keeps out no other peer's: each has places of its own.
        switch ranges.insert(offer, for: id, by: node, isProtected: standing.rank(of: node) > .stranger) {
        case .refused: return count("ranges refused")
        case .displacing(_, let other): withdraw(other)
        case .added, .replaced: break
        }
        whenStored(
            [reference], from: node, deadline: elapsed + .seconds(30), namedBy: node, isRange: true,
            otherwise: { own in
                own.ranges.remove(id)
                // It is here, and its length is not what the peer says.
                if own.hasOtherLength(reference) { own.gossip(.misbehaved(node, count: 4)) }
            }
        ) { own in own.readRange(offer) }
    }

    /// Reads and decodes up to 6 MiB beside the queue that votes wait in, each offered content once at a time.
    private func readRange(_ offer: RangeOffer) {
        let (reference, store) = (offer.reference, contentStore)
        ranges.update(reference.id) { $0.isRead = true }
        onDisk { () -> RangeReading in
            var lost: [Lost] = []
            guard let bytes = (try? Self.read(reference.id, in: store, &lost, limit: reference.length)) ?? nil else {
                return .unread(lost)
            }
            guard let range = try? BlockRange(wireBytes: bytes), range.blocks[0].header.chain == offer.chain,
                range.blocks[0].header.height == offer.first
            else { return .malformed }
            return .range(range)
        } _: { own, outcome in
            let present = own.ranges.remove(reference.id)
            switch outcome {
            case .unread(let lost): for each in lost { own.damaged(each.reference, each.reason) }
            case .malformed:
                own.count("malformed")
                own.gossip(.misbehaved(offer.node, count: 4))
            case .range(let range): own.receive(range, from: offer.node)
            }
            if let present { own.removeFetched(present) }
        }
    }

    /// Given up for another offer. What else waits for the same content waits on.
    private func withdraw(_ offer: RangeOffer) {
        let id = offer.reference.id
        needs.removeAll { $0.isRange && $0.missing.contains(id) }
        if !offer.isUsedOtherwise, !offer.isRead { content(.cancel(id)) }
        removeFetched(offer)
    }

    /// What was fetched as a range alone is of no use after it was read, or given up: its blocks are in the chain's store.
    func removeFetched(_ offer: RangeOffer) {
        let id = offer.reference.id
        guard offer.isFetched, !offer.isUsedOtherwise, !contentsInUse().contains(id) else { return }
        do throws(StorageError) { try contentStore.removeUnpinned(id) } catch {
            logger.debug("content \(id.short) of a range cannot be removed: \(error)")
        }
    }

    /// Something else waits for these: if one of them was fetched as a range, it stays.
    func keepRanges(_ ids: [ContentID]) {
        guard !ranges.isEmpty else { return }
        for id in ids { ranges.update(id) { $0.isUsedOtherwise = true } }
    }

    // MARK: Ranges of strangers

    /// Known nodes come first: a stranger's range is taken where none of them has what is missing.
    private func mayTakeRange(of chain: ChainID, _ bytes: UInt64) -> Bool {
        let offers = ranges.ordered.map(\.value)
        guard !offers.contains(where: { $0.isStrangers || $0.chain == chain }), !isHelped(chain) else { return false }
        return strangersRanges.take(bytes, now: elapsed)
    }

    /// Notes that a known node is ahead.
    func noteHeight(_ height: UInt64, of chain: ChainID, from node: NodeID) {
        guard standing.footing(of: node) > .stranger, let own = self.height(of: chain), height > own else { return }
        // Whoever says so and brings nothing is believed for a while only.
        if let known = ahead[chain], known.own == own, linked.contains(known.node) { return }
        ahead[chain] = KnownAhead(node: node, height: height, own: own, since: elapsed)
    }

    /// Whether a known node that is linked is ahead, and has had little time to bring what it has.
    private func isHelped(_ chain: ChainID) -> Bool {
        guard let known = ahead[chain], let own = height(of: chain) else { return false }
        return linked.contains(known.node) && known.height > own && elapsed - known.since < StrangersRanges.patience
    }

    /// A block with the longest body, or a whole range.
    private static var longestRange: UInt64 { UInt64(BlockRange.contentBytes + 2 * Limits.blockBody) }

    // MARK: Out

    /// Answers a node at `height` with what follows, up to where ranges are cut.
    ///
    /// Up to 64 rows and 4 MiB are read and stored for it, beside the queue that votes wait in. What is decided does not
    /// change while they are, so the answer is as good when it comes; where it never comes, the next digest asks again.
    func sendBlocks(_ chain: ChainID, from height: UInt64, to node: NodeID) {
        // One range a peer and height in 50 ms: digests of several peers must not multiply the traffic.
        let key = SentBlocks(node: node, chain: chain, height: height)
        if let last = sentBlocks[key], now.monotonicMs < last + 50 { return }
        let isKnown = standing.rank(of: node) > .stranger
        guard let head = self.height(of: chain), !readBlocks.contains(key),
            readBlocks.insert(true, for: key, by: node, isProtected: isKnown).isIn
        else { return }
        let (chainStore, contentStore) = (chainStore, contentStore)
        Task {
            let read = await background.run { () -> Result<PeerMessage?, RoundError> in
                .success(Self.blocks(chain, from: height, to: head, chainStore, contentStore))
            }
            readBlocks.remove(key)
            // One that is not remembered goes twice at worst, within its peer's budget of answers.
            _ = sentBlocks.insert(now.monotonicMs, for: key, by: node)
            guard !isStopped, linked.contains(node), case .success(let message?) = read else { return }
            answer(message, to: node)
        }
    }

    private static func blocks(
        _ chain: ChainID, from height: UInt64, to head: UInt64, _ chainStore: ChainStore, _ contentStore: ContentStore
    ) -> PeerMessage? {
        guard let blocks = blocks(chain, from: height, to: head, chainStore), !blocks.isEmpty else { return nil }
        let range = BlockRange(blocks)
        let bytes = range.wireBytes
        if bytes.count <= BlockRange.inlineBytes { return .blocks(range) }
        guard let id = try? contentStore.put(bytes, kind: .other) else { return nil }
        return .rangeContent(chain, first: height, ContentReference(id: id, length: UInt64(bytes.count)))
    }

    /// A whole stride where one begins, so that few different contents are made of a chain; else what fits a frame, and
    /// one block at least.
    /// - Parameter head: the height above the last decided one.
    private static func blocks(
        _ chain: ChainID, from height: UInt64, to head: UInt64, _ chainStore: ChainStore
    ) -> [DecidedBlock]? {
        let end = BlockRange.end(after: height)
        var blocks: [DecidedBlock] = []
        var bytes = 4
        var next = height
        let isWhole = height % BlockRange.stride == 0 && head >= end
        let limit = isWhole ? BlockRange.contentBytes : BlockRange.inlineBytes
        while next < end {
            guard let stored = try? chainStore.blocks(chain: chain, from: next, limit: min(16, Int(end - next))) else {
                return nil
            }
            if stored.isEmpty { break }
            for row in stored {
                guard row.height == next, let block = try? ChainReplay.decoded(row) else { return blocks }
                bytes += block.wireBytes.count
                guard bytes <= limit || blocks.isEmpty else { return blocks }
                blocks.append(block)
                next += 1
            }
        }
        return blocks
    }
}

struct SentBlocks: Hashable {
    let node: NodeID
    let chain: ChainID
    let height: UInt64
}

extension ChainDirective {
    fileprivate var isWork: Bool { if case .work = self { true } else { false } }
}
