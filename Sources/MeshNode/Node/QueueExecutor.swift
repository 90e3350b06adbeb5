internal import Dispatch
internal import Foundation

/// A serial executor on a thread of its own choosing: fsyncs of an actor do not hold up the cooperative pool.
final class QueueExecutor: NodeExecutor {
    let queue: DispatchQueue
    private let origin = ContinuousClock.now

    init(label: String) {
        queue = DispatchQueue(label: label)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }

    var monotonic: Duration { ContinuousClock.now - origin }

    var wallMs: UInt64 { UInt64(Date().timeIntervalSince1970 * 1_000) }

    func after(_ delayMs: UInt64, _ body: @escaping @Sendable () -> Void) {
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(clamping: delayMs)), execute: body)
    }
}

/// Long computations, one after another, off the cooperative pool: a node that trains or recovers still answers
/// probes in time.
final class Worker: NodeWorker {
    private let queue: DispatchQueue

    init(label: String) {
        queue = DispatchQueue(label: label, qos: .utility)
    }

    func run<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, RoundError>
    ) async -> Result<Success, RoundError> {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }
}
