public import MeshCrypto
public import Wire

/// Validity of directions and scores: by carried bytes. That a direction is the committed one and that an opening is right
/// takes contents and group arithmetic; whoever votes checks that as well, see `ScoreCheck`.
extension TaskRules {
    /// A commitment, from the publisher for the present round.
    public static func checkCommitment(
        _ envelope: Envelope, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) {
        let slot = Slot(kind: .direction, chain: state.chain, major: UInt64(state.round), minor: 0)
        _ = try read(
            envelope, as: DirectionCommitment.self, slot: slot, from: .node(state.genesis.publisher), state: state,
            signatureKnown: signatureKnown)
    }

    static func check(direction envelope: Envelope?, state: TaskState) throws(ChainError) {
        try require(!state.isPaused, "the task is paused: only its publisher's orders may follow")
        try require(state.isDirectionDue, "round \(state.round) waits for no direction")
        if let envelope { try checkCommitment(envelope, state: state) }
    }

    /// A reveal, from the publisher for the round whose RESULT was accepted and whose scores are open.
    public static func checkReveal(
        _ envelope: Envelope, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> DirectionReveal {
        guard let pending = state.scores.pending else { throw .invalid("no round's scores are open") }
        let slot = Slot(kind: .reveal, chain: state.chain, major: UInt64(pending.round), minor: 0)
        let reveal = try read(
            envelope, as: DirectionReveal.self, slot: slot, from: .node(state.genesis.publisher), state: state,
            signatureKnown: signatureKnown)
        try require(
            reveal.direction.length == UInt64(state.spec.coordinateCount(round: pending.round)),
            "a direction of \(reveal.direction.length) entries")
        return reveal
    }

    /// An opening, from a member of the open round's set about its own submission.
    public static func checkScore(
        _ envelope: Envelope, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> ScoreStatement {
        guard let pending = state.scores.pending else { throw .invalid("no round's scores are open") }
        guard let member = pending.set.first(where: { $0.node == envelope.signer }) else {
            throw .invalid("\(envelope.signer.short) is not in the sum of round \(pending.round)")
        }
        let slot = Slot(kind: .score, chain: state.chain, major: UInt64(pending.round), minor: 0)
        let statement = try read(
            envelope, as: ScoreStatement.self, slot: slot, from: .anybody, state: state,
            signatureKnown: signatureKnown)
        try require(statement.submission == member.submission, "a score of another submission")
        // B·‖a‖₁ at most; ‖a‖₁ itself is checked with the direction.
        let most = state.spec.bound * Int64(state.spec.coordinateCount(round: pending.round))
        try require(statement.score.magnitude <= UInt64(most), "a score of \(statement.score), at most \(most) can be")
        return statement
    }

    /// What a MANIFEST or CONTROL(scores) says about the open round.
    static func check(
        scores section: ScoreSection?, height: UInt64, state: TaskState
    ) throws(ChainError) {
        guard let section else {
            try require(state.scores.pending == nil, "the scores of a round are open and not decided")
            return
        }
        guard let pending = state.scores.pending else { throw .invalid("no round's scores are open") }
        try checkLists(section.union, section.lists, kind: .scored, height: height, state: state)
        let listed = SetSelection.listed(union: section.union, lists: section.lists, electorate: state.electorate)
        try require(
            zip(section.openings, section.openings.dropFirst()).allSatisfy { $0.signer < $1.signer },
            "openings are not in order of signer")
        var opened: [SubmissionID] = []
        for envelope in section.openings { opened.append(try checkScore(envelope, state: state).submission) }
        try require(
            opened.sorted() == listed,
            "\(opened.count) openings of round \(pending.round) are carried, lists of a third of the weight name "
                + "\(listed.count)")
        try require(
            (section.reveal != nil) == !opened.isEmpty, "openings and the reveal of their direction go together")
        if let reveal = section.reveal { _ = try checkReveal(reveal, state: state) }
    }
}

/// What takes contents: whether a revealed direction is the committed one, and whether an opening is right.
public enum ScoreCheck {
    /// - Parameters:
    ///   - content: one byte an element.
    ///   - metadata: elements that are no part of the model; must be zero.
    /// - Throws: with the first condition that it breaks.
    public static func direction(
        _ reveal: DirectionReveal, content: [UInt8], commitment: Digest, metadata: Range<Int>
    ) throws(ChainError) -> ScoreDirection {
        guard reveal.direction == .of(content, kind: .direction) else { throw .invalid("a direction of another name") }
        let direction: ScoreDirection
        do {
            direction = try ScoreDirection(signs: content.map { Int8(bitPattern: $0) }, metadata: metadata)
        } catch { throw .invalid("the direction is not allowed: \(error)") }
        try require(
            direction.commitment(salt: reveal.salt.bytes) == commitment.bytes,
            "the direction is not the one that was committed to")
        return direction
    }
}
