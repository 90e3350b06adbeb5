internal import MeshNode

/// A node's thread and clocks inside a schedule.
final class SimulatedExecutor: NodeExecutor, @unchecked Sendable {
    private let schedule: Schedule
    let number: Int
    /// A killed process: nothing that waits here will ever run.
    private(set) var isDead = false
    var jobs: [UnownedJob] = []
    /// Of the wall clock, milliseconds.
    var skewMs: Int64 = 0

    /// Virtual time 0 in milliseconds since 1970.
    static let epochMs: Int64 = 1_790_000_000_000

    init(schedule: Schedule, number: Int) {
        self.schedule = schedule
        self.number = number
    }

    func kill() {
        isDead = true
        jobs = []
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if !isDead { jobs.append(job) }
    }

    func checkIsolated() {
        precondition(schedule.running === self, "code of one node runs on the thread of another")
    }

    var monotonic: Duration { .microseconds(Int64(schedule.time)) }

    var wallMs: UInt64 { UInt64(Self.epochMs + Int64(schedule.time / 1_000) + skewMs) }

    func after(_ delayMs: UInt64, _ body: @escaping @Sendable () -> Void) {
        schedule.at(schedule.time + min(delayMs, 1 << 40) * 1_000, on: self, body)
    }
}

/// Computations that really run, and take a drawn virtual time.
final class SimulatedWorker: NodeWorker, @unchecked Sendable {
    private let schedule: Schedule
    private let executor: SimulatedExecutor
    private var free: UInt64 = 0

    init(schedule: Schedule, executor: SimulatedExecutor) {
        self.schedule = schedule
        self.executor = executor
    }

    func run<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, RoundError>
    ) async -> Result<Success, RoundError> {
        await withUnsafeContinuation { continuation in
            // One after another.
            free = max(free, schedule.time) + schedule.draw { $0.within(1_000...40_000) }
            schedule.at(free, on: executor) { continuation.resume(returning: body()) }
        }
    }
}
