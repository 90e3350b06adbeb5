internal import Chain
internal import Gossip
package import Wire

/// Rules of every ``Bounded`` table of a node, printed in docs/protocol/tables.md.
package enum NodeTables {
    static let keyReleases = TableRule(
        "key releases of a task", by: "key holder", total: 2 * Limits.holders * Limits.components,
        quota: 2 * Limits.components, atQuota: .dropOldest,
        reason: "every component of the decided set and of the next one")

    static let resolvedNames = TableRule(
        "answers of name servers", by: "node with an account; this node for bootstrap addresses", total: 1_024,
        quota: LinkLimits.addressesMax, atQuota: .dropOldest, reason: "one for each address of a record")

    static let answers = TableRule(
        "budgets of answers", total: 1_024, quota: 1, atQuota: .dropOldest, protected: "account holders",
        reason: "every link, and links that ended lately")
    static let sentBlocks = TableRule(
        "blocks sent to a peer lately", by: "whom they were sent to", total: 4_096, quota: 64, atQuota: .dropOldest,
        reason: "a height of each chain that a peer may ask for at once")
    static let readBlocks = TableRule(
        "blocks that are being read for peers", total: 128, quota: 4, atQuota: .refuse, protected: "account holders",
        reason: "4 MiB each, read one after another; what is refused is asked again")
    static let storedRanges = TableRule(
        "strides of blocks stored for peers", by: "who asked first", total: 1_024, quota: 64, atQuota: .dropOldest,
        reason: "65,536 heights; what is forgotten is read once more")
    static let ranges = TableRule(
        "offered ranges of blocks", by: "who offers it first", total: 32, quota: 2, atQuota: .refuse,
        protected: "offered by account holders", reason: "half a minute and 6 MiB each")
    static let strangersRanges = TableRule(
        "offers of ranges that wait", by: "stranger", total: 256, quota: 1, atQuota: .dropOldest,
        reason: "every link; one is fetched at a time")

    static let peerNews = TableRule(
        "lines told of what a peer sent", by: "peer", total: 256, quota: 12, atQuota: .refuse,
        protected: "account holders", reason: "one of each kind in a minute; under ever new keys no more than these")

    static let proofs = TableRule(
        "proofs of fraud", by: "whom it is against", total: 64, quota: 4, atQuota: .refuse,
        reason: "one for each chain in which there is a bond to lose; it goes with that bond")

    package static let all: [TableRule] = [
        keyReleases, resolvedNames, answers, sentBlocks, readBlocks, storedRanges, ranges, strangersRanges, peerNews,
        proofs,
    ]

    /// Those of all modules, by module.
    package static let everywhere: [(module: String, rules: [TableRule])] = [
        ("Sources/Gossip", GossipTables.all), ("Sources/Chain", ChainTables.all), ("Sources/MeshNode", all),
    ]
}
