import MeshCrypto
import Testing
import Wire

@testable import Chain

/// From scores to credits.
@Suite("Payment by contribution")
struct ContributionTests {
    private func round(_ number: UInt32, _ scores: [(NodeID, Int64?)]) -> ScoreBook.Round {
        .init(round: number, direction: nil, entries: scores.map { .init(node: $0.0, score: $0.1) })
    }

    @Test func unitsByHand() {
        // Positive: 50, 100, 1000; the median is 100.
        #expect(ContributionShares.units([100, 1_000, 50, -900, 0]) == [65_536, 98_304, 32_768, -98_304, 0])
        // Of an even number the median is the mean of the middle two: 75.
        #expect(ContributionShares.units([50, 100, 25, 200]) == [43_690, 87_381, 21_845, 98_304])
        // Rounded towards minus infinity.
        #expect(ContributionShares.units([3, 3, 3, -1]) == [65_536, 65_536, 65_536, -21_846])
        #expect(ContributionShares.units([5, 5, -1, -1]) == nil, "two positive scores say nothing")
        #expect(ContributionShares.units([5, nil, 5, 5]) == [65_536, -98_304, 65_536, 65_536])
        #expect(ContributionShares.units([5, nil, 5]) == nil)
        let most = Int64(1) << 62
        #expect(ContributionShares.units([most, most, most, -most]) == [65_536, 65_536, 65_536, -65_536])
    }

    @Test func weightsByHand() {
        // M is 5.5, the mean of 3 and 8; eight times what is above a quarter of it.
        #expect(ContributionShares.weights([8, 12, 3, 2, -9, 0]) == [53, 85, 13, 5, 0, 0])
        #expect(ContributionShares.weights([-1, 0]) == [0, 0])
    }

    /// Noise of any size scores positive in half of the rounds; what it keeps to itself must not be forgotten.
    @Test func whoOpensOnlyPositiveScoresEarnsNothing() {
        let honest: [Int64?] = [100, 110, 90, 105]
        let opened: [Int64?] = [150, nil, 80, nil, nil]
        let weights = ContributionShares.weights(rounds: opened.map { honest + [$0] })
        #expect(weights[4] == 0 && weights[..<4].allSatisfy { $0 > 0 })
        // One round missed by an honest member costs it that round and half of the next ones, not everything.
        let missed = ContributionShares.weights(rounds: [honest, [nil] + honest.dropFirst(), honest, honest, honest])
        #expect(missed[0] > 0 && missed[0] < missed[3])
    }

    @Test func creditsAddUpWhateverTheScores() throws {
        var state = UInt64(7)
        func next(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        let fixture = TaskFixture(rounds: 7, scoredRounds: 5)
        let nodes = fixture.keys.map(\.nodeID)
        var byScore = 0
        for _ in 0..<300 {
            var state = fixture.state
            state.payouts.rounds = 0
            var paid: UInt64 = 0
            for number in 1...UInt32(1 + next(7)) {
                let budget = Payouts.budget(reward: 1_000, round: number, of: 7)
                state.scores.authored[Int(next(5))] += budget
                paid += budget
                for index in nodes.indices { state.payouts.entries[index].rounds += UInt32(next(2)) }
                if next(2) == 0 {
                    state.scores.rounds.append(
                        round(number, nodes.filter { _ in next(5) > 0 }.map { ($0, Int64(next(2_000)) - 600) }))
                }
            }
            state.shareByContribution()
            if state.isPaidByScore { byScore += 1 }
            let hasMembers = state.contributionWeights.values.contains { $0 > 0 }
            #expect(state.payouts.entries.reduce(0) { $0 + $1.credits } == paid)
            #expect(hasMembers || state.payouts.entries.map(\.credits) == state.scores.authored)
        }
        #expect(byScore > 50)
    }

    /// Four honest members, one that sends noise or the negative: the latter get nothing but their tenths.
    @Test func noiseAndFlipEarnNothing() throws {
        let fixture = TaskFixture(rounds: 5, scoredRounds: 5)
        let nodes = fixture.keys.map(\.nodeID)
        var state = fixture.state
        for number in 0..<5 {
            let noise: Int64 = [30, -80, 60, -20, 50][number]
            state.scores.rounds.append(
                round(
                    UInt32(number + 1),
                    [(nodes[0], 400 + noise), (nodes[1], 500), (nodes[2], noise), (nodes[3], 450), (nodes[4], -480)]))
            state.scores.authored[number] += 200
            for index in nodes.indices { state.payouts.entries[index].rounds += 1 }
        }
        state.shareByContribution()
        let credits = state.payouts.entries.map(\.credits)
        #expect(credits[2] == 20 && credits[4] == 20, "\(credits)")
        #expect(credits.reduce(0, +) == 1_000 && credits[0] > 250 && credits[1] > credits[0])
        #expect(state.isPaidByScore)
    }

    @Test func withoutScoresRowsDecide() throws {
        var state = TaskFixture(rounds: 2, scoredRounds: 1).state
        state.scores.authored[0] = 500
        for index in 0..<4 { state.payouts.entries[index].rounds = 1 }
        state.shareByContribution()
        // 50 for the tenth, 450 for four of equal rows: 112 each, the two credits left to the smaller keys.
        #expect(state.payouts.entries.map(\.credits).reduce(0, +) == 500)
        #expect(Array(state.payouts.entries.map(\.credits).suffix(4)) == [113, 112, 112, 0])
        // A publisher whose direction scores everybody below zero saves nothing.
        state.scores.rounds = [round(1, state.payouts.entries.map { ($0.node, -5) })]
        let before = state.payouts.entries
        state.shareByContribution()
        #expect(state.payouts.entries == before && !state.isPaidByScore)
    }
}
