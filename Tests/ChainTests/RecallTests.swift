import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Blocks that are fetched again, by a node that signed at later heights before: its stored messages come back when their
/// time comes, and nothing else is signed in their slots.
@Suite("Own messages of what is fetched again")
struct RecallTests {
    private func signed(_ directives: [ChainDirective]) -> [Envelope] {
        directives.flatMap { (directive) -> [Envelope] in
            if case .persist(let envelopes, _) = directive { envelopes } else { [] }
        }
    }

    @Test func whatWasSignedIsSentAgainAndNothingElse() throws {
        var world = LedgerWorld()
        let start = world.state
        try world.decide([(.transfer(to: world.node(1), credits: 5), 0)])
        try world.decide([(.transfer(to: world.node(1), credits: 6), 0)])
        let vote = Envelope.signed(
            Vote(block: nil, reason: .noProposal).wireBytes,
            slot: Slot(kind: .prevote, chain: start.chain, major: 3, minor: 0), network: start.network,
            by: world.keys[3])
        let state = VoteState(height: 3, view: 0, step: .prevote, locked: nil, valid: nil)
        var machine = RegistryMachine(
            state: start, key: world.keys[3], own: [vote], voteState: state, silentBelow: 3)
        var now = Instant(monotonicMs: 0, wallMs: world.timeMs)
        var timers: [ChainTimer] = []
        func take(_ directives: [ChainDirective], _ height: UInt64) {
            timers += directives.compactMap { if case .schedule(let timer, _) = $0 { timer } else { nil } }
            for envelope in signed(directives) {
                #expect(height >= 3, "a vote at a height whose votes are forgotten")
                #expect(envelope.slot != vote.slot || envelope == vote, "another vote in a filled slot")
            }
        }
        for height in UInt64(1)...3 {
            #expect(machine.height == height)
            take(machine.receive(world.envelope(.transfer(to: world.node(2), credits: 1), 5, nonce: 0), now).1, height)
            for _ in 0..<3 {
                let due = timers
                timers = []
                now = Instant(monotonicMs: now.monotonicMs + 5_000, wallMs: now.wallMs)
                for timer in due { take(machine.timer(timer, now), height) }
            }
            if height < 3 { take(machine.receive(world.blocks[Int(height) - 1], now).1, height) }
        }
        let empty = ChainDigest(chain: machine.chain, height: 3, head: .zero, groups: [], pending: [])
        #expect(machine.answer(empty).contains(vote))
    }

    /// A submission of a later attempt: nothing is trained for it again.
    @Test func aStoredSubmissionOfALaterAttemptIsAnnouncedAgain() throws {
        let fixture = TaskFixture()
        let void = TaskBlockContent.void(VoidBody(reason: .deadline, evicted: [], union: [], lists: []))
        let view = TaskRules.firstVoidView(fixture.state)
        let header = fixture.header(void, view: view)
        let after = try fixture.decided(void, view: view)
        let me = fixture.keys[2].nodeID
        let own = after.submission(me)
        #expect(own.slot.major == 1 && own.slot.minor == 1)
        let slot = Slot(kind: .precommit, chain: header.chain, major: 1, minor: view)
        let certificate = Certificate(
            chain: header.chain, height: 1, view: view, block: header.id,
            precommits: fixture.state.electorate.members.enumerated().map { index, member in
                .init(
                    voter: UInt8(index),
                    signature: Envelope.signed(
                        Vote(block: header.id).wireBytes, slot: slot, network: fixture.state.genesis.network,
                        by: fixture.key(member.node)
                    ).signature)
            })
        let now = Instant(monotonicMs: 0, wallMs: 6_000)
        for stored in [[], [own]] {
            var machine = TaskMachine(
                state: fixture.state, key: fixture.keys[2], manual: false, own: stored, voteState: nil)
            _ = machine.resume(now)
            let (admission, directives) = machine.receive(
                DecidedBlock(header: header, body: void.bytes, certificate: certificate), now)
            #expect(admission == .accept && machine.state.attempt == 1)
            let trains = directives.contains { if case .work(.train) = $0 { true } else { false } }
            let announced = directives.contains { if case .broadcast(own) = $0 { true } else { false } }
            #expect(trains == stored.isEmpty && announced == !stored.isEmpty)
        }
    }
}
