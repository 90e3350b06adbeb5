import Chain
import Testing
import Wire

@testable import MeshNode

/// The book of reasons why a node does not do what is expected of it.
@Suite("Obstacles")
struct ObstacleTests {
    private let task = TaskID([UInt8](repeating: 7, count: 32))

    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(monotonicMs: milliseconds, wallMs: 1_000 + milliseconds)
    }

    @Test func aReasonIsNewsOnceAndKeepsItsTime() {
        var book = ObstacleBook()
        let first = book.set(.join, task, "nonce 15, the account is at 13", now: at(0))
        let again = book.set(.join, task, "nonce 15, the account is at 13", now: at(5_000))
        #expect(first && !again)
        #expect(book.views.map(\.sinceMs) == [1_000])
        let other = book.set(.join, task, "no credits", now: at(6_000))
        #expect(other)
        #expect(book.views.map(\.reason) == ["no credits"])
        book.clear(.join, task)
        #expect(book.views.isEmpty)
    }

    /// What passes is tried again for ever, ever more rarely but at least once a minute.
    @Test func passingReasonsAreTriedForEver() {
        var book = ObstacleBook()
        var now: UInt64 = 0
        for _ in 0..<200 {
            _ = book.set(.join, task, "nonce", now: at(now))
            #expect(!book.mayTry(.join, task, now: at(now)))
            #expect(book.mayTry(.join, task, now: at(now + 60_000)))
            now += 60_000
        }
        #expect(book.mayTry(.train, task, now: at(now)))
    }

    /// A registry block may bring what an enrolment waits for.
    @Test func whatHasChangedIsTriedAtOnce() {
        var book = ObstacleBook()
        _ = book.set(.join, task, "no account", now: at(0))
        _ = book.set(.train, task, "diverges", isFinal: true, now: at(0))
        #expect(!book.mayTry(.join, task, now: at(1)))
        book.hasten(.join)
        #expect(book.mayTry(.join, task, now: at(1)) && !book.mayTry(.train, task, now: at(1)))
        #expect(book.views.first { $0.what == .join }?.sinceMs == 1_000)
    }

    /// Bonds of ended tasks lie for days: what may be put up in these goes by what there is, not by tasks at once.
    @Test func endedTasksDoNotKeepANodeFromTheNext() {
        let usual = NodeConfiguration.Miner(isEnabled: true, joinsByItself: true, bond: 100)
        #expect(usual.totalBondLimit(holding: 9_000) == 4_500)
        #expect(usual.totalBondLimit(holding: 1_000) == 800)
        let set = NodeConfiguration.Miner(isEnabled: true, joinsByItself: true, bond: 100, mostTotalBond: 300)
        #expect(set.totalBondLimit(holding: 9_000) == 300)
        let vast = NodeConfiguration.Miner(isEnabled: true, joinsByItself: true, bond: .max)
        #expect(vast.totalBondLimit(holding: 9_000) == .max)
    }

    @Test func finalReasonsAreNotTriedAgain() {
        var book = ObstacleBook()
        _ = book.set(.join, task, "this node's data do not fit the task", isFinal: true, now: at(0))
        #expect(!book.mayTry(.join, task, now: at(1 << 40)))
        #expect(book.views.first?.text.hasSuffix("(not tried again by itself)") == true)
    }
}
