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
                case .publish(let spec, _):
                    "Publish \"\(spec.name)\" by \(envelope.signer.short), \(spec.reward.credits) credits"
                case .enrol(let enrolment):
                    "Enrol of \(envelope.signer.short) in \(enrolment.task.short), \(enrolment.rows) rows, bond \(enrolment.bond)"
                case .close(let task): "Close of \(task.short) by \(envelope.signer.short)"
                case .transfer(let to, let credits):
                    "Transfer of \(credits) from \(envelope.signer.short) to \(to.short)"
                case .bond(let credits, _): "Bond of \(credits) by validator \(envelope.signer.short)"
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
            ] + body.liars.map { "holder \($0.short) convicted of a wrong key vector" }
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
            default: return ["\(body)"]
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
        (["\(void.reason)"] + void.evicted.map { "client \($0.short) evicted" }
            + void.replaced.map { "holder \($0.short) \(void.reason == .holders ? "silent" : "convicted")" })
            .joined(separator: ", ")
    }
}
