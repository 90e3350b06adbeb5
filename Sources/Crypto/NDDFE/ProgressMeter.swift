internal import Synchronization

/// Turns "so many are done", said from any thread, into occasional remarks with the time that is left, and lets somebody
/// else end the work.
///
/// `reach` fits the `progress` parameters of `BoundedLogarithm`, `recover` and `Aggregate.decrypt`:
///
///     let meter = ProgressMeter(total: count, clock: clock) { print($0) }
///     let table = try BoundedLogarithm(bound: bound) { done, total in meter.reach(done * count / total) }
///     let values = try Aggregate.decrypt(…, progress: meter.reach)
///
/// After `cancel` they throw `NDDFEError.cancelled` at their next piece: 4096 elements, or a hundredth of a table.
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
        var isCancelled = false
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

    /// `count` more are done.
    public func advance(by count: Int) {
        note { $0 + count }
    }

    /// `done` are done, or more if somebody said so before.
    ///
    /// - Returns: whether to go on.
    public func reach(_ done: Int) -> Bool {
        note { max($0, done) }
        return !isCancelled
    }

    /// Makes every later `reach` answer that the work shall end.
    public func cancel() { state.withLock { $0.isCancelled = true } }

    public var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// How far the work is now, for whoever asks instead of waiting for remarks.
    public var current: Report {
        let now = clock()
        return state.withLock { Report(done: $0.done, total: total, elapsed: now - start) }
    }

    private func note(_ change: (Int) -> Int) {
        let now = clock()
        let due: Report? = state.withLock { state in
            state.done = min(total, change(state.done))
            guard now - state.reported >= interval else { return nil }
            state.reported = now
            return Report(done: state.done, total: total, elapsed: now - start)
        }
        if let due { report(due) }
    }
}
