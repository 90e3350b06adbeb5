internal import MeshCrypto
internal import Wire

/// What both kinds of chain share: one consensus instance, the messages of its height, signing in the right order,
/// and certificates. It knows nothing of what a block means.
struct ChainCore: Sendable {
    let network: NetworkID
    let chain: ChainID
    let key: SigningKey
    private(set) var consensus: ConsensusMachine
    var book = SlotBook()
    /// The bodies of this height's proposals, by their authors.
    var bodies = Bounded<NodeID, ContentID, [UInt8]>(ChainTables.bodies)
    /// Views from the present one on whose messages are kept.
    var viewHorizon = ChainTables.viewHorizon
    /// Decided heights whose messages are kept.
    var keptHeights: UInt64 = 0
    /// This node's own messages of heights and rounds that are still to come, and its votes' state at one of them.
    private var stored: [Envelope] = []
    private var storedState: VoteState?
    /// A decision whose header, body or whole certificate has not come yet.
    var undelivered: (block: BlockID, view: UInt32)?
    private var saidIncomplete = false
    /// Of the last decided heights, the newest last: who signed a second one is convicted with them.
    private var certificates: [Certificate]
    private var course = Course.running
    /// Inputs of the consensus instance that are not handled yet, with their height, and what those before led to.
    private var inputs: [(height: UInt64, input: ConsensusInput)] = []
    private var events: [(height: UInt64, event: Event)] = []
    private var isDriving = false
    /// A fresh proposal of this node was refused by itself since the last input from outside: it makes no other one before
    /// the next. Else one that is a quorum alone would go through views without end.
    private(set) var refusedItself = false

    /// Whether this chain still goes on here.
    private enum Course: Equatable {
        case running
        /// A quorum has decided a block behind another one than the one decided here: whoever shows that one convicts its
        /// voters. Nothing is signed meanwhile; milliseconds of the monotonic clock.
        case awaitingProof(since: UInt64)
        case halted
    }

    var isHalted: Bool { course != .running }

    enum Event {
        case directive(ChainDirective)
        case requestProposal(view: UInt32)
        case validate(BlockHeader, view: UInt32)
        case enteredView(UInt32, proposer: NodeID)
        case decided(BlockID, view: UInt32)
    }

    init(
        network: NetworkID, chain: ChainID, key: SigningKey, consensus: ConsensusMachine, certificates: [Certificate]
    ) {
        self.certificates = certificates.suffix(RegistryState.recentBlocks)
        self.network = network
        self.chain = chain
        self.key = key
        self.consensus = consensus
    }

    mutating func dropLock() { consensus.dropLock() }

    var me: NodeID { key.nodeID }
    var height: UInt64 { consensus.height }
    var isVoter: Bool { consensus.me != nil }

    /// Moves to the height after the one that `certificate` decided; what was kept for this one goes.
    mutating func advance(to consensus: ConsensusMachine, after certificate: Certificate) {
        certificates.append(certificate)
        if certificates.count > RegistryState.recentBlocks { certificates.removeFirst() }
        self.consensus = consensus
        bodies = Bounded(ChainTables.bodies)
        undelivered = nil
        saidIncomplete = false
        let height = consensus.height - min(consensus.height, keptHeights)
        book.removeAll { slot in
            switch slot.kind {
            case .proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored:
                slot.major < height
            case .submission, .ready, .keyStatement, .transaction, .complaint, .claim, .disclosure, .opening,
                .direction, .reveal, .score:
                false
            }
        }
    }

    // MARK: Work list

    /// Takes an input for the present height.
    ///
    /// A chain answers what the instance asks (make a proposal, check one) with further inputs, and with an electorate of
    /// one these lead to further questions, height after height. They wait here, so that no depth of the stack depends on
    /// how many there are.
    ///
    /// - Returns: whether the caller must take the events with `next` until there is none; false where it is inside of
    ///   that loop already.
    mutating func take(_ input: ConsensusInput) -> Bool {
        if !isDriving { refusedItself = false }
        if case .validated(let block, false) = input, consensus.header(of: block)?.author == me { refusedItself = true }
        inputs.append((height, input))
        return !isDriving
    }

    /// What is next to be done; nil at the end of all work. What belongs to a height that is over by then is left out,
    /// but for directives: they were said before it ended.
    mutating func next() -> Event? {
        isDriving = true
        while true {
            if !events.isEmpty {
                let (height, event) = events.removeFirst()
                if case .directive = event { return event }
                if height == self.height { return event }
            } else if !inputs.isEmpty {
                let (height, input) = inputs.removeFirst()
                if height == self.height { events = handle(input).map { (height, $0) } }
            } else {
                isDriving = false
                return nil
            }
        }
    }

    /// How a kept message goes out once it counts: only this node's own are for everybody.
    func passedOn(_ envelope: Envelope) -> ChainDirective {
        envelope.signer == me ? .broadcast(envelope) : .relay(envelope)
    }

    private mutating func handle(_ input: ConsensusInput) -> [Event] {
        var events: [Event] = []
        var state: VoteState?
        for directive in consensus.handle(input) {
            switch directive {
            case .saveState(let saved):
                state = saved
            case .sign(let message):
                let envelope = sign(message)
                events.append(.directive(.persist([envelope], state)))
                events.append(.directive(.broadcast(envelope)))
                switch message {
                case .proposal(let view, let proposal):
                    events.append(
                        .directive(.event(.proposed(kind: proposal.header.kind, height: height, view: view))))
                case .prevote(let view, _, let reason?), .precommit(let view, _, let reason?):
                    events.append(.directive(.event(.votedNil(height: height, view: view, reason))))
                case .prevote, .precommit: break
                }
                state = nil
            case .requestProposal(let view): events.append(.requestProposal(view: view))
            case .validate(let header, let view): events.append(.validate(header, view: view))
            case .schedule(let view, let step, let delay):
                events.append(
                    .directive(.schedule(.consensus(height: height, view: view, step: step), afterMs: delay)))
            case .enteredView(let view, let proposer):
                events.append(.directive(.event(.view(height: height, view, proposer: proposer))))
                events.append(.enteredView(view, proposer: proposer))
            case .decided(let block, let view, _):
                events.append(.decided(block, view: view))
            }
        }
        if let state { events.append(.directive(.persist([], state))) }
        return events
    }

    /// How far ahead of this node's view the messages are that it keeps.
    var viewsAhead: UInt32 {
        let highest = book.highestView(of: height) ?? 0
        return highest > consensus.view ? highest - consensus.view : 0
    }

    /// Whether a proposal with this header is voted on now. Nothing that is found out about one of a view that passed changes
    /// a vote.
    func isPresent(_ header: BlockHeader) -> Bool { header.height == height && header.originView == consensus.view }

    /// Keeps a fetched body if a proposal at hand names it.
    mutating func keepBody(_ id: ContentID, _ bytes: [UInt8], awaited: [BlockHeader]) {
        let needed = consensus.neededHeaders
        guard let header = (needed + awaited).first(where: { $0.body.id == id }) else { return }
        keepBody(bytes, of: header, isNeeded: needed.contains { $0.body.id == id })
    }

    /// - Parameter isNeeded: by what the consensus instance is at, or is about to propose. Nobody's bodies keep such a one
    ///   out: it would be fetched, refused and fetched again without end.
    mutating func keepBody(_ bytes: [UInt8], of header: BlockHeader, isNeeded: Bool) {
        bodies.protect(Set(consensus.neededHeaders.map(\.body.id)))
        let insertion = bodies.insert(bytes, for: header.body.id, by: header.author, isProtected: isNeeded)
        // One that is not needed now may be refused: it is fetched again if a decision comes to it.
        assert(insertion.isIn || !isNeeded, "four bodies are needed at most, and the table has more places")
    }

    /// The decided block, once everything of it is here.
    mutating func deliverable(_ out: inout [ChainDirective]) -> DecidedBlock? {
        guard let (block, view) = undelivered, let header = consensus.header(of: block) else { return nil }
        guard let body = bodies[header.body.id] else {
            out.append(.fetch(header.body, .blockBody, author: header.author))
            return nil
        }
        let certificate = certificate(block: block, view: view)
        // Stored and shown to others only if these would take it: a missing precommit comes with a digest, or a peer's
        // decided block comes first.
        do {
            try certificate.check(
                network: network, header: header, electorate: consensus.electorate, areSignaturesKnown: true)
        } catch {
            if !saidIncomplete {
                out.append(.event(.warning("height \(height) is decided and its certificate is incomplete: \(error)")))
            }
            saidIncomplete = true
            return nil
        }
        return DecidedBlock(header: header, body: body, certificate: certificate)
    }

    /// Signs a message of this node for a slot and keeps it.
    mutating func signed(_ payload: [UInt8], _ kind: MessageKind, major: UInt64, minor: UInt32) -> Envelope {
        let slot = Slot(kind: kind, chain: chain, major: major, minor: minor)
        let envelope = Envelope.signed(payload, slot: slot, network: network, by: key)
        precondition(book.outcome(of: envelope) != .conflict, "this node would sign twice in \(slot)")
        // Own messages always find a place.
        book.insert(envelope, isOwn: true)
        return envelope
    }

    private mutating func sign(_ message: ConsensusDirective.Signable) -> Envelope {
        switch message {
        case .proposal(let view, let proposal): signed(proposal.wireBytes, .proposal, major: height, minor: view)
        case .prevote(let view, let block, let reason): vote(block, reason, .prevote, view: view)
        case .precommit(let view, let block, let reason): vote(block, reason, .precommit, view: view)
        }
    }

    private mutating func vote(_ block: BlockID?, _ reason: Vote.Reason?, _ kind: MessageKind, view: UInt32) -> Envelope
    {
        signed(Vote(block: block, reason: reason ?? .noProposal).wireBytes, kind, major: height, minor: view)
    }

    /// Keeps a verified message; whether it is the first of its signer in its slot. A second one is evidence.
    mutating func keep(_ envelope: Envelope, _ out: inout [ChainDirective]) -> Bool {
        let other = book.other(than: envelope)
        var gone: [Envelope] = []
        let outcome = book.insert(envelope, gone: &gone)
        for lost in gone where lost.slot.kind == .precommit && lost.slot.major == height {
            guard let block = (try? Vote(wireBytes: lost.payload))?.block else { continue }
            consensus.forgetPrecommit(of: lost.signer, view: lost.slot.minor, block: block)
        }
        guard outcome == .conflict else { return outcome == .new }
        out.append(.event(.conflict(envelope.signer, envelope.slot.kind)))
        if let other, Evidence.kinds.contains(envelope.slot.kind) { out.append(.evidence(other, envelope)) }
        return false
    }

    // MARK: Alarm

    /// What follows from a decided block below this height: nothing, unless a quorum has signed another block than the one
    /// that was decided here. Two certificates at one height mean that a third of the weight broke the rules: evidence
    /// against whoever signed both in one view, then the alarm.
    ///
    /// - Parameter name: of the chain, for people.
    mutating func alarm(
        _ decided: DecidedBlock, known: BlockID?, electorate: Electorate, name: String
    ) -> [ChainDirective] {
        let (id, height) = (decided.header.id, decided.header.height)
        guard course != .halted, let known, known != id,
            (try? decided.certificate.check(network: network, header: decided.header, electorate: electorate)) != nil
        else { return [] }
        course = .halted
        // A restart may have lost a certificate whose block it still knows.
        let proofs =
            certificates.last { $0.height == height && $0.block == known }.map {
                Evidence.doublePrecommits($0, decided.certificate, network: network, electorate: electorate)
            } ?? []
        let names = proofs.map(\.0.signer.short).joined(separator: ", ")
        return proofs.map { .evidence($0.0, $0.1) } + [
            .halt(
                "\(name): height \(height) has two certificates, for block \(known.short) and block \(id.short): "
                    + "a third or more of the voting weight broke the rules"
                    + (names.isEmpty ? "" : " (\(names) signed both in one view)") + Self.advice)
        ]
    }

    /// A block with a certificate that the rules refuse.
    mutating func refuse(
        _ header: BlockHeader, _ error: ChainError, head: BlockID, name: String, _ now: Instant
    ) -> [ChainDirective] {
        guard header.parent != head else {
            course = .halted
            return [.halt("\(name) height \(header.height): a decided block is invalid: \(error)")]
        }
        course = .awaitingProof(since: now.monotonicMs)
        return [
            .event(
                .warning(
                    "\(name): a quorum decided height \(header.height) behind block \(header.parent.short), not behind "
                        + "block \(head.short); nothing is signed any more, and the other branch's certificate is asked for"
                ))
        ]
    }

    /// Where nobody shows the other certificate the chain stops without naming anybody.
    mutating func giveUpProof(height: UInt64, name: String, _ now: Instant) -> [ChainDirective] {
        guard case .awaitingProof(let since) = course, now.monotonicMs >= since + 5_000 else { return [] }
        course = .halted
        return [
            .halt(
                "\(name): a quorum decided height \(height) behind another block than the one decided here, and nobody shows "
                    + "its certificate: a third or more of the voting weight broke the rules" + Self.advice)
        ]
    }

    private static let advice =
        "; stop, compare the chains with the other members and start a new network from the last common block"

    /// Turns a verified proposal or vote into an input of the consensus instance.
    static func consensusInput(_ envelope: Envelope) throws(WireError) -> ConsensusInput? {
        switch envelope.slot.kind {
        case .proposal:
            .proposal(
                view: envelope.slot.minor, signer: envelope.signer, try Proposal(wireBytes: envelope.payload))
        case .prevote, .precommit:
            .vote(
                envelope.slot.kind, view: envelope.slot.minor, signer: envelope.signer,
                block: try Vote(wireBytes: envelope.payload).block)
        default: nil
        }
    }

    /// Takes this node's own stored messages; `recall` puts each back when its time comes.
    ///
    /// That is at once after a restart. Where blocks are fetched again, it is heights and rounds later: then what was
    /// signed there once is sent again, and nothing else is signed.
    mutating func restore(_ own: [Envelope], state: VoteState?) {
        stored = own.filter { $0.slot.chain == chain }
        storedState = state
    }

    /// Whether a slot belongs to what is being decided now.
    enum Time { case past, present, later }

    /// Puts back the stored messages of the present height and attempt, before the height starts.
    mutating func recall(_ time: (Slot) -> Time) {
        guard !stored.isEmpty || storedState != nil else { return }
        var inputs: [ConsensusInput] = []
        for envelope in stored where time(envelope.slot) == .present {
            book.insert(envelope, isOwn: true)
            if envelope.slot.major == height, let input = try? Self.consensusInput(envelope) { inputs.append(input) }
        }
        stored = stored.filter { time($0.slot) == .later }
        let state = storedState.flatMap { $0.height == height ? $0 : nil }
        guard state != nil || !inputs.isEmpty else { return }
        let fresh = VoteState(height: height, view: 0, step: .propose, locked: nil, valid: nil)
        _ = consensus.handle(.restored(state ?? fresh, own: inputs))
    }

    /// The certificate of a decision, from the precommits kept.
    func certificate(block: BlockID, view: UInt32) -> Certificate {
        let payload = Vote(block: block).wireBytes
        let precommits = book.all(.precommit, major: height, minor: view).filter { $0.payload == payload }
            .compactMap { envelope in
                consensus.electorate.index(of: envelope.signer).map {
                    Certificate.Precommit(voter: UInt8($0), signature: envelope.signature)
                }
            }
        return Certificate(chain: chain, height: height, view: view, block: block, precommits: precommits)
    }

    /// The cheap checks of a gossiped message, before anything is decoded or verified.
    ///
    /// - Parameter standing: what a signer's place in this chain says. It rejects only who can have none in any state.
    func precheck(_ envelope: Envelope, standing: (NodeID) -> Admission) -> Admission {
        guard envelope.network == network else { return .reject("of network \(envelope.network.short)") }
        guard envelope.slot.chain == chain else { return .ignore("of another chain") }
        let verdict = standing(envelope.signer)
        guard verdict == .accept else { return verdict }
        switch book.outcome(of: envelope) {
        case .duplicate: return .ignore("known")
        case .full: return .ignore("two messages of this slot are known")
        case .new, .conflict: return .accept
        }
    }
}
