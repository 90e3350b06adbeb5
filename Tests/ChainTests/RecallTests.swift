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

    /// One who has signed up to height 3, and one who has not: both are shown the same blocks and let every timer of heights
    /// 1 to 3 run out. What the second one signs is what the first one must not.
    @Test func whatWasSignedIsSentAgainAndNothingElse() throws {
        var world = LedgerWorld()
        let start = world.state
        try world.decide([(.transfer(to: world.node(1), credits: 5), 0)])
        try world.decide([(.transfer(to: world.node(1), credits: 6), 0)])
        // For a block that nobody proposes here: it cannot be signed by chance.
        let vote = Envelope.signed(
            Vote(block: BlockID([UInt8](repeating: 9, count: 32))).wireBytes,
            slot: Slot(kind: .prevote, chain: start.chain, major: 3, minor: 0), network: start.network,
            by: world.keys[3])
        let state = VoteState(height: 3, view: 0, step: .prevote, locked: nil, valid: nil)
        let fresh = play(RegistryMachine(state: start, key: world.keys[3], own: [], voteState: nil), world)
        for height in UInt64(1)...3 {
            #expect(fresh.signed.contains { $0.slot.major == height && $0.slot.kind == .prevote }, "height \(height)")
        }
        #expect(fresh.signed.contains { $0.slot == vote.slot && $0 != vote })

        let back = play(
            RegistryMachine(state: start, key: world.keys[3], own: [vote], voteState: state, silentBelow: 3), world)
        #expect(back.signed.allSatisfy { $0.slot.major == 3 }, "a vote at a height whose votes are forgotten")
        #expect(back.signed.allSatisfy { $0.slot != vote.slot }, "another vote in a filled slot")
        #expect(!back.signed.isEmpty, "it goes on where it was")
        let empty = ChainDigest(chain: back.machine.chain, height: 3, head: .zero, groups: [], pending: [])
        #expect(back.machine.answer(empty).contains(vote))
        #expect(!fresh.machine.answer(empty).contains(vote))
    }

    /// Blocks 1 and 2 come after all views that a minute holds, a transaction waits all the time.
    private func play(
        _ start: RegistryMachine, _ world: LedgerWorld
    ) -> (machine: RegistryMachine, signed: [Envelope]) {
        var machine = start
        var now = Instant(monotonicMs: 0, wallMs: world.timeMs)
        var timers: [ChainTimer] = []
        var all: [Envelope] = []
        func take(_ directives: [ChainDirective]) {
            timers += directives.compactMap { if case .schedule(let timer, _) = $0 { timer } else { nil } }
            all += signed(directives)
        }
        for height in UInt64(1)...3 {
            #expect(machine.height == height)
            take(machine.receive(world.envelope(.transfer(to: world.node(2), credits: 1), 5, nonce: 0), now).1)
            for _ in 0..<3 {
                let due = timers
                timers = []
                now = Instant(monotonicMs: now.monotonicMs + 5_000, wallMs: now.wallMs)
                for timer in due { take(machine.timer(timer, now)) }
            }
            if height < 3 { take(machine.receive(world.blocks[Int(height) - 1], now).1) }
        }
        return (machine, all)
    }

    /// A task's chain has its own machine: with the manifest decided it votes at height 2, unless what it signed there is
    /// forgotten.
    @Test(arguments: [2, 3] as [UInt64]) func aTaskIsSilentBelowWhatIsForgotten(silentBelow: UInt64) throws {
        let fixture = TaskFixture()
        let manifest = fixture.manifest()
        let after = try fixture.decided(.manifest(manifest, set: fixture.set(of: manifest)))
        let now = Instant(monotonicMs: 10_000, wallMs: 10_000)
        for key in fixture.keys {
            var machine = TaskMachine(
                state: after.state, key: key, manual: false, own: [], voteState: nil, silentBelow: silentBelow)
            #expect(machine.height == 2)
            var directives = machine.resume(now)
            directives += machine.timer(.consensus(height: 2, view: 0, step: .propose), now)
            let votes = signed(directives).filter { $0.slot.kind == .prevote && $0.slot.major == 2 }
            #expect(votes.count == (silentBelow == 2 ? 1 : 0))
        }
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
