internal import Chain
internal import Wire

/// The orders of this node that no registry block holds yet.
///
/// A pending order is executed as soon as the registry goes on, however long that takes, and whoever gave it may have gone
/// away meanwhile: by Ctrl-C, a time-out, or a closed terminal. So `status` shows every one of them, whoever stops waiting for
/// one is told that it stays, and a second one that says the same is refused unless its giver says that both are meant
/// (`--again`). Whatever spends credits asks `refuseSecond` before anything is signed.
extension Node {
    var pendingViews: [NodeStatus.Pending] {
        registry.ownPending.map { entry in
            let words = entry.transaction.order
            return NodeStatus.Pending(
                transaction: entry.id.hex, kind: words.kind, what: words.what,
                sinceMs: now.wallMs - min(now.wallMs, now.monotonicMs - min(now.monotonicMs, entry.sinceMs)))
        }
    }

    /// - Parameter again: the giver means a second one.
    func refuseSecond(_ transaction: Transaction, again: Bool) throws(ServiceError) {
        guard !again, let first = registry.ownPending.first(where: { $0.transaction.saysTheSame(as: transaction) })
        else { return }
        throw .unavailable(
            reason:
                "\(first.transaction.order.what): this order was given before and is pending, and is executed when the "
                + "registry goes on (\(first.id.short))",
            next: "look with: `meshnode status`; if a second one is meant, add --again")
    }

    /// A task of one name that goes on already: its deposit and reward would be spent twice, and no command could name it.
    func refuseSecondTask(_ name: String, again: Bool) throws(ServiceError) {
        guard !again else { return }
        if let first = registry.ownPending.first(where: {
            if case .publish(let spec, _, _) = $0.transaction { spec.name == name } else { false }
        }) {
            throw .unavailable(
                reason:
                    "task \"\(name.printable)\" was published before and is pending: it is in the registry when this goes on "
                    + "(\(first.id.short))",
                next: "look with: `meshnode status`; if a second one of this name is meant, add --again")
        }
        if let open = registry.state.tasks.last(where: {
            $0.publisher == nodeID && $0.spec.name == name && $0.isOpen
        }) {
            throw .conflict(
                reason: "this node has published task \"\(name.printable)\" already, and it has not ended "
                    + "(\(open.task.short))",
                next: "see: `meshnode task show \(open.task.short)`; if a second one of this name is meant, add --again"
            )
        }
    }
}

extension Transaction {
    /// One word that stays through releases, and what it does, for people.
    var order: (kind: String, what: String) {
        switch self {
        case .publish(let spec, _, _): ("publish", "publishing of task \"\(spec.name.printable)\"")
        case .enrol(let enrolment): ("enrol", "enrolment in task \(enrolment.task.short)")
        case .close(let task): ("close", "close of task \(task.short)")
        case .transfer(let node, let credits): ("transfer", "transfer of \(credits) credits to \(node.short)")
        case .bond(let credits, _, _): ("bond", "bond of \(credits) credits as a validator")
        case .unbond(.validator(let credits)): ("unbond", "unbonding of \(credits) credits of a validator")
        case .unbond(.enrolment(let task)): ("leave", "leaving of task \(task.short)")
        case .control(let control): ("control", "\(control.action) of task \(control.task.short)")
        case .reveal(let task, _, _): ("reveal", "opening of the target of task \(task.short)")
        case .settle(let settlement): ("settle", "settlement of task \(settlement.header.chain.short)")
        case .refund(let task): ("refund", "refund of task \(task.short)")
        case .evidence(let first, _): ("evidence", "evidence against \(first.signer.short)")
        case .rating(let task, let node, _): ("rating", "rating of \(node.short) in task \(task.short)")
        }
    }

    /// Whether executing both would do the same thing twice, at twice the cost. Proofs and keys are fresh in each.
    func saysTheSame(as other: Transaction) -> Bool {
        switch (self, other) {
        case (.bond(let one, _, _), .bond(let two, _, _)): one == two
        default: self == other
        }
    }
}
