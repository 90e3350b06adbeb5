public import Wire

/// Rules of every ``Bounded`` table of this module, printed in docs/protocol/tables.md.
public enum ChainTables {
    /// Views from the present one on whose messages are kept.
    public static let viewHorizon: UInt32 = 100

    public static let all = [slots, deferred, bodies, headers, waiting, announcements, candidates, judgements]

    /// Accepted messages of a height or attempt, at most two in a slot. Only participants of the chain have a share, 256 at
    /// most.
    public static let slots = TableRule(
        "accepted messages of a height", by: "signer", total: 256 * 768, quota: 768, atQuota: .dropOldest,
        reason:
            "two of each slot, three kinds in each of the hundred views ahead are 600; what was said about the attempt "
            + "stays, votes of the lowest views go, those for a block last; a precommit that went counts no more")
    /// Messages of the next height or attempt, replayed after the commit.
    public static let deferred = TableRule(
        "messages of the next height", by: "signer", total: 256 * 8, quota: 8, atQuota: .refuse,
        reason: "what one participant says at the start of an attempt; digests bring the rest")
    /// Bodies of proposals of the height that is being decided.
    public static let bodies = TableRule(
        "bodies of proposals", by: "author", total: 64, quota: 4, atQuota: .dropOldest,
        protected: "of the decided block, the present proposal, the locked and the valid one",
        reason: "1 MiB each; one that goes is fetched again when it is needed")
    /// Headers that proposals of the height brought. The one that is locked or may be proposed again and the first of each
    /// view are kept beside them.
    public static let headers = TableRule(
        "headers of proposals", by: "proposer", total: 4_096, quota: 256, atQuota: .dropOldest,
        reason: "two of each of its views, a hundred ahead are 200; the first of a view is known without a place")
    /// Headers that wait for a body, a check or a contradiction.
    static let waiting = TableRule(
        "proposals that wait to be judged", by: "author", total: 1_024, quota: 4, atQuota: .dropOldest,
        reason: "a proposer's present one; an older one stands for a view that passed")
    /// Announcements of updates of the present attempt.
    static let announcements = TableRule(
        "announced updates of an attempt", by: "member", total: 512, quota: 2, atQuota: .refuse,
        reason: "two of one slot are evidence, and either may be what the others list")
    /// Candidates for the sum of the decided set.
    static let candidates = TableRule(
        "candidates of a height", by: "aggregator", total: 1_024, quota: 4, atQuota: .dropOldest,
        protected: "what the present proposal waits for, and the good one",
        reason: "each is checked whole; two of the present view and two before, which push out nothing")
    /// Complaints' entries that were looked at.
    static let judgements = TableRule(
        "judged complaints of an attempt", by: "key holder", total: Limits.holders * Limits.complaints,
        quota: Limits.complaints, atQuota: .refuse, reason: "the entries of one complaint")
}
