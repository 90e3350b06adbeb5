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

    package static let all: [TableRule] = [keyReleases, resolvedNames]

    /// Those of all modules, by module.
    package static let everywhere: [(module: String, rules: [TableRule])] = [
        ("Sources/Gossip", GossipTables.all), ("Sources/Chain", ChainTables.all), ("Sources/MeshNode", all),
    ]
}
