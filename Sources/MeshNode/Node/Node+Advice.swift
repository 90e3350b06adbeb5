internal import Wire

extension Node {
    /// What the sender of a refused transaction does next; each command works when it is typed as it stands.
    /// - Parameter exists: the account has had credits already.
    static func next(after transaction: Transaction, account: NodeID, exists: Bool) -> String {
        switch transaction {
        case .transfer, .bond, .unbond:
            "what this account has and where it went: `meshnode ledger balance`, `meshnode ledger history`"
        case .publish:
            "credits come from another account, on a node that has some: "
                + "`meshnode ledger transfer \(account.hex) CREDITS --home MEMBER`"
        case .enrol where exists:
            "what state the task and this account are in: `meshnode task list`, `meshnode ledger balance`"
        case .enrol:
            "an account comes with its first credits, from a member: "
                + "`meshnode ledger transfer \(account.hex) CREDITS --home MEMBER`"
        case .reveal, .rating, .control, .refund, .settle, .close:
            "what state the task is in: `meshnode task list`"
        case .evidence: "nothing is needed: it is known already"
        }
    }
}
