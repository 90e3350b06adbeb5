internal import Synchronization

/// Turns "so many more are done", said from any thread, into occasional remarks with the time that is left.
public final class ProgressMeter: Sendable {
    /// What is known at one moment.
    public struct Report: Sendable, Hashable, CustomStringConvertible {
        public let done: Int
        public let total: Int
        /// Seconds since the start, by the clock the meter was given.
        public let elapsed: Double
        /// Seconds until the end at the speed so far.
        public var remaining: Double { done == 0 ? .infinity : elapsed / Double(done) * Double(max(0, total - done)) }

        public var description: String {
            let rest = remaining.isFinite ? "\(Int(remaining.rounded(.up))) s left" : "time left unknown"
            return "\(total == 0 ? 100 : min(100, 100 * done / total)) %, \(rest)"
        }
    }

    private struct State {
        var done = 0
        var reported: Double
    }

    private let total: Int
    private let start: Double
    private let interval: Double
    private let clock: @Sendable () -> Double
    private let state: Mutex<State>
    private let report: @Sendable (Report) -> Void

    /// - Parameters:
    ///   - clock: seconds from any origin; must not go back.
    ///   - interval: least seconds between two reports.
    ///   - report: called from the thread that made progress.
    public init(
        total: Int, interval: Double = 2, clock: @escaping @Sendable () -> Double,
        report: @escaping @Sendable (Report) -> Void
    ) {
        self.total = total
        self.interval = interval
        self.clock = clock
        self.report = report
        start = clock()
        state = Mutex(State(reported: start))
    }

    public func advance(by count: Int) {
        let now = clock()
        let due: Report? = state.withLock { state in
            state.done = min(total, state.done + count)
            guard now - state.reported >= interval else { return nil }
            state.reported = now
            return Report(done: state.done, total: total, elapsed: now - start)
        }
        if let due { report(due) }
    }
}
