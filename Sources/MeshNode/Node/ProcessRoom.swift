internal import Dispatch
#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// Whether this process gets the threads, memory and files that it cannot do without. libdispatch asks for ever for a thread that it
/// does not get, an allocation that fails ends the process and so does a file that grows too long: what is missing has to be
/// said before anything else begins.
public struct ProcessRoom: Sendable {
    /// Of a command that asks a node or works on files.
    public static let command = ProcessRoom(threads: 4, memory: 16 << 20, fileSize: 0)
    /// Of a node: threads of the runtime, the network, the databases and the work on rounds, and memory for small tasks (what
    /// a task takes is told before it is joined). A chain and the contents of some tasks are files of this size.
    public static let node = ProcessRoom(threads: 24, memory: 128 << 20, fileSize: 64 << 20)

    /// Threads that run at once.
    let threads: Int
    /// Bytes beside their stacks.
    let memory: Int
    /// Bytes that one file may grow to at least.
    let fileSize: UInt64

    /// A thread's stack: what is less does not hold the calls of this program.
    private static let leastStack: UInt64 = 256 << 10

    /// To be called before anything else runs: each thread of glibc's allocator takes 64 MiB of address space, more than there is
    /// where it is limited.
    public static func spareAddressSpace() {
        #if canImport(Glibc)
            guard let limit = ProcessLimit.addressSpace.current, limit < 1 << 40 else { return }
            // Its header is in no module, so it is looked up by name; -8 is its M_ARENA_MAX.
            typealias Option = @convention(c) (Int32, Int32) -> Int32
            guard let symbol = dlsym(nil, "mallopt") else { return }
            _ = unsafeBitCast(symbol, to: Option.self)(-8, 1)
        #endif
    }

    /// Tries it out: what a limit lets through is known by what it refuses, whoever set it (shell, unit, container).
    /// - Throws: `NodeError.noRoom`, with what is missing and how to raise it.
    public func require() throws(NodeError) {
        #if os(Linux)
            if let stack = ProcessLimit.stack.current, stack < Self.leastStack {
                throw .noRoom(
                    "a thread's stack may have \(stack) bytes, \(Self.leastStack) are needed; raise the limit: ulimit -s 8192"
                )
            }
            if let size = ProcessLimit.fileSize.current, size < fileSize {
                throw .noRoom(
                    "a file may grow to \(size) bytes, the files of a node grow beyond \(fileSize); raise the limit: "
                        + "ulimit -f unlimited")
            }
            let (started, isRoom) = attempt()
            guard started == threads else {
                throw .noRoom(
                    "the system starts \(started) more threads, \(threads) are needed; raise the limits of address space, data "
                        + "and processes (ulimit -v unlimited, ulimit -d unlimited, ulimit -u 4096), TasksMax in a systemd "
                        + "unit, --pids-limit of a container")
            }
            guard isRoom else {
                throw .noRoom(
                    "the system gives no \(memory >> 20) MiB of memory beside \(threads) threads; raise the limits of address "
                        + "space and data: ulimit -v unlimited, ulimit -d unlimited")
            }
        #endif
    }

    #if os(Linux)
        /// Threads that start and wait side by side, and whether there is memory beside them.
        private func attempt() -> (threads: Int, isRoom: Bool) {
            let gate = DispatchSemaphore(value: 0)
            let context = Unmanaged.passUnretained(gate).toOpaque()
            var started: [pthread_t] = []
            while started.count < threads {
                var thread = pthread_t()
                let code = pthread_create(
                    &thread, nil,
                    { context in
                        Unmanaged<DispatchSemaphore>.fromOpaque(context!).takeUnretainedValue().wait()
                        return nil
                    }, context)
                guard code == 0 else { break }
                started.append(thread)
            }
            // Nothing is written there, so nothing is taken but the address space.
            let room = mmap(
                nil, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
            let isRoom = room != MAP_FAILED
            if isRoom { munmap(room, memory) }
            for _ in started { gate.signal() }
            for thread in started { pthread_join(thread, nil) }
            return (started.count, isRoom)
        }
    #endif
}
