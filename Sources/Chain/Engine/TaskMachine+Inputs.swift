public import Wire

extension TaskMachine {
    /// A signed message of a peer.
    public mutating func receive(_ envelope: Envelope, _ now: Instant) -> (Admission, [ChainDirective]) {
        var out: [ChainDirective] = []
        let admission = admit(envelope, now, &out)
        if admission == .accept { react(now, &out) }
        return (admission, out)
    }

    /// REJECT costs its sender score and link, so it is only for what is wrong in every state that this slot is current in:
    /// bytes, signatures, who may speak, and what decided blocks say. What rests on anything else that this node happens to
    /// know, or knew first, is IGNORE: an honest node that knows something else has passed it on.
    mutating func admit(_ envelope: Envelope, _ now: Instant, _ out: inout [ChainDirective]) -> Admission {
        guard !isHalted, !state.isEnded else { return .ignore("the chain has ended") }
        // Participants are fixed in the genesis: no state makes another signer right.
        let verdict = core.precheck(envelope) {
            participants.contains($0) ? .accept : .reject("\($0.short) takes no part in this chain")
        }
        guard verdict == .accept else { return verdict }
        let slot = envelope.slot
        guard Self.isCurrent(slot, state) else { return deferIfNext(envelope) }
        guard envelope.isSignatureValid else { return .reject("not signed by \(envelope.signer.short)") }
        do {
            switch slot.kind {
            case .proposal, .prevote, .precommit:
                guard slot.minor < view.clampedSum(core.viewHorizon) else { return .ignore("view far ahead") }
                guard state.electorate.contains(envelope.signer) else { return .reject("no vote here") }
                guard let input = try ChainCore.consensusInput(envelope) else { return .reject("malformed payload") }
                // The second vote of a signer counts for its block as well; it is evidence too.
                _ = isFirst(envelope, &out)
                drive(input, now, &out)
                deliver(now, &out)
            case .submission:
                // The proof of the sealed seeds is checked with the body: who never lists it never opens it either.
                _ = try TaskRules.checkSubmission(envelope, context: context, state: state, signatureKnown: true)
                _ = isFirst(envelope, &out)
                note(envelope, &out)
            case .received:
                guard state.electorate.contains(envelope.signer), slot.minor == 0 else { return .reject("no list") }
                _ = try Received(wireBytes: envelope.payload)
                _ = isFirst(envelope, &out)
            case .ready:
                _ = try TaskRules.checkReady(envelope, context: context, state: state, signatureKnown: true)
                _ = isFirst(envelope, &out)
            case .keyStatement:
                guard let job = keyJob else { return deferIfNext(envelope) }
                _ = try TaskRules.checkKeyStatement(
                    envelope, context: context, manifest: job.manifest, state: state, signatureKnown: true)
                if isFirst(envelope, &out) {
                    out.append(.event(.keyStatement(envelope.signer)))
                    requestAggregation(&out)
                }
            case .candidate:
                guard let job = keyJob else { return .ignore("no set is decided") }
                // Candidates of views that nobody has reached would fill the book.
                guard slot.minor <= view.clampedSum(1) else { return .ignore("view far ahead") }
                let candidate = try Candidate(wireBytes: envelope.payload)
                guard candidate.manifest == job.manifest,
                    candidate.payload
                        == TaskRules.payloadID(
                            manifest: job.manifest, aggregate: candidate.aggregate, model: candidate.model,
                            opening: candidate.opening)
                else { return .reject("a candidate of another set") }
                guard core.consensus.proposer(view: slot.minor) == envelope.signer else {
                    return .reject("\(envelope.signer.short) is not the aggregator of view \(slot.minor)")
                }
                if isFirst(envelope, &out) {
                    out.append(.event(.candidate(aggregator: envelope.signer)))
                    requestCheck(candidate, by: envelope.signer, view: slot.minor, &out)
                }
            case .opinion:
                guard slot.minor == 0 else { return .reject("an opinion has no view") }
                _ = try TaskRules.checkOpinion(envelope, height: height, state: state, signatureKnown: true)
                if isFirst(envelope, &out) { out.append(.event(.opinion(envelope.signer))) }
            case .complaint:
                let complaint = try TaskRules.checkComplaint(
                    envelope, context: context, state: state, signatureKnown: true)
                // Whoever lacks the announcement could not see it, and has passed it on.
                guard !isUnproven(complaint, of: envelope.signer) else { return .ignore("a complaint without proof") }
                if isFirst(envelope, &out) { judgeComplaints(&out) }
            case .absence:
                _ = try TaskRules.checkAbsence(envelope, height: height, state: state, signatureKnown: true)
                _ = isFirst(envelope, &out)
            case .claim, .disclosure, .opening:
                guard let job = keyJob else { return deferIfNext(envelope) }
                return try admitBlame(envelope, job, &out)
            case .direction, .reveal, .score, .scored:
                return try admitScore(envelope, &out)
            case .transaction:
                return .reject("no such message on a task chain")
            }
        } catch let error as WireError {
            return .reject("malformed: \(error)")
        } catch { return .reject("\(error)") }
        return .accept
    }

    /// Keeps a message; whether it is the first of its signer in its slot. A second one is evidence, not an input.
    mutating func isFirst(_ envelope: Envelope, _ out: inout [ChainDirective]) -> Bool {
        core.keep(envelope, &out)
    }

    private mutating func deferIfNext(_ envelope: Envelope) -> Admission {
        let slot = envelope.slot
        let isNext =
            switch slot.kind {
            case .proposal, .prevote, .precommit, .received, .candidate, .opinion, .absence, .scored:
                slot.major > height && slot.major <= height + 2
            case .direction: slot.major == UInt64(state.round) + 1
            // Of the round that this node has not yet seen the RESULT of.
            case .reveal, .score: slot.major == UInt64(state.round)
            case .submission, .ready, .keyStatement, .complaint, .claim, .disclosure, .opening:
                (slot.major == UInt64(state.round) && slot.minor >= UInt32(state.attempt))
                    || slot.major == UInt64(state.round) + 1
            case .transaction: false
            }
        guard isNext, envelope.isSignatureValid,
            deferred.insert((), for: envelope, by: envelope.signer).isIn
        else { return .ignore("not of this height or attempt") }
        return .ignore("kept for the next height")
    }

    mutating func replayDeferred(_ now: Instant, _ out: inout [ChainDirective]) {
        let waiting = deferred
        deferred = Bounded(ChainTables.deferred)
        for signer in waiting.senders {
            for envelope in waiting.keys(of: signer) {
                if admit(envelope, now, &out) == .accept { out.append(core.passedOn(envelope)) }
            }
        }
    }

    public mutating func timer(_ timer: ChainTimer, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted, !state.isEnded else { return out }
        switch timer {
        case .consensus(let timerHeight, let view, let step):
            if timerHeight == height { drive(.timeout(view: view, step: step), now, &out) }
        case .phase(let timerHeight):
            if timerHeight == height { phaseDeadlinePassed = true }
        case .grace(let timerHeight, _):
            if timerHeight == height {
                gracePassed.insert(timer)
                for header in waiting.take(.rebuttal) { validate(header, now, &out) }
            }
        }
        react(now, &out)
        return out
    }

    /// Bytes that were fetched: a block body.
    public mutating func content(_ id: ContentID, _ bytes: [UInt8], _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard !isHalted, !state.isEnded else { return out }
        let due = waiting.take(.body(id))
        core.keepBody(id, bytes, awaited: due)
        for header in due { validate(header, now, &out) }
        deliver(now, &out)
        react(now, &out)
        return out
    }

    /// A decided block of a peer, for the height being decided here.
    public mutating func receive(_ decided: DecidedBlock, _ now: Instant) -> (Admission, [ChainDirective]) {
        guard decided.header.chain == chain else { return (.ignore("another chain"), []) }
        guard !isHalted, decided.header.height == height else {
            let alarm = core.alarm(
                decided, known: state.recentBlock(at: decided.header.height), electorate: state.electorate,
                name: "task \(chain.short)")
            return (alarm.isEmpty ? .ignore("height \(decided.header.height)") : .accept, alarm)
        }
        do {
            try decided.certificate.check(
                network: state.genesis.network, header: decided.header, electorate: state.electorate)
        } catch { return (.reject("\(error)"), []) }
        guard decided.header.body == .of(decided.body, kind: .blockBody) else { return (.reject("wrong body"), []) }
        var out: [ChainDirective] = []
        commit(decided, now, &out)
        return (.accept, out)
    }

    // MARK: Results of work

    /// The update is encrypted and its secrets are durable: announce it.
    public mutating func trained(_ header: SubmissionHeader, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard case .collecting = state.phase, header.context == context.digest, header.submitter == me,
            !core.book.contains(
                .submission, major: UInt64(state.round), minor: UInt32(state.attempt), signer: me, chain: chain)
        else { return out }
        let envelope = core.signed(
            header.wireBytes, .submission, major: UInt64(state.round), minor: UInt32(state.attempt))
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
        note(envelope, &out)
        react(now, &out)
        return out
    }

    /// A body was pulled, checked and stored, or is provably not what its header says.
    public mutating func bodyChecked(_ id: SubmissionID, isValid: Bool, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let header = headers[id] else { return out }
        if isValid {
            stored.insert(id)
            out.append(.event(.submission(header.submitter, stored: stored.count, of: state.roster.count)))
            if holderPlace != nil, openRequested.insert(id).inserted { out.append(.work(.openSeeds(id))) }
        } else {
            badBodies.insert(id)
            out.append(.event(.warning("the body of \(header.submitter.short)'s submission is not acceptable")))
        }
        react(now, &out)
        return out
    }

    /// The boxes sealed to this holder open, or not.
    ///
    /// - Parameter complaint: what proves it to others.
    public mutating func seedsOpened(
        _ id: SubmissionID, isComplete: Bool, complaint: Complaint.Entry? = nil, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard headers[id] != nil else { return out }
        if isComplete {
            openedSeeds.insert(id)
        } else {
            unopenable.insert(id)
        }
        if let complaint { complaints[id] = complaint }
        if !isComplete {
            out.append(.event(.warning("submission \(id.short): a seed sealed to this holder does not open")))
        }
        react(now, &out)
        return out
    }

    /// The key vectors of a decided set are stored: state their roots, then hand them over.
    public mutating func keysDerived(
        _ manifest: BlockID, roots: [KeyStatement.ComponentRoot], _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let job = keyJob, job.manifest == manifest, holderPlace != nil else { return out }
        if ownKeyStatement == nil {
            let statement = KeyStatement(context: context.digest, manifest: manifest, roots: roots)
            let envelope = core.signed(
                statement.wireBytes, .keyStatement, major: UInt64(state.round), minor: UInt32(state.attempt))
            out.append(.persist([envelope], nil))
            out.append(.broadcast(envelope))
            out.append(.event(.keyStatement(me)))
        }
        out.append(.work(.releaseKeys(job, to: aggregator)))
        requestAggregation(&out)
        react(now, &out)
        return out
    }

    /// This node recovered the sum: announce the candidate if it is still this node's view.
    public mutating func aggregated(_ candidate: Candidate, _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard let job = keyJob, candidate.manifest == job.manifest, aggregator == me, core.isVoter,
            !core.book.contains(.candidate, major: height, minor: view, signer: me, chain: chain)
        else { return out }
        let envelope = core.signed(candidate.wireBytes, .candidate, major: height, minor: view)
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
        out.append(.event(.candidate(aggregator: me)))
        requestCheck(candidate, by: me, view: view, &out)
        react(now, &out)
        return out
    }

    public mutating func candidateChecked(
        _ payload: PayloadID, _ check: CandidateCheck, _ now: Instant
    ) -> [ChainDirective] {
        var out: [ChainDirective] = []
        guard keyJob != nil, checkRequested.contains(payload) else { return out }
        checked[payload] = check
        if !check.isValid { out.append(.event(.warning("candidate \(payload.short): \(check.reason)"))) }
        for header in waiting.take(.check(payload)) {
            drive(.validated(header.id, check.isValid), now, &out)
        }
        react(now, &out)
        return out
    }

    /// A person's verdict on the present candidate (`voting = manual`), with its words.
    public mutating func verdict(_ verdict: Opinion.Verdict, remark: String = "", _ now: Instant) -> [ChainDirective] {
        var out: [ChainDirective] = []
        manualVerdict = (verdict, remark)
        react(now, &out)
        return out
    }
}
