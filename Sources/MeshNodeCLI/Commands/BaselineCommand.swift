internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

struct BaselineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "baseline", abstract: "What a mesh's figures must be read against.", subcommands: [Run.self])

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Trains centralised, everyone alone, and plaintext FedAvg on data that you hold.",
            discussion: """
                Either one source that is cut here, or the files of the nodes as `data partition` wrote them:
                  meshnode baseline run --task examples/digits.toml --data digits --parts 5 --partition shards:2
                  meshnode baseline run --task t.toml --part a.csv --part b.csv --evaluation holdout.csv
                """)

        @OptionGroup var global: GlobalArguments
        @Option(help: "Task file: model, rounds and recipe.") var task: String
        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: ArgumentHelp("Another value of the task, again for each.", valueName: "PATH=TOML_VALUE"))
        var assignments: [String] = []
        @Option(help: "One source, cut with --parts, --partition and --seed.") var data: String?
        @Option(help: "Nodes, with --data.") var parts = 5
        @Option(help: "How the rows are dealt, with --data.") var partition = "iid"
        @Option(help: "Seed of the dealing, with --data, and of the task; the task's own without it.") var seed: UInt64?
        @Option(parsing: .singleValue, help: "Training rows of one node, again for each.") var part: [String] = []
        @Option(help: "Held-out rows, with --part.") var evaluation: String?
        @Option(help: ArgumentHelp("Column of the class in CSV and TSV.", valueName: "COLUMN")) var label = "label"
        @Option(help: "Directory for baseline.json and baseline.csv.") var out: String?
        @OptionGroup var overwrite: OverwriteArguments

        func validate() throws {
            guard (data != nil) != (!part.isEmpty) else { throw ValidationError("give either --data or --part") }
            guard part.isEmpty == (evaluation == nil) else {
                throw ValidationError("--part and --evaluation belong together")
            }
        }

        func run() throws {
            if let out {
                try Files.refuseExisting(["\(out)/baseline.json", "\(out)/baseline.csv"], force: overwrite.force)
            }
            let spec = try TaskCommand.read(
                task, assignments: assignments + (seed.map { ["seed=\($0)"] } ?? [])
            ).spec
            LinearAlgebra.setThreadCount(1)
            let (rows, test) = try load(spec)
            let model = try spec.learnModel()
            var settings = FederatedSettings(
                rounds: Int(spec.rounds), training: spec.learnSettings, quantiser: nil,
                clipNorm: Float(Double(spec.update.clipNormPpm) / 1_000_000),
                weighsByRows: spec.training.weighting == .rows, rule: spec.learnRule)
            settings.compression = spec.learnCompression
            settings.usesScaffold = spec.training.local.correction == .scaffold
            let seed = Seed.number(spec.seed)

            let output = global.output
            output.note("centralised: \(rows.reduce(0) { $0 + $1.count }) rows, \(spec.rounds) rounds")
            let all = TrainTestSplit(train: try LabelledData.joined(rows, name: "all parts"), test: test)
            let central = try Baseline.centralised(model: model, split: all, settings: settings, seed: seed)
            output.note("alone: \(rows.count) nodes, \(rows.map { "\($0.count)" }.joined(separator: ", ")) rows")
            let alone = try Baseline.alone(model: model, parts: rows, test: test, settings: settings, seed: seed)
            let rule = Self.rule(spec)
            output.note("plaintext \(spec.training.title) on the same parts")
            var federation = try Federation(model: model, parts: rows, settings: settings, seed: seed)
            let federated = try federation.run(test: test) { line in
                output.detail("round \(line.round)  accuracy \(Text.share(line.test.accuracy))")
            }
            let result = BaselineResult(
                spec, partition: data == nil ? nil : partition, rule: rule, central: central, alone: alone,
                federated: federated)
            if let out {
                try Files.makeDirectory(out)
                try Files.write(
                    [
                        ("\(out)/baseline.json", APICoding.encode(result, pretty: true)),
                        ("\(out)/baseline.csv", Array(result.curves.utf8)),
                    ], replaces: overwrite.force)
            }
            output.show(result) { $0.text(spec.training.title) }
        }

        /// What the federated row is, as `rule` of the result: the server rule, and the correction of local training where there is one.
        private static func rule(_ spec: TaskSpec) -> String {
            spec.training.local.correction == .none
                ? spec.training.server.word : "\(spec.training.local.correction.word) with \(spec.training.server.word)"
        }

        /// Training rows of each node and the held-out rows, scaled as the task says.
        private func load(_ spec: TaskSpec) throws -> ([Dataset], Dataset) {
            func read(_ source: String) throws(LearnError) -> Dataset {
                try DataFiles.fitted(source, label: label, to: spec)
            }
            if let data {
                let split = try TrainTestSplit(try read(data))
                let plan = try Partitioner.plan(
                    split.train,
                    settings: try PartitionSettings(
                        parsing: partition, parts: parts, seed: Seed.number(seed ?? spec.seed)))
                return (try plan.parts.indices.map { try plan.rows(of: $0, in: split.train) }, split.test)
            }
            return (
                try part.map(read),
                try DataFiles.fitted(evaluation ?? "", label: label, to: spec, part: .evaluation)
            )
        }
    }
}

/// What `baseline run` prints and writes. Accuracies are shares of held-out rows.
struct BaselineResult: Encodable {
    struct Point: Encodable {
        let round: Int
        let accuracy: Double?
        let loss: Double
    }

    let task: String
    let seed: UInt64
    let rounds: Int
    /// Of the federated row.
    let rule: String
    let optimiser: String
    let learningRate: Double
    let localEpochs: UInt32
    let batchSize: UInt32
    let compression: String
    /// How the rows were dealt; absent where each node brought its own.
    let partition: String?
    let centralAccuracy: Double?
    let centralLoss: Double?
    let floatAccuracy: Double?
    let floatLoss: Double?
    let bestAloneAccuracy: Double?
    let meanAloneAccuracy: Double?
    /// One a node.
    let aloneAccuracies: [Double?]
    let central: [Point]
    let float: [Point]

    init(
        _ spec: TaskSpec, partition: String?, rule: String, central: [RoundMetrics], alone: [Metrics],
        federated: [RoundMetrics]
    ) {
        func points(_ lines: [RoundMetrics]) -> [Point] {
            lines.map { Point(round: $0.round, accuracy: $0.test.accuracy, loss: $0.test.loss) }
        }
        let known = alone.compactMap(\.accuracy)
        task = spec.name
        seed = spec.seed
        rounds = Int(spec.rounds)
        self.rule = rule
        self.partition = partition
        optimiser = spec.training.local.optimiser.word
        learningRate = Double(spec.training.learningRatePpm) / 1e6
        localEpochs = spec.training.localEpochs
        batchSize = spec.training.batchSize
        compression = spec.update.compression.word
        centralAccuracy = central.last?.test.accuracy
        centralLoss = central.last?.test.loss
        floatAccuracy = federated.last?.test.accuracy
        floatLoss = federated.last?.test.loss
        bestAloneAccuracy = known.max()
        meanAloneAccuracy = known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
        aloneAccuracies = alone.map(\.accuracy)
        self.central = points(central)
        float = points(federated)
    }

    /// - Parameter title: of the rule, as people call it.
    func text(_ title: String) -> String {
        Table.text(
            ["BASELINE", "ACCURACY", "LOSS"],
            [
                ["centralised", Text.share(centralAccuracy), Text.share(centralLoss)],
                ["plaintext \(title)", Text.share(floatAccuracy), Text.share(floatLoss)],
                ["best node alone", Text.share(bestAloneAccuracy), Text.unknown],
                ["mean node alone", Text.share(meanAloneAccuracy), Text.unknown],
            ])
    }

    /// One line a round.
    var curves: String {
        var text = "round,central_accuracy,central_loss,float_accuracy,float_loss\n"
        for point in float {
            let same = central.first { $0.round == point.round }
            let cells = [same?.accuracy, same?.loss, point.accuracy, point.loss].map { $0.map { "\($0)" } ?? "" }
            text += "\(point.round)," + cells.joined(separator: ",") + "\n"
        }
        return text
    }
}

extension TaskSpec.Training {
    /// Server rule and, where there is one, the correction of local training, as people call them.
    var title: String { local.correction == .none ? server.title : "SCAFFOLD with \(server.title)" }
}
