internal import Chain
internal import Foundation
internal import Gossip
internal import Logging
internal import Wire

/// Why a node does not do what its operator expects of it: one reason for each task and activity, kept until it is gone.
///
/// Whatever waits or fails writes its reason here and takes it away when it goes on; `status`, `/readyz`, metrics, `doctor`
/// and `watch` read it. Nothing that somebody waits for may fail with a log line alone.
struct ObstacleBook {
    struct Key: Hashable {
        let what: Obstacle.What
        let task: TaskID?
    }

    struct Entry {
        var reason: String
        var sinceMs: UInt64
        /// Nothing will change by waiting.
        var isFinal: Bool
        var attempts: UInt32
        /// By the monotonic clock: when it is tried again.
        var retryMs: UInt64
    }

    private(set) var entries: [Key: Entry] = [:]

    /// Between two attempts at most.
    private static let longestPauseMs: UInt64 = 60_000

    /// - Returns: whether this is news: another reason than before.
    mutating func set(
        _ what: Obstacle.What, _ task: TaskID?, _ reason: String, isFinal: Bool = false, now: Instant
    ) -> Bool {
        let key = Key(what: what, task: task)
        let old = entries[key]
        let attempts = min((old?.attempts ?? 0) + 1, 32)
        let pause = min(Self.longestPauseMs, 500 << UInt64(min(attempts, 8)))
        let isNews = old?.reason != reason
        entries[key] = Entry(
            reason: reason, sinceMs: isNews ? now.wallMs : old?.sinceMs ?? now.wallMs, isFinal: isFinal,
            attempts: attempts, retryMs: now.monotonicMs + pause)
        return isNews
    }

    /// What has changed may have been what this waited for: the next attempt is due.
    mutating func hasten(_ what: Obstacle.What) {
        for key in Array(entries.keys) where key.what == what { entries[key]?.retryMs = 0 }
    }

    mutating func clear(_ what: Obstacle.What, _ task: TaskID?) { entries[Key(what: what, task: task)] = nil }
    mutating func clear(task: TaskID) { entries = entries.filter { $0.key.task != task } }

    /// Whether another attempt is due.
    func mayTry(_ what: Obstacle.What, _ task: TaskID?, now: Instant) -> Bool {
        guard let entry = entries[Key(what: what, task: task)] else { return true }
        return !entry.isFinal && now.monotonicMs >= entry.retryMs
    }

    func reason(_ what: Obstacle.What, _ task: TaskID?) -> String? { entries[Key(what: what, task: task)]?.reason }

    /// In a fixed order: what concerns the whole node first.
    var views: [Obstacle] {
        entries.map { key, entry in
            Obstacle(
                what: key.what, task: key.task?.hex, reason: entry.reason, sinceMs: entry.sinceMs,
                isFinal: entry.isFinal)
        }.sorted { ($0.task ?? "", $0.what.rawValue) < ($1.task ?? "", $1.what.rawValue) }
    }
}

extension Node {
    /// Writes down why something does not happen; it is a warning, and said once for each reason.
    func obstacle(
        _ what: Obstacle.What, task: TaskID? = nil, round: UInt32? = nil, isFinal: Bool = false, _ reason: String
    ) {
        guard obstacles.set(what, task, reason, isFinal: isFinal, now: now) else { return }
        note("warning", "\(Obstacle.beginning(what, isFinal: isFinal)): \(reason)", task: task, round: round)
    }

    /// Every heartbeat: what only looking tells.
    func lookForObstacles() {
        lookAtHome()
        lookAtStore()
        lookAtQuorum()
        for key in obstacles.entries.keys {
            guard let task = key.task else { continue }
            if registry.state.task(task) == nil || tasks[task]?.machine.state.isEnded == true {
                obstacles.clear(task: task)
            }
        }
    }

    /// A home that was moved or removed under the running node: what it writes is durable nowhere that a restart looks.
    private func lookAtHome() {
        guard !isStopped else { return }
        let found: FileSystem.Status?
        do { found = try FileSystem.status(home.chainDatabase) } catch { return }
        guard found?.inode == homeInode else {
            return halt(
                "the home \(home.path) was moved, removed or replaced while this node runs; put it back and start the "
                    + "node again: `meshnode run --home \(home.path.shellWord)`")
        }
    }

    /// The registry decides nothing while validators of a third of the weight or more cannot be reached.
    private func lookAtQuorum() {
        let validators = registry.state.validators
        guard validators.weight(of: linked + [nodeID]) < validators.quorum else {
            return obstacles.clear(.registry, nil)
        }
        // A node that has just started has not met the others yet.
        guard now.monotonicMs > 10_000 else { return }
        Task {
            // In a large mesh not every validator is linked; whoever answers probes is reached through others.
            let alive = await transport.peers().filter { $0.status == .alive }.map(\.node)
            judgeQuorum(validators, reachable: Set(alive).union(linked).union([nodeID]))
        }
    }

    private func judgeQuorum(_ validators: Electorate, reachable: Set<NodeID>) {
        let weight = validators.weight(of: reachable)
        guard weight < validators.quorum else { return obstacles.clear(.registry, nil) }
        let missing = validators.members.map(\.node).filter { !reachable.contains($0) }
        obstacle(
            .registry,
            "no quorum: validators of weight \(weight) of \(validators.totalWeight) are reachable, \(validators.quorum) "
                + "are needed; missing: \(missing.prefix(8).map(\.short).joined(separator: ", "))"
                + (missing.count > 8 ? " and \(missing.count - 8) more" : "")
                + ForkAdvice.text(validators, missing: missing, home: home.path))
    }
}
