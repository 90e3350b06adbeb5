internal import Chain
internal import Gossip
internal import Logging
internal import MeshCrypto
internal import Wire

/// Decided blocks for those who are behind: a late joiner, or a node that was away for long.
extension Node {
    // MARK: In

    /// - Returns: blocks that were new, and whether one of them was wrong.
    @discardableResult
    func receive(_ range: BlockRange, from node: NodeID?) -> (accepted: Int, isWrong: Bool) {
        let chain = range.blocks[0].header.chain
        var accepted = 0
        for (place, block) in range.blocks.enumerated() {
            guard !isStopped else { return (accepted, false) }
            let (admission, directives): (Admission, [ChainDirective])
            if chain == registry.chain {
                (admission, directives) = registry.receive(block, now)
            } else if tasks[chain] != nil {
                (admission, directives) = tasks[chain]!.machine.receive(block, now)
            } else {
                return (accepted, false)
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
                warn(
                    .rejected, of: node ?? nodeID,
                    "rejected block \(block.header.height) via \(node?.short ?? "content"): \(reason)")
                if let node { gossip(.misbehaved(node, count: 1)) }
                return (accepted, true)
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
        return (accepted, false)
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
            removeRange(id, isBroken: false)
            withdraw(known)
        }
        // What something else waits for is no range, and is neither given up nor removed as one.
        guard !transfer.exchange.isWanted(id) else { return count("ranges refused") }
        guard isStranger else { return fetchRange(offer) }
        if !strangersRanges.hear(offer) { count("ranges refused") }
        fetchStrangersRange()
    }

    private func fetchRange(_ offer: RangeOffer) {
        let (reference, node, id) = (offer.reference, offer.node, offer.reference.id)
        // A range that nobody delivers keeps out no other peer's: each has places of its own.
        switch ranges.insert(offer, for: id, by: node, isProtected: standing.rank(of: node) > .stranger) {
        case .refused:
            strangersRanges.end(id, isBroken: false)
            return count("ranges refused")
        case .displacing(_, let other):
            strangersRanges.end(other.reference.id, isBroken: false)
            withdraw(other)
        case .added, .replaced: break
        }
        whenStored(
            [reference], from: node, deadline: elapsed + StrangersRanges.longest, namedBy: node, isRange: true,
            otherwise: { own in
                own.removeRange(id, isBroken: true)
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
            var isBroken = false
            switch outcome {
            case .unread(let lost): for each in lost { own.damaged(each.reference, each.reason) }
            case .malformed:
                isBroken = true
                own.count("malformed")
                own.gossip(.misbehaved(offer.node, count: 4))
            case .range(let range):
                let found = own.receive(range, from: offer.node)
                isBroken = found.isWrong
                if found.accepted > 0, !found.isWrong { own.strangersRanges.held(reference.id) }
            }
            if let present = own.removeRange(reference.id, isBroken: isBroken) { own.removeFetched(present) }
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

    /// Takes an offer out of those that are fetched or read.
    /// - Parameter isBroken: who offered it did not deliver it, or something else.
    @discardableResult
    func removeRange(_ id: ContentID, isBroken: Bool) -> RangeOffer? {
        guard let offer = ranges.remove(id) else { return nil }
        if offer.isStrangers { strangersRanges.end(id, isBroken: isBroken) }
        return offer
    }

    /// Fetches the next range of a stranger, if it is a stranger's turn. Known nodes come first: none is fetched where one of
    /// them has what is missing.
    private func fetchStrangersRange() {
        strangersRanges.drop { offer in
            !linked.contains(offer.node) || height(of: offer.chain) != offer.first
                || standing.footing(of: offer.node) > .stranger
        }
        let chains = Set(ranges.ordered.map(\.value.chain))
        let next = strangersRanges.next(now: elapsed) { offer in
            !chains.contains(offer.chain) && !isHelped(offer.chain)
                && !transfer.exchange.isWanted(offer.reference.id)
        }
        guard var offer = next else { return }
        offer.isFetched = contentStore.reference(offer.reference.id) == nil
        strangersRanges.begin(with: contentStore.arrived(offer.reference.id)?.present ?? 0)
        fetchRange(offer)
    }

    /// Every heartbeat: a stranger that has gone silent loses its place to the next one.
    func watchStrangersRange(now: Duration) {
        if let id = strangersRanges.overdue(now: now), let offer = removeRange(id, isBroken: true) {
            count("ranges given up")
            logger.debug("the range that \(offer.node.short) offered does not come")
            withdraw(offer)
        }
        fetchStrangersRange()
    }

    /// After a chunk of a content came.
    func noteArrival(of id: ContentID) {
        guard strangersRanges.asked == id else { return }
        if let progress = transfer.exchange.progress(of: id) {
            strangersRanges.arrived(progress.present, isWhole: false, now: elapsed)
        } else if transfer.exchange.finishing.contains(id) {
            strangersRanges.arrived(.max, isWhole: true, now: elapsed)
        }
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
    /// Up to 64 rows and 4 MiB are read, hashed and stored for it, beside the queue that votes wait in. What is decided does
    /// not change while they are, so the answer is as good when it comes; where it never comes, the next digest asks again.
    /// All of that is drawn with 84 bytes, and so it is charged like bytes that are sent: to a stranger before it is read, as
    /// much as it can be, and to whoever is known when it was. A whole stride is the same content for everybody: read once,
    /// it costs the next one nothing.
    func sendBlocks(_ chain: ChainID, from height: UInt64, to node: NodeID) {
        let key = AskedBlocks(node: node, chain: chain, height: height)
        guard let head = self.height(of: chain) else { return }
        let isWhole = Self.isWholeStride(from: height, to: head)
        let start = RangeStart(chain: chain, first: height)
        if isWhole, let stored = storedRanges[start], contentStore.has(stored.id) {
            guard sentBlocks.take(start, for: node, now: elapsed) else { return }
            return answer(.rangeContent(chain, first: height, stored), to: node)
        }
        let isKnown = standing.rank(of: node) > .stranger
        let charged = isKnown ? 0 : isWhole ? BlockRange.contentBytes : BlockRange.inlineBytes
        let read = BlockRead(isKnown: isKnown, charged: charged)
        guard !readBlocks.contains(key), readBlocks.insert(read, for: key, by: node, isProtected: isKnown).isIn else {
            return
        }
        guard sentBlocks.take(start, for: node, now: elapsed) else {
            readBlocks.remove(key)
            return
        }
        answers.update(node) { $0.answered(charged) }
        guard !isReadingBlocks else { return }
        isReadingBlocks = true
        Task { await readBlocksInTurn() }
    }

    /// One after another: those for known nodes first, each kind in the order in which it was asked for.
    private func readBlocksInTurn() async {
        while !isStopped, let (key, read) = readBlocks.ordered.first(where: \.value.isKnown) ?? readBlocks.ordered.first
        {
            if linked.contains(key.node), let head = height(of: key.chain) {
                let (chainStore, contentStore) = (chainStore, contentStore)
                let found = await background.run { () -> Result<PeerMessage?, RoundError> in
                    .success(Self.blocks(key.chain, from: key.height, to: head, chainStore, contentStore))
                }
                if case .success(let message?) = found, !isStopped {
                    sendRead(message, to: key, isWhole: Self.isWholeStride(from: key.height, to: head))
                }
            }
            answers.update(key.node) { $0.gaveBack(read.charged) }
            readBlocks.remove(key)
        }
        isReadingBlocks = false
    }

    private func sendRead(_ message: PeerMessage, to key: AskedBlocks, isWhole: Bool) {
        if case .rangeContent(_, _, let reference) = message {
            answers.update(key.node) { $0.answered(Int(clamping: reference.length)) }
            // What finds no place is read once more for the next one.
            let name = RangeStart(chain: key.chain, first: key.height)
            if isWhole { _ = storedRanges.insert(reference, for: name, by: key.node) }
        }
        if linked.contains(key.node) { answer(message, to: key.node) }
    }

    private static func isWholeStride(from height: UInt64, to head: UInt64) -> Bool {
        height % BlockRange.stride == 0 && head >= BlockRange.end(after: height)
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
        let limit = isWholeStride(from: height, to: head) ? BlockRange.contentBytes : BlockRange.inlineBytes
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

struct AskedBlocks: Hashable {
    let node: NodeID
    let chain: ChainID
    let height: UInt64
}

/// Blocks that are to be read for a peer.
struct BlockRead: Sendable {
    let isKnown: Bool
    /// Charged to the peer before they are read.
    let charged: Int
}

/// Where a range of decided blocks begins, whoever it is for.
struct RangeStart: Hashable, Sendable {
    let chain: ChainID
    let first: UInt64
}

extension ChainDirective {
    fileprivate var isWork: Bool { if case .work = self { true } else { false } }
}
