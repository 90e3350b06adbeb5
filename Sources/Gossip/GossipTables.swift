public import Wire

/// Rules of every ``Bounded`` table of this module, printed in docs/protocol/tables.md.
public enum GossipTables {
    public static let all: [TableRule] = []
}
