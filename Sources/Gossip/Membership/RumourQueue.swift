internal import Wire

/// Updates that still have to be passed on, the least-sent first (SWIM §4.1). One for each subject.
struct RumourQueue: Sendable {
    private struct Rumour: Sendable {
        let update: MembershipUpdate
        var sent = 0
        let limit: Int
        let order: UInt64
        let size: Int
    }

    private var rumours = Bounded<NodeID, NodeID, Rumour>(GossipTables.rumours)
    private var nextOrder: UInt64 = 0

    var isEmpty: Bool { rumours.isEmpty }

    /// Replaces what was said about the same subject.
    ///
    /// - Parameter sender: who told it.
    mutating func add(_ update: MembershipUpdate, limit: Int, by sender: NodeID) {
        rumours.remove(update.subject)
        rumours.insert(
            Rumour(update: update, limit: limit, order: nextOrder, size: update.wireBytes.count),
            for: update.subject, by: sender)
        nextOrder &+= 1
    }

    /// As many as fit in `bytes`, counted as sent.
    mutating func take(bytes: Int) -> [MembershipUpdate] {
        var left = bytes
        var taken: [MembershipUpdate] = []
        let byNeed = rumours.ordered.sorted { lhs, rhs in
            (lhs.value.sent, ~lhs.value.order) < (rhs.value.sent, ~rhs.value.order)
        }
        for (subject, rumour) in byNeed where taken.count < MembershipMessage.updatesMax && rumour.size <= left {
            left -= rumour.size
            taken.append(rumour.update)
            if rumour.sent + 1 >= rumour.limit {
                rumours.remove(subject)
            } else {
                rumours.update(subject) { $0.sent += 1 }
            }
        }
        return taken
    }
}
