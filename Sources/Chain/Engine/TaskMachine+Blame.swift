internal import MeshCrypto
public import Wire

/// Who broke a sum: claims of the aggregator, disclosures of the holders, openings of the clients, and the block that
/// follows from them.
extension TaskMachine {
    // MARK: Messages

    mutating func admitBlame(
        _ envelope: Envelope, _ job: KeyJob, _ out: inout [ChainDirective]
    ) throws(ChainError) -> Admission {
        switch envelope.slot.kind {
        case .claim:
            let claim = try TaskRules.checkClaim(
                envelope, context: context, manifest: job.manifest, state: state, signatureKnown: true)
            // It is judged against the holders' statements; digests bring it again once they are here.
            let stated = messages(.keyStatement).map(\.signer)
            guard claim.entries.allSatisfy({ stated.contains(state.holders[Int($0.holder)].node) }) else {
                return .ignore("key statements of the claim are not known yet")
            }
            // A holder that signed two statements: which one came first here is nobody's fault.
            guard blameCase(envelope, job) != nil else { return .ignore("a claim that does not hold here") }
            if isFirst(envelope, &out) {
                out.append(.event(.claim(aggregator: envelope.signer, element: claim.element)))
            }
        case .disclosure:
            _ = try TaskRules.checkDisclosure(
                envelope, context: context, manifest: job.manifest, sums: job.sums, state: state,
                signatureKnown: true)
            _ = isFirst(envelope, &out)
        default:
            let opening = try TaskRules.checkOpening(
                envelope, context: context, set: job.set, state: state, signatureKnown: true)
            // Whoever lacks the announcement could not see it, and has passed it on.
            guard headers[opening.submission].map({ TaskRules.isCommitted(opening, in: $0) }) ?? true else {
                return .ignore("an opening of another seed than the announced one")
            }
            _ = isFirst(envelope, &out)
        }
        return .accept
    }

    private func blameCase(_ claim: Envelope, _ job: KeyJob) -> BlameCase? {
        try? BlameCase(
            claim: claim, statements: messages(.keyStatement), disclosures: messages(.disclosure),
            openings: messages(.opening), submissions: members(job), manifest: job.manifest, set: job.set, state: state)
    }

    /// The known announcements of the set, ascending by signer.
    private func members(_ job: KeyJob) -> [Envelope] {
        core.book.all(.submission, major: UInt64(state.round), minor: UInt32(state.attempt)).filter { envelope in
            job.set.contains { $0.submission == envelope.submissionID }
        }
    }

    private mutating func sign(_ payload: [UInt8], _ kind: MessageKind, _ out: inout [ChainDirective]) {
        let envelope = core.signed(payload, kind, major: UInt64(state.round), minor: UInt32(state.attempt))
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
    }

    // MARK: Results of work

    /// The aggregator cannot recover the sum, or two holders of a component differ. Once an attempt.
    public mutating func blamed(
        _ manifest: BlockID, kind: BlameClaim.Kind, element: Int, entries: [BlameClaim.Entry], _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let job = keyJob, job.manifest == manifest, core.isVoter, !contains(.claim, signer: me) else {
            return out
        }
        let claim = BlameClaim(
            context: context.digest, manifest: manifest, kind: kind, element: UInt32(element),
            entries: entries.sorted { ($0.component, $0.holder) < ($1.component, $1.holder) })
        sign(claim.wireBytes, .claim, &out)
        out.append(.event(.claim(aggregator: me, element: claim.element)))
        react(now, &out)
        return out
    }

    /// This holder found a claim true: its masks of that element. Once an attempt.
    public mutating func disclosed(
        _ manifest: BlockID, element: UInt32, masks: [Disclosure.Masks], _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let job = keyJob, job.manifest == manifest, holderPlace != nil, !contains(.disclosure, signer: me) else {
            return out
        }
        sign(
            Disclosure(context: context.digest, manifest: manifest, element: element, masks: masks).wireBytes,
            .disclosure, &out)
        react(now, &out)
        return out
    }

    /// A seed of this node's own submission, to convict a holder. Once an attempt.
    public mutating func seedOpened(
        _ submission: SubmissionID, component: Int, seed: Digest, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard keyJob != nil, !contains(.opening, signer: me) else { return out }
        sign(
            SeedOpening(
                context: context.digest, submission: submission, component: UInt8(component), seed: seed
            ).wireBytes, .opening, &out)
        react(now, &out)
        return out
    }

    /// The chunks of the members whose element is out of range; empty if there is none.
    public mutating func clientsNamed(
        _ manifest: BlockID, _ chunks: [BlameProof.Chunk], _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let job = keyJob, job.manifest == manifest else { return out }
        namedChunks = chunks.sorted { $0.submission < $1.submission }
        out.append(
            .event(
                .named(
                    clients: job.set.filter { member in chunks.contains { $0.submission == member.submission } }.map(
                        \.node))
            ))
        react(now, &out)
        return out
    }

    // MARK: What follows

    /// The next step that this node owes to a claim.
    mutating func pursueBlame(_ out: inout [ChainDirective]) {
        guard let job = keyJob else { return }
        for envelope in messages(.claim) {
            guard let blame = blameCase(envelope, job) else { continue }
            if let place = holderPlace, !contains(.disclosure, signer: me) {
                let asked = blame.asked(of: place)
                if !asked.isEmpty, blameRequested.insert(.disclose).inserted {
                    out.append(.work(.disclose(job, blame.claim, components: asked)))
                }
            }
            let finding = blame.finding
            if let dispute = finding.dispute, blame.set[dispute.member].node == me,
                blameRequested.insert(.openSeed).inserted
            {
                out.append(
                    .work(.openSeed(job, blame.set[dispute.member].submission, component: dispute.component)))
            }
            if !finding.liars.isEmpty, blameRequested.insert(.toldLiars).inserted {
                out.append(.event(.convicted(holders: finding.liars)))
            }
            guard let masks = finding.masks else { continue }
            // Whoever is about to be named may contradict from now on.
            _ = grace(.rebuttal, &out)
            if let member = blame.set.firstIndex(where: { $0.node == me }), blameRequested.insert(.rebut).inserted {
                out.append(
                    .work(
                        .rebut(
                            job, blame.set[member].submission, element: blame.element, masks: masks.map { $0[member] }))
                )
            }
            if core.isVoter, blameRequested.insert(.nameClients).inserted {
                out.append(.work(.nameClients(job, element: Int(blame.claim.element), masks: masks)))
            }
        }
    }

    /// Whether the key statements known here give two roots for one component.
    public var holdersDiffer: Bool {
        var roots: [UInt8: Digest] = [:]
        for envelope in messages(.keyStatement) {
            for root in (try? KeyStatement(wireBytes: envelope.payload))?.roots ?? [] {
                if let known = roots[root.component], known != root.root { return true }
                roots[root.component] = root.root
            }
        }
        return false
    }

    /// The first statement of every holder of this attempt, ascending by signer.
    public var keyStatements: [Envelope] { messages(.keyStatement) }

    /// A proof, with whom it convicts; nil where it convicts nobody.
    ///
    /// What this node knows is more than a block carries. So the proof itself goes through the check that every other node
    /// makes of it, as it came from the wire: a block with one that shows less is refused by all, and whoever proposes next
    /// would propose it again.
    private func proof(
        _ claim: Envelope, _ job: KeyJob, openings: [Envelope], chunks: [BlameProof.Chunk]
    ) -> (proof: BlameProof, clients: [NodeID], liars: [NodeID])? {
        let needed = Set(openings.compactMap { (try? SeedOpening(wireBytes: $0.payload))?.submission })
            .union(chunks.map(\.submission))
        let announcements = members(job).filter { needed.contains($0.submissionID) }
        guard announcements.count == needed.count else { return nil }
        let proof = BlameProof(
            claim: claim, statements: messages(.keyStatement), disclosures: messages(.disclosure), openings: openings,
            submissions: announcements, chunks: chunks)
        guard let carried = try? BlameProof(wireBytes: proof.wireBytes),
            let verdict = try? BlameCase(proof: carried, manifest: job.manifest, set: job.set, state: state)
                .verdict(chunks),
            !verdict.clients.isEmpty || !verdict.liars.isEmpty
        else { return nil }
        return (proof, verdict.clients, verdict.liars)
    }

    /// The proof against holders, if there is one.
    func convictedHolders(_ out: inout [ChainDirective]) -> (proof: BlameProof, liars: [NodeID], isDispute: Bool)? {
        guard let job = keyJob else { return nil }
        for envelope in messages(.claim) {
            guard let blame = blameCase(envelope, job) else { continue }
            let finding = blame.finding
            guard !finding.liars.isEmpty,
                let convicted = proof(
                    envelope, job, openings: blame.openings(of: finding.convicting, among: messages(.opening)),
                    chunks: [])
            else { continue }
            return (convicted.proof, convicted.liars, blame.claim.kind == .dispute)
        }
        return nil
    }

    /// VOID(blame), if somebody is convicted and the attempt cannot go on.
    mutating func voidByBlame(_ out: inout [ChainDirective]) -> VoidBody? {
        guard let job = keyJob else { return nil }
        let proven = provenBad(among: job.set.map(\.submission))
        // A set with a bad box is still summed where the other holders know enough.
        if !proven.bad.isEmpty, phaseDeadlinePassed || (!covers(messages(.keyStatement)) && grace(.blame, &out)) {
            let announcements = members(job).filter { proven.bad.contains($0.submissionID) }
            if announcements.count == proven.bad.count {
                return VoidBody(
                    reason: .blame, evicted: announcements.map(\.signer), union: [], lists: [],
                    complaints: proven.complaints, submissions: announcements)
            }
        }
        if let convicted = convictedHolders(&out), !convicted.isDispute || phaseDeadlinePassed {
            return VoidBody(
                reason: .blame, evicted: [], union: [], lists: [], replaced: convicted.liars, blame: convicted.proof)
        }
        guard let chunks = namedChunks, !chunks.isEmpty else { return nil }
        guard mayName(&out) else { return nil }
        for envelope in messages(.claim) {
            guard let blame = blameCase(envelope, job), blame.finding.masks != nil,
                let named = proof(envelope, job, openings: [], chunks: chunks)
            else { continue }
            return VoidBody(
                reason: .blame, evicted: named.clients, union: [], lists: [], replaced: named.liars, blame: named.proof)
        }
        return nil
    }

    /// Whether clients that are about to be named have had the time to contradict the holders.
    mutating func mayName(_ out: inout [ChainDirective]) -> Bool { grace(.rebuttal, &out) }

    /// Whether a seed that this node knows contradicts the masks by which a block names clients.
    func isRebutted(_ body: VoidBody) -> Bool {
        guard let job = keyJob, let proof = body.blame, !proof.chunks.isEmpty else { return false }
        let blame = try? BlameCase(
            claim: proof.claim, statements: proof.statements, disclosures: proof.disclosures,
            openings: messages(.opening), submissions: members(job), manifest: job.manifest, set: job.set, state: state)
        return blame.map { !$0.finding.liars.isEmpty } ?? false
    }
}
