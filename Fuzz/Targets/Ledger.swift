@testable import Chain
import MeshCrypto
import Wire

/// Stands where a signature would: the fuzzer's rules believe it.
let unsigned = Signature([UInt8](repeating: 0, count: 64))

/// A registry under transactions of hostile account holders. Blocks are folded without signatures, where the rules are;
/// what the rules themselves verify (settlements, evidence) they take for signed.
struct LedgerFuzz: Sendable {
    static let keys: [SigningKey] = (0..<6).map { index in
        try! SigningKey(seed: SecretBytes(Transcript.hash("fuzz ledger", [UInt8(index)])))
    }
    static let genesis = Genesis(
        name: "fuzz", timeMs: 1_000,
        accounts: keys.sorted { $0.nodeID < $1.nodeID }.map {
            KeyRules.member(key: $0, electionKey: nil).account(balance: 1 << 40, bond: 100)
        },
        parameters: .init(
            electionProofBytes: 0, proposeMs: 1_000, voteMs: 300, settleMs: 5_000, evidenceMs: 20_000))

    var state = RegistryState(genesis: LedgerFuzz.genesis)
    var timeMs: UInt64 = 2_000

    var nodes: [NodeID] { Self.keys.map(\.nodeID) }

    /// A registry with a task that has started.
    static let started = started(SpecMutation.plain())

    static func started(_ spec: TaskSpec) -> LedgerFuzz {
        SignatureMemory.$current.withValue(SignatureMemory(believing: ())) {
            var world = LedgerFuzz()
            world.block { world, _ in world.apply(world.publishing(spec, 0), signer: 0) }
            let task = world.state.tasks[0].task
            world.block { world, _ in
                for index in 1..<6 {
                    world.apply(world.enrolling(task, spec, index, rows: 20, bond: 60), signer: index)
                }
            }
            world.block { world, _ in world.apply(.close(task: task), signer: 1) }
            world.block { _, _ in }
            world.block { _, _ in }
            return world
        }
    }

    static let sealing: [RistrettoKey] = keys.map { key in
        try! RistrettoKey(
            uniform: SecretBytes(
                Transcript.hash("a", key.nodeID.bytes) + Transcript.hash("b", key.nodeID.bytes)))
    }

    func publishing(_ spec: TaskSpec, _ index: Int) -> Transaction {
        KeyRules.publish(
            spec, sealingKey: Self.sealing[index], network: Self.genesis.networkID,
            account: Self.keys[index].nodeID)
    }

    func enrolling(_ task: TaskID, _ spec: TaskSpec, _ index: Int, rows: UInt32, bond: UInt64)
        -> Transaction
    {
        .enrol(
            KeyRules.enrolment(
                task: task, sealingKey: Self.sealing[index], electionKey: nil, rows: rows,
                dataForm: spec.data.form,
                bond: bond, network: Self.genesis.networkID, account: Self.keys[index].nodeID))
    }

    /// One block: timers, what `body` applies, and the end of the block.
    mutating func block(after ms: UInt64 = 1_000, _ body: (inout LedgerFuzz, UInt64) -> Void) {
        // A header's time is bounded where it is decoded.
        timeMs = min(Limits.timeMs, timeMs + max(1, ms))
        state.begin(height: state.height + 1, timeMs: timeMs)
        body(&self, timeMs)
        let header = BlockHeader(
            chain: state.chain, height: state.height + 1, parent: state.head, timeMs: timeMs,
            author: state.nextProposers[0], originView: 0, kind: .registry, round: 0, attempt: 0,
            body: .init(id: .zero, length: 0), stateRoot: state.root, payoutRoot: .zero,
            nextElectorate: .zero,
            secondElectorate: .zero, electionProof: [])
        state.finish(header: header, block: header.id)
    }

    mutating func apply(_ transaction: Transaction, signer: Int) {
        let envelope = Envelope(
            network: state.network,
            slot: Slot(
                kind: .transaction, chain: state.chain, major: state.accounts[nodes[signer]]?.nonce ?? 0,
                minor: 0),
            signer: nodes[signer], payload: transaction.wireBytes,
            signature: unsigned)
        try? state.apply(envelope, height: state.height + 1, timeMs: timeMs)
    }

    func transaction(_ input: inout FuzzInput, signer: Int) -> Transaction {
        let tasks = state.tasks.map(\.task) + [.zero]
        let task = input.pick(tasks)
        let node =
            input.pick(10) == 0 ? NodeID(Transcript.hash("new", [input.byte()])) : input.pick(nodes)
        switch input.pick(14) {
        case 0, 1:
            var spec = input.pick(SpecMutation.bases)
            SpecMutation.mutate(&spec, &input)
            return publishing(spec, input.pick(8) == 7 ? 0 : signer)
        case 2:
            let spec = state.task(task)?.spec ?? SpecMutation.plain()
            return enrolling(
                task, spec, signer, rows: input.number(near: 20), bond: input.number(near: 60))
        case 3: return .close(task: task)
        case 4: return .transfer(to: node, credits: input.number(near: 10))
        case 5:
            return KeyRules.bond(
                input.number(near: 10), electionKey: input.bool() ? Self.sealing[signer] : nil,
                network: state.network, account: nodes[signer])
        case 6: return .unbond(.validator(credits: input.number(near: 100)))
        case 7: return .unbond(.enrolment(task: task))
        case 8:
            return .control(
                TaskControl(
                    task: task, sequence: input.number(near: 1),
                    action: ControlAction(rawValue: 1 + UInt8(input.pick(3))) ?? .stop))
        case 9: return .reveal(task: task, targetPpm: input.number(), nonce: .zero)
        case 10, 11: return .settle(settlement(task, &input))
        case 12:
            return input.bool()
                ? .refund(task: task) : .rating(task: task, node: node, stars: 1 + UInt8(input.pick(5)))
        default: return evidence(task, &input)
        }
    }

    /// By all members, so that the rules see what a majority of bad members could say.
    private func settlement(_ task: TaskID, _ input: inout FuzzInput) -> Settlement {
        let outcomes: [TaskOutcome] = [.running, .complete, .failed(.expired), .stopped]
        let payouts = PayoutTable(
            outcome: input.pick(outcomes), rounds: input.number(near: 2), accuracyPpm: input.number(),
            entries: nodes.sorted().prefix(input.pick(7)).map {
                .init(
                    node: $0, rounds: input.number(near: 2), aggregated: input.number(),
                    credits: input.number(near: 9))
            })
        let header = BlockHeader(
            chain: task, height: input.number(near: 3), parent: .zero, timeMs: 1, author: nodes[0],
            originView: 0,
            kind: .control, round: 3, attempt: 0, body: .init(id: .zero, length: 0), stateRoot: .zero,
            payoutRoot: payouts.root, nextElectorate: .zero, secondElectorate: .zero, electionProof: [])
        let electorate =
            state.task(task).flatMap { state.taskGenesis($0) }?.electorate ?? state.validators
        let precommits = electorate.members.indices.map {
            Certificate.Precommit(voter: UInt8($0), signature: unsigned)
        }
        return Settlement(
            header: header,
            certificate: Certificate(
                chain: task, height: header.height, view: 0, block: header.id, precommits: precommits),
            payouts: payouts)
    }

    private func evidence(_ task: TaskID, _ input: inout FuzzInput) -> Transaction {
        let slot = Slot(
            kind: input.bool() ? .prevote : .submission, chain: input.bool() ? state.chain : task,
            major: input.number(near: 1), minor: input.number())
        let node = input.pick(nodes)
        let pair = [input.take(40), input.take(40)].sorted { $0.lexicographicallyPrecedes($1) }.map {
            Envelope(network: state.network, slot: slot, signer: node, payload: $0, signature: unsigned)
        }
        return .evidence(first: pair[0], second: pair[1])
    }
}

extension FuzzTarget {
    static let ledger = FuzzTarget(
        "ledger", of: "Sources/Chain/Registry/RegistryState+Transactions.swift"
    ) { input in
        var world = input.bool() ? LedgerFuzz.started : LedgerFuzz()
        let total = world.state.totalCredits
        for _ in 0..<1 + input.pick(6) {
            let steps: [UInt64] = [1, 1_000, 70_000, 4_000_000, 40_000_000, .max / 4]
            world.block(after: input.pick(steps)) { world, _ in
                for _ in 0..<input.pick(6) {
                    let signer = input.pick(6)
                    let transaction = world.transaction(&input, signer: signer)
                    // What does not decode never comes this far.
                    let bytes = transaction.wireBytes
                    guard let decoded = try? Transaction(wireBytes: bytes) else { continue }
                    law(decoded.wireBytes == bytes, "a transaction has two encodings")
                    world.apply(transaction, signer: signer)
                }
            }
            law(world.state.totalCredits == total, "credits were made or lost")
            if input.isAtEnd { break }
        }
        _ = world.state.contributors
        _ = world.state.openedTasks()
        _ = world.state.nextTimerMs
    }
}
