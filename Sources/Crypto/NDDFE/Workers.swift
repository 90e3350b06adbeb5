internal import Dispatch
internal import Synchronization
internal import Wire

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Spreads independent pieces of work over the cores. Results come back in order, whatever the cores do.
enum Workers {
    /// Elements a piece has where nothing else decides: large enough for tables and inversions to pay.
    static let chunk = RecoveryDemand.chunk

    private static let single = Atomic<Bool>(false)

    /// Keeps everything on the calling thread, for measurements.
    static var isSingle: Bool {
        get { single.load(ordering: .relaxed) }
        set { single.store(newValue, ordering: .relaxed) }
    }

    /// The number of pieces that can run at the same time.
    static var cores: Int {
        isSingle ? 1 : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    static func map<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
        if count <= 1 || isSingle { return (0..<max(0, count)).map(body) }
        let results = Mutex<[Result?]>(Array(repeating: nil, count: count))
        DispatchQueue.concurrentPerform(iterations: count) { index in
            let value = body(index)
            results.withLock { $0[index] = value }
        }
        return results.withLock { $0.compactMap { $0 } }
    }

    /// `count` elements in ranges of at most `size`.
    static func ranges(_ count: Int, size: Int = chunk) -> [Range<Int>] {
        stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
    }

    /// `count` elements in one range for each core, each a multiple of `chunk` but the last; short counts stay together.
    static func shares(_ count: Int) -> [Range<Int>] {
        let share = ((count + cores - 1) / cores + chunk - 1) / chunk * chunk
        return ranges(count, size: max(chunk, share))
    }
}
