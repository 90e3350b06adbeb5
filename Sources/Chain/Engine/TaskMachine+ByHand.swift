public import Wire

/// What people who drive a round themselves are told and asked.
extension TaskMachine {
    /// Whether a person answers for this node: the task says so, or its owner does. Either is enough.
    public var asksPerson: Bool { isManual || state.spec.voting == .manual }

    /// This node has announced an update in the present attempt of the round.
    public var hasSubmitted: Bool {
        core.book.first(.submission, major: UInt64(state.round), minor: UInt32(state.attempt)).contains {
            $0.signer == me
        }
    }

    /// What this node has said of the present candidate, signed or about to be.
    public var ownAnswer: Opinion.Verdict? {
        let signed = core.book.first(.opinion, major: height, minor: 0).first { $0.signer == me }
        return signed.flatMap { try? Opinion(wireBytes: $0.payload) }?.verdict ?? manualVerdict?.verdict
    }

    /// The candidate of the present round, and what this node's own check found; nil while the check runs.
    public var presentCandidate: (candidate: Candidate, check: CandidateCheck?)? {
        guard case .aggregating = state.phase else { return nil }
        if let (payload, check) = goodCandidate, let candidate = candidates[payload] { return (candidate, check) }
        guard let payload = candidates.keys.min() else { return nil }
        return candidates[payload].map { ($0, checked[payload]) }
    }

    /// This node's vote is the next thing that is waited for.
    public var awaitsPerson: Bool {
        asksPerson && core.isVoter && goodCandidate != nil && ownAnswer == nil && !state.isEnded
    }
}
