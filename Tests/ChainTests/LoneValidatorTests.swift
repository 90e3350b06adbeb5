import MeshCrypto
import Testing
import Wire

@testable import Chain

/// A validator that is a quorum alone asks and answers itself: whatever its clock says, that ends.
@Suite("A lone validator")
struct LoneValidatorTests {
    private func envelope(_ world: LedgerWorld, _ nonce: UInt64) -> Envelope {
        world.envelope(.transfer(to: world.node(0), credits: 0), 0, nonce: nonce)
    }

    private func heights(_ directives: [ChainDirective]) -> [UInt64] {
        directives.compactMap { if case .commit(let block) = $0 { block.header.height } else { nil } }
    }

    private func timers(_ directives: [ChainDirective]) -> [ChainTimer] {
        directives.compactMap { if case .schedule(let timer, _) = $0 { timer } else { nil } }
    }

    /// Milliseconds of the head ahead of the clock: a minute, a day, and what a file may claim.
    @Test(arguments: [60_000, 86_400_000, 1 << 63, UInt64.max - 2_000] as [UInt64])
    func aClockBehindTheHeadDecidesNothing(lagMs: UInt64) throws {
        var world = LedgerWorld(count: 1)
        let wallMs: UInt64 = 2_000
        let genesis = Genesis(
            name: "test", timeMs: wallMs &+ lagMs, accounts: world.genesis.accounts,
            parameters: world.genesis.parameters)
        world.state = RegistryState(genesis: genesis)
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        var clock = Instant(monotonicMs: 0, wallMs: wallMs)
        #expect(clock.lagMs(behind: machine.state.headTimeMs) == lagMs)
        var waiting: [ChainTimer] = []
        for nonce in UInt64(0)..<3 {
            let (_, directives) = machine.receive(envelope(world, nonce), clock)
            #expect(heights(directives).isEmpty)
            waiting += timers(directives)
        }
        // Its views pass by their clocks, one after another and no further.
        for step in 0..<50 {
            let due = waiting
            waiting = []
            clock = Instant(monotonicMs: clock.monotonicMs + 1_000, wallMs: wallMs)
            for timer in due { waiting += timers(machine.timer(timer, clock)) }
            #expect(machine.height == 1 && machine.view <= UInt32(step) + 1)
        }
        #expect(!waiting.isEmpty)
        guard lagMs < 1 << 62 else { return }
        // The clock is set: what waited is decided in the next view.
        var decided: [UInt64] = []
        for _ in 0..<3 {
            let due = waiting
            waiting = []
            clock = Instant(monotonicMs: clock.monotonicMs + 1_000, wallMs: wallMs + lagMs)
            #expect(clock.lagMs(behind: machine.state.headTimeMs) == nil)
            for timer in due {
                let directives = machine.timer(timer, clock)
                waiting += timers(directives)
                decided += heights(directives)
            }
        }
        #expect(!decided.isEmpty && machine.pendingCount == 0)
    }

    /// Block after block in one call: the stack does not grow with them.
    @Test func manyBlocksInOneCallNeedNoDepth() throws {
        var world = LedgerWorld(count: 1)
        let crowd = (0..<64).map { try! SigningKey(seed: SecretBytes(Transcript.hash("crowd", [UInt8($0)]))) }
        for key in crowd { world.state.accounts[key.nodeID] = .init(balance: 10_000, nonce: 0, bonded: 0) }
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        // Its clock is behind, so that all of them wait.
        var waiting: [ChainTimer] = []
        let behind = Instant(monotonicMs: 0, wallMs: 0)
        var stopped = world.state
        stopped = RegistryState(
            genesis: Genesis(
                name: "test", timeMs: 20_000, accounts: world.genesis.accounts, parameters: world.genesis.parameters))
        stopped.accounts = world.state.accounts
        machine = RegistryMachine(state: stopped, key: world.keys[0], own: [], voteState: nil)
        for nonce in UInt64(0)..<64 {
            for key in crowd {
                let (admission, directives) = machine.receive(
                    .signed(
                        Transaction.transfer(to: key.nodeID, credits: 0).wireBytes,
                        slot: Slot(kind: .transaction, chain: machine.chain, major: nonce, minor: 0),
                        network: stopped.network, by: key), behind)
                #expect(admission == .accept)
                waiting += timers(directives)
            }
        }
        #expect(machine.pendingCount == Limits.pendingPlaces)
        let set = Instant(monotonicMs: 5_000, wallMs: 30_000)
        let decided = waiting.flatMap { heights(machine.timer($0, set)) }
        #expect(decided == Array(1...UInt64(Limits.pendingPlaces / Limits.transactionsPerBlock)))
        #expect(machine.pendingCount == 0)
    }

    @Test func timesBeyondAllClocksDoNotDecode() throws {
        let world = LedgerWorld(count: 1)
        func genesis(_ timeMs: UInt64) -> Genesis {
            Genesis(
                name: "test", timeMs: timeMs, accounts: world.genesis.accounts, parameters: world.genesis.parameters)
        }
        #expect(throws: Never.self) { try Genesis(wireBytes: genesis(Limits.timeMs).wireBytes) }
        for timeMs in [Limits.timeMs + 1, 1 << 63, .max] {
            #expect(throws: WireError.self) { try Genesis(wireBytes: genesis(timeMs).wireBytes) }
        }
        var decided = world
        try decided.decide([(.transfer(to: world.node(0), credits: 0), 0)])
        var header = decided.blocks[0].header
        header.timeMs = Limits.timeMs + 1
        #expect(throws: WireError.self) { try BlockHeader(wireBytes: header.wireBytes) }
    }
}
