import MeshCrypto
import Testing
import Wire

@testable import Chain

/// One node's part of a scored round: what it says, to whom it opens, and what it refuses.
@Suite("A node in a scored round")
struct ScoreMachineTests {
    private let now = Instant(monotonicMs: 10_000, wallMs: 10_000)

    private func machine(_ fixture: TaskFixture, _ node: NodeID) -> TaskMachine {
        TaskMachine(state: fixture.state, key: fixture.key(node), manual: false, own: [], voteState: nil)
    }

    private func work(_ directives: [ChainDirective]) -> [RoundWork] {
        directives.compactMap { if case .work(let work) = $0 { work } else { nil } }
    }

    private func sent(_ directives: [ChainDirective], _ kind: MessageKind) -> [Envelope] {
        directives.compactMap { directive in
            if case .broadcast(let envelope) = directive, envelope.slot.kind == kind { envelope } else { nil }
        }
    }

    /// After round 1 of 2 with its RESULT; round 2 is not scored, so that submissions are collected.
    private func open() throws -> TaskFixture {
        let seed = try #require(
            (1...60).first { seed in
                let fixture = TaskFixture(seed: UInt8(seed), rounds: 2, scoredRounds: 1)
                return fixture.state.isRoundScored
            })
        return try TaskFixture(seed: UInt8(seed), rounds: 2, scoredRounds: 1).scored()
    }

    private func judges(_ work: [RoundWork]) -> Bool {
        work.contains { if case .judgeDirection = $0 { true } else { false } }
    }

    private func opens(_ work: [RoundWork]) -> Bool {
        work.contains { if case .openScore = $0 { true } else { false } }
    }

    private func checks(_ work: [RoundWork]) -> [ScoreStatement] {
        work.compactMap { if case .checkScore(let statement, _, _) = $0 { statement } else { nil } }
    }

    @Test func thePublisherCommitsOnceAndTheOthersVote() throws {
        let fixture = TaskFixture(scoredRounds: 2)
        var publisher = machine(fixture, fixture.publisher)
        var directives = publisher.resume(now)
        let asked = work(directives)
        #expect(
            asked.count == 1 && { if case .commitDirection(let job) = asked[0] { job.round == 1 } else { false } }())
        #expect(sent(directives, .prevote).isEmpty)
        directives = publisher.directionCommitted(fixture.commitment, round: 1, now)
        let said = sent(directives, .direction)
        #expect(said.count == 1)
        #expect(publisher.directionCommitted(.zero, round: 1, now).isEmpty, "only once")
        // Another node that hears it starts to vote; one that hears nothing waits for its own deadline.
        let other = try #require(fixture.state.nextProposers.first)
        var proposer = machine(fixture, other)
        if other != fixture.publisher {
            #expect(work(proposer.resume(now)).isEmpty)
            let heard = proposer.receive(said[0], now)
            #expect(heard.0 == .accept && sent(heard.1, .proposal).count == 1)
        }
        var silent = machine(fixture, other)
        _ = silent.resume(now)
        let late = silent.timer(.phase(height: 1), now)
        let proposals = sent(late, .proposal)
        #expect(proposals.count == 1, "without a commitment the round is not scored")
    }

    @Test func aDirectionThatOthersMissIsNotVotedAwayBeforeTheDeadline() throws {
        let fixture = TaskFixture(scoredRounds: 2)
        let content = TaskBlockContent.control(.noDirection)
        let header = fixture.header(content)
        let proposal = fixture.sign(
            Proposal(header: header, validView: -1).wireBytes, .proposal, by: header.author, major: 1, minor: 0)
        let voter = try #require(fixture.keys.map(\.nodeID).first { $0 != header.author && $0 != fixture.publisher })
        for (hears, waits, votes) in [(false, true, true), (true, true, false)] {
            var machine = machine(fixture, voter)
            _ = machine.resume(now)
            if hears { _ = machine.receive(fixture.committed(fixture.commitment), now) }
            if waits { _ = machine.timer(.phase(height: 1), now) }
            var directives = machine.receive(proposal, now).1
            directives += machine.content(header.body.id, content.bytes, now)
            let vote = try #require(sent(directives, .prevote).first)
            #expect(try Vote(wireBytes: vote.payload).block == (votes ? header.id : nil))
        }
    }

    @Test func aRevealBeforeTheResultMovesNobody() throws {
        let fixture = TaskFixture(scoredRounds: 2)
        let keyed = try fixture.decided(.control(.direction(fixture.committed(fixture.commitment)))).keyed()
        var machine = machine(keyed, keyed.keys[1].nodeID)
        _ = machine.resume(now)
        let (admission, directives) = machine.receive(keyed.revealed(round: 1), now)
        #expect(admission != .accept && work(directives).isEmpty)
        #expect(machine.directionJudged(keyed.reveal, round: 1, isValid: true, now).isEmpty)
    }

    @Test func aBadDirectionGetsNoOpenings() throws {
        let fixture = try open()
        var machine = machine(fixture, fixture.keys[1].nodeID)
        _ = machine.resume(now)
        let (admission, directives) = machine.receive(fixture.revealed(), now)
        #expect(admission == .accept && judges(work(directives)) && !opens(work(directives)))
        let after = machine.directionJudged(fixture.reveal, round: 1, isValid: false, reason: "a = e_j", now)
        #expect(!opens(work(after)) && machine.badDirections == 1)
        // Not even when somebody else opens along it.
        let (_, more) = machine.receive(fixture.score(fixture.keys[2].nodeID, 10), now)
        #expect(checks(work(more)).isEmpty && !opens(work(more)))
        // The one that fits may still come.
        var second = fixture.reveal
        second = DirectionReveal(salt: .zero, direction: second.direction)
        #expect(judges(work(machine.receive(fixture.revealed(second), now).1)))
        #expect(opens(work(machine.directionJudged(second, round: 1, isValid: true, now))))
    }

    @Test func onlyRightOpeningsAreListed() throws {
        let fixture = try open()
        let nodes = fixture.keys.map(\.nodeID)
        var machine = machine(fixture, nodes[1])
        _ = machine.resume(now)
        _ = machine.receive(fixture.revealed(), now)
        #expect(opens(work(machine.directionJudged(fixture.reveal, round: 1, isValid: true, now))))
        let own = try ScoreStatement(wireBytes: fixture.score(nodes[1], 77).payload)
        let opened = machine.scoreOpened(own, round: 1, now)
        #expect(sent(opened, .score).count == 1 && checks(work(opened)) == [own], "its own is checked like any other")
        _ = machine.scoreChecked(own, round: 1, isValid: true, now)
        #expect(machine.scoreOpened(own, round: 1, now).isEmpty, "only once")
        let wrong = fixture.score(nodes[2], 5)
        let statement = try ScoreStatement(wireBytes: wrong.payload)
        let (admission, directives) = machine.receive(wrong, now)
        #expect(admission == .accept && checks(work(directives)) == [statement])
        let found = machine.scoreChecked(statement, round: 1, isValid: false, now)
        #expect(
            found.contains { if case .event(.badScore(let node, _)) = $0 { node == nodes[2] } else { false } })
        // The phase deadline: the list of scores goes out with the list of submissions.
        let late = machine.timer(.phase(height: machine.height), now)
        let lists = sent(late, .scored)
        #expect(lists.count == 1 && sent(late, .received).count == 1)
        #expect(try Received(wireBytes: lists[0].payload).submissions == [own.submission])
        let others = machine.receive(
            fixture.sign(
                Received(submissions: [.zero]).wireBytes, .scored, by: nodes[3], major: machine.height, minor: 0), now)
        #expect(others.0 == .reject("a list of scores of another set"))
    }

    @Test func listsWaitForOpeningsUntilTheirGraceIsOver() throws {
        let fixture = try open()
        let nodes = fixture.keys.map(\.nodeID)
        var machine = machine(fixture, nodes[1])
        _ = machine.resume(now)
        var waits: [ChainDirective] = []
        for node in nodes {
            let envelope = fixture.submission(node)
            _ = machine.receive(envelope, now)
            waits = machine.bodyChecked(envelope.submissionID, isValid: true, now)
        }
        #expect(sent(waits, .received).isEmpty, "every submission is here, no opening is")
        #expect(
            waits.contains {
                if case .schedule(.grace(_, .scores), let delay) = $0 { delay == 1_000 } else { false }
            })
        let over = machine.timer(.grace(height: machine.height, .scores), now)
        #expect(sent(over, .scored).count == 1 && sent(over, .received).count == 1)
    }

    /// A proposal whose scores are not right gets no vote, whoever proposes it; a right one does.
    @Test func aVoterChecksWhatAProposalCarries() throws {
        let fixture = try open()
        let nodes = fixture.keys.map(\.nodeID)
        let body = fixture.manifest(scores: fixture.section(nodes.map { ($0, 9) }))
        let content = TaskBlockContent.manifest(body, set: fixture.set(of: body))
        let header = fixture.header(content)
        let proposal = fixture.sign(
            Proposal(header: header, validView: -1).wireBytes, .proposal, by: header.author, major: header.height,
            minor: 0)
        let voter = try #require(nodes.first { $0 != header.author })
        for (directionIsRight, wrongOpening, votes) in [(true, nil, true), (false, nil, false), (true, 3, false)]
            as [(Bool, Int?, Bool)]
        {
            var machine = machine(fixture, voter)
            _ = machine.resume(now)
            _ = machine.timer(.phase(height: machine.height), now)
            var directives = machine.receive(proposal, now).1
            directives += machine.content(header.body.id, content.bytes, now)
            #expect(judges(work(directives)) && sent(directives, .prevote).isEmpty, "the direction comes first")
            directives = machine.directionJudged(fixture.reveal, round: 1, isValid: directionIsRight, now)
            if directionIsRight {
                let statements = checks(work(directives))
                #expect(statements.count == 5 && sent(directives, .prevote).isEmpty)
                directives = []
                for (index, statement) in statements.enumerated() {
                    directives += machine.scoreChecked(statement, round: 1, isValid: index != wrongOpening, now)
                }
            }
            let vote = try #require(sent(directives, .prevote).first)
            #expect(try Vote(wireBytes: vote.payload).block == (votes ? header.id : nil))
        }
    }

    @Test func theLastScoresAreDecidedBeforeTheEnd() throws {
        let fixture = try TaskFixture(rounds: 1, scoredRounds: 1).scored()
        let proposer = fixture.state.nextProposers[0]
        var machine = machine(fixture, proposer)
        let started = machine.resume(now)
        #expect(sent(started, .proposal).isEmpty, "the openings come first")
        let deadline = machine.timer(.phase(height: machine.height), now)
        #expect(sent(deadline, .scored).count == 1)
        for node in fixture.keys.map(\.nodeID) where node != proposer {
            let list = fixture.sign(
                Received(submissions: []).wireBytes, .scored, by: node, major: machine.height, minor: 0)
            let proposals = sent(machine.receive(list, now).1, .proposal)
            if let proposal = proposals.first {
                let header = try Proposal(wireBytes: proposal.payload).header
                #expect(header.kind == .control && header.round == 2)
                return
            }
        }
        Issue.record("no proposal")
    }
}
