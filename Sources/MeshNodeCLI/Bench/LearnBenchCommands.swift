internal import ArgumentParser
internal import Chain
internal import Learn
internal import MeshNode

struct LearnBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "learn",
        abstract: "Times local training of the built-in models on the shipped digits, one thread.",
        discussion: """
            Rows softmax_train, mlp_train, cnn_train; --json gives one object a line. ratio_to_sgemm is the share of what \
            one large matrix product reaches. Beside NumPy and PyTorch: ./Benchmarks/run.sh learn --peers.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Length of the runs, 0.01 to 10; 1 takes about a second a repeat.") var scale = 1.0
    @Option(help: "Runs of each row, 1 to 100; the quickest counts.") var repeats = 3

    func run() throws {
        guard (0.01...10).contains(scale) else {
            throw CommandFailure(ExitStatus.usage, "--scale \(scale): 0.01 to 10")
        }
        guard (1...100).contains(repeats) else {
            throw CommandFailure(ExitStatus.usage, "--repeats \(repeats): 1 to 100")
        }
        let rows = try LearnBench.run(split: try ShippedData.digits.split(), scale: scale, repeats: repeats)
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
            Recipes R (residual) and T (masked training) beside dense rounds, over iid, dirichlet:0.5 and shards:2; then \
            the same with rounds that members miss, and fewer dense rounds with more local epochs for the same bytes. \
            Seconds for softmax; minutes for --model mlp:256-128.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Model: \(ModelArchitecture.allowed).") var model = "softmax"
    @Option(help: "Seeds 0 to this, less one.") var seeds = 5
    @Option(help: "Rounds of each run, 10 to 200.") var rounds = 30
    @Option(parsing: .upToNextOption, help: "Ratios.") var ratios: [Double] = [0.25, 0.1, 0.05, 0.01]
    @Flag(help: "Ends with 1 where a row breaks what the documentation promises; 20 seeds tell it from chance.")
    var check = false

    struct Result: Encodable {
        let ratios: [CompressionStudy.Row]
        let missedAndAlternatives: [MissedRoundsStudy.Row]
        let broken: [String]
    }

    func run() throws {
        guard (1...100).contains(seeds), (10...200).contains(rounds) else {
            throw CommandFailure(ExitStatus.usage, "--seeds 1 to 100, --rounds 10 to 200")
        }
        let split = try ShippedData.digits.split()
        let architecture = try ModelArchitecture(parsing: model)
        let output = global.output
        let rows = try CompressionStudy.run(
            split: split, architecture: architecture, ratios: ratios, seeds: seeds, rounds: rounds
        ) { output.note("\($0.recipe), \($0.partition): \(Text.fixed($0.accuracyAtEnd, 4))") }
        let others = try MissedRoundsStudy.run(split: split, architecture: architecture, seeds: seeds, length: rounds) {
            output.note("\($0.recipe), \($0.partition), missed \($0.missed): \(Text.fixed($0.accuracy, 4))")
        }
        let broken = rows.compactMap { CompressionStudy.brokenPromise(of: $0, architecture: architecture) }
        let result = Result(ratios: rows, missedAndAlternatives: others, broken: broken)
        output.show(result) { result in
            Table.text(
                [
                    "RECIPE", "PARTITION", "SENT", "AT 10", "AT END", "SPREAD", "FROM DENSE", "LOWEST", "SATURATED",
                    "LARGEST",
                ],
                result.ratios.map {
                    [
                        $0.recipe, $0.partition, Text.fixed($0.sent, 3), Text.fixed($0.accuracyAtTen, 4),
                        Text.fixed($0.accuracyAtEnd, 4), Text.fixed($0.spread, 4), Text.fixed($0.fromDense, 4),
                        Text.fixed($0.lowestFromDense, 4), "\($0.saturations)", Text.fixed(Double($0.largest), 2),
                    ]
                }) + "\n\n"
                + Table.text(
                    ["RECIPE", "PARTITION", "MISSED", "SENT", "ACCURACY", "LOWEST"],
                    result.missedAndAlternatives.map {
                        [
                            $0.recipe, $0.partition, Text.fixed($0.missed, 2), Text.fixed($0.sent, 3),
                            Text.fixed($0.accuracy, 4), Text.fixed($0.lowest, 4),
                        ]
                    })
        }
        if check, !broken.isEmpty { throw CommandFailure(1, broken.joined(separator: "\n")) }
    }
}

struct ContributionBenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contribution", abstract: "The ten-node experiment: pay against exact Shapley values.",
        discussion: """
            Honest nodes of 320 to 40 rows beside a label flipper, noise, an all-zero update, a replay of the last sum, the \
            same times five and an honest update times five; first with equal mixes of classes, then with skewed ones. Exact \
            Shapley values over 1024 subsets a round. Pay by scores stands beside pay by norm, by declared rows and equal.
            """)
    @OptionGroup var global: GlobalArguments
    @Option(help: "Rounds, 1 to 30.") var rounds = 8
    @Option(help: "Seeds 0 to this, less one.") var seeds = 4
    @Option(parsing: .upToNextOption, help: "iid, or dirichlet:ALPHA for label-skewed honest nodes.")
    var skew = ["iid", "dirichlet:0.5"]
    @Flag(help: "Ends with 1 where iid misses the promise: mean .90, noise, zero and flipper at most 1 %.")
    var check = false

    struct Result: Encodable {
        let skew: String
        let amplifiedReplay: Bool
        let seeds: Int
        let nodes: [String]
        /// Means over the seeds.
        let shapley: [Double]
        let pay: [Double]
        let highestPay: [Double]
        let payByNorm: [Double]
        let payByRows: [Double]
        let payEqual: [Double]
        /// Spearman with Shapley, mean and lowest over the seeds.
        let scoreCorrelation: [Double]
        let payCorrelation: [Double]
        let normCorrelation: [Double]
        let rowsCorrelation: [Double]
    }

    func run() throws {
        guard (1...30).contains(rounds), (1...100).contains(seeds) else {
            throw CommandFailure(ExitStatus.usage, "--rounds 1 to 30, --seeds 1 to 100")
        }
        LinearAlgebra.setThreadCount(1)
        let train = try ShippedData.digits.split().train
        var results: [Result] = []
        for name in skew {
            let kind: ContributionExperiment.Skew
            switch try PartitionStrategy(parsing: name) {
            case .iid: kind = .iid
            case .dirichlet(let alpha): kind = .dirichlet(alpha: alpha)
            default: throw CommandFailure(ExitStatus.usage, "--skew \(name): iid or dirichlet:ALPHA")
            }
            for amplified in [false, true] {
                var found: [ContributionExperiment.Result] = []
                for seed in 0..<UInt64(seeds) {
                    found.append(
                        try ContributionExperiment.run(
                            train: train, rounds: rounds, seed: seed, skew: kind, replayFactor: amplified ? 5 : 1,
                            weights: ContributionShares.weights(rounds:)))
                    global.output.note("\(name), replay x\(amplified ? 5 : 1), seed \(seed)")
                }
                results.append(Self.summary(name, amplified, found))
            }
        }
        global.output.show(results, empty: "") { $0.map(Self.text).joined(separator: "\n\n") }
        guard check else { return }
        let missed = results.filter { $0.skew == "iid" }.flatMap { result -> [String] in
            let cheats = [5, 6, 7].filter { result.highestPay[$0] > 0.01 }.map { "\(result.nodes[$0]) earns above 1 %" }
            return (result.payCorrelation[0] < 0.9 ? ["the correlation is below .90"] : []) + cheats
        }
        if !missed.isEmpty { throw CommandFailure(1, missed.joined(separator: "\n")) }
    }

    private static func summary(
        _ skew: String, _ amplified: Bool, _ found: [ContributionExperiment.Result]
    ) -> Result {
        func mean(_ value: (ContributionExperiment.Result) -> [Double]) -> [Double] {
            ContributionExperiment.names.indices.map { index in
                found.reduce(0) { $0 + value($1)[index] } / Double(found.count)
            }
        }
        func both(_ value: (ContributionExperiment.Result) -> Double) -> [Double] {
            [found.reduce(0) { $0 + value($1) } / Double(found.count), found.map(value).min() ?? 0]
        }
        func correlation(_ left: [Double], _ right: [Double]) -> Double { RankCorrelation.spearman(left, right) ?? 0 }
        let nodes = ContributionExperiment.names
        return Result(
            skew: skew, amplifiedReplay: amplified, seeds: found.count, nodes: nodes, shapley: mean(\.shapley),
            pay: mean(\.pay), highestPay: nodes.indices.map { index in found.map { $0.pay[index] }.max() ?? 0 },
            payByNorm: mean(\.normShares), payByRows: ContributionExperiment.rowShares,
            payEqual: nodes.map { _ in 1 / Double(nodes.count) }, scoreCorrelation: both(\.scoreCorrelation),
            payCorrelation: both(\.payCorrelation), normCorrelation: both { correlation($0.normShares, $0.shapley) },
            rowsCorrelation: both { correlation(ContributionExperiment.rowShares, $0.shapley) })
    }

    private static func text(_ result: Result) -> String {
        func pair(_ values: [Double]) -> String { "\(Text.fixed(values[0], 3)) (\(Text.fixed(values[1], 3)))" }
        func percent(_ value: Double) -> String { Text.fixed(value * 100, 1) }
        return
            "\(result.skew), replay x\(result.amplifiedReplay ? 5 : 1), \(result.seeds) seeds; Spearman with Shapley, mean "
            + "(lowest): scores \(pair(result.scoreCorrelation)), pay \(pair(result.payCorrelation)), by norm "
            + "\(pair(result.normCorrelation)), by rows \(pair(result.rowsCorrelation))\n"
            + Table.text(
                ["NODE", "SHAPLEY", "PAY %", "HIGHEST %", "BY NORM %", "BY ROWS %", "EQUAL %"],
                result.nodes.indices.map { index in
                    [
                        result.nodes[index], Text.fixed(result.shapley[index], 3), percent(result.pay[index]),
                        percent(result.highestPay[index]), percent(result.payByNorm[index]),
                        percent(result.payByRows[index]), percent(result.payEqual[index]),
                    ]
                })
    }
}
