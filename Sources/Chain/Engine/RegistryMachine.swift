public import MeshCrypto
public import Wire

/// The registry chain of a node: pending transactions, due heights, votes. Sans-IO; `Node` performs its directives.
///
/// View 0 of a height starts when a valid transaction is pending or the height is due (two heights after a Close);
/// a proposer with nothing valid stays silent and its view passes.
public struct RegistryMachine: Sendable {
    public package(set) var state: RegistryState
    private var core: ChainCore
    /// Valid, undecided transactions by id.
    private var pending: [TransactionID: Envelope] = [:]
    private var awaited: [ContentID: [BlockHeader]] = [:]
    private var opened: Set<TaskID>
    private var isHalted: Bool { core.isHalted }
    private let electionKey: RistrettoKey?

    /// - Parameters:
    ///   - state: the fold over all stored blocks.
    ///   - own: this node's stored messages of undecided heights.
    ///   - certificates: of the last decided heights, ascending: what convicts voters when a second one comes.
    ///   - electionKey: makes the proofs of its blocks, where the network asks for them.
    public init(
        state: RegistryState, key: SigningKey, own: [Envelope], voteState: VoteState?, certificates: [Certificate] = [],
        electionKey: RistrettoKey? = nil
    ) {
        self.state = state
        self.electionKey = electionKey
        opened = Set(state.openedTasks().map(\.task))
        core = ChainCore(
            network: state.network, chain: state.chain, key: key, consensus: Self.consensus(state, me: key.nodeID),
            certificates: certificates)
        core.restore(own.filter { $0.slot.kind != .transaction }, state: voteState)
    }

    /// A bug on purpose, of the simulator only.
    package mutating func dropLock() { core.dropLock() }
    /// The simulator widens it on purpose, to see its check of bounded queues fail.
    package var viewHorizon: UInt32 {
        get { core.viewHorizon }
        set { core.viewHorizon = newValue }
    }
    public var chain: ChainID { state.chain }
    /// The height being decided.
    public var height: UInt64 { core.height }
    public var view: UInt32 { core.consensus.view }
    public var pendingCount: Int { pending.count }
    /// Messages and transactions kept: bounded whatever peers send.
    public var queuedMessages: Int { core.book.count + pending.count }

    private static func consensus(_ state: RegistryState, me: NodeID) -> ConsensusMachine {
        let parameters = state.genesis.parameters
        return ConsensusMachine(
            chain: state.chain, height: state.height + 1, electorate: state.validators, order: state.nextProposers,
            me: me,
            timing: ConsensusTiming(proposeMs: UInt64(parameters.proposeMs), voteMs: UInt64(parameters.voteMs)))
    }

    // MARK: Inputs

    /// After start and now and then: begins a height that has something to decide, by a timer for example.
    public mutating func resume(_ now: Instant) -> [ChainDirective] {
        var out = core.giveUpProof(height: height, name: "registry", now)
        startIfNeeded(now, &out)
        return out
    }

    /// A signed message of a peer, or a transaction of this node.
    public mutating func receive(_ envelope: Envelope, _ now: Instant) -> (Admission, [ChainDirective]) {
        guard !isHalted else { return (.ignore("halted"), []) }
        var out: [ChainDirective] = []
        if envelope.slot.kind == .transaction { return (admit(envelope, now, &out), out) }
        guard [.proposal, .prevote, .precommit].contains(envelope.slot.kind) else {
            return (.reject("no such message on the registry"), [])
        }
        let verdict = core.precheck(envelope, participants: state.validators.members.map(\.node))
        guard verdict == .accept else { return (verdict, []) }
        guard envelope.slot.major == height else { return (.ignore("height \(envelope.slot.major)"), []) }
        guard envelope.slot.minor < view + core.viewHorizon else { return (.ignore("view far ahead"), []) }
        guard envelope.isSignatureValid else { return (.reject("not signed by \(envelope.signer.short)"), []) }
        guard let input = try? ChainCore.consensusInput(envelope) else { return (.reject("malformed payload"), []) }
        // The second vote of a signer counts for its block as well: consensus is told, whoever sent it is known.
        _ = core.keep(envelope, &out)
        drive(input, now, &out)
        deliver(now, &out)
        return (.accept, out)
    }

    private mutating func admit(_ envelope: Envelope, _ now: Instant, _ out: inout [ChainDirective]) -> Admission {
        guard envelope.network == state.network, envelope.slot.chain == chain else { return .reject("another network") }
        let id = envelope.transactionID
        guard pending[id] == nil else { return .ignore("known") }
        guard pending.count < Limits.pendingTransactions else { return .ignore("too many pending transactions") }
        guard let account = state.accounts[envelope.signer] else { return .reject("no account") }
        guard envelope.slot.major >= account.nonce else { return .ignore("already decided") }
        let fromSigner = pending.values.filter { $0.signer == envelope.signer }
        guard fromSigner.count < Limits.pendingTransactionsPerSigner,
            envelope.slot.major < account.nonce + UInt64(Limits.pendingTransactionsPerSigner)
        else { return .ignore("too many pending transactions of one account") }
        guard !fromSigner.contains(where: { $0.slot.major == envelope.slot.major }) else {
            return .ignore("another transaction with this nonce is pending")
        }
        guard envelope.isSignatureValid else { return .reject("not signed by \(envelope.signer.short)") }
        if envelope.slot.major == account.nonce {
            // A later nonce may become valid through the ones before it; this one must be valid now.
            var trial = trial(now)
            do { try trial.applyInPlace(envelope, height: height, timeMs: blockTime(now)) } catch {
                return .ignore("\(error)")
            }
        }
        pending[id] = envelope
        out.append(.broadcast(envelope))
        startIfNeeded(now, &out)
        if core.consensus.isProposer { offerProposal(now, &out) }
        return .accept
    }

    /// Says what is wrong with a transaction of this node, before it is signed into the world.
    public func check(_ envelope: Envelope, _ now: Instant) throws(ChainError) {
        var trial = trial(now)
        for transaction in orderedPending() {
            try? trial.apply(transaction, height: height, timeMs: blockTime(now))
        }
        try trial.applyInPlace(envelope, height: height, timeMs: blockTime(now))
    }

    /// The time of a block made now.
    private func blockTime(_ now: Instant) -> UInt64 { max(now.wallMs, state.headTimeMs &+ 1) }

    /// The state inside a block made now, before its transactions.
    private func trial(_ now: Instant) -> RegistryState {
        var trial = state
        trial.begin(height: height, timeMs: blockTime(now))
        return trial
    }

    /// Whether this very transaction waits for a block.
    public func isPending(_ transaction: TransactionID) -> Bool { pending[transaction] != nil }

    /// Whether a transaction of this node, or of anybody, is pending that `matches`.
    public func isPending(_ matches: (Transaction) -> Bool) -> Bool {
        pending.values.contains { (try? Transaction(wireBytes: $0.payload)).map(matches) ?? false }
    }

    /// The lowest free nonce of an account, pending transactions counted. Where one of these has become impossible (a
    /// Close behind somebody else's) the gap is filled first: what waits behind it goes on then.
    public func nextNonce(of node: NodeID) -> UInt64 {
        let taken = Set(pending.values.filter { $0.signer == node }.map(\.slot.major))
        var nonce = state.accounts[node]?.nonce ?? 0
        while taken.contains(nonce) { nonce += 1 }
        return nonce
    }

    /// The account's next nonce, if later ones of it are pending and this one is not: they wait for it.
    public func nonceGap(of node: NodeID) -> UInt64? {
        let nonce = state.accounts[node]?.nonce ?? 0
        return nextNonce(of: node) == nonce && pending.values.contains { $0.signer == node } ? nonce : nil
    }

    public mutating func timer(_ timer: ChainTimer, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        if case .consensus(let timerHeight, let view, let step) = timer, timerHeight == height, !isHalted {
            drive(.timeout(view: view, step: step), now, &out)
        }
        return out
    }

    /// Bytes that were fetched: a block body.
    public mutating func content(_ id: ContentID, _ bytes: [UInt8], _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted else { return out }
        core.bodies[id] = bytes
        for header in awaited.removeValue(forKey: id) ?? [] { validate(header, now, &out) }
        deliver(now, &out)
        return out
    }

    /// A decided block of a peer, for the height being decided here.
    public mutating func receive(_ decided: DecidedBlock, _ now: Instant) -> (Admission, [ChainDirective]) {
        guard decided.header.chain == chain else { return (.ignore("another chain"), []) }
        guard !isHalted, decided.header.height == height else {
            let alarm = core.alarm(
                decided, known: state.recentBlock(at: decided.header.height),
                electorate: state.electorate(at: decided.header.height), name: "registry")
            return (alarm.isEmpty ? .ignore("height \(decided.header.height)") : .accept, alarm)
        }
        do {
            try decided.certificate.check(
                network: state.network, header: decided.header, electorate: state.validators)
        } catch { return (.reject("\(error)"), []) }
        guard decided.header.body == .of(decided.body, kind: .blockBody) else { return (.reject("wrong body"), []) }
        var out: [ChainDirective] = []
        commit(decided, now, &out)
        return (.accept, out)
    }

    // MARK: Digest

    public func digest() -> ChainDigest {
        ChainDigest(
            chain: chain, height: height, head: state.head,
            groups: core.book.groups(participants: state.validators.members.map(\.node)),
            pending: Array(pending.keys.sorted().prefix(ChainDigest.entries)))
    }

    /// What the sender of a digest of this height lacks.
    public func answer(_ digest: ChainDigest, limit: Int = 64) -> [Envelope] {
        guard digest.height == height else { return [] }
        let votes = core.book.missing(
            from: digest.groups, participants: state.validators.members.map(\.node), limit: limit)
        let known = Set(digest.pending)
        return votes + orderedPending().filter { !known.contains($0.transactionID) }.prefix(limit)
    }

    // MARK: Driving

    private mutating func drive(_ input: ConsensusInput, _ now: Instant, _ out: inout [ChainDirective]) {
        for event in core.handle(input) {
            switch event {
            case .directive(let directive): out.append(directive)
            case .requestProposal: offerProposal(now, &out)
            case .validate(let header, _): validate(header, now, &out)
            case .enteredView: break
            case .decided(let block, let view):
                core.undelivered = (block, view)
                deliver(now, &out)
            }
        }
    }

    private mutating func startIfNeeded(_ now: Instant, _ out: inout [ChainDirective]) {
        let isDecidable = pending.values.contains { state.accounts[$0.signer]?.nonce == $0.slot.major }
        // A height in which this node voted before a crash goes on, even if the transaction was lost with the crash.
        guard !core.consensus.isStarted, !isHalted,
            isDecidable || state.isDue(atMs: now.wallMs) || core.consensus.hasSigned
        else { return }
        drive(.start, now, &out)
    }

    private func orderedPending() -> [Envelope] {
        pending.values.sorted {
            ($0.slot.major, $0.signer, $0.signature.bytes.hex) < ($1.slot.major, $1.signer, $1.signature.bytes.hex)
        }
    }

    private mutating func offerProposal(_ now: Instant, _ out: inout [ChainDirective]) {
        guard core.consensus.isProposer else { return }
        if let value = core.consensus.mustPropose {
            drive(.proposable(value), now, &out)
            return
        }
        guard
            let built = RegistryRules.build(
                pending: orderedPending(), state: state, author: core.me, view: view, timeMs: now.wallMs,
                electionKey: electionKey)
        else { return }
        core.bodies[built.header.body.id] = built.body
        out.append(.store(built.body, built.header.body, .blockBody))
        drive(.proposable(built.header), now, &out)
    }

    private mutating func validate(_ header: BlockHeader, _ now: Instant, _ out: inout [ChainDirective]) {
        guard header.height == height else { return }
        guard let body = core.bodies[header.body.id] else {
            awaited[header.body.id, default: []].append(header)
            out.append(.fetch(header.body, .blockBody, author: header.author))
            return
        }
        var isValid = header.timeMs <= now.wallMs + 10_000
        if isValid {
            do { _ = try RegistryRules.check(header: header, body: body, state: state) } catch {
                out.append(.event(.warning("proposal of \(header.author.short): \(error)")))
                isValid = false
            }
        }
        drive(.validated(header.id, isValid), now, &out)
    }

    private mutating func deliver(_ now: Instant, _ out: inout [ChainDirective]) {
        guard let (block, view) = core.undelivered, let header = core.consensus.header(of: block) else { return }
        guard let body = core.bodies[header.body.id] else {
            out.append(.fetch(header.body, .blockBody, author: header.author))
            return
        }
        let certificate = core.certificate(block: block, view: view)
        commit(DecidedBlock(header: header, body: body, certificate: certificate), now, &out)
    }

    private mutating func commit(_ decided: DecidedBlock, _ now: Instant, _ out: inout [ChainDirective]) {
        do {
            state = try RegistryRules.check(header: decided.header, body: decided.body, state: state)
        } catch {
            out += core.refuse(decided.header, error, head: state.head, name: "registry", now)
            return
        }
        out.append(.commit(decided))
        out.append(.event(.decided(decided.header)))
        awaited = [:]
        core.advance(to: Self.consensus(state, me: core.me), after: decided.certificate)
        dropStale(now)
        for genesis in state.openedTasks() where opened.insert(genesis.task).inserted { out.append(.openTask(genesis)) }
        startIfNeeded(now, &out)
    }

    /// Forgets what was decided or can no longer become valid.
    private mutating func dropStale(_ now: Instant) {
        var trial = trial(now)
        let fresh = trial
        var kept: [TransactionID: Envelope] = [:]
        for envelope in orderedPending() {
            let nonce = trial.accounts[envelope.signer]?.nonce ?? 0
            if envelope.slot.major < nonce { continue }
            if envelope.slot.major > nonce {
                kept[envelope.transactionID] = envelope
                continue
            }
            let time = blockTime(now)
            var alone = fresh
            do {
                try trial.apply(envelope, height: height, timeMs: time)
                kept[envelope.transactionID] = envelope
            } catch {
                // Not behind the others in one block, but perhaps in a block of its own (a Close behind an Enrol).
                if (try? alone.apply(envelope, height: height, timeMs: time)) != nil {
                    kept[envelope.transactionID] = envelope
                }
            }
        }
        pending = kept
    }
}
