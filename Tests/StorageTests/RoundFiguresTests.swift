import Foundation
import Testing
import Wire

@testable import MeshNode

/// What a node knows of its last round after a restart.
@Suite struct RoundFiguresTests {
    private func row(_ round: UInt32, attempt: UInt16 = 0, _ outcome: RoundView.Outcome, accuracy: Double?) throws
        -> DerivedRow
    {
        let view = RoundView(
            task: testChain.hex, round: round, attempt: attempt, outcome: outcome,
            reason: outcome == .void ? "too few updates arrived" : nil, enrolled: 5, accuracy: accuracy)
        return .roundMetrics(
            chain: testChain, round: UInt64(round), attempt: UInt32(attempt), json: APICoding.text(view))
    }

    /// A failed attempt has no accuracy: that of the round before stays.
    @Test func aVoidAttemptKeepsTheFiguresOfTheRoundBefore() throws {
        let scratch = Scratch()
        let store = try ChainStore(path: scratch.file("chain.sqlite"), opening: .createIfMissing)
        try store.store([.chain(ChainRecord(id: testChain, kind: 1))])
        #expect(try RoundView.last(of: testChain, in: store) == nil)
        try store.store([
            try row(1, .accepted, accuracy: 0.5), try row(2, .rejected, accuracy: 0.75),
            try row(3, .void, accuracy: nil), try row(3, attempt: 1, .void, accuracy: nil),
        ])
        let last = try #require(try RoundView.last(of: testChain, in: store))
        #expect(last.round == 2 && last.accuracy == 0.75, "\(last.round), \(last.outcome)")
        #expect(
            [RoundView.Outcome.running, .accepted, .rejected, .void].map { outcome in
                RoundView(task: "", round: 1, attempt: 0, outcome: outcome, enrolled: 4).hasFigures
            } == [true, true, true, false])
    }
}
