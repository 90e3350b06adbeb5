internal import MeshCrypto
public import Wire

/// What a node knows of the open round's scores; all of it can be worked out again after a restart.
struct ScoreTally: Sendable {
    var reveals: [DirectionReveal: Bool] = [:]
    var requestedReveals: Set<DirectionReveal> = []
    var statements: [ScoreStatement: Bool] = [:]
    var requestedStatements: Set<ScoreStatement> = []
    var isRevealRequested = false
    var isOpeningRequested = false
}

/// Scored rounds: the commitment before the round, the reveal and the openings after its RESULT, and the voters' lists of
/// what they found right.
extension TaskMachine {
    private var pending: ScoreBook.Pending? { state.scores.pending }
    private var isPublisher: Bool { me == state.genesis.publisher }

    // MARK: Before the round

    var commitments: [Envelope] { core.book.first(.direction, major: UInt64(state.round), minor: 0) }

    mutating func enterDirection(_ now: Instant, _ out: inout [ChainDirective]) {
        phaseDurationMs = UInt64(state.spec.deadlines.opinionMs)
        out.append(.schedule(.phase(height: height), afterMs: phaseDurationMs))
        if isPublisher {
            if let own = commitments.first(where: { $0.signer == me }) {
                out.append(.broadcast(own))
            } else {
                out.append(.work(.commitDirection(trainingJob)))
            }
        }
        if core.consensus.hasSigned { startVoting(now, &out) }
        replayDeferred(now, &out)
        react(now, &out)
    }

    mutating func reactDirection(_ now: Instant, _ out: inout [ChainDirective]) {
        pursueScores(&out)
        if !commitments.isEmpty || phaseDeadlinePassed || isOrderDue || now.wallMs >= state.expiresMs {
            startVoting(now, &out)
        }
        if core.consensus.isStarted, core.consensus.isProposer { offerProposal(now, &out) }
    }

    func proposableDirection() -> TaskBlockContent? {
        if let commitment = commitments.first { return .control(.direction(commitment)) }
        return phaseDeadlinePassed ? .control(.noDirection) : nil
    }

    /// The publisher's direction is durable: commit to it, or say that there is none.
    public mutating func directionCommitted(
        _ commitment: Digest?, round: UInt32, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard isPublisher, state.isDirectionDue, state.round == round, !isHalted,
            !commitments.contains(where: { $0.signer == me })
        else { return out }
        publish(DirectionCommitment(commitment: commitment).wireBytes, .direction, major: UInt64(round), &out)
        react(now, &out)
        return out
    }

    // MARK: After its RESULT

    /// The last scores of a task whose end is implied: decided before it.
    mutating func reactLastScores(_ now: Instant, _ out: inout [ChainDirective]) {
        guard pending != nil else { return }
        pursueScores(&out)
        if phaseDeadlinePassed || areScoresSettled(&out) {
            signScored(&out)
            startVoting(now, &out)
        }
        if core.consensus.isStarted, core.consensus.isProposer { offerProposal(now, &out) }
    }

    /// Reveals, opens and has checked what is there.
    mutating func pursueScores(_ out: inout [ChainDirective]) {
        guard let pending else { return }
        if isPublisher, !tally.isRevealRequested, !reveals.contains(where: { $0.signer == me }) {
            tally.isRevealRequested = true
            out.append(.work(.revealDirection(round: pending.round)))
        }
        for envelope in reveals {
            guard let reveal = try? DirectionReveal(wireBytes: envelope.payload) else { continue }
            requestJudgement(reveal, pending, &out)
        }
        guard let reveal = goodReveal?.reveal else { return }
        if pending.set.contains(where: { $0.node == me }), !tally.isOpeningRequested,
            !core.book.contains(.score, major: UInt64(pending.round), minor: 0, signer: me, chain: chain)
        {
            tally.isOpeningRequested = true
            out.append(.work(.openScore(reveal, pending)))
        }
        for envelope in statements {
            guard let statement = try? ScoreStatement(wireBytes: envelope.payload) else { continue }
            requestCheck(statement, reveal, pending, &out)
        }
    }

    private var reveals: [Envelope] { core.book.all(.reveal, major: UInt64(pending?.round ?? 0), minor: 0) }
    private var statements: [Envelope] { core.book.all(.score, major: UInt64(pending?.round ?? 0), minor: 0) }

    /// The reveal that fits the commitment; there is at most one.
    private var goodReveal: (envelope: Envelope, reveal: DirectionReveal)? {
        for envelope in reveals {
            if let reveal = try? DirectionReveal(wireBytes: envelope.payload), tally.reveals[reveal] == true {
                return (envelope, reveal)
            }
        }
        return nil
    }

    /// Openings that this node found right, ascending by signer; there is at most one right one a submission.
    private var rightStatements: [(envelope: Envelope, statement: ScoreStatement)] {
        statements.compactMap { envelope in
            guard let statement = try? ScoreStatement(wireBytes: envelope.payload),
                tally.statements[statement] == true
            else { return nil }
            return (envelope, statement)
        }
    }

    private mutating func requestJudgement(
        _ reveal: DirectionReveal, _ pending: ScoreBook.Pending, _ out: inout [ChainDirective]
    ) {
        guard tally.reveals[reveal] == nil, tally.requestedReveals.insert(reveal).inserted else { return }
        out.append(.work(.judgeDirection(reveal, pending)))
    }

    private mutating func requestCheck(
        _ statement: ScoreStatement, _ reveal: DirectionReveal, _ pending: ScoreBook.Pending,
        _ out: inout [ChainDirective]
    ) {
        guard tally.statements[statement] == nil, tally.requestedStatements.insert(statement).inserted else { return }
        out.append(.work(.checkScore(statement, reveal, pending)))
    }

    /// Whether there is nothing to wait for: no open round, everybody's opening is here, or the grace is over.
    mutating func areScoresSettled(_ out: inout [ChainDirective]) -> Bool {
        guard let pending else { return true }
        let opened = rightStatements.map(\.statement.submission)
        if pending.set.allSatisfy({ opened.contains($0.submission) }) { return true }
        return grace(.scores, &out)
    }

    /// Signs the list of openings found right, once a height, before the list of submissions or the vote on an end.
    mutating func signScored(_ out: inout [ChainDirective]) {
        guard pending != nil, core.isVoter,
            !core.book.contains(.scored, major: height, minor: 0, signer: me, chain: chain)
        else { return }
        let ids = Set(rightStatements.map(\.statement.submission)).sorted()
        publish(Received(submissions: ids).wireBytes, .scored, major: height, &out)
    }

    /// What a block of this node says about the open round; nil while something is missing.
    func scoreSection() -> ScoreSection? {
        let lists = core.book.first(.scored, major: height, minor: 0)
        guard state.electorate.weight(of: lists.map(\.signer)) >= state.electorate.quorum else { return nil }
        let decoded = lists.map { (envelope: $0, ids: (try? Received(wireBytes: $0.payload))?.submissions ?? []) }
        let union = Set(decoded.flatMap(\.ids)).sorted()
        let blockLists = decoded.map { entry in
            ReceivedList(
                signer: entry.envelope.signer, bitmap: TaskRules.bitmap(of: entry.ids, in: union),
                signature: entry.envelope.signature)
        }
        let listed = SetSelection.listed(union: union, lists: blockLists, electorate: state.electorate)
        let openings = rightStatements.filter { listed.contains($0.statement.submission) }.map(\.envelope)
        guard openings.count == listed.count else { return nil }
        let reveal = openings.isEmpty ? nil : goodReveal?.envelope
        return ScoreSection(reveal: reveal, union: union, lists: blockLists, openings: openings)
    }

    /// Whether a proposal's scores are right; nil while this is being found out, and then `header` is judged again.
    mutating func verdict(
        on section: ScoreSection?, of header: BlockHeader, _ out: inout [ChainDirective]
    ) -> Bool? {
        guard let section, let pending, let envelope = section.reveal,
            let reveal = try? DirectionReveal(wireBytes: envelope.payload)
        else { return true }
        requestJudgement(reveal, pending, &out)
        if tally.reveals[reveal] == false { return false }
        var isKnown = tally.reveals[reveal] == true
        if isKnown {
            for envelope in section.openings {
                guard let statement = try? ScoreStatement(wireBytes: envelope.payload) else { return false }
                requestCheck(statement, reveal, pending, &out)
                if tally.statements[statement] == false { return false }
                if tally.statements[statement] == nil { isKnown = false }
            }
        }
        guard isKnown else {
            waiting.wait(header, for: .scores)
            return nil
        }
        return true
    }

    // MARK: Messages

    /// - Throws: `ChainError` or `WireError` for what its signer should not have sent.
    mutating func admitScore(_ envelope: Envelope, _ out: inout [ChainDirective]) throws -> Admission {
        switch envelope.slot.kind {
        case .direction: try TaskRules.checkCommitment(envelope, state: state, signatureKnown: true)
        case .reveal: _ = try TaskRules.checkReveal(envelope, state: state, signatureKnown: true)
        case .score: _ = try TaskRules.checkScore(envelope, state: state, signatureKnown: true)
        default:
            guard let pending else { return .ignore("no round's scores are open") }
            guard state.electorate.contains(envelope.signer), envelope.slot.minor == 0 else {
                return .reject("no list")
            }
            let listed = try Received(wireBytes: envelope.payload).submissions
            let members = pending.set.map(\.submission)
            guard listed.allSatisfy(members.contains) else { return .reject("a list of scores of another set") }
        }
        _ = isFirst(envelope, &out)
        return .accept
    }

    private mutating func publish(
        _ payload: [UInt8], _ kind: MessageKind, major: UInt64, _ out: inout [ChainDirective]
    ) {
        let envelope = core.signed(payload, kind, major: major, minor: 0)
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
    }

    // MARK: Results of work

    public mutating func directionRevealed(
        _ reveal: DirectionReveal, round: UInt32, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard isPublisher, pending?.round == round, !isHalted, !state.isEnded,
            !reveals.contains(where: { $0.signer == me })
        else { return out }
        publish(reveal.wireBytes, .reveal, major: UInt64(round), &out)
        react(now, &out)
        return out
    }

    public mutating func directionJudged(
        _ reveal: DirectionReveal, round: UInt32, isValid: Bool, reason: String = "", _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard pending?.round == round, tally.reveals[reveal] == nil, !isHalted else { return out }
        tally.reveals[reveal] = isValid
        if !isValid {
            badDirections += 1
            out.append(.event(.badDirection(round: round, reason: reason)))
        }
        judgeAgain(now, &out)
        return out
    }

    public mutating func scoreOpened(
        _ statement: ScoreStatement, round: UInt32, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let pending, pending.round == round, !isHalted, !state.isEnded,
            pending.set.contains(where: { $0.node == me && $0.submission == statement.submission }),
            !core.book.contains(.score, major: UInt64(round), minor: 0, signer: me, chain: chain)
        else { return out }
        publish(statement.wireBytes, .score, major: UInt64(round), &out)
        react(now, &out)
        return out
    }

    public mutating func scoreChecked(
        _ statement: ScoreStatement, round: UInt32, isValid: Bool, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let pending, pending.round == round, tally.statements[statement] == nil, !isHalted else { return out }
        tally.statements[statement] = isValid
        let signer = pending.set.first { $0.submission == statement.submission }?.node
        if !isValid, let signer { out.append(.event(.badScore(signer, round: round))) }
        judgeAgain(now, &out)
        return out
    }

    private mutating func judgeAgain(_ now: Instant, _ out: inout [ChainDirective]) {
        for header in waiting.take(.scores) { validate(header, now, &out) }
        react(now, &out)
    }
}
