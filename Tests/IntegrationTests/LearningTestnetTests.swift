import Foundation
import Testing

@testable import MeshNode

/// What a task can say about learning, each over five real processes: the exactness proof and `chain verify --full` hold
/// whatever the model, the rules and the support are.
@Suite(.serialized) struct LearningTestnetTests {
    private func run(_ arguments: [String], rounds: Int = 2) throws -> (Program.Outcome, Summary, Folder) {
        let folder = try Folder()
        let outcome = try Program.run(["testnet", "--rounds", "\(rounds)", "--out", folder.path] + arguments)
        #expect(outcome.code == 0, "\(arguments)\n\(outcome.output)\n\(outcome.errors)")
        let summary = try Summary(folder: folder.path)
        #expect(summary.exact && summary.heads_equal && summary.verified && summary.completed, "\(arguments)")
        return (outcome, summary, folder)
    }

    /// One run of each choice, several choices a run.
    @Test(arguments: [
        ["--model", "mlp:16", "--compression", "0.25", "--server", "fedadam", "--partition", "iid"],
        ["--model", "cnn:4", "--optimiser", "adamw", "--server", "fedavgm", "--partition", "iid"],
        [
            "--compression", "masked:0.1", "--optimiser", "fedprox", "--weighting", "rows", "--partition",
            "dirichlet:0.5",
        ],
        ["--optimiser", "scaffold", "--server", "diloco"],
        [
            "--data", "wdbc", "--optimiser", "momentum", "--server", "fedyogi", "--partition", "iid", "--scale-rule",
            "previous",
        ],
        ["--data", "wdbc", "--model", "linear", "--partition", "iid"],
    ])
    func everyChoiceIsExactAndVerifies(_ arguments: [String]) throws {
        let (outcome, _, folder) = try run(arguments)
        if arguments.contains("--compression") { #expect(outcome.output.contains("ratio 0.")) }
        let isRegression = arguments.contains("linear")
        #expect(outcome.output.contains("ok    \(isRegression ? "loss" : "accuracy") "), "\(outcome.output)")
        if isRegression {
            #expect(outcome.output.contains("is within 1 % of plaintext"), "\(outcome.output)")
            // The targets go back as they were read, and the error has a figure.
            let out = folder.path + "/values.csv"
            let rows = folder.path + "/nodes/holdout.csv"
            let told = try Program.run("predict", folder.path + "/model.safetensors", "--data", rows, "--out", out)
            #expect(told.code == 0 && told.output.contains(", RMSE 0.") && told.output.contains(", MAE 0."), "\(told)")
            func last(_ path: String) throws -> [Substring?] {
                try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
                    .map { $0.split(separator: ",").last }
            }
            #expect(try last(out) == last(rows))
        }
        for file in [
            "round_metrics.jsonl", "summary.json", "curves.csv", "curves.svg", "report.html", "model.safetensors",
        ] {
            #expect(FileManager.default.fileExists(atPath: folder.path + "/" + file), "\(file)")
        }
    }

    /// Eight processes, two sums a round, each exact.
    @Test func bucketsAreExactAndVerify() throws {
        let (outcome, summary, _) = try run(
            ["--server", "median", "--buckets", "2", "--nodes", "8", "--partition", "iid"])
        #expect(outcome.output.contains("4 sums of 2 rounds"), "\(outcome.output)")
        #expect(abs(summary.final_accuracy - summary.float_accuracy) <= 0.01)
    }

    @Test func bucketsThatCannotBeFilledAreRefused() throws {
        for arguments in [
            ["--server", "median", "--buckets", "2", "--nodes", "7"], ["--server", "median", "--nodes", "5"],
            ["--buckets", "2", "--nodes", "8"],
        ] {
            let outcome = try Program.run(["testnet"] + arguments)
            #expect(outcome.code == 64 && outcome.errors.contains("--buckets"), "\(outcome.errors)")
        }
        let outcome = try Program.run(
            ["testnet", "--server", "krum", "--hostile", "1", "--buckets", "2", "--nodes", "8"])
        #expect(outcome.code != 0 && outcome.errors.contains("5 buckets or more"), "\(outcome.errors)")
    }

    /// The restarted node does the training again that the kill cut short, and sends in every later round the very integers
    /// of a member that was never killed: nothing of its residual is lost. It may be down for more rounds than the one of the
    /// kill; those it does not train, and neither does it in the plaintext run that the launcher compares with.
    @Test func aKilledMinerComesBackUnderCompression() throws {
        let folder = try Folder()
        let outcome = try Program.run(
            ["testnet", "--rounds", "4", "--compression", "0.25", "--drop-miner", "2", "--out", folder.path])
        let summary = try Summary(folder: folder.path)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(summary.exact && summary.heads_equal && summary.verified && summary.completed)
        #expect(summary.restarted.count == 1)
        let name = try #require(summary.restarted.first)
        let home = HomeDirectory(path: folder.path + "/nodes/" + name.filter { $0 != " " })
        let sent = try UnkilledMember.sent(by: home)
        #expect(sent.contains { $0.round > 2 }, "\(sent.map(\.round))")
        let expected = try UnkilledMember.updates(of: home, rounds: Set(sent.map(\.round)).union([2]))
        for (round, values) in sent {
            #expect(values == expected[round], "round \(round) differs from what an unkilled member sends")
        }
        #expect(outcome.output.contains("4/5") && outcome.output.contains("ratio 0.25"))
    }

    /// The last node's owner lets it train only at another hour: the round closes without it.
    @Test func hoursOfTheOwnerAreKept() throws {
        let folder = try Folder()
        let parts = Calendar.current.dateComponents([.hour, .minute], from: Date())
        let now = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
        func clock(_ minute: Int) -> String {
            let rest = minute % 60
            return "\(minute % 1_440 / 60):" + (rest < 10 ? "0\(rest)" : "\(rest)")
        }
        let policy = folder.path + "/owner.toml"
        try "hours = \"\(clock(now + 120))-\(clock(now + 180))\"\nthreads = 1\n"
            .write(toFile: policy, atomically: true, encoding: .utf8)
        let (outcome, _, run) = try run(["--owner", policy], rounds: 1)
        #expect(outcome.output.contains("4/5"), "\(outcome.output)")
        let log = try String(contentsOfFile: run.path + "/nodes/node5.log", encoding: .utf8)
        #expect(log.contains("does not train: round 1: the owner's policy refuses it: it is"), "\(log.suffix(2_000))")
    }

    @Test func noiseIsPrintedAndTheSumStaysExact() throws {
        let (outcome, _, _) = try run(["--noise", "1", "--partition", "iid"])
        #expect(outcome.output.contains("epsilon "))
        #expect(outcome.output.contains("members "))
    }

    /// MNIST's file names and form, with the shipped digits inside: training rows and held-out rows in files of their own.
    @Test func idxFilesTrainThroughTheMesh() throws {
        let folder = try Folder()
        #expect(
            try Program.run(
                ["data", "partition", "digits", "--parts", "1", "--out", folder.path + "/cut"]).code == 0)
        for (source, name) in [("part-0", "train"), ("holdout", "t10k")] {
            let text = try String(contentsOfFile: folder.path + "/cut/\(source).csv", encoding: .utf8)
            let rows = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").compactMap { UInt8($0) } }
            func header(_ magic: UInt8, _ extents: [Int]) -> [UInt8] {
                [0, 0, 8, magic]
                    + extents.flatMap {
                        [UInt8($0 >> 24), UInt8($0 >> 16 & 255), UInt8($0 >> 8 & 255), UInt8($0 & 255)]
                    }
            }
            let images = header(3, [rows.count, 8, 8]) + rows.flatMap { $0.prefix(64) }
            let labels = header(1, [rows.count]) + rows.map { $0[64] }
            try Data(images).write(to: URL(filePath: folder.path + "/\(name)-images-idx3-ubyte"))
            try Data(labels).write(to: URL(filePath: folder.path + "/\(name)-labels-idx1-ubyte"))
        }
        let (outcome, summary, _) = try run(
            ["--data", folder.path + "/train-images-idx3-ubyte", "--divisor", "16", "--partition", "iid"])
        #expect(summary.final_accuracy > 0.5, "\(outcome.output)")
    }

    @Test func unknownNamesListTheKnownOnes() throws {
        let outcome = try Program.run(
            ["testnet", "--server", "mean", "--optimiser", "lion", "--compression", "half", "--model", "resnet"])
        #expect(outcome.code == 64)
        for word in ["fedadam", "adamw", "residual:RATIO", "mlp:WIDTH"] {
            #expect(outcome.errors.contains(word), "\(word)")
        }
    }

    /// `profile run` twice gives difference 0, with every kind of state.
    @Test func twoRunsOfOneSeedAreTheSame() throws {
        for settings in [
            [], ["update.compression=\"residual\"", "update.ratio=0.25", "update.decay=0.95"],
            [
                "training.server=\"fedadam\"", "training.server_rate=0.03", "training.server_momentum=0.9",
                "training.server_beta2=0.99", "training.server_tau=0.001",
            ],
        ] {
            let outcome = try Program.run(
                [
                    "profile", "run", "--task", Program.repository + "/examples/digits.toml", "--json", "--set",
                    "rounds=2",
                ]
                    + settings.flatMap { ["--set", $0] })
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("\"largest_sum_difference\":0"), "\(outcome.output)")
        }
    }
}
