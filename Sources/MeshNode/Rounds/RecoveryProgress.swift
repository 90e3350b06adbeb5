internal import MeshCrypto
internal import Synchronization

/// How far the recovery of a sum is: for people who wait, and for whoever ends it because nobody waits any more.
///
/// Two stretches, each with its own countdown: the table of logarithms, where there is none yet, and the elements.
final class RecoveryProgress: Sendable {
    private struct State {
        var what = ""
        var meter: ProgressMeter?
        var isCancelled = false
    }

    private let state = Mutex(State())
    private let report: @Sendable (String) -> Void

    /// - Parameter report: called every two seconds at most, from the thread that computes.
    init(report: @escaping @Sendable (String) -> Void) { self.report = report }

    /// A stretch of `total` elements or entries begins.
    func begin(_ what: String, total: Int) -> ProgressMeter {
        let start = ContinuousClock.now
        let report = report
        let meter = ProgressMeter(
            total: total, clock: { Node.interval(start, .now) },
            report: { report("\(what): \($0)") })
        state.withLock { state in
            state.what = what
            state.meter = meter
            if state.isCancelled { meter.cancel() }
        }
        return meter
    }

    /// The work ends at its next piece.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.meter?.cancel()
        }
    }

    /// For example "recovers the sum: 40 %, 3 s left"; nil before it began.
    var text: String? {
        state.withLock { state in state.meter.map { "\(state.what): \($0.current)" } }
    }
}
