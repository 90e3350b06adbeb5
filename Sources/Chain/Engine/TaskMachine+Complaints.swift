internal import MeshCrypto
internal import Wire

/// Bad boxes and silent holders: what this node says about them and what it knows.
extension TaskMachine {
    private var ownRound: (major: UInt64, minor: UInt32) { (UInt64(state.round), UInt32(state.attempt)) }

    func contains(_ kind: MessageKind, signer: NodeID) -> Bool {
        core.book.contains(kind, major: ownRound.major, minor: ownRound.minor, signer: signer, chain: chain)
    }

    func messages(_ kind: MessageKind) -> [Envelope] {
        core.book.first(kind, major: ownRound.major, minor: ownRound.minor)
    }

    // MARK: Complaints

    /// A holder complains once an attempt: before its Ready about everything that does not open, or later about a member
    /// of the decided set.
    mutating func signComplaint(_ out: inout [ChainDirective]) {
        guard holderPlace != nil, !complaints.isEmpty, !contains(.complaint, signer: me) else { return }
        var entries = complaints.values.sorted { $0.submission < $1.submission }
        if case .aggregating(_, let set) = state.phase {
            entries.removeAll { entry in !set.contains { $0.submission == entry.submission } }
        }
        guard !entries.isEmpty else { return }
        let complaint = Complaint(context: context.digest, entries: Array(entries.prefix(Limits.complaints)))
        let envelope = core.signed(complaint.wireBytes, .complaint, major: ownRound.major, minor: ownRound.minor)
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
        judgeComplaints(&out)
    }

    /// Whether an entry about a known announcement has no proof: such a message is nobody's statement.
    func isUnproven(_ complaint: Complaint, of holder: NodeID) -> Bool {
        complaint.entries.contains { entry in
            headers[entry.submission].map {
                TaskRules.judge(entry, holder: holder, header: $0, state: state) == .unproven
            } ?? false
        }
    }

    /// Judges what has not been judged yet, each entry once.
    mutating func judgeComplaints(_ out: inout [ChainDirective]) {
        for envelope in messages(.complaint) {
            guard let complaint = try? Complaint(wireBytes: envelope.payload) else { continue }
            for entry in complaint.entries {
                let name = Judged(holder: envelope.signer, submission: entry.submission)
                guard judged[name] == nil, let header = headers[entry.submission] else { continue }
                let verdict = TaskRules.judge(entry, holder: envelope.signer, header: header, state: state)
                guard judged.insert(verdict, for: name, by: envelope.signer).isIn else { continue }
                switch verdict {
                case .boxIsBad: out.append(.event(.complaint(holder: envelope.signer, about: header.submitter)))
                case .boxIsGood:
                    falseComplaints += 1
                    out.append(.event(.falseComplaint(holder: envelope.signer)))
                case .unproven: break
                }
            }
        }
    }

    /// The submissions among `ids` that complaints prove bad, and these complaints, ascending by signer.
    func provenBad(among ids: [SubmissionID]) -> (bad: Set<SubmissionID>, complaints: [Envelope]) {
        let wanted = Set(ids)
        let proven = judged.ordered.filter { $0.value == .boxIsBad && wanted.contains($0.key.submission) }.map(\.key)
        let holders = Set(proven.map(\.holder))
        return (Set(proven.map(\.submission)), messages(.complaint).filter { holders.contains($0.signer) })
    }

    // MARK: Silence

    /// The holders from which this node lacks what the phase needs.
    private var silentHolders: [NodeID] {
        let kind: MessageKind = if case .collecting = state.phase { .ready } else { .keyStatement }
        return state.holders.map(\.node).filter { !contains(kind, signer: $0) }.sorted()
    }

    /// Without a quorum of lists a holder has nothing to be ready for.
    private var isSpeechDue: Bool {
        guard case .collecting = state.phase else { return true }
        return state.electorate.weight(of: lists.map(\.signer)) >= state.electorate.quorum
    }

    /// Whether this node has nothing better than VOID by deadline. By then the views may be high enough for it, and it names
    /// nobody: where silent holders are what is missing it would come first each time, and they would never be replaced.
    mutating func mayGiveUp(_ out: inout [ChainDirective]) -> Bool {
        guard phaseDeadlinePassed else { return false }
        return !isSpeechDue || !TaskRules.isBlocking(silentHolders, state: state) || grace(.deadline, &out)
    }

    mutating func signAbsence(_ out: inout [ChainDirective]) {
        guard isSpeechDue, core.isVoter, phaseDeadlinePassed, core.consensus.isStarted,
            !core.book.contains(.absence, major: height, minor: 0, signer: me, chain: chain),
            !silentHolders.isEmpty, grace(.absences, &out)
        else { return }
        let silent = silentHolders
        let envelope = core.signed(Absence(holders: silent).wireBytes, .absence, major: height, minor: 0)
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
        out.append(.event(.absent(silent)))
    }

    /// VOID(holders), if voters of a third of the weight miss so many holders that the others cannot go on.
    func voidBySilence() -> VoidBody? {
        let envelopes = core.book.first(.absence, major: height, minor: 0)
        let absences = envelopes.compactMap { envelope in
            (try? Absence(wireBytes: envelope.payload)).map { (signer: envelope.signer, absence: $0) }
        }
        let missing = TaskRules.missing(absences, state: state)
        guard TaskRules.isBlocking(missing, state: state) else { return nil }
        return VoidBody(
            reason: .holders, evicted: [], union: [], lists: [], replaced: missing, absences: envelopes)
    }
}
