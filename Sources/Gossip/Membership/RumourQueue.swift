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

    private static let countMax = 256
    private var rumours: [Rumour] = []
    private var nextOrder: UInt64 = 0

    var isEmpty: Bool { rumours.isEmpty }

    /// Replaces what was said about the same subject.
    mutating func add(_ update: MembershipUpdate, limit: Int) {
        rumours.removeAll { $0.update.subject == update.subject }
        if rumours.count >= Self.countMax { rumours.removeFirst() }
        rumours.append(Rumour(update: update, limit: limit, order: nextOrder, size: update.wireBytes.count))
        nextOrder &+= 1
    }

    /// As many as fit in `bytes`, counted as sent.
    mutating func take(bytes: Int) -> [MembershipUpdate] {
        var left = bytes
        var taken: [MembershipUpdate] = []
        let byNeed = rumours.indices.sorted { lhs, rhs in
            (rumours[lhs].sent, ~rumours[lhs].order) < (rumours[rhs].sent, ~rumours[rhs].order)
        }
        for index in byNeed where taken.count < MembershipMessage.updatesMax && rumours[index].size <= left {
            left -= rumours[index].size
            taken.append(rumours[index].update)
            rumours[index].sent += 1
        }
        rumours.removeAll { $0.sent >= $0.limit }
        return taken
    }
}
