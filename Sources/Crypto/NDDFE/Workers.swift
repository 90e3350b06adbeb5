internal import Dispatch
internal import Synchronization

/// Spreads independent pieces of work over the cores. Results come back in order, whatever the cores do.
enum Workers {
    /// Elements a piece has where nothing else decides: large enough for tables and inversions to pay.
    static let chunk = 4096

    static func map<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
        if count <= 1 { return (0..<max(0, count)).map(body) }
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
}
