internal import Synchronization
internal import Wire

/// The transactions whose specification was found valid, the latest of them.
///
/// A Publish is applied on admission, for a proposal, for the check of one, and for the block; a specification of ten
/// thousand names costs milliseconds each time, and a few dozen of them held up a network's blocks for two minutes. The
/// verdict depends on nothing but the bytes, which the transaction's id commits to.
enum SpecVerdicts {
    private struct Latest {
        var known: Set<TransactionID> = []
        var order: [TransactionID] = []
    }

    /// More than find a place in the blocks of some heights and in the pending transactions.
    private static let most = 512
    private static let valid = Mutex(Latest())

    /// - Throws: `.invalid` with every fault.
    static func check(_ spec: TaskSpec, of transaction: TransactionID) throws(ChainError) {
        guard !valid.withLock({ $0.known.contains(transaction) }) else { return }
        let faults = TaskSpecValidator.faults(spec)
        guard faults.isEmpty else {
            throw .invalid("invalid task: " + faults.map { "\($0.path): \($0.reason)" }.joined(separator: "; "))
        }
        valid.withLock { latest in
            guard latest.known.insert(transaction).inserted else { return }
            latest.order.append(transaction)
            if latest.order.count > most { latest.known.remove(latest.order.removeFirst()) }
        }
    }
}
