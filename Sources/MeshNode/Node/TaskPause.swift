/// How long a task that this node is in has been paused by its publisher.
struct TaskPause {
    /// How long a paused task keeps its place of miner.max_tasks, in milliseconds.
    ///
    /// Five minutes: who pauses to change a machine or a file resumes within them, and a node that waits for a place no
    /// longer than this loses little. It counts anew after a restart.
    static let placeMs: UInt64 = 300_000

    /// Monotonic milliseconds at which it was first seen paused, and its round then.
    private var since: (ms: UInt64, round: UInt32)?

    /// - Parameter round: of the task's chain. A task that resumes and is paused again before a round was decided has been
    ///   paused all the time: orders cost nothing either.
    mutating func note(isPaused: Bool, round: UInt32, nowMs: UInt64) {
        if let since, since.round != round { self.since = nil }
        if isPaused, since == nil { since = (nowMs, round) }
    }

    /// - Parameter isPaused: now; a task that has resumed takes its place again, however many others there are by then.
    func holdsNoPlace(isPaused: Bool, nowMs: UInt64) -> Bool {
        guard isPaused, let since else { return false }
        return nowMs >= since.ms + Self.placeMs
    }
}
