public import Wire

/// Rules of every ``Bounded`` table of this module, printed in docs/protocol/tables.md.
public enum ChainTables {
    public static let all = [slots, deferred, bodies]

    /// Accepted messages of a height or attempt, at most two in a slot. Only participants of the chain have a share, 256 at
    /// most.
    public static let slots = TableRule(
        "accepted messages of a height", by: "signer", total: 256 * 768, quota: 768, atQuota: .dropOldest,
        reason:
            "two of each slot, three kinds in each of the hundred views ahead are 600; what was said about the attempt "
            + "stays, votes of the lowest views go")
    /// Messages of the next height or attempt, replayed after the commit.
    public static let deferred = TableRule(
        "messages of the next height", by: "signer", total: 256 * 8, quota: 8, atQuota: .refuse,
        reason: "what one participant says at the start of an attempt; digests bring the rest")
    /// Bodies of proposals of the height that is being decided.
    public static let bodies = TableRule(
        "bodies of proposals", by: "author", total: 64, quota: 4, atQuota: .dropOldest,
        reason: "1 MiB each; one that goes is fetched again when it is needed")
}
