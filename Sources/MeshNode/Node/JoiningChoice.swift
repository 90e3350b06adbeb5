internal import Learn
internal import Wire

/// Whether a node that joins by itself joins a task, and which enrolments it leaves for it. The rule is written in
/// docs/operating.md, "Which tasks a node joins by itself"; nothing but this decides it.
struct JoiningChoice {
    /// A task that this node is in or on its way to, or one that it may join.
    struct Entry: Equatable {
        var task: TaskID
        var publisher: NodeID
        /// Credits for all members, and the most members that may share them.
        var reward: UInt64 = 0
        var members: UInt32 = 1
        /// When its enrolment closes.
        var deadlineMs: UInt64 = 0
        var bond: UInt64 = 0
        /// It has not started, and was not joined by hand.
        var mayBeLeft = false
        /// Its enrolment was to close before now, and it has too few members to start, this node included.
        var isLate = false
        /// Its publisher has paused it for longer than ``TaskPause/placeMs``: it holds no place, and its bond stays counted.
        /// Pausing costs a publisher nothing, so without this eight tasks that never run again would keep a node from every
        /// other until they expire.
        var isPaused = false

        /// Worth more: the larger reward for a member, then the sooner deadline.
        func isWorthMore(than other: Entry) -> Bool {
            let own = reward.multipliedFullWidth(by: UInt64(max(1, other.members)))
            let theirs = other.reward.multipliedFullWidth(by: UInt64(max(1, members)))
            if own != theirs { return own > theirs }
            return deadlineMs < other.deadlineMs
        }

        /// A total order: whoever comes first is considered first.
        static func comesFirst(_ one: Entry, _ other: Entry) -> Bool {
            if one.isLate != other.isLate { return other.isLate }
            if one.isWorthMore(than: other) { return true }
            return !other.isWorthMore(than: one) && one.task < other.task
        }
    }

    enum Decision: Equatable {
        case join(leaving: [TaskID])
        case wait(String)
    }

    let node: NodeID
    /// miner.max_tasks.
    let mostTasks: Int
    /// Credits that lie with tasks or are on their way there, those of ended tasks included.
    let bonded: UInt64
    let mostBonded: UInt64
    /// How the limit of bonds is called.
    let bondLimitText: String

    /// At most this many places go to tasks without a reward, and to tasks of one publisher.
    var half: Int { mostTasks / 2 + mostTasks % 2 }

    /// - Parameter own: what this node is in and has not ended, and what is on its way.
    func decide(_ candidate: Entry, among own: [Entry]) -> Decision {
        let own = own.filter { !$0.isPaused }
        var places = own.filter { !$0.isLate }
        // Those take no place that another task could have.
        var late = own.filter(\.isLate)
        var left: [Entry] = []
        func leaveLeast(where isMeant: (Entry) -> Bool) -> Bool {
            let least = places.filter { isMeant($0) && $0.mayBeLeft && candidate.isWorthMore(than: $0) }
                .max(by: Entry.comesFirst)
            guard let least, !candidate.isLate else { return false }
            places.removeAll { $0.task == least.task }
            left.append(least)
            return true
        }
        func leaveLate() -> Bool {
            guard let least = late.filter(\.mayBeLeft).max(by: Entry.comesFirst), !candidate.isLate else {
                return false
            }
            late.removeAll { $0.task == least.task }
            left.append(least)
            return true
        }
        // What this node published itself is no stranger's.
        let isOthers: (Entry) -> Bool = { $0.publisher != node }
        if isOthers(candidate), candidate.reward == 0 {
            let isFree: (Entry) -> Bool = { isOthers($0) && $0.reward == 0 }
            while places.count(where: isFree) >= half {
                guard leaveLeast(where: isFree) else {
                    return .wait(halfText("tasks without a reward", places.count(where: isFree), candidate))
                }
            }
        }
        if isOthers(candidate) {
            let isSame: (Entry) -> Bool = { $0.publisher == candidate.publisher }
            while places.count(where: isSame) >= half {
                guard leaveLeast(where: isSame) else {
                    return .wait(halfText("tasks of its publisher", places.count(where: isSame), candidate))
                }
            }
        }
        while places.count >= mostTasks {
            guard leaveLeast(where: { _ in true }) else {
                return .wait(
                    "this node is in \(Counted.text(places.count + left.count, "task")), miner.max_tasks is \(mostTasks), and none that may "
                        + "still be left is worth less")
            }
        }
        while places.count + late.count >= mostTasks, leaveLate() {}
        if candidate.isLate, places.count + late.count >= mostTasks {
            return .wait("this node is in \(Counted.text(own.count, "task")), miner.max_tasks is \(mostTasks)")
        }
        // A bond that is given back makes room for another.
        func total() -> UInt64 {
            let back = left.reduce(UInt64(0)) { $0.clampedSum($1.bond) }
            return (bonded > back ? bonded - back : 0).clampedSum(candidate.bond)
        }
        while total() > mostBonded {
            guard leaveLate() || leaveLeast(where: { _ in true }) else {
                return .wait(
                    "its bond of \(candidate.bond) would make \(bonded.clampedSum(candidate.bond)) in all, \(bondLimitText)"
                )
            }
        }
        return .join(leaving: left.map(\.task))
    }

    private func halfText(_ what: String, _ count: Int, _ candidate: Entry) -> String {
        "\(count) \(what) have half of the places (miner.max_tasks is \(mostTasks)), and none that may still be left is worth "
            + "less; join by hand: `meshnode task join \(candidate.task.short)`"
    }
}
