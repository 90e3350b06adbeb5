/// What the rows are meant to reach. Most times depend on the machine, so they have slack; counts, bytes and the wait of a
/// vote have none.
extension GossipBench {
    struct Aim {
        /// The row's name, or what it starts with where the number of nodes follows.
        let row: String
        let figure: String
        let limit: Double
        /// Whether the limit is the least or the most that is allowed.
        var isLeast = false
        /// The figure may miss the limit by this factor.
        var slack = 1.0

        /// Nil where the figure is good enough; a figure that was not measured is not.
        func miss(_ value: Double) -> String? {
            let allowed = isLeast ? limit / slack : limit * slack
            if isLeast ? value >= allowed : value <= allowed { return nil }
            let slackText = slack == 1 ? "" : ", \(Row.text(allowed)) with its slack"
            return "\(figure) is \(Row.text(value)), \(isLeast ? "at least" : "at most") \(Row.text(limit))\(slackText)"
        }
    }

    static let aims = [
        Aim(row: "idle", figure: "rss_mib", limit: 64),
        Aim(row: "idle", figure: "kib_per_link", limit: 256),
        Aim(row: "join_", figure: "seconds", limit: 10, slack: 1.5),
        Aim(row: "broadcast_", figure: "p99_ms", limit: 250, slack: 1.5),
        Aim(row: "broadcast_", figure: "copies_per_delivery", limit: 6.8),
        Aim(row: "broadcast_", figure: "missed", limit: 0),
        Aim(row: "bulk", figure: "mb_per_s", limit: 150, isLeast: true, slack: 1.5),
        Aim(row: "ingest_20", figure: "seconds", limit: 2, slack: 1.5),
        Aim(row: "vote_beside_bulk", figure: "p99_ms", limit: 50),
        Aim(row: "vote_beside_bulk", figure: "missed", limit: 0),
        Aim(row: "hostile", figure: "slowdown", limit: 2),
        Aim(row: "hostile", figure: "cut_off_s", limit: 5),
        Aim(row: "hostile", figure: "rss_mib", limit: 256),
    ]

    /// What a row misses by more than its slack; empty where all is well.
    public static func misses(of row: Row) -> [String] { misses(of: row, aims) }

    static func misses(of row: Row, _ aims: [Aim]) -> [String] {
        aims.filter { row.name == $0.row || $0.row.hasSuffix("_") && row.name.hasPrefix($0.row) }.compactMap { aim in
            aim.miss(row.figures.first { $0.name == aim.figure }?.value ?? .nan).map { "\(row.name): \($0)" }
        }
    }
}
