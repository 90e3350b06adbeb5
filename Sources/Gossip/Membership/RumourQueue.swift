internal import Wire

/// Updates that still have to be passed on, the least-sent first and of those the newest (SWIM §4.1). One for each subject.
struct RumourQueue: Sendable {
    private struct Rumour: Sendable {
        let update: MembershipUpdate
        let limit: Int
        var need: Need
    }

    /// Where a rumour stands in the line. It is taken from for every datagram, so it is kept in order.
    private struct Need: Sendable, Comparable {
        var sent = 0
        let order: UInt64
        let size: Int
        let subject: NodeID

        static func < (lhs: Need, rhs: Need) -> Bool { (lhs.sent, rhs.order) < (rhs.sent, lhs.order) }
    }

    private var rumours = Bounded<NodeID, NodeID, Rumour>(GossipTables.rumours)
    /// The needs of all rumours, sorted.
    private var line: [Need] = []
    private var nextOrder: UInt64 = 0

    var isEmpty: Bool { line.isEmpty }

    /// Replaces what was said about the same subject.
    ///
    /// - Parameter sender: who told it.
    mutating func add(_ update: MembershipUpdate, limit: Int, by sender: NodeID) {
        if let old = rumours.remove(update.subject) { leave(old.need) }
        let need = Need(order: nextOrder, size: update.wireBytes.count, subject: update.subject)
        nextOrder &+= 1
        let outcome = rumours.insert(Rumour(update: update, limit: limit, need: need), for: need.subject, by: sender)
        if case .displacing(_, let other) = outcome { leave(other.need) }
        if outcome.isIn { line.insert(need, at: place(of: need)) }
    }

    /// As many as fit in `bytes`, counted as sent.
    mutating func take(bytes: Int) -> [MembershipUpdate] {
        var left = bytes
        var taken: [Need] = []
        for need in line where need.size <= left {
            left -= need.size
            taken.append(need)
            if taken.count == MembershipMessage.updatesMax { break }
        }
        return taken.map { need in
            let rumour = rumours[need.subject]!
            leave(need)
            if need.sent + 1 >= rumour.limit {
                rumours.remove(need.subject)
            } else {
                var later = need
                later.sent += 1
                rumours.update(need.subject) { $0.need = later }
                line.insert(later, at: place(of: later))
            }
            return rumour.update
        }
    }

    private mutating func leave(_ need: Need) { line.remove(at: place(of: need)) }

    /// Index of the first that does not come before it.
    private func place(of need: Need) -> Int {
        var low = 0
        var high = line.count
        while low < high {
            let middle = (low + high) / 2
            if line[middle] < need { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
