internal import ArgumentParser
internal import Learn
internal import MeshNode

struct LearnBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn",
        abstract: "Times local training of the built-in models on the shipped digits, one thread.",
        discussion: """
            Rows softmax_train, mlp_train, cnn_train; --json gives one object a line. ratio_to_sgemm is the share of what \
            one large matrix product reaches. Beside NumPy and PyTorch: ./Benchmarks/learn.sh --peers.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Length of the runs, 0.01 to 10; 1 takes about ten seconds.") var scale = 1.0

    func run() throws {
        guard (0.01...10).contains(scale) else {
            throw CommandFailure(ExitStatus.usage, "--scale \(scale): 0.01 to 10")
        }
        let rows = try LearnBench.run(split: try ShippedData.digits.split(), scale: scale)
        global.output.show(rows, empty: "") { rows in
            Table.text(
                ["ROW", "MODEL", "PARAMETERS", "BATCH", "EPOCHS", "SECONDS", "ROWS/S", "OF SGEMM", "ACCURACY"],
                rows.map {
                    [
                        $0.name, $0.model, "\($0.parameters)", "\($0.batch)", "\($0.epochs)", Text.fixed($0.seconds, 3),
                        Text.fixed($0.rowsPerSecond, 0), Text.fixed($0.ratioToMatrixProduct, 3),
                        Text.fixed($0.accuracy, 4),
                    ]
                })
        }
    }
}

struct CompressionBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compression", abstract: "What compressed rounds cost in accuracy, on the shipped digits.",
        discussion: """
            Recipes R (residual) and T (masked training) beside dense rounds, over iid, dirichlet:0.5 and shards:2; with \
            --missed also rounds that members miss, and fewer dense rounds with more local epochs for the same bytes.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Model: \(ModelArchitecture.allowed).") var model = "softmax"
    @Option(help: "Seeds 0 to this, less one.") var seeds = 5
    @Option(help: "Rounds of each run, 10 to 200.") var rounds = 30
    @Option(parsing: .upToNextOption, help: "Ratios.") var ratios: [Double] = [0.25, 0.1, 0.05, 0.01]
    @Flag(help: "Missed rounds and the honest alternative instead of the ratios.") var missed = false

    func run() throws {
        guard (1...100).contains(seeds), (10...200).contains(rounds) else {
            throw CommandFailure(ExitStatus.usage, "--seeds 1 to 100, --rounds 10 to 200")
        }
        let split = try ShippedData.digits.split()
        let architecture = try ModelArchitecture(parsing: model)
        let output = global.output
        if missed {
            let rows = try MissedRoundsStudy.run(split: split, architecture: architecture, seeds: seeds, length: rounds)
            {
                output.note("\($0.recipe), \($0.partition): \(Text.fixed($0.accuracy, 4))")
            }
            output.show(rows, empty: "") { rows in
                Table.text(
                    ["RECIPE", "PARTITION", "MISSED", "SENT", "ACCURACY", "LOWEST"],
                    rows.map {
                        [
                            $0.recipe, $0.partition, Text.fixed($0.missed, 2), Text.fixed($0.sent, 3),
                            Text.fixed($0.accuracy, 4),
                            Text.fixed($0.lowest, 4),
                        ]
                    })
            }
            return
        }
        let rows = try CompressionStudy.run(
            split: split, architecture: architecture, ratios: ratios, seeds: seeds, rounds: rounds
        ) { output.note("\($0.recipe), \($0.partition): \(Text.fixed($0.accuracyAtEnd, 4))") }
        output.show(rows, empty: "") { rows in
            Table.text(
                ["RECIPE", "PARTITION", "SENT", "AT 10", "AT END", "SPREAD", "SATURATED", "LARGEST"],
                rows.map {
                    [
                        $0.recipe, $0.partition, Text.fixed($0.sent, 3), Text.fixed($0.accuracyAtTen, 4),
                        Text.fixed($0.accuracyAtEnd, 4), Text.fixed($0.spread, 4), "\($0.saturations)",
                        Text.fixed(Double($0.largest), 2),
                    ]
                })
        }
    }
}

struct ContributionBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contribution", abstract: "The ten-node experiment: pay against exact Shapley values.",
        discussion: """
            Honest nodes of 320 to 40 rows beside a label flipper, noise, an all-zero update, a replay of the last sum and an \
            honest update times five. Exact Shapley values over 1024 subsets a round: about half a minute a seed.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Rounds, 1 to 30.") var rounds = 8
    @Option(help: "Seeds 0 to this, less one.") var seeds = 1
    @Option(help: "iid, or dirichlet:ALPHA for label-skewed honest nodes.") var skew = "iid"

    struct Result: Encodable {
        let seed: UInt64
        let nodes: [String]
        let shapley: [Double]
        let pay: [Double]
        let payByNorm: [Double]
        let payByRows: [Double]
        let payEqual: [Double]
        let scoreCorrelation: Double
        let payCorrelation: Double
    }

    func run() throws {
        guard (1...30).contains(rounds), (1...100).contains(seeds) else {
            throw CommandFailure(ExitStatus.usage, "--rounds 1 to 30, --seeds 1 to 100")
        }
        let kind: ContributionExperiment.Skew
        switch try PartitionStrategy(parsing: skew) {
        case .iid: kind = .iid
        case .dirichlet(let alpha): kind = .dirichlet(alpha: alpha)
        default: throw CommandFailure(ExitStatus.usage, "--skew \(skew): iid or dirichlet:ALPHA")
        }
        LinearAlgebra.setThreadCount(1)
        let train = try ShippedData.digits.split().train
        var results: [Result] = []
        for seed in 0..<UInt64(seeds) {
            let found = try ContributionExperiment.run(train: train, rounds: rounds, seed: seed, skew: kind)
            results.append(
                Result(
                    seed: seed, nodes: ContributionExperiment.names, shapley: found.shapley, pay: found.pay,
                    payByNorm: found.normShares, payByRows: ContributionExperiment.rowShares,
                    payEqual: ContributionExperiment.names.map { _ in 1 / Double(ContributionExperiment.names.count) },
                    scoreCorrelation: found.scoreCorrelation, payCorrelation: found.payCorrelation))
        }
        global.output.show(results, empty: "") { results in
            results.map { result in
                "seed \(result.seed): Spearman with Shapley, scores \(Text.fixed(result.scoreCorrelation, 3)), pay "
                    + "\(Text.fixed(result.payCorrelation, 3))\n"
                    + Table.text(
                        ["NODE", "SHAPLEY", "PAY %", "BY NORM %", "BY ROWS %", "EQUAL %"],
                        result.nodes.indices.map { index in
                            [
                                result.nodes[index], Text.fixed(result.shapley[index], 3),
                                Text.fixed(result.pay[index] * 100, 1), Text.fixed(result.payByNorm[index] * 100, 1),
                                Text.fixed(result.payByRows[index] * 100, 1),
                                Text.fixed(result.payEqual[index] * 100, 1),
                            ]
                        })
            }.joined(separator: "\n\n")
        }
    }
}
