/// Every key that a node knows.
public enum SettingTable {
    public static let all: [Setting] = [
        Setting(
            path: "node.name", kind: .text(64), builtIn: .text("node"),
            meaning: "Name of this node in its own logs and views. Other nodes are not told it.\n"),
        Setting(
            path: "listen.host", kind: .text(253), builtIn: .text("127.0.0.1"),
            meaning: "Address to listen on, for links (TCP) and membership datagrams (UDP).\n"),
        Setting(
            path: "listen.port", kind: .integer(0...65_535), builtIn: .integer(0),
            meaning: "Port of both; 0 takes any free port.\n"),
        Setting(
            path: "listen.advertise", kind: .text(253), builtIn: .text(""),
            meaning: "Name or address that others are told to dial; empty: the listening address.\n"),
        Setting(
            path: "mesh.bootstrap", kind: .list, builtIn: .list([]),
            meaning: "Tickets of nodes to join through (`meshnode ticket` prints one). Retried for ever.\n"),
        Setting(
            path: "mesh.allow", kind: .list, builtIn: .list([]),
            meaning:
                "Ids of the only nodes that may link with this one (`meshnode peers ban NODE` refuses single ones);\n"
                + "empty: everybody.\n"),
        Setting(
            path: "mesh.profile", kind: .choice(["loopback", "wan"]), builtIn: .text("wan"),
            meaning: "Timers of links and membership: \"loopback\" for one machine, \"wan\" for everything else.\n"),
        Setting(
            path: "data.train", kind: .text(4096), builtIn: .text("data/train.csv"),
            meaning:
                "This node's own training rows: CSV or TSV with a header, NPZ (MedMNIST), IDX (MNIST), safetensors or a\n"
                + "folder with images/ and labels.json; relative to the home. They never leave it.\n"),
        Setting(
            path: "data.evaluation", kind: .text(4096), builtIn: .text("data/holdout.csv"),
            meaning: "Rows held out, on which this node judges candidates; relative to the home.\n"),
        Setting(
            path: "data.label", kind: .text(255), builtIn: .text("label"),
            meaning: "Column of the class. Every other column is a feature.\n"),
        Setting(
            path: "data.type", kind: .text(255), builtIn: .text("digits"),
            meaning: "What the rows are. Only tasks that ask for the same type fit this node.\n"),
        Setting(
            path: "data.labels", kind: .list, builtIn: .list([]),
            meaning:
                "Label map of this node's rows: class i is the i-th name. Where it is set, a task with another map is\n"
                + "refused before its first round; files that hold class numbers alone cannot tell. Empty: the task's.\n"
        ),
        Setting(
            path: "data.layout", kind: .choice(["auto", "channels_first", "channels_last"]), builtIn: .text("auto"),
            meaning:
                "How pictures in arrays lie. \"auto\" goes by the task's shape, else by their extents (1, 3 or 4 channels, at most\n"
                + "half the shorter side, or beside a square), and refuses what may be either or is neither.\n"
        ),
        Setting(
            path: "data.channels", kind: .list, builtIn: .list([]),
            meaning:
                "Names of the channels of this node's pictures, in the files' order, for example [\"red\", \"green\", \"blue\"].\n"
                + "A task that names its channels (columns) takes them by name. Empty: nothing is said.\n"),
        Setting(
            path: "miner.enabled", kind: .flag, builtIn: .flag(true),
            meaning: "Whether this node trains at all.\n"),
        Setting(
            path: "miner.auto_join", kind: .flag, builtIn: .flag(false),
            meaning: "Join every announced task that fits data type, rows and bond, without being asked.\n"),
        Setting(
            path: "miner.bond", kind: .integer(1...Int64.max), builtIn: .integer(100),
            meaning: "Credits put up when joining a task. The largest 32 bonds of a task vote.\n"),
        Setting(
            path: "miner.max_bond", kind: .integer(0...Int64.max), builtIn: .integer(0),
            meaning:
                "Most credits that this node puts up for one task unless --bond says so. 0: as miner.bond.\n"),
        Setting(
            path: "miner.max_total_bond", kind: .integer(0...Int64.max), builtIn: .integer(0),
            meaning:
                "Most credits that lie with tasks joined by auto_join; they stay with ended ones until their evidence window closes.\n"
                + "0: half of what the account holds, or miner.max_bond times miner.max_tasks where that is more.\n"),
        Setting(
            path: "miner.max_tasks", kind: .integer(1...1_000), builtIn: .integer(8),
            meaning:
                "Most tasks at once that auto_join joins; half of them may be without a reward, and half of one publisher.\n"
        ),
        Setting(
            path: "miner.trust_publisher", kind: .flag, builtIn: .flag(false),
            meaning:
                "Let auto_join join tasks with holders (1,0), whose publisher alone could read every single update.\n"),
        Setting(
            path: "storage.quota", kind: .integer(64...16_777_216), builtIn: .integer(10_240),
            meaning:
                "Most MiB of contents (bodies, sums, models) under HOME/content. What tasks name is kept in seven eighths\n"
                + "of them; the rest is for what running rounds and the registry need.\n"),
        Setting(
            path: "voting.mode", kind: .choice(["automatic", "manual"]), builtIn: .text("automatic"),
            meaning:
                "\"manual\": a person answers for this node with `meshnode vote TASK ROUND`, in every task. \"automatic\": only in tasks that\n"
                + "say voting = \"manual\". The node's own check of the sum comes first either way; without an answer by\n"
                + "deadlines.aggregate and deadlines.opinion together it abstains.\n"),
        Setting(
            path: "api.socket", kind: .text(107), builtIn: .text("api.sock"),
            meaning: "Unix socket of the HTTP API, mode 0600; relative to the home. The system allows 107 bytes.\n"),
        Setting(
            path: "log.level", kind: .choice(["trace", "debug", "info", "notice", "warning", "error"]),
            builtIn: .text("info"), meaning: "Least level that is logged.\n"),
        Setting(
            path: "log.file", kind: .text(4096), builtIn: .text(""),
            meaning: "File that log lines are appended to, relative to the home; SIGHUP opens it anew, for logrotate.\n"
                + "Empty: stderr.\n"),
        Setting(
            path: "log.format", kind: .choice(["text", "json"]), builtIn: .text("text"),
            meaning: "Form of a log line.\n"),
        Setting(
            path: "debug.keep_own_updates", kind: .flag, builtIn: .flag(false),
            meaning:
                "Keep this node's own quantised updates, mode 0600, so that a test can compare sums.\n"
        ),
        Setting(
            path: "debug.kill_aggregator", kind: .text(64), builtIn: .text(""),
            meaning: "ROUND:POINT: the node kills itself with SIGKILL there when it is the aggregator.\n"
                + "Points: before-manifest, after-keys, after-proposal. For tests of succession; empty: never.\n"),
        Setting(
            path: "debug.drop_miner", kind: .integer(0...1_000), builtIn: .integer(0),
            meaning: "Round in which the node kills itself with SIGKILL before it submits; 0: never.\n"),
        Setting(
            path: "debug.attack",
            kind: .choice(["none"] + NodeConfiguration.Attack.allCases.map(\.rawValue)), builtIn: .text("none"),
            meaning: "What the node does wrong on purpose if the draw of a task makes it the attacker.\n"
                + "Only together with debug.keep_own_updates, for tests that must see it proven and survived.\n"),
    ]

    public static func setting(_ path: String) -> Setting? { all.first { $0.path == path } }

    /// Variables that begin like settings and are none.
    static let otherVariables: Set<String> = ["MESHNODE_HOME", "MESHNODE_DATA", "MESHNODE_BINARY"]
    static let testVariables = "MESHNODE_TEST_"

    /// Kubernetes tells each container of every service: one called `meshnode` gives MESHNODE_SERVICE_HOST, MESHNODE_PORT,
    /// MESHNODE_PORT_7001_TCP_ADDR and the like. An image may carry MESHNODE_VERSION.
    static func isOfAnOrchestrator(_ name: String) -> Bool {
        name == "MESHNODE_PORT" || name == "MESHNODE_VERSION" || name.hasPrefix("MESHNODE_SERVICE_")
            || name.wholeMatch(of: /MESHNODE_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?/) != nil
    }
}

/// The annotated configuration file: every key with its meaning, those without a value commented out.
public enum ConfigurationTemplate {
    /// - Parameter values: by path; they are written as they are, others as comments with their default.
    public static func text(values: [String: SettingValue] = [:]) -> String {
        var text = """
            # Configuration of one meshnode.
            #
            # Every key is shown with its default. A flag (--set listen.port=7000) wins over the environment
            # (MESHNODE_LISTEN_PORT=7000), which wins over this file, which wins over the default.
            # `meshnode config show --origin` tells which one is in force.

            """
        var table = ""
        for setting in SettingTable.all {
            let parts = setting.path.split(separator: ".", maxSplits: 1).map(String.init)
            if parts[0] != table {
                table = parts[0]
                text += "\n[\(table)]\n"
            }
            for line in setting.meaning.split(separator: "\n") { text += "# \(line)\n" }
            text += "# Allowed: \(setting.allowed).\n"
            if let value = values[setting.path] {
                text += "\(parts[1]) = \(value.toml)\n"
            } else {
                text += "# \(parts[1]) = \(setting.builtIn.toml)\n"
            }
        }
        return text
    }
}
