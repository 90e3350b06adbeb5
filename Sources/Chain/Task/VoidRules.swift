internal import MeshCrypto
public import Wire

/// Validity of VOID: by what it carries, except a deadline, which goes by the view.
extension TaskRules {
    static func check(_ void: VoidBody, header: BlockHeader, state: TaskState) throws(ChainError) {
        let reason = void.reason
        try require(
            reason == .tooFew || (void.union.isEmpty && void.lists.isEmpty), "\(reason) needs no lists")
        try require(reason == .holders || void.absences.isEmpty, "\(reason) needs no absences")
        try require(reason == .blame || void.blame == nil, "\(reason) needs no blame")
        try require(reason == .holders || reason == .blame || void.replaced.isEmpty, "\(reason) replaces no holder")
        try require(
            reason == .tooFew || reason == .blame || (void.complaints.isEmpty && void.submissions.isEmpty),
            "\(reason) needs no complaints")
        switch reason {
        case .tooFew: try checkTooFew(void, header: header, state: state)
        case .deadline:
            try require(void.evicted.isEmpty, "a deadline evicts nobody")
            try require(
                header.originView >= firstVoidView(state), "view \(header.originView) is too early to give up")
        case .holders:
            try require(void.evicted.isEmpty, "silence evicts nobody")
            try checkAbsences(void, height: header.height, state: state)
        case .blame: try checkBlame(void, state: state)
        }
    }

    private static func checkTooFew(_ void: VoidBody, header: BlockHeader, state: TaskState) throws(ChainError) {
        guard case .collecting = state.phase else { throw .invalid("a set is already decided") }
        try checkLists(void.union, void.lists, height: header.height, state: state)
        let listed = SetSelection.listed(union: void.union, lists: void.lists, electorate: state.electorate)
        let (bad, evicted) = try complained(void, state: state) { listed.contains($0.submissionID) }
        try require(
            listed.count - bad.count < state.spec.leastMembers,
            "\(listed.count - bad.count) submissions are listed, enough for a set")
        try require(void.evicted == evicted, "the evicted are not those whom the complaints prove bad")
    }

    /// What the carried complaints prove about the carried announcements.
    private static func complained(
        _ void: VoidBody, state: TaskState, isCovered: (Envelope) -> Bool
    ) throws(ChainError) -> (bad: [SubmissionID], submitters: [NodeID]) {
        let context = RoundContext(state)
        try require(
            zip(void.submissions, void.submissions.dropFirst()).allSatisfy {
                ($0.signer, $0.submissionID) < ($1.signer, $1.submissionID)
            }, "announcements are not in order")
        var headers: [SubmissionID: SubmissionHeader] = [:]
        for envelope in void.submissions {
            try require(isCovered(envelope), "an announcement that is not part of the attempt")
            headers[envelope.submissionID] = try checkSubmission(envelope, context: context, state: state)
        }
        let bad = try provenBad(void.complaints, headers: headers, context: context, state: state)
        try require(bad.count == headers.count, "an announcement that no complaint proves bad")
        return (bad, Set(bad.compactMap { headers[$0]?.submitter }).sorted())
    }

    // MARK: Silence

    public static func checkAbsence(
        _ envelope: Envelope, height: UInt64, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> Absence {
        let absence = try read(
            envelope, as: Absence.self, slot: Slot(kind: .absence, chain: state.chain, major: height, minor: 0),
            from: .voter, state: state, signatureKnown: signatureKnown)
        try require(
            absence.holders.allSatisfy { node in state.holders.contains { $0.node == node } },
            "an absence of somebody who is no holder")
        return absence
    }

    /// Holders that voters of at least T weight miss, ascending: at least one of these voters is honest.
    static func missing(_ absences: [(signer: NodeID, absence: Absence)], state: TaskState) -> [NodeID] {
        state.holders.map(\.node).sorted().filter { holder in
            let weight = state.electorate.weight(
                of: absences.filter { $0.absence.holders.contains(holder) }.map(\.signer))
            return weight >= state.electorate.third
        }
    }

    /// Whether the round cannot go on without these holders: the others do not know every component.
    static func isBlocking(_ missing: [NodeID], state: TaskState) -> Bool {
        missing.count > Int(state.spec.holders.count) - Int(state.spec.holders.threshold) - 1
    }

    private static func checkAbsences(_ void: VoidBody, height: UInt64, state: TaskState) throws(ChainError) {
        try require(
            zip(void.absences, void.absences.dropFirst()).allSatisfy { $0.signer < $1.signer },
            "absences are not in order of signer")
        var absences: [(signer: NodeID, absence: Absence)] = []
        for envelope in void.absences {
            absences.append((envelope.signer, try checkAbsence(envelope, height: height, state: state)))
        }
        let missing = missing(absences, state: state)
        try require(
            isBlocking(missing, state: state), "\(missing.count) holders are missed, the others know every component")
        try require(void.replaced == missing, "the replaced are not the missing holders")
    }

    // MARK: Blame

    private static func checkBlame(_ void: VoidBody, state: TaskState) throws(ChainError) {
        guard case .aggregating(let manifest, let set) = state.phase else { throw .invalid("no set is decided") }
        let (_, complained) = try complained(void, state: state) { envelope in
            set.contains { $0.node == envelope.signer && $0.submission == envelope.submissionID }
        }
        var evicted = Set(complained)
        var liars: [NodeID] = []
        if let proof = void.blame {
            let verdict = try BlameCase(proof: proof, manifest: manifest, set: set, state: state).verdict(proof.chunks)
            evicted.formUnion(verdict.clients)
            liars = verdict.liars
        }
        try require(!evicted.isEmpty || !liars.isEmpty, "nobody is proven bad")
        try require(void.evicted == evicted.sorted(), "the evicted are not those who are proven bad")
        try require(void.replaced == liars, "the replaced are not the convicted holders")
    }

    /// Holders that a RESULT convicts: their vector was outvoted, and the attempt went on with the honest one.
    static func checkLiars(of result: ResultBody, context: RoundContext, state: TaskState) throws(ChainError) {
        guard let proof = result.blame else {
            try require(result.liars.isEmpty, "holders are convicted without a proof")
            return
        }
        guard case .aggregating(let manifest, let set) = state.phase else { throw .invalid("no set is decided") }
        try require(proof.chunks.isEmpty, "a result names no client")
        let verdict = try BlameCase(proof: proof, manifest: manifest, set: set, state: state).verdict([])
        try require(!verdict.liars.isEmpty && result.liars == verdict.liars, "the proof convicts other holders")
    }
}
