internal import Wire

/// Headers of this height's proposals that cannot be judged yet. A header waits for one thing at a time, and every author has
/// places of its own.
struct WaitingHeaders: Sendable {
    enum Reason: Hashable, Sendable {
        /// Its body is being fetched.
        case body(ContentID)
        /// Its candidate is being checked.
        case check(PayloadID)
        /// Named clients may contradict it.
        case rebuttal
        /// Its scores are being found out.
        case scores
    }

    private struct Entry: Sendable {
        let header: BlockHeader
        let reason: Reason
    }

    private var table = Bounded<NodeID, BlockID, Entry>(ChainTables.waiting)

    var count: Int { table.count }
    /// Every header with what it waits for, in the order in which they came.
    var all: [(header: BlockHeader, reason: Reason)] { table.ordered.map { ($0.value.header, $0.value.reason) } }

    mutating func wait(_ header: BlockHeader, for reason: Reason) {
        // Nothing is refused: an author at its quota loses its oldest, which stands for a view that passed, and the table has
        // more places than all voters' quotas.
        _ = table.insert(Entry(header: header, reason: reason), for: header.id, by: header.author)
    }

    /// Those that waited for this, in the order in which they came; they wait no more.
    mutating func take(_ reason: Reason) -> [BlockHeader] {
        let due = table.ordered.filter { $0.value.reason == reason }
        for (block, _) in due { table.remove(block) }
        return due.map(\.value.header)
    }

    mutating func removeAll() { table.removeAll() }
}
