import MeshCrypto
import Testing
import Wire

@testable import Chain

/// RESULT, VOID and CONTROL: what they must carry, what they do to the state.
@Suite("RESULT, VOID and CONTROL validity")
struct ResultTests {
    private func expect(_ verdict: String?, _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(verdict?.contains(part) == true, "\(verdict ?? "valid")", sourceLocation: sourceLocation)
    }

    @Test func theUnchangedResultIsValidAndPays() throws {
        let keyed = try TaskFixture().keyed()
        #expect(keyed.verdict(keyed.result()) == nil)
        let next = try keyed.decided(.result(keyed.result(), accuracyPpm: 900_000))
        #expect(next.state.round == 2 && next.state.model == keyed.model && next.state.accuracyPpm == 900_000)
        #expect(next.state.payouts.entries.allSatisfy { $0.rounds == 1 } && next.state.decidedSets.isEmpty)
        // The next round's seed is new, its proposals belong to the new height.
        #expect(next.state.roundSeed != keyed.state.roundSeed)
    }

    @Test func keyStatementsMustCoverEveryComponent() throws {
        let keyed = try TaskFixture().keyed()
        let all = keyed.state.holders.map(\.node).sorted().map { keyed.statement($0) }
        #expect(keyed.verdict(keyed.result(statements: Array(all.dropLast()))) == nil)
        expect(keyed.verdict(keyed.result(statements: Array(all.prefix(1)))), "do not cover every component")
        expect(keyed.verdict(keyed.result(statements: all.reversed())), "not in order")
        let outsider = keyed.keys.map(\.nodeID).first { node in !keyed.state.holders.contains { $0.node == node } }!
        expect(keyed.verdict(keyed.result(statements: [keyed.statement(outsider)])), "is not a holder")
        // A statement of another component than the holder's own.
        let holder = keyed.state.holders[0].node
        let wrong = keyed.sign(
            KeyStatement(
                context: keyed.context.digest, manifest: keyed.manifestBlock!,
                roots: [
                    .init(component: 0, root: .zero), .init(component: 1, root: .zero),
                    .init(component: 2, root: .zero),
                ]
            ).wireBytes, .keyStatement, by: holder, major: 1, minor: 0)
        expect(keyed.verdict(keyed.result(statements: [wrong])), "every component of its holder")
        // One of an earlier attempt.
        let stale = keyed.sign(
            try KeyStatement(wireBytes: all[0].payload).wireBytes, .keyStatement, by: all[0].signer, major: 1, minor: 1)
        expect(keyed.verdict(keyed.result(statements: [stale])), "another slot")
    }

    @Test func opinionsOfAQuorumOnThisPayload() throws {
        let keyed = try TaskFixture().keyed()
        let all = keyed.keys.map { keyed.opinion($0.nodeID, .accept) }
        #expect(keyed.verdict(keyed.result(opinions: Array(all.dropFirst()))) == nil)
        expect(keyed.verdict(keyed.result(opinions: Array(all.prefix(3)))), "opinions weigh 30, the quorum is 34")
        expect(keyed.verdict(keyed.result(opinions: [all[0]] + all)), "not in order")
        let other = keyed.opinion(keyed.keys[0].nodeID, .accept, payload: .zero)
        expect(keyed.verdict(keyed.result(opinions: [other] + all.dropFirst())), "another candidate")
        expect(keyed.verdict(keyed.result(manifest: .zero)), "another manifest")
    }

    /// "Rejected" follows the opinions that are carried, at more than a third of the weight, and nothing else.
    @Test func rejectionNeedsAThird() throws {
        let keyed = try TaskFixture().keyed()
        func opinions(against: Int) -> [Envelope] {
            keyed.keys.enumerated().map { index, key in keyed.opinion(key.nodeID, index < against ? .reject : .accept) }
        }
        #expect(keyed.verdict(keyed.result(rejected: false, opinions: opinions(against: 1))) == nil)
        expect(
            keyed.verdict(keyed.result(rejected: true, opinions: opinions(against: 1))), "'rejected' does not follow")
        #expect(keyed.verdict(keyed.result(rejected: true, opinions: opinions(against: 2))) == nil)
        expect(
            keyed.verdict(keyed.result(rejected: false, opinions: opinions(against: 2))), "'rejected' does not follow")

        let rejected = try keyed.decided(
            .result(keyed.result(rejected: true, opinions: opinions(against: 2)), accuracyPpm: 0))
        #expect(rejected.state.model == keyed.state.model && rejected.state.round == 2)
        #expect(rejected.state.payouts.entries.allSatisfy { $0.rounds == 0 }, "a rejected round is unpaid")
        #expect(rejected.state.decidedSets.count == 1, "the next set on this model is nested in the rejected one")
        #expect(rejected.state.rejectionsInRow == 1)
    }

    @Test func threeRejectionsEndTheTask() throws {
        var fixture = TaskFixture(rounds: 5)
        for count in 1...3 {
            let keyed = try fixture.keyed()
            let against = keyed.keys.map { keyed.opinion($0.nodeID, .reject) }
            fixture = try keyed.decided(.result(keyed.result(rejected: true, opinions: against), accuracyPpm: 900_000))
            #expect(fixture.state.rejectionsInRow == UInt32(count))
        }
        #expect(fixture.state.impliedControl == .failed(.quality))
        expect(fixture.verdict(fixture.manifest()), "nothing else may follow")
        expect(fixture.verdict(.control(.complete)), "do not imply")
        #expect(fixture.verdict(.control(.failed(.quality))) == nil)
    }

    @Test func anAcceptedRoundForgetsTheRejectionsBeforeIt() throws {
        var fixture = TaskFixture(rounds: 5)
        for verdict in [Opinion.Verdict.reject, .reject, .accept, .reject] {
            let keyed = try fixture.keyed()
            let opinions = keyed.keys.map { keyed.opinion($0.nodeID, verdict) }
            fixture = try keyed.decided(
                .result(keyed.result(rejected: verdict == .reject, opinions: opinions), accuracyPpm: 900_000))
        }
        #expect(fixture.state.rejectionsInRow == 1 && fixture.state.impliedControl == nil)
    }

    @Test func medianIsOfTheWeight() {
        func opinion(_ accuracy: UInt32, rows: UInt32 = 1) -> Opinion {
            Opinion(payload: .zero, verdict: .accept, accuracyPpm: accuracy, lossPpm: 0, evaluatedRows: rows)
        }
        let opinions: [(weight: UInt64, opinion: Opinion)] = [
            (10, opinion(100)), (10, opinion(200)), (30, opinion(300)), (1, opinion(900)), (100, opinion(0, rows: 0)),
        ]
        #expect(TaskRules.median(opinions) { UInt64($0.accuracyPpm) } == 300)
        #expect(TaskRules.median([(5, opinion(0, rows: 0))]) { UInt64($0.accuracyPpm) } == nil)
    }

    // MARK: VOID

    @Test func voidByDeadlineNeedsALaterView() throws {
        let fixture = TaskFixture()
        let first = TaskRules.firstVoidView(fixture.state)
        #expect(first == 3)
        let void = TaskBlockContent.void(VoidBody(reason: .deadline, evicted: [], union: [], lists: []))
        for view in 0..<first { expect(fixture.verdict(void, view: view), "too early") }
        #expect(fixture.verdict(void, view: first) == nil)
        // With one heavy member at the end of the order, the slots before weigh too little for longer.
        for seed: UInt8 in 1...20 {
            let weighted = TaskFixture(seed: seed, weights: [1, 1, 1, 1, 6])
            let order = weighted.state.nextProposers
            let heavy = order.firstIndex { weighted.state.electorate.weight(of: $0) == 6 }!
            #expect(TaskRules.firstVoidView(weighted.state) == max(3, UInt32(min(heavy + 1, 4))))
        }
        let next = try fixture.decided(void, view: first)
        #expect(next.state.attempt == 1 && next.state.unkeyedAttempts == 1 && next.state.keyedAttempts == 0)
        #expect(next.state.roundSeed == fixture.state.roundSeed, "every attempt of a round has its seed")
        #expect(next.context.digest != fixture.context.digest)
    }

    @Test func voidTooFewProvesIt() throws {
        let fixture = TaskFixture()
        let nodes = fixture.keys.map(\.nodeID)
        func void(submitters: Int, listers: Int) -> TaskBlockContent {
            let ids = fixture.submissions(Array(nodes.prefix(submitters))).map(\.submissionID).sorted()
            return .void(
                VoidBody(
                    reason: .tooFew, evicted: [], union: ids,
                    lists: nodes.prefix(listers).map { fixture.list($0, ids, union: ids) }))
        }
        #expect(fixture.verdict(void(submitters: 3, listers: 5)) == nil)
        #expect(fixture.verdict(void(submitters: 0, listers: 4)) == nil)
        expect(fixture.verdict(void(submitters: 4, listers: 5)), "enough for a set")
        expect(fixture.verdict(void(submitters: 3, listers: 3)), "lists weigh")
        let keyed = try fixture.keyed()
        expect(keyed.verdict(void(submitters: 3, listers: 5)), "already decided")
    }

    @Test func voidsWithoutProofAreRefused() throws {
        let fixture = TaskFixture()
        func void(_ reason: VoidReason) -> TaskBlockContent {
            .void(VoidBody(reason: reason, evicted: [], union: [], lists: []))
        }
        expect(fixture.verdict(void(.holders), view: 3), "the others know every component")
        expect(fixture.verdict(void(.blame), view: 3), "no set is decided")
        expect(try fixture.keyed().verdict(void(.blame), view: 3), "nobody is proven bad")
        expect(
            fixture.verdict(
                .void(VoidBody(reason: .deadline, evicted: [fixture.keys[0].nodeID], union: [], lists: [])), view: 3),
            "evicts nobody")
    }

    @Test func threeKeyedVoidsEndTheTask() throws {
        var fixture = TaskFixture()
        for attempt in 1...3 {
            let keyed = try fixture.keyed()
            fixture = try keyed.decided(
                .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])),
                view: TaskRules.firstVoidView(keyed.state))
            #expect(fixture.state.keyedAttempts == UInt32(attempt))
        }
        #expect(fixture.state.impliedControl == .failed(.attempts))
    }

    // MARK: CONTROL

    @Test func completionFollowsTheLastRound() throws {
        var fixture = TaskFixture()
        expect(fixture.verdict(.control(.complete)), "do not imply")
        for _ in 0..<fixture.state.spec.rounds {
            fixture = try fixture.keyed()
            fixture = try fixture.decided(.result(fixture.result(), accuracyPpm: 900_000))
        }
        #expect(fixture.state.impliedControl == .complete)
        fixture = try fixture.decided(.control(.complete))
        #expect(fixture.state.isEnded)
        expect(fixture.verdict(.control(.complete)), "has ended")
    }

    @Test func expiryIsByBlockTime() {
        let fixture = TaskFixture()
        expect(fixture.verdict(.control(.failed(.expired))), "has not expired")
        #expect(fixture.verdict(.control(.failed(.expired))) { $0.timeMs = fixture.state.expiresMs } == nil)
    }
}
