import MeshCrypto
import Testing
import Wire

@testable import Chain

extension TaskFixture {
    static let salt = Digest([UInt8](repeating: 3, count: 32))
    /// Half of the entries point somewhere.
    static func signs(_ count: Int) -> [UInt8] { (0..<count).map { [1, 0, 255, 0][$0 % 4] } }
    var signs: [UInt8] { Self.signs(state.spec.coordinateCount(round: 1)) }
    var reveal: DirectionReveal {
        DirectionReveal(salt: Self.salt, direction: .of(signs, kind: .direction))
    }
    var commitment: Digest {
        Digest(try! ScoreDirection(signs: signs.map { Int8(bitPattern: $0) }).commitment(salt: Self.salt.bytes))
    }
    var publisher: NodeID { state.genesis.publisher }

    func committed(_ commitment: Digest?, by node: NodeID? = nil, round: UInt32? = nil) -> Envelope {
        sign(
            DirectionCommitment(commitment: commitment).wireBytes, .direction, by: node ?? publisher,
            major: UInt64(round ?? state.round), minor: 0)
    }

    func revealed(by node: NodeID? = nil, round: UInt32? = nil, _ reveal: DirectionReveal? = nil) -> Envelope {
        sign(
            (reveal ?? self.reveal).wireBytes, .reveal, by: node ?? publisher,
            major: UInt64(round ?? state.scores.pending?.round ?? state.round), minor: 0)
    }

    func score(_ node: NodeID, _ score: Int64, submission: SubmissionID? = nil) -> Envelope {
        let own = state.scores.pending?.set.first { $0.node == node }?.submission
        return sign(
            ScoreStatement(submission: submission ?? own ?? .zero, score: score, mask: .zero).wireBytes, .score,
            by: node,
            major: UInt64(state.scores.pending?.round ?? 0), minor: 0)
    }

    /// What a block says about the open round when everybody lists the openings of `scores`.
    func section(
        _ scores: [(NodeID, Int64)], listed: [NodeID]? = nil, listers: [NodeID]? = nil, carried: [Envelope]? = nil,
        reveal: Envelope?? = nil
    ) -> ScoreSection {
        let set = state.scores.pending?.set ?? []
        let names = listed ?? scores.map(\.0)
        let ids = set.filter { names.contains($0.node) }.map(\.submission).sorted()
        let openings = scores.map { score($0.0, $0.1) }.sorted { $0.signer < $1.signer }
        return ScoreSection(
            reveal: reveal ?? (openings.isEmpty ? nil : revealed()), union: ids,
            lists: (listers ?? keys.map(\.nodeID)).sorted().map { list($0, ids, union: ids, kind: .scored) },
            openings: carried ?? openings)
    }

    /// After CONTROL(direction), a keyed set and an accepted RESULT of a scored round.
    func scored() throws -> TaskFixture {
        try decided(.control(.direction(committed(commitment)))).keyed().accepted()
    }

    func accepted() throws -> TaskFixture { try decided(.result(result(), accuracyPpm: 900_000)) }
}

/// Scored rounds by what blocks carry: nothing is scored that was not committed before, nothing that voters saw is left out.
@Suite("Scored rounds")
struct ScoreTests {
    let fixture = TaskFixture(scoredRounds: 2)
    var nodes: [NodeID] { fixture.keys.map(\.nodeID) }

    private func expect(_ verdict: String?, _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(verdict?.contains(part) == true, "\(verdict ?? "valid")", sourceLocation: sourceLocation)
    }

    @Test func aScoredRoundOpensWithItsDirection() throws {
        #expect(fixture.state.isRoundScored && fixture.state.isDirectionDue)
        expect(fixture.verdict(fixture.manifest()), "waits for its direction")
        let commitment = fixture.commitment
        #expect(fixture.verdict(.control(.direction(fixture.committed(commitment)))) == nil)
        #expect(fixture.verdict(.control(.noDirection)) == nil)
        expect(
            fixture.verdict(.control(.direction(fixture.committed(commitment, by: nodes[1])))), "not \(nodes[0].short)")
        expect(fixture.verdict(.control(.direction(fixture.committed(commitment, round: 2)))), "another slot")
        let good = fixture.committed(commitment)
        let forged = Envelope(
            network: good.network, slot: good.slot, signer: good.signer,
            payload: DirectionCommitment(commitment: .zero).wireBytes, signature: good.signature)
        expect(fixture.verdict(.control(.direction(forged))), "not signed")
        expect(fixture.verdict(.control(.complete)), "do not imply")
        // The commitment is part of the context; without one nobody is scored.
        let with = try fixture.decided(.control(.direction(good)))
        let without = try fixture.decided(.control(.noDirection))
        #expect(!with.state.isDirectionDue && !without.state.isDirectionDue)
        #expect(with.context.digest != without.context.digest && with.context.digest != fixture.context.digest)
        expect(with.verdict(.control(.direction(good))), "waits for no direction")
        #expect(try without.keyed().accepted().state.scores.pending == nil)
        let said = try fixture.decided(.control(.direction(fixture.committed(nil))))
        #expect(said.state.directionCommitment == nil && said.state.scores.direction == .none)
    }

    @Test func aTaskThatIsNotPaidByContributionScoresNothing() {
        let plain = TaskFixture()
        #expect(!plain.state.isRoundScored && !plain.state.isDirectionDue)
        expect(plain.verdict(.control(.direction(plain.committed(plain.commitment)))), "waits for no direction")
    }

    @Test func scoresAreDecidedByTheNextManifest() throws {
        var next = try fixture.scored()
        #expect(next.state.scores.pending?.round == 1 && next.state.scores.left == 1)
        #expect(next.state.isDirectionDue, "both rounds are scored")
        expect(next.verdict(.control(.scores(next.section([])))), "the next MANIFEST carries")
        next = try next.decided(.control(.direction(next.committed(next.commitment))))
        let scores = zip(nodes, [400, 500, 600, -700, 500] as [Int64]).map { ($0, $1) }
        func verdict(_ section: ScoreSection?) -> String? { next.verdict(next.manifest(scores: section)) }
        #expect(verdict(next.section(scores)) == nil)
        #expect(verdict(next.section([])) == nil, "nobody has opened")
        expect(verdict(nil), "open and not decided")
        // What a third of the weight lists cannot be left out; what it does not list cannot get in.
        expect(
            verdict(next.section(scores, carried: next.section(scores).openings.dropLast())),
            "4 openings of round 1 are")
        expect(verdict(next.section(scores, listed: Array(nodes.dropLast()))), "5 openings of round 1 are carried")
        expect(verdict(next.section(scores, listers: Array(nodes.prefix(3)))), "lists weigh 30, the quorum is 34")
        #expect(verdict(next.section(scores, listers: Array(nodes.prefix(4)))) == nil)
        expect(verdict(next.section(scores, carried: next.section(scores).openings.reversed())), "not in order")
        // Somebody else's submission, a score that no bounded update has, a lie about who speaks.
        let other = try #require(next.state.scores.pending?.set[1].submission)
        func replacing(_ envelope: Envelope) -> [Envelope] {
            ([envelope] + next.section(scores).openings.filter { $0.signer != envelope.signer })
                .sorted { $0.signer < $1.signer }
        }
        expect(
            verdict(next.section(scores, carried: replacing(next.score(nodes[0], 400, submission: other)))),
            "another submission")
        expect(verdict(next.section(scores, carried: replacing(next.score(nodes[0], 511 * 8 + 1)))), "at most 4088")
        let right = next.score(nodes[0], 400)
        let forged = Envelope(
            network: right.network, slot: right.slot, signer: right.signer,
            payload: next.score(nodes[0], 401).payload, signature: right.signature)
        expect(verdict(next.section(scores, carried: replacing(forged))), "not signed")
        // The reveal: there, the publisher's, of this round, of the right size.
        expect(verdict(next.section(scores, reveal: .some(nil))), "go together")
        expect(verdict(next.section(scores, reveal: next.revealed(by: nodes[1]))), "not \(nodes[0].short)")
        expect(verdict(next.section(scores, reveal: next.revealed(round: 2))), "another slot")
        let short = DirectionReveal(salt: .zero, direction: .of([1], kind: .direction))
        expect(verdict(next.section(scores, reveal: next.revealed(short))), "a direction of 1 entries")
        // Lists of submissions are no lists of scores.
        let section = next.section(scores)
        let lists = nodes.map { next.list($0, section.union, union: section.union) }
        expect(
            verdict(
                ScoreSection(reveal: section.reveal, union: section.union, lists: lists, openings: section.openings)),
            "is not signed by it")

        let body = next.manifest(scores: section)
        let after = try next.decided(.manifest(body, set: next.set(of: body)))
        #expect(after.state.scores.pending == nil && after.state.scores.rounds.count == 1)
        #expect(after.state.scores.rounds[0].entries.map(\.score) == [400, 500, 600, -700, 500])
        #expect(after.state.payoutRoot != next.state.payoutRoot)
        expect(after.verdict(.control(.scores(section))), "the next MANIFEST carries")
    }

    @Test func aManifestWithoutAnOpenRoundCarriesNoScores() throws {
        let plain = try fixture.decided(.control(.noDirection))
        expect(plain.verdict(plain.manifest(scores: plain.section([]))), "no round's scores are open")
    }

    @Test func theLastScoresComeBeforeTheEnd() throws {
        var last = try fixture.scored()
        last = try last.decided(.control(.direction(last.committed(last.commitment))))
        let scores = nodes.map { ($0, Int64(100)) }
        let body = last.manifest(scores: last.section(scores))
        last = try last.decided(.manifest(body, set: last.set(of: body))).accepted()
        #expect(last.state.impliedControl == .complete && last.state.scores.pending?.round == 2)
        expect(last.verdict(.control(.complete)), "the scores of round 2 come first")
        expect(
            last.verdict(.control(.scores(last.section(scores, listers: Array(nodes.prefix(3)))))), "the quorum is 34")
        last = try last.decided(.control(.scores(last.section(scores))))
        #expect(!last.state.isEnded && last.state.scores.rounds.count == 2)
        expect(last.verdict(.control(.scores(last.section([])))), "no round's scores are open")
        last = try last.decided(.control(.complete))
        #expect(last.state.isEnded && last.state.payouts.entries.reduce(0) { $0 + $1.credits } == 1_000)
    }

    @Test func aRejectedRoundScoresNobody() throws {
        let keyed = try fixture.decided(.control(.direction(fixture.committed(fixture.commitment)))).keyed()
        let opinions = nodes.map { keyed.opinion($0, .reject) }
        let rejected = try keyed.decided(
            .result(keyed.result(rejected: true, opinions: opinions), accuracyPpm: 900_000))
        #expect(rejected.state.scores.pending == nil && rejected.state.scores.left == 1)
    }

    @Test func aVoidKeepsTheCommitment() throws {
        let keyed = try fixture.decided(.control(.direction(fixture.committed(fixture.commitment)))).keyed()
        let again = try keyed.decided(.void(VoidBody(reason: .deadline, evicted: [], union: [], lists: [])), view: 3)
        #expect(again.state.attempt == 1 && again.state.directionCommitment == fixture.commitment)
        #expect(!again.state.isDirectionDue)
    }

    @Test func exactlySoManyRoundsAreDrawn() throws {
        var firsts: Set<UInt32> = []
        for seed in 1...40 {
            let fixture = TaskFixture(seed: UInt8(seed), rounds: 6, scoredRounds: 2)
            var state = fixture.state
            var drawn: [UInt32] = []
            for round in 1...UInt32(6) {
                #expect(state.round == round)
                if state.isRoundScored { drawn.append(round) }
                let result = ResultBody(
                    manifest: .zero, aggregate: fixture.aggregate, model: fixture.model, opening: .zero,
                    rejected: true,
                    keyStatements: [], opinions: [])
                state.apply(.result(result, accuracyPpm: 0), header: fixture.header(.control(.complete)), block: .zero)
            }
            #expect(drawn.count == 2, "\(drawn)")
            #expect(state.scores.left == 0 && !state.isRoundScored)
            firsts.insert(drawn[0])
        }
        #expect(firsts.count >= 4, "the draw depends on the seed")
    }

    @Test func directionsThatBreakAConditionAreRefused() throws {
        let count = 8
        func judge(
            _ signs: [UInt8], salt: Digest = TaskFixture.salt, of other: [UInt8]? = nil, metadata: Range<Int> = 8..<8
        ) throws {
            // Committed to what is revealed, unless another is named.
            let committed = (other ?? signs).map { Int8(bitPattern: $0) }
            let commitment = Digest(
                Transcript.hash(
                    "meshnode/nddfe/v1/direction", TaskFixture.salt.bytes, committed.map { UInt8(bitPattern: $0) }))
            _ = try ScoreCheck.direction(
                DirectionReveal(salt: salt, direction: .of(signs, kind: .direction)), content: signs,
                commitment: commitment, metadata: metadata)
        }
        let good = TaskFixture.signs(count)
        try judge(good)
        #expect(throws: ChainError.self, "one coordinate") { try judge([1, 0, 0, 0, 0, 0, 0, 0]) }
        #expect(throws: ChainError.self, "not ternary") { try judge([1, 1, 1, 2, 0, 0, 0, 0]) }
        #expect(throws: ChainError.self, "metadata") { try judge(good, metadata: 6..<8) }
        #expect(throws: ChainError.self, "another salt") { try judge(good, salt: .zero) }
        #expect(throws: ChainError.self, "another direction") { try judge(good, of: [1, 1, 1, 1, 1, 1, 1, 1]) }
        // Content under another name.
        #expect(throws: ChainError.self) {
            _ = try ScoreCheck.direction(
                DirectionReveal(salt: TaskFixture.salt, direction: .of([1], kind: .direction)), content: good,
                commitment: fixture.commitment, metadata: 8..<8)
        }
    }
}
