internal import Gossip
internal import Wire

/// Whose range of blocks is fetched next where only strangers offer one, and what that may cost. Their bytes are asked for,
/// and so not within the rate that their links share.
///
/// A key costs nothing and neither does a promise, so nothing is given for either:
///
/// - The budget is charged with bytes that arrived, never with bytes that were promised, and what a range brought that held
///   is given back: who is honest uses nothing up. It fills again little by little.
/// - Half of it is for those who have broken no promise. Else a few keys that deliver noise twice use up all of it, and a
///   newcomer whom only strangers can help waits until it has filled again.
/// - Whose last range held comes first, and needs nothing of the budget: it brought blocks that were decided, which no key
///   has for nothing. A range of its that does not hold ends that.
/// - One content is fetched at a time, and its place lasts as long as it gets on: it is free again after ``silence`` without
///   a chunk, or when what came is less than ``pace`` asks for, and after ``longest`` in any case.
/// - One offer of each stranger waits. After those whose range held, the next one is the oldest of those who have broken the
///   fewest promises, and whoever had the place goes behind the others. All of it goes with the link: who comes back, under
///   whatever key, is last.
struct StrangersRanges: Sendable {
    /// Bytes of a period, of all strangers together.
    static let most: UInt64 = 64 << 20
    static let period = Duration.seconds(3_600)
    /// Parts of a period, after each of which such a part of the budget is there again.
    private static let parts = 16
    /// For so long a known node that is ahead is waited for.
    static let patience = Duration.seconds(60)
    static let silence = Duration.seconds(5)
    /// Bytes a second, once `silence` has passed.
    static let pace = 64 << 10
    static let longest = Duration.seconds(30)

    private struct Place {
        let offer: RangeOffer
        let since: Duration
        /// When the last chunk came.
        var progressAt: Duration
        /// Chunks that are here; those that were here before cost nothing.
        var chunks: Int
        var arrived: UInt64 = 0
        var isWhole = false

        func bytes(_ chunks: Int) -> UInt64 {
            let (length, chunk) = (offer.reference.length, UInt64(ContentLimits.chunkBytes))
            return UInt64(clamping: chunks) > length / chunk ? length : UInt64(clamping: chunks) * chunk
        }

        /// From then on it is free.
        var endsAt: Duration {
            guard !isWhole else { return since + StrangersRanges.longest }
            let paid = Duration.seconds(Double(arrived) / Double(StrangersRanges.pace))
            return since
                + min(
                    progressAt - since + StrangersRanges.silence, StrangersRanges.silence + paid,
                    StrangersRanges.longest)
        }
    }

    private struct Stranger {
        var offer: RangeOffer?
        /// Offers that were asked for and not delivered.
        var broken = 0
        /// Its last range held.
        var isProven = false
        /// Of those who have broken as many, the lowest is next.
        var turn: UInt64

        /// The lowest is next.
        var rank: (Int, Int, UInt64) { (isProven ? 0 : 1, broken, turn) }
    }

    private(set) var used: UInt64 = 0
    private var since = Duration.zero
    private var place: Place?
    private var strangers = Bounded<NodeID, NodeID, Stranger>(NodeTables.strangersRanges)
    private var lastTurn: UInt64 = 0

    private mutating func nextTurn() -> UInt64 {
        lastTurn += 1
        return lastTurn
    }

    // MARK: Offers

    /// Lets an offer wait, in place of the one before it.
    /// - Returns: false where it finds no place.
    mutating func hear(_ offer: RangeOffer) -> Bool {
        if strangers.contains(offer.node) {
            strangers.update(offer.node) { $0.offer = offer }
            return true
        }
        return strangers.insert(Stranger(offer: offer, turn: nextTurn()), for: offer.node, by: offer.node).isIn
    }

    /// Forgets offers that are of no use any more.
    mutating func drop(where isStale: (RangeOffer) -> Bool) {
        for (node, stranger) in strangers.ordered {
            if let offer = stranger.offer, isStale(offer) { strangers.update(node) { $0.offer = nil } }
        }
    }

    /// Its link has ended.
    mutating func leave(_ node: NodeID) { strangers.remove(node) }

    private mutating func fill(_ now: Duration) {
        let part = Self.period / Self.parts
        let passed = UInt64(max(0, (now - since) / part))
        guard passed > 0 else { return }
        used -= min(used, Self.most / UInt64(Self.parts) * min(passed, UInt64(Self.parts)))
        since += part * Double(passed)
    }

    /// Whether the budget lets a range of that length be fetched from a stranger.
    private func hasRoom(for length: UInt64, of stranger: Stranger) -> Bool {
        if stranger.isProven { return length <= Self.most }
        let most = stranger.broken == 0 ? Self.most : Self.most / 2
        return length <= most - min(used, most)
    }

    /// Gives the place, if it is free, to the next offer that `mayBeFetched` and whose length the budget has left.
    mutating func next(now: Duration, _ mayBeFetched: (RangeOffer) -> Bool) -> RangeOffer? {
        fill(now)
        guard place == nil else { return nil }
        let waiting = strangers.ordered.compactMap { node, stranger in stranger.offer.map { (node, stranger, $0) } }
        let next = waiting.filter { hasRoom(for: $0.2.reference.length, of: $0.1) && mayBeFetched($0.2) }
            .min { $0.1.rank < $1.1.rank }
        guard let (node, _, offer) = next else { return nil }
        let turn = nextTurn()
        strangers.update(node) { ($0.offer, $0.turn) = (nil, turn) }
        place = Place(offer: offer, since: now, progressAt: now, chunks: 0)
        return offer
    }

    // MARK: The one that is fetched

    /// What is fetched, and not whole yet.
    var asked: ContentID? { place.flatMap { $0.isWhole ? nil : $0.offer.reference.id } }

    /// How many chunks of it were here before.
    mutating func begin(with chunks: Int) { place?.chunks = chunks }

    /// - Parameters:
    ///   - chunks: that are here now, or more.
    ///   - isWhole: all are here, and it is read next.
    mutating func arrived(_ chunks: Int, isWhole: Bool, now: Duration) {
        guard var place, !place.isWhole, isWhole || chunks > place.chunks else { return }
        let bytes = place.bytes(max(chunks, place.chunks)) - place.bytes(place.chunks)
        place.chunks = max(chunks, place.chunks)
        place.arrived += bytes
        place.progressAt = now
        place.isWhole = isWhole
        self.place = place
        used += bytes
    }

    /// What is fetched, if it has lost its place.
    func overdue(now: Duration) -> ContentID? {
        guard let place, now >= place.endsAt else { return nil }
        return place.offer.reference.id
    }

    /// It was read, and brought decided blocks.
    mutating func held(_ id: ContentID) {
        guard let place, place.offer.reference.id == id else { return }
        used -= min(used, place.arrived)
        strangers.update(place.offer.node) { $0.isProven = true }
    }

    /// It was read, or given up.
    /// - Parameter isBroken: who offered it did not deliver it, or something else.
    mutating func end(_ id: ContentID, isBroken: Bool) {
        guard let place, place.offer.reference.id == id else { return }
        self.place = nil
        guard isBroken else { return }
        strangers.update(place.offer.node) {
            $0.broken += 1
            $0.isProven = false
        }
    }
}
