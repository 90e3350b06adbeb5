internal import Dispatch

/// A serial executor on a thread of its own choosing: fsyncs of an actor do not hold up the cooperative pool.
final class QueueExecutor: SerialExecutor {
    let queue: DispatchQueue

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
}

/// Long computations, one after another, off the cooperative pool: a node that trains or recovers still answers
/// probes in time.
final class Worker: Sendable {
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
