/// What the rows are meant to reach; times depend on the machine and its disk, so they have slack.
extension ChainBench {
    private static let aims: [GossipBench.Aim] = [
        .init(row: "decision", figure: "p99_ms", limit: 250, slack: 1.5),
        .init(row: "failover", figure: "seconds", limit: 2, slack: 1.5),
        .init(row: "messages_growth", figure: "signed_exponent", limit: 1.2),
        .init(row: "replay_1000", figure: "seconds", limit: 10, slack: 1.5),
    ]

    /// What a row misses by more than its slack; empty where all is well.
    public static func misses(of row: Row) -> [String] { GossipBench.misses(of: row, aims) }
}
