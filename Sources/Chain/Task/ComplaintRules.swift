internal import MeshCrypto
public import Wire

/// Complaints of holders about sealed seeds: what counts, and what it proves.
extension TaskRules {
    public enum ComplaintVerdict: Sendable, Equatable {
        /// The box does not open to what the header commits to: its submitter is proven bad.
        case boxIsBad
        /// The box opens: the complaint is the lie. It has no effect.
        case boxIsGood
        /// The shared point is not proven or the boxes are others: no statement of anybody.
        case unproven
    }

    public static func checkComplaint(
        _ envelope: Envelope, context: RoundContext, state: TaskState, signatureKnown: Bool = false
    ) throws(ChainError) -> Complaint {
        try read(
            envelope, .complaint, from: .holder, context: context, state: state, signatureKnown: signatureKnown)
    }

    /// - Parameter holder: who complains.
    public static func judge(
        _ entry: Complaint.Entry, holder: NodeID, header: SubmissionHeader, state: TaskState
    ) -> ComplaintVerdict {
        guard let profile = state.holderProfile,
            let place = state.holders.firstIndex(where: { $0.node == holder }),
            SealedSeeds.hash(boxes: entry.boxes) == header.boxesHash.bytes,
            let binding = try? SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes)
        else { return .unproven }
        let sealed = SealedSeeds(
            ephemeral: header.ephemeral.bytes, commitments: header.componentCommitments.map(\.bytes),
            boxes: entry.boxes, proof: header.proof.bytes)
        let complaint = HolderComplaint(
            component: Int(entry.component), holder: place, sharedPoint: entry.sharedPoint.bytes,
            proof: entry.proof.bytes)
        let verdict = try? complaint.judge(
            sealed: sealed, profile: profile, binding: binding, holderKey: state.holders[place].key.bytes,
            submission: entry.submission.bytes)
        return switch verdict {
        case .boxIsBad: .boxIsBad
        case .boxIsGood: .boxIsGood
        case nil: .unproven
        }
    }

    /// The submissions among `headers` that carried complaints prove bad, ascending. Every carried complaint must prove
    /// at least one.
    static func provenBad(
        _ complaints: [Envelope], headers: [SubmissionID: SubmissionHeader], context: RoundContext, state: TaskState
    ) throws(ChainError) -> [SubmissionID] {
        try require(
            zip(complaints, complaints.dropFirst()).allSatisfy { $0.signer < $1.signer },
            "complaints are not in order of signer")
        var bad: Set<SubmissionID> = []
        for envelope in complaints {
            let complaint = try checkComplaint(envelope, context: context, state: state)
            let proven = complaint.entries.filter { entry in
                headers[entry.submission].map {
                    judge(entry, holder: envelope.signer, header: $0, state: state) == .boxIsBad
                } ?? false
            }
            try require(!proven.isEmpty, "the complaint of \(envelope.signer.short) proves nothing")
            bad.formUnion(proven.map(\.submission))
        }
        return bad.sorted()
    }
}
