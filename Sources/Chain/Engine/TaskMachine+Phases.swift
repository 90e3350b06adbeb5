internal import MeshCrypto
internal import Wire

/// What a node does in a phase whenever something changed. Every function may be called at any time and acts only
/// when its own condition holds, so that no order of arrival matters.
extension TaskMachine {
    mutating func react(_ now: Instant, _ out: inout [ChainDirective]) {
        guard !isHalted, !state.isEnded else { return }
        guard state.impliedControl == nil else {
            reactLastScores(now, &out)
            return
        }
        if state.isPaused {
            reactPaused(now, &out)
            return
        }
        if state.isDirectionDue {
            reactDirection(now, &out)
            return
        }
        switch state.phase {
        case .collecting:
            pursueScores(&out)
            signReady(now, &out)
            signReceived(now, &out)
        case .aggregating:
            signComplaint(&out)
            pursueBlame(&out)
            signOpinion(now, &out)
        case .ended: return
        }
        signAbsence(&out)
        if core.consensus.isStarted, core.consensus.isProposer { offerProposal(now, &out) }
    }

    /// An announcement was accepted: pull its body.
    mutating func note(_ envelope: Envelope, _ out: inout [ChainDirective]) {
        guard let header = try? SubmissionHeader(wireBytes: envelope.payload) else { return }
        let id = envelope.submissionID
        guard headers[id] == nil, headers.insert(header, for: id, by: header.submitter).isIn else { return }
        judgeComplaints(&out)
        out.append(.work(.pullBody(id, header)))
    }

    // MARK: Collecting

    var lists: [Envelope] { core.book.first(.received, major: height, minor: 0) }
    var readys: [Envelope] {
        core.book.first(.ready, major: UInt64(state.round), minor: UInt32(state.attempt))
    }
    private var allStored: Bool {
        let submitters = Set(stored.compactMap { headers[$0]?.submitter })
        return state.roster.allSatisfy { submitters.contains($0) }
    }

    /// Starts a grace clock once; whether it has run out.
    ///
    /// Slow nodes get a quarter of the submit deadline to finish pulling bodies before faster ones list without
    /// them; the other clocks only cover message delay.
    mutating func grace(_ kind: ChainTimer.Grace, _ out: inout [ChainDirective]) -> Bool {
        let timer = ChainTimer.grace(height: height, kind)
        if graceRunning.insert(timer).inserted {
            let vote = UInt64(state.genesis.parameters.voteMs)
            let delay =
                switch kind {
                case .lists: UInt64(state.spec.deadlines.submitMs) / 4
                // Lists come at the deadline at the latest, then the holders' own grace, then their Readys.
                case .absences: 4 * vote
                case .deadline: 8 * vote
                case .scores: UInt64(state.spec.deadlines.opinionMs)
                case .blame: 2 * vote
                case .manifest, .ready, .opinions, .rebuttal: vote
                }
            out.append(.schedule(timer, afterMs: delay))
        }
        return gracePassed.contains(timer)
    }

    /// When all are in, at this node's own deadline, or a grace after more than a third of the weight has listed.
    private mutating func signReceived(_ now: Instant, _ out: inout [ChainDirective]) {
        if core.isVoter, !core.book.contains(.received, major: height, minor: 0, signer: me, chain: chain) {
            var isDue = phaseDeadlinePassed || (allStored && areScoresSettled(&out))
            if !isDue, state.electorate.weight(of: lists.map(\.signer)) >= state.electorate.third {
                isDue = grace(.lists, &out)
            }
            guard isDue else { return }
            signScored(&out)
            let ids = listable
            let envelope = core.signed(Received(submissions: ids).wireBytes, .received, major: height, minor: 0)
            out.append(.persist([envelope], nil))
            out.append(.broadcast(envelope))
            out.append(.event(.listSigned(count: ids.count)))
            signReady(now, &out)
            startVoting(now, &out)
        } else if !core.isVoter, phaseDeadlinePassed || allStored {
            startVoting(now, &out)
        }
    }

    /// What a list of this node names: one id a member, ascending. Of a member that announced two, both of which are evidence,
    /// the smaller one: so voters that stored both name the same.
    private var listable: [SubmissionID] {
        var byMember: [NodeID: SubmissionID] = [:]
        for id in stored.sorted() {
            guard let member = headers[id]?.submitter, byMember[member] == nil else { continue }
            byMember[member] = id
        }
        return byMember.values.sorted()
    }

    /// A holder signs once an attempt, so it waits until what it has opened covers what the lists will name.
    private mutating func signReady(_ now: Instant, _ out: inout [ChainDirective]) {
        guard holderPlace != nil,
            !core.book.contains(
                .ready, major: UInt64(state.round), minor: UInt32(state.attempt), signer: me, chain: chain)
        else { return }
        let settled = stored.allSatisfy { openedSeeds.contains($0) || unopenable.contains($0) }
        guard settled else { return }
        // Only the lists say which of a key's two announcements the others have.
        guard state.electorate.weight(of: lists.map(\.signer)) >= state.electorate.quorum else { return }
        let listed = eligible(lists).ids
        guard listed.allSatisfy({ openedSeeds.contains($0) || unopenable.contains($0) }) || grace(.ready, &out) else {
            return
        }
        signComplaint(&out)
        let ready = Ready(context: context.digest, opened: openedSeeds.sorted())
        let envelope = core.signed(
            ready.wireBytes, .ready, major: UInt64(state.round), minor: UInt32(state.attempt))
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
    }

    /// The lists in block form, their union, and the ids that enough weight lists.
    private func eligible(_ lists: [Envelope]) -> (union: [SubmissionID], lists: [ReceivedList], ids: [SubmissionID]) {
        var announcer: [SubmissionID: NodeID] = [:]
        for envelope in core.book.all(.submission, major: UInt64(state.round), minor: UInt32(state.attempt)) {
            announcer[envelope.submissionID] = envelope.signer
        }
        // Lists that name what nobody announced come last, and are left out where the union has no room for them: one
        // voter cannot fill it alone. A list with two announcements of one member is no list.
        let decoded = lists.compactMap { envelope in
            (try? Received(wireBytes: envelope.payload)).flatMap { received in
                let members = received.submissions.compactMap { announcer[$0] }
                let unknown = received.submissions.count - members.count
                return Set(members).count < members.count
                    ? nil : (envelope: envelope, ids: received.submissions, unknown: unknown)
            }
        }.sorted { ($0.unknown, $0.envelope.signer) < ($1.unknown, $1.envelope.signer) }
        var names: Set<SubmissionID> = []
        var chosen: [(envelope: Envelope, ids: [SubmissionID])] = []
        for entry in decoded {
            let grown = names.union(entry.ids)
            guard grown.count <= Limits.announcements else { continue }
            names = grown
            chosen.append((entry.envelope, entry.ids))
        }
        let union = names.sorted()
        let block = chosen.sorted { $0.envelope.signer < $1.envelope.signer }.map { envelope, ids in
            ReceivedList(
                signer: envelope.signer, bitmap: TaskRules.bitmap(of: ids, in: union), signature: envelope.signature)
        }
        return (union, block, SetSelection.listed(union: union, lists: block, electorate: state.electorate))
    }

    // MARK: Proposing

    /// The proposer of the present view hands in a value as soon as it has one.
    mutating func offerProposal(_ now: Instant, _ out: inout [ChainDirective]) {
        guard core.consensus.awaitsProposal, !core.refusedItself,
            !core.book.contains(.proposal, major: height, minor: view, signer: me, chain: chain)
        else { return }
        if let value = core.consensus.mustPropose {
            drive(.proposable(value), now, &out)
            return
        }
        guard let content = proposable(now, &out) else { return }
        let header = TaskRules.header(
            for: content, state: state, author: me, view: view, timeMs: now.wallMs, electionKey: electionKey)
        // This node would refuse it as every other does: the view passes, and the shell says that the clock is behind.
        guard (try? header.requireTime(now)) != nil else { return }
        let body = content.bytes
        core.keepBody(body, of: header, isNeeded: true)
        out.append(.store(body, header.body, .blockBody))
        drive(.proposable(header), now, &out)
    }

    private mutating func proposable(_ now: Instant, _ out: inout [ChainDirective]) -> TaskBlockContent? {
        if let control = state.impliedControl {
            guard state.scores.pending != nil else { return .control(control) }
            return scoreSection().map { .control(.scores($0)) }
        }
        if now.wallMs >= state.expiresMs { return .control(.failed(.expired)) }
        if let registryControl { return .control(registryControl) }
        if state.isPaused { return nil }
        if state.isDirectionDue { return proposableDirection() }
        var content: TaskBlockContent?
        switch state.phase {
        case .collecting: content = manifest(&out)
        case .aggregating: content = result(&out)
        case .ended: return nil
        }
        if let content { return content }
        if let blame = voidByBlame(&out) ?? voidBySilence() { return .void(blame) }
        if mayGiveUp(&out), view >= TaskRules.firstVoidView(state) {
            return .void(VoidBody(reason: .deadline, evicted: [], union: [], lists: []))
        }
        return nil
    }

    private mutating func manifest(_ out: inout [ChainDirective]) -> TaskBlockContent? {
        let received = lists
        guard state.electorate.weight(of: received.map(\.signer)) >= state.electorate.quorum else { return nil }
        // Everybody's list, if it comes within the grace: a larger set for the same round.
        let isComplete = received.count == state.electorate.members.count && readys.count == state.holders.count
        let waited = isComplete || grace(.manifest, &out)
        guard waited else { return nil }

        let (union, blockLists, ids) = eligible(received)
        guard state.electorate.weight(of: blockLists.map(\.signer)) >= state.electorate.quorum else { return nil }
        let announcements = core.book.all(.submission, major: UInt64(state.round), minor: UInt32(state.attempt))
            .filter { ids.contains($0.submissionID) }
            .sorted { ($0.signer, $0.submissionID) < ($1.signer, $1.submissionID) }
        guard announcements.count == ids.count else { return nil }
        let byKey = Dictionary(grouping: announcements, by: \.signer).mapValues { $0.map(\.submissionID) }
        let proven = provenBad(among: ids)
        let condemned = Set(announcements.filter { proven.bad.contains($0.submissionID) }.map(\.signer)).sorted()
        let set = TaskRules.select(
            byKey, condemned: condemned,
            beacon: Election.ownBeacon(
                chain: chain, height: height, after: state.beacon, key: electionKey,
                parameters: state.genesis.parameters),
            state: state)
        guard set.count >= state.spec.leastMembers else {
            guard ids.count - proven.bad.count < state.spec.leastMembers else { return nil }
            return .void(
                VoidBody(
                    reason: .tooFew, evicted: condemned, union: union, lists: blockLists, complaints: proven.complaints,
                    submissions: announcements.filter { proven.bad.contains($0.submissionID) }))
        }
        var opened: [Int: Set<SubmissionID>] = [:]
        for envelope in readys {
            guard let place = state.holders.firstIndex(where: { $0.node == envelope.signer }),
                let ready = try? Ready(wireBytes: envelope.payload)
            else { continue }
            opened[place] = Set(ready.opened)
        }
        guard TaskRules.covers(opened, set: set, state: state) else { return nil }
        let scores = scoreSection()
        guard scores != nil || state.scores.pending == nil else { return nil }
        let body = ManifestBody(
            context: context.digest, union: union, lists: blockLists, submissions: announcements, readys: readys,
            complaints: proven.complaints, evicted: condemned, scores: state.scores.pending == nil ? nil : scores)
        return .manifest(body, set: set)
    }

    // MARK: Aggregating

    var ownKeyStatement: Envelope? {
        core.book.first(.keyStatement, major: UInt64(state.round), minor: UInt32(state.attempt))
            .first { $0.signer == me }
    }

    /// The aggregator of the present view collects keys, unless a candidate of this set is already known to be good.
    mutating func requestAggregation(_ out: inout [ChainDirective]) {
        guard let job = keyJob, core.consensus.isStarted, aggregator == me,
            (!checked.contains(where: { $0.value.isValid })
                && !core.book.contains(.candidate, major: height, minor: view, signer: me, chain: chain))
                || (holdersDiffer && !contains(.claim, signer: me))
        else { return }
        let statements = core.book.first(.keyStatement, major: UInt64(state.round), minor: UInt32(state.attempt))
        guard covers(statements) else { return }
        out.append(.work(.aggregate(job, statements: statements)))
    }

    func covers(_ statements: [Envelope]) -> Bool {
        guard let profile = state.holderProfile else { return false }
        let components = statements.compactMap { envelope in
            state.holders.firstIndex { $0.node == envelope.signer }.map { profile.components(of: $0) }
        }
        return Set(components.joined()).count == profile.componentCount
    }

    private mutating func signOpinion(_ now: Instant, _ out: inout [ChainDirective]) {
        guard core.isVoter, !core.book.contains(.opinion, major: height, minor: 0, signer: me, chain: chain),
            let (payload, check) = goodCandidate
        else { return }
        var verdict = check.verdict
        var reason = check.because
        var remark = ""
        if asksPerson {
            if let manualVerdict {
                (verdict, remark) = manualVerdict
                reason = .byHand
            } else {
                guard phaseDeadlinePassed else { return }
                verdict = .abstain
                reason = .unanswered
            }
        }
        let opinion = Opinion(
            payload: payload, verdict: verdict, reason: reason, remark: remark, accuracyPpm: check.accuracyPpm,
            lossPpm: check.lossPpm, evaluatedRows: check.evaluatedRows)
        let envelope = core.signed(opinion.wireBytes, .opinion, major: height, minor: 0)
        out.append(.persist([envelope], nil))
        out.append(.broadcast(envelope))
        out.append(.event(.opinion(me)))
    }

    /// The candidate that passed this node's own check; there is at most one good payload a manifest.
    var goodCandidate: (PayloadID, CandidateCheck)? {
        checked.filter { $0.value.isValid }.min { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private mutating func result(_ out: inout [ChainDirective]) -> TaskBlockContent? {
        guard let job = keyJob, let (payload, _) = goodCandidate, let candidate = candidates[payload] else {
            return nil
        }
        let opinions = core.book.first(.opinion, major: height, minor: 0).filter {
            (try? Opinion(wireBytes: $0.payload))?.payload == payload
        }
        let weight = state.electorate.weight(of: opinions.map(\.signer))
        guard weight >= state.electorate.quorum else { return nil }
        guard opinions.count == state.electorate.members.count || grace(.opinions, &out) else { return nil }
        let convicted = convictedHolders(&out)
        guard convicted != nil || !holdersDiffer || grace(.blame, &out) else { return nil }
        let against = opinions.filter { (try? Opinion(wireBytes: $0.payload))?.verdict == .reject }
        let statements = core.book.first(.keyStatement, major: UInt64(state.round), minor: UInt32(state.attempt))
        guard covers(statements) else { return nil }
        let body = ResultBody(
            manifest: job.manifest, aggregate: candidate.aggregate, model: candidate.model, opening: candidate.opening,
            rejected: state.electorate.weight(of: against.map(\.signer)) >= state.electorate.third,
            keyStatements: statements, opinions: opinions, blame: convicted?.proof, liars: convicted?.liars ?? [])
        let accuracy = TaskRules.median(
            opinions.compactMap { envelope in
                (try? Opinion(wireBytes: envelope.payload)).map {
                    (weight: state.electorate.weight(of: envelope.signer), opinion: $0)
                }
            }
        ) { UInt64($0.accuracyPpm) }
        return .result(body, accuracyPpm: accuracy.map(UInt32.init) ?? 0)
    }
}
