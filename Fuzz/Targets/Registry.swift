@testable import Chain
import MeshCrypto
import Wire

extension FuzzTarget {
    /// A validator's registry: transactions in any order of nonces, proposals, votes, decided blocks, bodies, timers; and
    /// blocks straight to the rules.
    static let registry = FuzzTarget("registry", of: "Sources/Chain/Registry/RegistryRules.swift") { input in
        let world = input.bool() ? LedgerFuzz.started : LedgerFuzz()
        let state = world.state
        var now = Instant(monotonicMs: 1_000, wallMs: state.headTimeMs + 1_000)
        let me = input.pick(LedgerFuzz.keys.count)
        var machine = RegistryMachine(state: state, key: LedgerFuzz.keys[me], own: [], voteState: nil)
        var timers: [ChainTimer] = []
        func note(_ directives: [ChainDirective]) {
            for case .schedule(let timer, _) in directives where timers.count < 64 { timers.append(timer) }
        }
        var pending: [Envelope] = []
        note(machine.resume(now))
        for _ in 0..<1 + input.pick(8) {
            let step = UInt64(input.pick(4_000))
            now = Instant(monotonicMs: now.monotonicMs + step, wallMs: now.wallMs + step)
            let signer = input.pick(world.nodes)
            switch input.pick(8) {
            case 0: if !timers.isEmpty { note(machine.timer(input.pick(timers), now)) }
            case 1, 2:
                let transaction = world.envelope(&input)
                if pending.count < 16 { pending.append(transaction) }
                note(machine.receive(transaction, now).1)
            case 3: note(machine.receive(world.vote(machine.state, signer, &input), now).1)
            case 4, 5:
                guard let block = world.block(machine.state, pending, &input) else { continue }
                let slot = Slot(
                    kind: .proposal, chain: state.chain, major: machine.height, minor: block.header.originView)
                let proposal = Envelope(
                    network: state.network, slot: slot, signer: block.header.author,
                    payload: Proposal(header: block.header, validView: input.number(near: -1)).wireBytes,
                    signature: unsigned)
                note(machine.receive(proposal, now).1)
                note(machine.content(block.header.body.id, block.body, now))
            case 6:
                guard let block = world.block(machine.state, pending, &input) else { continue }
                note(machine.receive(block, now).1)
            default:
                guard let block = world.block(machine.state, pending, &input) else { continue }
                let body = input.edited(block.body)
                var header = block.header
                if body != block.body { header = header.with(body: .of(body, kind: .blockBody)) }
                _ = try? RegistryRules.check(header: header, body: body, state: machine.state)
            }
        }
        law(machine.queuedMessages < 10_000, "\(machine.queuedMessages) messages are kept")
    }
}

extension BlockHeader {
    fileprivate func with(body: ContentReference) -> BlockHeader {
        BlockHeader(
            chain: chain, height: height, parent: parent, timeMs: timeMs, author: author, originView: originView,
            kind: kind, round: round, attempt: attempt, body: body, stateRoot: stateRoot, payoutRoot: payoutRoot,
            nextElectorate: nextElectorate, secondElectorate: secondElectorate, electionProof: electionProof)
    }
}

extension LedgerFuzz {
    /// A transaction of one of the accounts at a nonce near to its next one.
    func envelope(_ input: inout FuzzInput) -> Envelope {
        let signer = input.pick(nodes.count)
        let slot = Slot(
            kind: .transaction, chain: state.chain,
            major: input.number(near: state.accounts[nodes[signer]]?.nonce ?? 0),
            minor: input.pick(8) == 7 ? 1 : 0)
        let payload = transaction(&input, signer: signer).wireBytes
        return Envelope(
            network: state.network, slot: slot, signer: nodes[signer],
            payload: input.pick(4) == 0 ? input.edited(payload) : payload, signature: unsigned)
    }

    func vote(_ state: RegistryState, _ signer: NodeID, _ input: inout FuzzInput) -> Envelope {
        let slot = Slot(
            kind: input.bool() ? .prevote : .precommit, chain: state.chain, major: input.number(near: state.height + 1),
            minor: input.number(near: 0))
        return Envelope(
            network: state.network, slot: slot, signer: signer,
            payload: Vote(block: input.bool() ? .zero : state.head).wireBytes, signature: unsigned)
    }

    /// A block of these transactions, with a certificate of whatever view.
    func block(_ state: RegistryState, _ pending: [Envelope], _ input: inout FuzzInput) -> DecidedBlock? {
        let view = UInt32(input.pick(4))
        let author = state.nextProposers[Int(view) % state.nextProposers.count]
        // A later time does not decode.
        let timeMs = min(Limits.timeMs, input.number(near: timeMs + 1_000) as UInt64)
        guard
            let (header, body) = RegistryRules.build(
                pending: pending, state: state, author: author, view: view, timeMs: timeMs)
        else { return nil }
        let certificate = Certificate(
            chain: state.chain, height: header.height, view: input.number(near: view), block: header.id,
            precommits: state.validators.members.indices.map { .init(voter: UInt8($0), signature: unsigned) })
        return DecidedBlock(header: header, body: body, certificate: certificate)
    }
}
