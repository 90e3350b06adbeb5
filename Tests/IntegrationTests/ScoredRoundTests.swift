@testable import Chain
import Foundation
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// Scored rounds with the functions that nodes run, and with real processes.
@Suite(.serialized) struct ScoredRoundTests {
    /// One client's submission, its direction and everything that a voter has.
    private struct Play {
        let policy: RoundPolicy
        let sealed: Submitting.Sealed
        let values: [Int32]
        let pending: ScoreBook.Pending
        let reveal: DirectionReveal
        let content: [UInt8]

        init() throws {
            policy = try RoundPolicy(ResultCheckTests.spec(encoding: .affine, holders: (3, 1)))
            let count = policy.recipe.parameterCount
            values = (0..<count).map { Int32([511, -511, 0, 37, -91][$0 % 5]) }
            let job = RoundJob(
                round: 1, attempt: 0, context: Digest(randomBytes(32)), seed: .zero, model: policy.spec.model.initial)
            let node = SigningKey.generate().nodeID
            sealed = try Submitting.encrypt(
                policy: policy, values: values, job: job, node: node,
                holderKeys: (0..<3).map { _ in SealingKey(RistrettoKey.generate().publicKey) })
            let signs = (0..<count).map { [1, 255, 0][$0 % 3] as UInt8 }
            let kept = randomBytes(Scoring.saltBytes) + signs
            content = Array(kept.dropFirst(Scoring.saltBytes))
            reveal = DirectionReveal(
                salt: Digest(Array(kept.prefix(Scoring.saltBytes))), direction: .of(content, kind: .direction))
            pending = .init(
                round: 1, commitment: try Scoring.commitment(kept, policy: policy, round: 1),
                set: [.init(node: node, submission: .of(headerBytes: sealed.header.wireBytes))])
        }

        func direction() throws -> ScoreDirection {
            try Scoring.judge(reveal, content: content, of: pending, policy: policy)
        }

        func check(_ statement: ScoreStatement) throws {
            try Scoring.check(
                statement, body: sealed.content, header: sealed.header, direction: try direction(), policy: policy)
        }
    }

    @Test func theOpeningIsTheInnerProductAndNothingElsePasses() throws {
        let play = try Play()
        let right = try Scoring.open(
            values: play.values, seeds: play.sealed.seeds, header: play.sealed.header, direction: try play.direction(),
            policy: play.policy)
        let plain = zip(play.values, play.content).reduce(0) { $0 + Int64($1.0) * Int64(Int8(bitPattern: $1.1)) }
        #expect(right.score == plain && right.submission == play.pending.set[0].submission)
        try play.check(right)
        for wrong in [right.score + 1, -right.score, 0] where wrong != right.score {
            #expect(throws: RoundError.self) {
                try play.check(ScoreStatement(submission: right.submission, score: wrong, mask: right.mask))
            }
        }
        #expect(throws: RoundError.self) {
            try play.check(ScoreStatement(submission: right.submission, score: right.score, mask: .zero))
        }
        // An opening along another direction, and of another vector.
        let other = try Play()
        #expect(throws: RoundError.self) {
            try Scoring.check(
                right, body: play.sealed.content, header: play.sealed.header, direction: try Self.narrower(play),
                policy: play.policy)
        }
        #expect(throws: RoundError.self) { try other.check(right) }
    }

    private static func narrower(_ play: Play) throws -> ScoreDirection {
        var signs = try play.direction().signs
        signs[0] = 0
        return try ScoreDirection(signs: signs)
    }

    @Test func onlyTheCommittedDirectionIsTaken() throws {
        let play = try Play()
        _ = try play.direction()
        var changed = play.content
        changed[2] = 1
        for (salt, content) in [
            (play.reveal.salt, changed), (Digest(randomBytes(32)), play.content), (play.reveal.salt, [1] + changed),
        ] {
            #expect(throws: RoundError.self) {
                _ = try Scoring.judge(
                    DirectionReveal(salt: salt, direction: .of(content, kind: .direction)), content: content,
                    of: play.pending, policy: play.policy)
            }
        }
        // A publisher that committed to one coordinate reveals it truly: still nobody opens along it.
        let single = [UInt8(1)] + [UInt8](repeating: 0, count: play.content.count - 1)
        let committed = Digest(
            Transcript.hash("meshnode/nddfe/v1/direction", play.reveal.salt.bytes, single))
        #expect(throws: RoundError.self) {
            _ = try Scoring.judge(
                DirectionReveal(salt: play.reveal.salt, direction: .of(single, kind: .direction)), content: single,
                of: .init(round: 1, commitment: committed, set: []), policy: play.policy)
        }
        #expect(throws: RoundError.self) {
            _ = try Scoring.commitment(play.reveal.salt.bytes + single, policy: play.policy, round: 1)
        }
    }

    // MARK: Processes

    /// Room for a machine that does other things as well: what is tested is not speed.
    private static let deadlines = [
        "--set", "deadlines.opinion=\"4s\"", "--set", "deadlines.submit=\"12s\"", "--set",
        "deadlines.aggregate=\"8s\"",
    ]

    private struct Scores: Decodable {
        struct Round: Decodable {
            struct Score: Decodable { let node: String, score: Int64 }
            let round: UInt32
            let direction: String?
            let counts: Bool
            let scores: [Score]
        }
        struct Member: Decodable { let node: String, share: Double, credits: UInt64 }
        let rule: String
        let left: UInt32
        let is_by_score: Bool
        let rounds: [Round]
        let members: [Member]
    }

    /// Five processes from the task file to the paid credits; every node shows the same scores.
    @Test func membersArePaidByScore() throws {
        let folder = try Folder()
        let homes = (1...5).map { folder.path + "/nodes/node\($0)" }
        defer { for home in homes { _ = try? Program.run("stop", "--home", home) } }
        let outcome = try Program.run(
            [
                "testnet", "--rounds", "3", "--partition", "iid", "--payout", "contribution", "--scored-rounds", "2",
                "--keep", "--out", folder.path,
            ] + Self.deadlines)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.output.contains("2/2 rounds scored, each member in each"), "\(outcome.output)")
        let texts = try homes.map { try Program.run("scores", "digits", "--home", $0).output }
        #expect(Set(texts).count == 1 && texts[0].contains("no scored round is left"), "\(texts)")
        let json = try Program.run("scores", "digits", "--home", homes[2], "--json").output
        let scores = try JSONDecoder().decode(Scores.self, from: Data(json.utf8))
        #expect(scores.rule == "contribution" && scores.left == 0 && scores.is_by_score)
        #expect(scores.rounds.count == 2)
        for round in scores.rounds {
            #expect(round.counts && round.scores.count == 5)
            let shown = try Program.run("round", "show", "digits", "\(round.round)", "--home", homes[1]).output
            #expect(shown.contains(try #require(round.direction)), "\(shown)")
        }
        #expect(abs(scores.members.reduce(0) { $0 + $1.share } - 1) < 1e-9)
        #expect(scores.members.reduce(0) { $0 + $1.credits } == 1_000)
        #expect(scores.members.allSatisfy { $0.share > 0.1 }, "\(json)")
    }

    /// The fifth client sends noise, or the negative of its update.
    @Test(arguments: ["noise", "flip"]) func whoSendsNothingOfUseGetsNothing(_ attack: String) throws {
        let folder = try Folder()
        let outcome = try Program.run(
            [
                "testnet", "--rounds", "5", "--partition", "iid", "--payout", "contribution", "--attack", attack,
                "--out", folder.path,
            ] + Self.deadlines)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(
            outcome.output.range(
                of: "gets 0\\.[0-9]{2} % of the members' part, every other at least [1-9]", options: .regularExpression)
                != nil, "\(outcome.output)")
    }
}
