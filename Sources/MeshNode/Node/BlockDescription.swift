internal import Chain
internal import Wire

/// A decided block for people.
enum BlockDescription {
    static func view(_ block: DecidedBlock, electorate: Electorate) -> BlockView {
        let header = block.header
        let isTask = header.kind != .registry
        return BlockView(
            chain: header.chain.hex, height: header.height, block: header.id.hex, parent: header.parent.hex,
            timeMs: header.timeMs, author: header.author.hex, originView: header.originView,
            decidedView: block.certificate.view, kind: "\(header.kind)", round: isTask ? header.round : nil,
            attempt: isTask ? header.attempt : nil, body: header.body.id.hex, stateRoot: header.stateRoot.hex,
            voters: block.certificate.precommits.compactMap { precommit in
                electorate.members.indices.contains(Int(precommit.voter))
                    ? electorate.members[Int(precommit.voter)].node.hex : nil
            },
            summary: summary(block))
    }

    private static func summary(_ block: DecidedBlock) -> [String] {
        switch block.header.kind {
        case .registry:
            guard let body = try? RegistryBody(wireBytes: block.body) else { return [] }
            if body.transactions.isEmpty { return ["no transactions: the height was due after a Close"] }
            return body.transactions.map { envelope in
                switch try? Transaction(wireBytes: envelope.payload) {
                case .publish(let spec, _, _):
                    "Publish \"\(spec.name)\" by \(envelope.signer.short), \(spec.reward.credits) credits"
                case .enrol(let enrolment):
                    "Enrol of \(envelope.signer.short) in \(enrolment.task.short), \(enrolment.rows) rows, bond \(enrolment.bond)"
                case .close(let task): "Close of \(task.short) by \(envelope.signer.short)"
                case .transfer(let to, let credits):
                    "Transfer of \(credits) from \(envelope.signer.short) to \(to.short)"
                case .bond(let credits, _, _): "Bond of \(credits) by validator \(envelope.signer.short)"
                case .unbond(.validator(let credits)): "Unbond of \(credits) by validator \(envelope.signer.short)"
                case .unbond(.enrolment(let task)): "\(envelope.signer.short) leaves \(task.short)"
                case .control(let control):
                    "Control \(control.sequence) of \(control.task.short): \(control.action)"
                case .reveal(let task, let target, _): "Reveal of \(task.short)'s target \(Ppm.text(UInt64(target)))"
                case .settle(let settlement):
                    "Settle of \(settlement.header.chain.short) at height \(settlement.header.height): "
                        + "\(settlement.payouts.entries.reduce(0) { $0 + $1.credits }) credits, "
                        + "\(settlement.payouts.outcome)"
                case .refund(let task): "Refund of \(task.short)"
                case .evidence(let first, _):
                    "Evidence against \(first.signer.short): two \(first.slot.kind)s in one slot"
                case .rating(let task, let node, let stars):
                    "Rating of \(node.short) for \(task.short): \(stars) of 5"
                case nil: "unreadable transaction"
                }
            }
        case .manifest:
            guard let body = try? ManifestBody(wireBytes: block.body) else { return [] }
            return [
                "\(body.lists.count) lists name \(body.union.count) submissions",
                "submitters: " + body.submissions.map(\.signer.short).joined(separator: ", "),
                "ready holders: " + body.readys.map(\.signer.short).joined(separator: ", "),
            ] + body.evicted.map { "client \($0.short) evicted: a box that it sealed does not open" }
                + (body.scores.map(scores) ?? [])
        case .result:
            guard let body = try? ResultBody(wireBytes: block.body) else { return [] }
            return [
                "sum \(body.aggregate.id.hex), opening \(body.opening.hex)", "model \(body.model.id.hex)",
                "\(body.keyStatements.count) key statements, \(body.opinions.count) opinions"
                    + (body.rejected ? ": rejected" : ""),
            ]
                + opinions(body).map { opinion in
                    "\(opinion.verdict) by \(opinion.node.prefix(8)): \(opinion.reason)"
                        + (opinion.remark.map { " \"\($0)\"" } ?? "")
                } + body.liars.map { "holder \($0.short) convicted of a wrong key vector" }
        case .void:
            return (try? VoidBody(wireBytes: block.body)).map { ["reason: " + reason($0)] } ?? []
        case .control:
            guard let body = try? ControlBody(wireBytes: block.body) else { return [] }
            if case .ordered(let order) = body, let control = order.control {
                return ["order \(control.sequence) of the publisher: \(control.action)"]
            }
            switch body {
            case .direction(let envelope):
                let commitment = (try? DirectionCommitment(wireBytes: envelope.payload))?.commitment
                return [
                    commitment.map { "direction committed as \($0.hex)" } ?? "no direction: the round is not scored"
                ]
            case .noDirection: return ["no direction came: the round is not scored"]
            case .scores(let section): return scores(section)
            case .anchor(let steps):
                return ["the registry's electorate is known up to its height \(steps.last?.header.height ?? 0)"]
            default: return ["\(body)"]
            }
        }
    }

    /// What every voter said about a candidate, ascending by voter.
    static func opinions(_ body: ResultBody) -> [OpinionView] {
        body.opinions.compactMap { envelope in
            (try? Opinion(wireBytes: envelope.payload)).map { opinion in
                let hasRows = opinion.evaluatedRows > 0
                return OpinionView(
                    node: envelope.signer.hex, verdict: "\(opinion.verdict)", reason: opinion.reason.words,
                    remark: opinion.remark.isEmpty ? nil : opinion.remark,
                    accuracy: hasRows ? Double(opinion.accuracyPpm) / 1e6 : nil,
                    loss: hasRows ? Double(opinion.lossPpm) / 1e6 : nil, rows: opinion.evaluatedRows)
            }
        }
    }

    private static func scores(_ section: ScoreSection) -> [String] {
        let reveal = section.reveal.flatMap { try? DirectionReveal(wireBytes: $0.payload) }
        return ["direction " + (reveal?.direction.id.hex ?? "not revealed")]
            + section.openings.map { envelope in
                let score = (try? ScoreStatement(wireBytes: envelope.payload))?.score
                return "score of \(envelope.signer.short): " + (score.map { "\($0)" } ?? "unreadable")
            }
    }

    /// Why an attempt is void, and whom it cost what.
    static func reason(_ void: VoidBody) -> String {
        ([void.reason.words] + void.evicted.map { "client \($0.short) evicted" }
            + void.replaced.map { "holder \($0.short) \(void.reason == .holders ? "silent" : "convicted")" })
            .joined(separator: ", ")
    }
}

extension VoidReason {
    var words: String {
        switch self {
        case .tooFew: "too few updates arrived"
        case .deadline: "a deadline passed"
        case .holders: "key holders were silent"
        case .blame: "an update was proven bad"
        }
    }
}

extension FailureReason {
    var words: String {
        switch self {
        case .attempts: "three attempts of one round gave no result"
        case .quality: "three results in a row were rejected"
        case .expired: "it had not ended by its expiry"
        case .holders: "more key holders failed than can be replaced"
        }
    }
}

extension Opinion.Reason {
    var words: String {
        switch self {
        case .withinTolerance: "the accuracy is within the tolerance"
        case .accuracyFell: "the accuracy fell by more than the tolerance"
        case .noRows: "no held-out rows"
        case .unusableRows: "its held-out rows do not fit the task"
        case .unanswered: "nobody had answered by the deadline"
        case .byHand: "decided by hand"
        }
    }
}

extension Vote.Reason {
    var words: String {
        switch self {
        case .noProposal: "no proposal could be judged within the propose timeout"
        case .notItsTurn: "the proposal's author or views are not those of this view"
        case .locked: "this node is locked on another block"
        case .refused: "the rules refuse the proposed block, or it comes too early"
        case .noQuorum: "no quorum of prevotes within the vote timeout"
        case .quorumForNil: "a quorum prevoted for no block"
        }
    }
}
