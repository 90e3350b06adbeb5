internal import ArgumentParser
internal import Learn
internal import MeshNode
internal import Wire

struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "A task without a mesh: how long its parts take, and whether it repeats.",
        subcommands: [Run.self])

    struct Run: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs a task's rounds in plaintext integers, twice, and compares every value.",
            discussion: """
                The same recipe as the nodes: training, clipping, support, integers, server step. Exits with 2 when two \
                runs differ anywhere.
                  meshnode profile run --task examples/digits.toml --data digits --parts 5 --partition shards:2
                """)
        @OptionGroup var global: GlobalArguments
        @Option(help: "Task file.") var task: String
        @Option(
            name: .customLong("set"), parsing: .singleValue,
            help: ArgumentHelp("Another value of the task, again for each.", valueName: "PATH=TOML_VALUE"))
        var assignments: [String] = []
        @Option(help: "Rows to cut: \(DataSource.allowed).") var data = "digits"
        @Option(help: ArgumentHelp("Column of the class in CSV and TSV.", valueName: "COLUMN")) var label = "label"
        @Option(help: "Members.") var parts = 5
        @Option(help: "How the rows are dealt: \(PartitionStrategy.allowed).") var partition = "iid"
        @Option(help: "Runs, 1 to 10.") var times = 2

        struct Result: Encodable {
            let task: String
            let rounds: Int
            let runs: Int
            let accuracy: Double
            let trainSeconds: Double
            let prepareSeconds: Double
            let serverSeconds: Double
            let coordinates: Int
            let ratio: Double
            let saturations: Int
            /// Largest difference of any integer of a sum, and of any weight, between runs.
            let largestSumDifference: Int64
            let largestWeightDifference: Float
        }

        func run() throws {
            guard (1...10).contains(times) else { throw CommandFailure(ExitStatus.usage, "--times \(times): 1 to 10") }
            let spec = try TaskCommand.read(task, assignments: assignments).spec
            LinearAlgebra.setThreadCount(1)
            let split: TrainTestSplit
            if let shipped = ShippedData(rawValue: data) {
                split = try TrainTestSplit(try shipped.load())
            } else {
                let splits = try DataSource(
                    labelColumn: label, classNames: spec.data.labels.isEmpty ? nil : spec.data.labels
                ).load(data)
                let own = splits.test ?? splits.validation
                split = try own.map { TrainTestSplit(train: splits.train, test: $0) } ?? TrainTestSplit(splits.train)
            }
            let plan = try Partitioner.plan(
                split.train,
                settings: try PartitionSettings(parsing: partition, parts: parts, seed: Seed.number(spec.seed)))
            let rows = try plan.parts.indices.map {
                try DataFiles.fitted(try plan.rows(of: $0, in: split.train), to: spec)
            }
            let test = try DataFiles.fitted(split.test, to: spec)
            var first: PlainRun?
            var sums: Int64 = 0
            var weights: Float = 0
            for number in 1...times {
                global.output.note("run \(number) of \(times)")
                let run = try PlainRun(spec: spec, parts: rows)
                if let first {
                    sums = max(sums, first.largestSumDifference(to: run))
                    weights = max(weights, first.largestWeightDifference(to: run))
                } else {
                    first = run
                }
            }
            guard let first else { return }
            let metrics = try Trainer(model: try spec.learnModel()).evaluate(parameters: first.weights, data: test)
            let result = Result(
                task: spec.name, rounds: Int(spec.rounds), runs: times, accuracy: metrics.score(on: test),
                trainSeconds: first.trainSeconds, prepareSeconds: first.prepareSeconds,
                serverSeconds: first.serverSeconds,
                coordinates: first.coordinates, ratio: first.ratio, saturations: first.saturations,
                largestSumDifference: sums, largestWeightDifference: weights)
            global.output.show(result) { result in
                Table.fields([
                    ("rounds", "\(result.rounds), accuracy \(Text.share(result.accuracy))"),
                    ("train", Text.seconds(result.trainSeconds)), ("server step", Text.seconds(result.serverSeconds)),
                    ("sent", "\(result.coordinates) coordinates a member, ratio \(Text.fixed(result.ratio, 4))"),
                    ("saturations", "\(result.saturations)"),
                    (
                        "difference",
                        result.runs > 1
                            ? "\(result.largestSumDifference) in sums, \(result.largestWeightDifference) in weights over "
                                + "\(result.runs) runs" : nil
                    ),
                ])
            }
            if spec.privacy.noisePpm == 0, sums != 0 || weights != 0 {
                throw CommandFailure(
                    ExitStatus.verification, "two runs of one seed differ; is OPENBLAS_NUM_THREADS=1 set?")
            }
        }
    }
}
