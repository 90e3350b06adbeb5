internal import Dispatch
internal import Foundation
internal import Synchronization

/// Independent runs on all cores.
enum OrderedRuns {
    private struct State<Outcome: Sendable> {
        var next = 0
        var done: [Int: Outcome] = [:]
    }

    private final class Board<Outcome: Sendable>: Sendable {
        let state = Mutex(State<Outcome>())
        let finished = DispatchSemaphore(value: 0)
    }

    /// Calls `run` with 0, 1, … on any core, and `then` with each result on the calling thread, in order and as soon as
    /// those before it are there: what is printed does not depend on the number of cores.
    static func forEach<Outcome: Sendable>(
        _ count: Int, _ run: @escaping @Sendable (Int) -> Outcome, then: (Outcome) throws -> Void
    ) rethrows {
        let board = Board<Outcome>()
        @Sendable func take() -> Int? {
            board.state.withLock { state in
                guard state.next < count else { return nil }
                defer { state.next += 1 }
                return state.next
            }
        }
        defer { board.state.withLock { $0.next = count } }
        for _ in 0..<min(count, ProcessInfo.processInfo.activeProcessorCount) {
            DispatchQueue.global().async {
                while let number = take() {
                    let outcome = run(number)
                    board.state.withLock { $0.done[number] = outcome }
                    board.finished.signal()
                }
            }
        }
        var told = 0
        while told < count {
            board.finished.wait()
            while let outcome = board.state.withLock({ $0.done.removeValue(forKey: told) }) {
                try then(outcome)
                told += 1
            }
        }
    }
}
