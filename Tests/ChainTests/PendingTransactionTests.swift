import MeshCrypto
import Testing
import Wire

@testable import Chain

/// Who finds a place among the pending transactions, and who is told of them.
@Suite("Pending transactions")
struct PendingTransactionTests {
    private func now(_ world: LedgerWorld, after ms: UInt64 = 0) -> Instant {
        Instant(monotonicMs: ms, wallMs: world.timeMs + ms)
    }

    private func strangers(_ count: Int, _ world: inout LedgerWorld, credits: UInt64) -> [SigningKey] {
        let keys = (0..<count).map { try! SigningKey(seed: SecretBytes(Transcript.hash("stranger", [UInt8($0)]))) }
        for key in keys { world.state.accounts[key.nodeID] = .init(balance: credits, nonce: 0, bonded: 0) }
        return keys
    }

    /// A valid transfer of nothing to oneself.
    private func empty(_ key: SigningKey, _ nonce: UInt64, _ state: RegistryState) -> Envelope {
        .signed(
            Transaction.transfer(to: key.nodeID, credits: 0).wireBytes,
            slot: Slot(kind: .transaction, chain: state.chain, major: nonce, minor: 0), network: state.network, by: key)
    }

    private func broadcasts(_ directives: [ChainDirective]) -> [Envelope] {
        directives.compactMap { if case .broadcast(let envelope) = $0 { envelope } else { nil } }
    }

    private func relayed(_ directives: [ChainDirective]) -> [Envelope] {
        directives.compactMap { if case .relay(let envelope) = $0 { envelope } else { nil } }
    }

    private func decided(_ directives: [ChainDirective]) throws -> [Envelope] {
        try directives.flatMap { directive -> [Envelope] in
            guard case .commit(let block) = directive else { return [] }
            return try RegistryBody(wireBytes: block.body).transactions
        }
    }

    /// Where no block comes, a second order is counted behind the first one that waits.
    @Test func ordersThatWaitAreCounted() throws {
        var world = LedgerWorld()
        let task = try world.openTask().task
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        func order(_ sequence: UInt32, _ action: ControlAction) -> Envelope {
            let control = TaskControl(task: task, sequence: sequence, action: action)
            return world.envelope(.control(control), 0, nonce: machine.nextNonce(of: world.node(0)))
        }
        #expect(machine.pendingOrders(of: task) == 0)
        let (admission, _) = machine.receive(order(1, .pause), now(world))
        #expect(admission == .accept && machine.pendingOrders(of: task) == 1)
        try machine.check(order(2, .resume), now(world))
        #expect(throws: ChainError.self) { try machine.check(order(1, .resume), now(world)) }
    }

    /// What waits behind others was never held against the state. Whoever could hide an act of this node behind such a one would
    /// keep it from settling, or from telling of a fraud.
    @Test func whatIsOnlyKeptHidesNothing() {
        let world = LedgerWorld()
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        let act = Transaction.transfer(to: world.node(5), credits: 7)
        func receive(_ transaction: Transaction, _ signer: Int, nonce: UInt64) {
            _ = machine.receive(world.envelope(transaction, signer, nonce: nonce), now(world))
        }
        receive(act, 1, nonce: 1)
        #expect(machine.pendingCount == 1 && !machine.isPending { $0 == act }, "behind a gap")
        receive(.transfer(to: world.node(1), credits: 0), 1, nonce: 0)
        #expect(machine.pendingCount == 2 && !machine.isPending { $0 == act }, "behind another of its account")
        receive(act, 2, nonce: 0)
        #expect(machine.isPending { $0 == act }, "valid as the next of its account")
        #expect(!machine.isOwnPending { $0 == act })
        receive(.transfer(to: world.node(0), credits: 0), 0, nonce: 0)
        receive(.transfer(to: world.node(4), credits: 3), 0, nonce: 1)
        #expect(machine.isOwnPending { $0 == .transfer(to: world.node(4), credits: 3) })
        #expect(machine.isPending { $0 == .transfer(to: world.node(4), credits: 3) }, "this node's own")
    }

    /// 66 credits make 66 accounts; 63 transactions of each, all behind one that never comes.
    @Test func transactionsBehindAGapKeepNobodyOut() throws {
        var world = LedgerWorld(count: 1)
        let attackers = strangers(66, &world, credits: 1)
        let honest = SigningKey.generate()
        world.state.accounts[honest.nodeID] = .init(balance: 50, nonce: 0, bonded: 0)
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        for nonce in UInt64(1)..<64 {
            for key in attackers {
                let (admission, directives) = machine.receive(empty(key, nonce, world.state), now(world))
                #expect(admission != .accept && broadcasts(directives).isEmpty && relayed(directives).isEmpty)
            }
        }
        #expect(machine.pendingCount <= Limits.gappedPlaces && machine.pendingCount > 0)
        #expect(machine.digest().pending.isEmpty)
        let question = ChainDigest(chain: machine.chain, height: 1, head: .zero, groups: [], pending: [])
        #expect(machine.answer(question).isEmpty)

        for (key, nonce) in [(honest, UInt64(0)), (world.keys[0], 0), (honest, 1), (attackers[0], 0)] {
            let envelope = empty(key, nonce, world.state)
            let (admission, directives) = machine.receive(envelope, now(world))
            #expect(admission == .accept)
            #expect(try decided(directives).contains(envelope))
        }
        // Those of the attacker that now follow without a gap were decided with it; the others go by themselves.
        _ = machine.resume(now(world, after: Limits.gappedTransactionMs))
        #expect(machine.pendingCount == 0)
    }

    /// Accounts with credits have a line each. All that waits behind gaps has a share of the places, and who has least of it
    /// comes in.
    @Test func whatWaitsBehindGapsHasAShareOfThePlaces() throws {
        var world = LedgerWorld(count: 1)
        let attackers = strangers(16, &world, credits: 100_000)
        let honest = SigningKey.generate()
        world.state.accounts[honest.nodeID] = .init(balance: 50, nonce: 0, bonded: 0)
        var machine = RegistryMachine(state: world.state, key: world.keys[0], own: [], voteState: nil)
        for nonce in UInt64(1)..<64 {
            for key in attackers { _ = machine.receive(empty(key, nonce, world.state), now(world)) }
        }
        #expect(machine.pendingCount == Limits.gappedPlaces)
        _ = machine.receive(empty(honest, 1, world.state), now(world))
        #expect(machine.pendingCount == Limits.gappedPlaces)
        let (admission, directives) = machine.receive(empty(honest, 0, world.state), now(world))
        #expect(admission == .accept)
        // The one behind the gap was kept.
        #expect(try decided(directives).filter { $0.signer == honest.nodeID }.count == 2)
    }

    /// As many valid ones as there are places: an account's next one still comes in, a line's end goes for it.
    @Test func aFullTableHasRoomForEveryAccountsNextOne() {
        var world = LedgerWorld()
        let crowd = strangers(64, &world, credits: 100_000)
        let poor = SigningKey.generate()
        world.state.accounts[poor.nodeID] = .init(balance: 0, nonce: 7, bonded: 0)
        var machine = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        for nonce in UInt64(0)..<64 {
            for key in crowd { #expect(machine.receive(empty(key, nonce, world.state), now(world)).0 == .accept) }
        }
        #expect(machine.pendingCount == Limits.pendingPlaces)
        #expect(machine.receive(empty(poor, 7, world.state), now(world)).0 == .accept)
        #expect(machine.pendingCount == Limits.pendingPlaces)
        // A second one of that account would need 10 credits.
        #expect(machine.receive(empty(poor, 8, world.state), now(world)).0 != .accept)
        for nonce in UInt64(0)..<30 {
            #expect(machine.receive(empty(world.keys[3], nonce, world.state), now(world)).0 == .accept)
        }
        #expect(machine.pendingCount == Limits.pendingPlaces)
        // Every line is still without a gap, and the poor account's one comes before all second ones.
        #expect(machine.nextNonce(of: crowd[0].nodeID) >= 62 && machine.nextNonce(of: poor.nodeID) == 8)
        let first = machine.answer(
            ChainDigest(chain: machine.chain, height: 1, head: .zero, groups: [], pending: []), limit: 70
        ).filter { $0.slot.kind == .transaction }
        #expect(first.prefix(66).allSatisfy { $0.slot.major == 0 || $0.signer == poor.nodeID })
    }

    /// Where every place is an account's next one, the poorest goes.
    @Test func theCrowdOfNearlyEmptyAccountsGoesFirst() {
        var world = LedgerWorld()
        var table = PendingTransactions(own: world.node(0))
        let crowd = strangers(250, &world, credits: 1)
        let state = world.state
        func insert(_ key: SigningKey, size: Int, _ table: inout PendingTransactions) -> PendingTransactions.Insertion {
            let envelope = Envelope.signed(
                [UInt8](repeating: 1, count: size),
                slot: Slot(kind: .transaction, chain: state.chain, major: 0, minor: 0), network: state.network, by: key)
            return table.insert(
                envelope, id: envelope.transactionID, .transfer(to: key.nodeID, credits: 0), nonce: 0,
                credits: { state.holdings(of: $0) }, nowMs: 0)
        }
        // 17 places each: 240 of them fill the table with 16 places left.
        let size = 16 * Limits.pendingPlaceBytes
        for key in crowd.prefix(240) {
            guard case .inLine = insert(key, size: size, &table) else {
                Issue.record("no place, though there is one")
                return
            }
        }
        #expect(table.count == 240)
        #expect(insert(crowd[240], size: size, &table) == .refused("too many pending transactions"))
        guard case .inLine = insert(world.keys[1], size: size, &table) else {
            Issue.record("an account with 5,100 credits found no place")
            return
        }
        #expect(table.count == 240)
    }

    @Test func aFilledGapPassesOnWhatWaited() {
        let world = LedgerWorld()
        var machine = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        let envelopes = (0..<4).map { empty(world.keys[1], UInt64($0), world.state) }
        for index in [3, 1, 2] {
            let (admission, directives) = machine.receive(envelopes[index], now(world))
            #expect(admission != .accept && broadcasts(directives).isEmpty && relayed(directives).isEmpty)
        }
        #expect(machine.digest().pending.isEmpty && machine.nextNonce(of: world.node(1)) == 0)
        let (admission, directives) = machine.receive(envelopes[0], now(world))
        #expect(admission == .accept)
        #expect(relayed(directives) == envelopes)
        // Only what this node signs itself is for everybody.
        #expect(broadcasts(directives).allSatisfy { $0.signer == world.node(3) })
        let own = empty(world.keys[3], 0, world.state)
        #expect(broadcasts(machine.receive(own, now(world)).1).contains(own))
        #expect(machine.digest().pending == (envelopes + [own]).map(\.transactionID).sorted())
        #expect(machine.nextNonce(of: world.node(1)) == 4)
    }

    /// A heartbeat with thirty tasks that are due, and many pending transactions: they are applied once, not for each task.
    @Test func manyChecksApplyThePendingOnesOnce() throws {
        var world = LedgerWorld()
        let crowd = strangers(50, &world, credits: 100_000)
        var machine = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        for nonce in UInt64(0)..<4 {
            for key in crowd { #expect(machine.receive(empty(key, nonce, world.state), now(world)).0 == .accept) }
        }
        let own = world.node(3)
        for number in UInt64(0)..<30 {
            let next = machine.nextNonce(of: own)
            // What is refused costs no more, and what was accepted counts at once: 30 times 150 are in the balance of 5,000.
            let tooMuch = Transaction.transfer(to: world.node(0), credits: 5_001 - 150 * number)
            let error = #expect(throws: ChainError.self) {
                try machine.check(world.envelope(tooMuch, 3, nonce: next), now(world, after: number))
            }
            #expect(error.map { "\($0)".contains("balance \(5_000 - 150 * number) is less") } == true, "\(number)")
            let envelope = world.envelope(.transfer(to: world.node(0), credits: 150), 3, nonce: next)
            try machine.check(envelope, now(world, after: number))
            #expect(machine.receive(envelope, now(world, after: number)).0 == .accept)
        }
        #expect(machine.applied == 200 + 30)
        // Others' new ones, and time, make it a state of the past.
        #expect(machine.receive(empty(crowd[0], 4, world.state), now(world, after: 40)).0 == .accept)
        let last = world.envelope(.transfer(to: own, credits: 0), 3, nonce: machine.nextNonce(of: own))
        try machine.check(last, now(world, after: 40))
        #expect(machine.applied == 200 + 30 + 231)
        try machine.check(last, now(world, after: 1_100))
        #expect(machine.applied == 200 + 30 + 2 * 231)
    }

    /// Between nodes with the same 3,000 pending ones nothing is sent; what one of them lacks it gets, once all parts of
    /// its names were told.
    @Test func aDigestOfPartOfTheNamesIsNotAnsweredWithTheRest() throws {
        var world = LedgerWorld()
        let crowd = strangers(50, &world, credits: 100_000)
        var full = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        for nonce in UInt64(0)..<60 {
            for key in crowd { _ = full.receive(empty(key, nonce, world.state), now(world)) }
        }
        var lacking = full
        #expect(full.pendingCount == 3_000)
        for turn in UInt64(0)..<20 {
            let digest = full.digest(turn: turn)
            #expect(digest.pending.count == ChainDigest.entries)
            #expect(lacking.answer(digest).filter { $0.slot.kind == .transaction }.isEmpty)
        }
        let more = crowd.map { empty($0, 60, world.state) }
        for envelope in more { #expect(full.receive(envelope, now(world)).0 == .accept) }
        for turn in UInt64(0)..<4 {
            let digest = try ChainDigest(wireBytes: lacking.digest(turn: turn).wireBytes)
            for envelope in full.answer(digest) where envelope.slot.kind == .transaction {
                #expect(more.contains(envelope))
                _ = lacking.receive(envelope, now(world))
            }
        }
        #expect(lacking.pendingCount == full.pendingCount)
    }

    /// What another state may make right is not held against whoever passes it on.
    @Test func onlyWhatIsWrongInEveryStateIsRejected() {
        let world = LedgerWorld()
        var machine = RegistryMachine(state: world.state, key: world.keys[3], own: [], voteState: nil)
        let stranger = SigningKey.generate()
        func vote(_ height: UInt64, by key: SigningKey, network: NetworkID? = nil) -> Envelope {
            .signed(
                Vote(block: nil, reason: .noProposal).wireBytes,
                slot: Slot(kind: .prevote, chain: machine.chain, major: height, minor: 0),
                network: network ?? world.state.network, by: key)
        }
        func admission(_ envelope: Envelope) -> Admission { machine.receive(envelope, now(world)).0 }
        func isIgnored(_ envelope: Envelope) -> Bool {
            if case .ignore = admission(envelope) { true } else { false }
        }
        func isRejected(_ envelope: Envelope) -> Bool {
            if case .reject = admission(envelope) { true } else { false }
        }
        func forged(_ envelope: Envelope) -> Envelope {
            Envelope(
                network: envelope.network, slot: envelope.slot, signer: envelope.signer,
                payload: envelope.payload, signature: vote(9, by: stranger).signature)
        }
        // A validator of a later height, and an account that came later.
        #expect(isIgnored(vote(1, by: stranger)) && isIgnored(vote(7, by: stranger)))
        #expect(isIgnored(empty(stranger, 0, world.state)))
        #expect(isIgnored(vote(2, by: world.keys[1])) && admission(vote(1, by: world.keys[1])) == .accept)
        // Signed by nobody who it says, or of another network: nothing makes it right.
        #expect(isRejected(forged(vote(1, by: world.keys[2]))))
        #expect(isRejected(vote(1, by: world.keys[2], network: .zero)))
        #expect(isRejected(forged(empty(world.keys[2], 0, world.state))))
    }
}
