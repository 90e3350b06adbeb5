internal import ArgumentParser
internal import Foundation
internal import Learn
internal import MeshNode
internal import Synchronization
internal import Wire

/// What a testnet run is asked to do. Checked as a whole before anything starts.
struct TestnetOptions: Sendable {
    var nodes: Int
    var rounds: Int
    var data: String
    var partition: String
    var seed: UInt64
    var holders: String
    var killAggregator: NodeConfiguration.KillPoint?
    var dropMiner: Int?
    var attack: NodeConfiguration.Attack?
    var out: String
    var keep: Bool
    /// Nodes as tasks of this process instead of processes of their own.
    var inProcess: Bool
    var limitSeconds: Int
    /// linear, softmax, mlp:WIDTHS or cnn:CHANNELS.
    var model = "softmax"
    var optimiser = "sgd"
    var server = "fedavg"
    /// Of a robust rule: buckets of the set, and how many of them may be hostile.
    var buckets = 1
    var hostile = 0
    /// none, a ratio, or masked:RATIO.
    var compression = "none"
    var weighting = "uniform"
    var scaleRule = "fixed"
    /// Deviation of the noise on the sum over one member's largest norm; 0: none.
    var noise = 0.0
    /// A task file instead of the options about the model.
    var task: String?
    /// `PATH=TOML_VALUE` on top of the task.
    var assignments: [String] = []
    /// equal, rows or contribution.
    var payout = TaskSpec.PayoutRule.equal
    /// Under contribution; 0: as many as the task allows.
    var scoredRounds = 0
    /// Column of the class in CSV and TSV.
    var label = "label"
    /// Feature columns of a table; empty takes every column but the label.
    var columns: [String] = []
    /// Features are divided by this; 0 lets the data decide.
    var divisor = 0
    /// `owner.toml` of the last node.
    var ownerPolicy: String?

    /// Another build of the program for the node processes; nil: this one.
    var program: String?

    static let optimisers = ["sgd", "momentum", "adamw", "fedprox", "scaffold"]
    static let servers: [String: TaskSpec.ServerRule] = [
        "fedavg": .fedAvg, "fedavgm": .fedAvgM, "fedadam": .fedAdam, "fedyogi": .fedYogi, "diloco": .diLoCo,
        "median": .median, "trimmed_mean": .trimmedMean, "krum": .krum,
    ]

    /// The task's name and data type.
    var name: String {
        ShippedData(rawValue: data) != nil
            ? data : String(data.split(separator: "/").last?.prefix { $0 != "." } ?? "data").lowercased()
    }

    var compressionText: String { Double(compression) != nil ? "residual:\(compression)" : compression }

    /// By what features are divided: the rows tell, not the name of their file.
    func scale(of rows: Dataset) -> Int {
        if divisor > 0 { return divisor }
        return data == "digits" ? 16 : Self.holdsPixels(rows) ? 255 : 1
    }

    /// Pictures of whole numbers from 0 to 255.
    static func holdsPixels(_ rows: Dataset) -> Bool {
        rows.sampleShape.count > 1 && rows.features.contains { $0 > 1 }
            && rows.features.allSatisfy { (0...255).contains($0) && $0 == $0.rounded(.towardZero) }
    }

    /// Softmax on digits with nothing changed: what the anchors are about.
    var isStandard: Bool {
        data == "digits" && model == "softmax" && optimiser == "sgd" && server == "fedavg" && compression == "none"
            && noise == 0 && task == nil && assignments.isEmpty
    }

    /// Tables are normalised feature by feature with figures of the training rows, which go into the task.
    func normalises(_ rows: Dataset) -> Bool { divisor == 0 && scale(of: rows) == 1 && rows.sampleShape.count == 1 }

    /// Every fault at once.
    func faults() -> [String] {
        var faults: [String] = []
        if !(4...32).contains(nodes) { faults.append("--nodes \(nodes): 4 to 32 nodes run on one machine") }
        if !(1...1000).contains(rounds) { faults.append("--rounds \(rounds): 1 to 1000") }
        if !(0...1_000_000).contains(divisor) { faults.append("--divisor \(divisor): 0, or 1 to 1000000") }
        // Known before anything is trained: no home under a long path has a socket.
        let socket = HomeDirectory(path: out + "/nodes/node\(nodes)").apiSocket
        if socket.utf8.count > HomeDirectory.longestSocket {
            faults.append(
                "\(out): sockets of nodes in there have \(socket.utf8.count) bytes, the system allows "
                    + "\(HomeDirectory.longestSocket); give a shorter --out (or a shorter TMPDIR to a demo without one)"
            )
        }
        if ShippedData(rawValue: data) == nil, !Files.exists(data) {
            faults.append("--data \(data): neither digits, wdbc nor a file that exists (\(DataSource.allowed))")
        }
        if let ownerPolicy {
            do {
                _ = try OwnerPolicy.parse(
                    String(decoding: try Files.read(ownerPolicy, limit: 1 << 16), as: UTF8.self), file: ownerPolicy)
            } catch { faults.append("--owner \(ownerPolicy): \(error)") }
        }
        if let task, !Files.exists(task) { faults.append("--task \(task): there is no such file") }
        do { _ = try ModelArchitecture(parsing: model) } catch { faults.append("--model: \(error)") }
        do { _ = try CompressionSettings.parse(compressionText) } catch { faults.append("--compression: \(error)") }
        if !Self.optimisers.contains(optimiser) {
            faults.append("--optimiser \(optimiser) is unknown; use \(Self.optimisers.joined(separator: ", "))")
        }
        if Self.servers[server] == nil {
            faults.append("--server \(server) is unknown; use \(Self.servers.keys.sorted().joined(separator: ", "))")
        }
        if task == nil, Self.servers[server]?.isRobust == true {
            // Sets are never below 4, so a bucket is not either.
            if !(2...8).contains(buckets) || nodes < 4 * buckets {
                faults.append("--buckets \(buckets): 2 to 8, with 4 nodes or more for each; --nodes is \(nodes)")
            }
        } else if buckets != 1 || hostile != 0 {
            faults.append("--buckets and --hostile belong to --server median, trimmed_mean or krum")
        }
        if !(0...100).contains(hostile) { faults.append("--hostile \(hostile): 0 to 100 buckets") }
        if !["uniform", "rows"].contains(weighting) {
            faults.append("--weighting \(weighting) is unknown; use uniform or rows")
        }
        if !["fixed", "previous"].contains(scaleRule) {
            faults.append("--scale-rule \(scaleRule) is unknown; use fixed or previous")
        }
        if noise != 0, !(0.001...1000).contains(noise) { faults.append("--noise \(noise): 0, or 0.001 to 1000") }
        let least = ["1,0": 4, "3,1": 5, "5,2": 7, "7,3": 9]
        if let least = least[holders] {
            if nodes < least {
                faults.append(
                    "--holders \(holders) needs \(least) nodes" + (nodes < 4 ? "" : "; use --holders 1,0 with \(nodes)")
                )
            }
        } else {
            faults.append("--holders \(holders): 1,0 or 3,1 or 5,2 or 7,3")
        }
        do {
            _ = try PartitionSettings(parsing: partition, parts: max(1, nodes), seed: Seed.number(seed))
        } catch { faults.append("--partition: \(error)") }
        if let killAggregator, Int(killAggregator.round) > rounds {
            faults.append("--kill-aggregator \(killAggregator.round): there are \(rounds) rounds")
        }
        // Every fault is told, so that one check does not rely on another: a range up to `rounds` has an end of its own here.
        if let dropMiner, dropMiner < 1 || dropMiner > rounds {
            faults.append("--drop-miner \(dropMiner): a round from 1 to \(rounds)")
        }
        // A decided set is never below 4, and the killed node comes back only after its round.
        if (killAggregator != nil || dropMiner != nil) && nodes < 5 {
            faults.append("killing a node needs 5 nodes or more: 4 submissions are the smallest set")
        }
        if let killAggregator, let dropMiner, Int(killAggregator.round) == dropMiner {
            faults.append("--kill-aggregator and --drop-miner in one round leave 3 of 5 votes, the quorum is 4")
        }
        if scoredRounds < 0 || (scoredRounds > 0 && payout != .contribution) {
            faults.append("--scored-rounds \(scoredRounds): 1 or more with --payout contribution, else 0")
        }
        if let attack, [.noise, .flip].contains(attack), payout != .contribution {
            faults.append("--attack \(attack.rawValue): what it earns is seen with --payout contribution")
        }
        if attack != nil, holders == "1,0" {
            faults.append(
                "--attack: play it with holders 3,1, 5,2 or 7,3, where holders and clients are different nodes")
        }
        if attack != nil, killAggregator != nil || dropMiner != nil {
            faults.append("--attack: one thing at a time, without --kill-aggregator and --drop-miner")
        }
        if inProcess, killAggregator != nil || dropMiner != nil {
            faults.append("killing needs processes of their own: use testnet/run.sh, not the demo")
        }
        return faults
    }
}

struct TestnetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "testnet", abstract: "Processes of their own on loopback train a task; every gate is checked.",
        discussion: "testnet/run.sh builds the program and calls this.")

    @OptionGroup var global: GlobalArguments
    @Option(help: "Node processes.") var nodes = 5
    @Option(help: "Rounds of training.") var rounds = 30
    @Option(help: "Data set: \(DataSource.allowed).") var data = "digits"
    @Option(help: ArgumentHelp("Column of the class in CSV and TSV.", valueName: "COLUMN")) var label = "label"
    @Option(
        parsing: .singleValue,
        help: ArgumentHelp(
            "A feature column of a table, again for each; without it every column but the label, so a column of names or "
                + "identifiers needs it.", valueName: "TITLE"))
    var column: [String] = []
    @Option(help: "Features are divided by this; 0 lets the data decide.") var divisor = 0
    @Option(help: "Model: \(ModelArchitecture.allowed).") var model = "softmax"
    @Option(help: "Local training: \(TestnetOptions.optimisers.joined(separator: ", ")).") var optimiser = "sgd"
    @Option(help: "Server rule: \(TestnetOptions.servers.keys.sorted().joined(separator: ", ")).") var server = "fedavg"
    @Option(help: "Buckets of a robust server rule, at least 4 nodes each.") var buckets: Int?
    @Option(help: "Buckets that trimmed_mean cuts off on each side, or that krum takes for hostile.") var hostile = 0
    @Option(help: "Share of the coordinates a round: none, RATIO or masked:RATIO.") var compression = "none"
    @Option(help: "uniform or rows.") var weighting = "uniform"
    @Option(name: .customLong("scale-rule"), help: "Quantiser's range: fixed, or previous to follow the sums.")
    var scaleRule = "fixed"
    @Option(help: "Differential privacy: noise multiplier, 0 for none.") var noise = 0.0
    @Option(help: "A task file instead of the options about model, training and update.") var task: String?
    @Option(
        name: .customLong("set"), parsing: .singleValue,
        help: ArgumentHelp("Another value of the task, again for each.", valueName: "PATH=TOML_VALUE"))
    var assignments: [String] = []
    @Option(help: "How the rows are dealt: \(PartitionStrategy.allowed).") var partition = "shards:2"
    @Option(help: "Seed of the dealing and of the task.") var seed: UInt64 = 0
    @Option(help: "Key holders and threshold: 3,1, 5,2 or 7,3; 1,0 is the publisher alone.") var holders = "3,1"
    @Option(
        name: .customLong("kill-aggregator"),
        help: "Kills the aggregator of round R: R[:before-manifest|after-keys|after-proposal].") var killAggregator:
        String?
    @Option(name: .customLong("drop-miner"), help: "Kills a miner before it submits in round R.") var dropMiner: Int?
    @Option(
        help:
            "What one or more nodes do wrong: none, \(NodeConfiguration.Attack.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var attack = "none"
    @Option(help: "Payout rule: \(TaskSpec.PayoutRule.allCases.map(\.word).joined(separator: ", ")).")
    var payout = "equal"
    @Option(name: .customLong("scored-rounds"), help: "With --payout contribution; 0: as many as the task allows.")
    var scoredRounds = 0
    @Option(help: "owner.toml of the last node: what its owner allows.") var owner: String?
    @Option(help: "Directory for homes, logs, model and summary.json.") var out = "testnet/out"
    @Flag(help: "Leave the nodes running.") var keep = false
    @Option(help: "Give up after this many seconds. (default: 900)", transform: NumberArgument.seconds) var limit = 900

    func run() async throws {
        var kill: NodeConfiguration.KillPoint?
        if let killAggregator {
            let text = killAggregator.contains(":") ? killAggregator : killAggregator + ":after-keys"
            guard let parsed = NodeConfiguration.KillPoint(parsing: text) else {
                throw CommandFailure(
                    ExitStatus.usage,
                    "--kill-aggregator \(killAggregator): write R, R:before-manifest, R:after-keys or R:after-proposal")
            }
            kill = parsed
        }
        let played = NodeConfiguration.Attack(rawValue: attack)
        guard attack == "none" || played != nil else {
            throw CommandFailure(
                ExitStatus.usage,
                "--attack \(attack): none, "
                    + NodeConfiguration.Attack.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard let rule = TaskSpec.PayoutRule.allCases.first(where: { $0.word == payout }) else {
            let reason = TaskSpec.PayoutRule.refusal(of: payout).map { "no payout rule: \($0); use " } ?? ""
            throw CommandFailure(
                ExitStatus.usage,
                "--payout \(payout): \(reason)\(TaskSpec.PayoutRule.allCases.map(\.word).joined(separator: ", "))")
        }
        var options = TestnetOptions(
            nodes: nodes, rounds: rounds, data: data, partition: partition, seed: seed, holders: holders,
            killAggregator: kill, dropMiner: dropMiner, attack: played, out: Files.absolute(out), keep: keep,
            inProcess: false,
            limitSeconds: limit)
        if ShippedData(rawValue: data) == nil { options.data = Files.absolute(data) }
        options.model = model
        options.optimiser = optimiser
        options.server = server
        options.buckets = buckets ?? (TestnetOptions.servers[server]?.isRobust == true ? nodes / 4 : 1)
        options.hostile = hostile
        options.compression = compression
        options.weighting = weighting
        options.scaleRule = scaleRule
        options.noise = noise
        options.task = task.map(Files.absolute)
        options.assignments = assignments
        options.payout = rule
        options.scoredRounds = scoredRounds
        options.label = label
        options.columns = column
        options.divisor = divisor
        options.ownerPolicy = owner.map(Files.absolute)
        let output = global.output
        let folder = options.out
        let run = TestnetRun(options: options, report: output.progress)
        try await SignalStop.runMesh(in: folder) {
            let held = try await run.run()
            try output.showSummary(of: folder)
            guard held else { throw CommandFailure(ExitStatus.verification, "a gate failed, see above") }
        }
    }
}

/// `meshnode demo`: the same run with the nodes as tasks of this process.
struct InProcessDemo: DemoRunner {
    func run(
        nodes: Int, rounds: Int, partition: String, seed: UInt64, out: String?,
        report: @escaping @Sendable (String) -> Void
    ) async throws -> (held: Bool, folder: String) {
        // It stays: the model, the report and the homes that anybody can check again are named in the last line.
        let out = try out ?? TestnetFolder.temporary(of: getProcessID())
        let options = TestnetOptions(
            nodes: nodes, rounds: rounds, data: "digits", partition: partition, seed: seed,
            holders: nodes >= 5 ? "3,1" : "1,0", killAggregator: nil, dropMiner: nil, attack: nil, out: out,
            keep: false,
            inProcess: true, limitSeconds: 600)
        let run = TestnetRun(options: options, report: report)
        let held = Mutex(false)
        try await SignalStop.runMesh(in: out) {
            let result = try await run.run()
            held.withLock { $0 = result }
        }
        return (held.withLock { $0 }, out)
    }
}
