import Glibc
internal import MeshSim

/// One thread that runs every job of every node, in an order that a seed chooses, under virtual time.
///
/// Jobs of an actor run on its own executor, one after another as they came; jobs that belong to no actor come from the
/// runtime's hook for the global pool. Which executor goes next is drawn. When nothing is ready the next timer fires.
final class Schedule: @unchecked Sendable {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    /// The hook has no other way to find the schedule of this process.
    nonisolated(unsafe) private static var current: Schedule?
    /// Jobs of crashed nodes never end: what they hold must outlive them.
    nonisolated(unsafe) private static var graveyard: [Any] = []

    private struct Timer {
        let executor: SimulatedExecutor?
        let body: @Sendable () -> Void
    }

    private final class Pool: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) { Schedule.current!.global.append(UnownedJob(job)) }
    }

    private(set) var random: SimulationRandom
    /// Microseconds of virtual time.
    private(set) var time: UInt64 = 0
    private(set) var steps = 0
    var trace = TraceHash()
    /// Whose job or timer runs now.
    private(set) var running: SimulatedExecutor?
    private var executors: [SimulatedExecutor] = []
    private var global: [UnownedJob] = []
    private var timers = EventQueue<Timer>()
    private let pool = Pool()

    /// Takes over the global pool of this process: one schedule at a time, in a program of its own.
    init(seed: UInt64) {
        random = SimulationRandom(seed: seed)
        if let before = Self.current { Self.graveyard.append(before) }
        Self.current = self
        guard let symbol = dlsym(nil, "swift_task_enqueueGlobal_hook") else {
            fatalError("this Swift runtime has no swift_task_enqueueGlobal_hook: layer B cannot run here")
        }
        symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, _ in Schedule.current!.global.append(job) }
    }

    func draw<Result>(_ body: (inout SimulationRandom) -> Result) -> Result { body(&random) }

    func makeExecutor() -> SimulatedExecutor {
        let executor = SimulatedExecutor(schedule: self, number: executors.count)
        executors.append(executor)
        return executor
    }

    /// Runs `body` at a moment; never, if the executor it belongs to is dead by then.
    func at(_ moment: UInt64, on executor: SimulatedExecutor?, _ body: @escaping @Sendable () -> Void) {
        timers.push(Timer(executor: executor, body: body), at: max(moment, time))
    }

    /// Runs until `isDone`, nothing is left, or the horizon; whether it was done.
    func run(until horizon: UInt64, _ isDone: () -> Bool) -> Bool {
        while true {
            if steps.isMultiple(of: 64), isDone() { return true }
            steps += 1
            if runReady() { continue }
            guard let (moment, timer) = timers.pop() else { return isDone() }
            if moment > horizon { return isDone() }
            time = moment
            if let executor = timer.executor, executor.isDead {
                Self.graveyard.append(timer.body)
                continue
            }
            trace.mix(moment)
            trace.mix(UInt64(timer.executor?.number ?? 255))
            running = timer.executor
            timer.body()
            running = nil
        }
    }

    private func runReady() -> Bool {
        let ready = executors.indices.filter { !executors[$0].jobs.isEmpty }
        let count = ready.count + global.count
        guard count > 0 else { return false }
        let choice = count == 1 ? 0 : random.below(count)
        trace.mix(UInt64(choice) << 8 | UInt64(min(count, 255)))
        guard choice < ready.count else {
            let job = global.remove(at: choice - ready.count)
            job.runSynchronously(on: pool.asUnownedTaskExecutor())
            return true
        }
        let executor = executors[ready[choice]]
        running = executor
        executor.jobs.removeFirst().runSynchronously(on: executor.asUnownedSerialExecutor())
        running = nil
        return true
    }
}
