import Foundation
import Learn
import Testing

@testable import MeshNodeCLI

/// Five real processes on loopback, real data, kills and drops. One run at a time: they share two cores.
@Suite(.serialized) struct TestnetTests {
    private func run(_ arguments: String...) throws -> (Program.Outcome, Summary) {
        let folder = try Folder()
        let outcome = try Program.run(["testnet", "--rounds", "3", "--out", folder.path] + arguments)
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        return (outcome, try Summary(folder: folder.path))
    }

    private func expectGates(_ summary: Summary) {
        #expect(summary.exact)
        #expect(summary.heads_equal)
        #expect(summary.verified)
        #expect(summary.completed)
        #expect(abs(summary.final_accuracy - summary.float_accuracy) <= 0.01)
        #expect(summary.bytes_total > 0)
    }

    @Test func trainsUnderThreeHolders() throws {
        let (outcome, summary) = try run()
        expectGates(summary)
        #expect(summary.nodes == 5 && summary.rounds == 3)
        #expect(summary.best_alone_accuracy < summary.final_accuracy)
        #expect(outcome.output.contains("2 of the 3 key holders"))
        // README.md shows this run: the same lines with other figures.
        let readme = try String(contentsOfFile: Program.repository + "/README.md", encoding: .utf8)
        let parts = readme.components(separatedBy: "OUTPUT:run -->")
        try #require(parts.count == 3)
        let shown = Self.form(parts[1]).filter { !$0.hasPrefix("```") && !$0.hasPrefix("$ ") && !$0.hasPrefix("<!--") }
        let printed = Self.form(outcome.output)
        for (one, other) in zip(shown, printed) { #expect(one == other) }
        #expect(shown.count == printed.count, "\(outcome.output)")
    }

    /// Lines without their figures, ids and folders. A slow machine counts links aloud and may void an attempt: that is no other form.
    private static func form(_ text: String) -> [String] {
        text.split(separator: "\n").map { line in
            var line = String(line)
            for (pattern, word) in [
                ("\\b(?=[0-9a-f]*[a-f])[0-9a-f]{8}\\b|\\b[0-9]{8}\\b", "ID"),
                ("\\S+/(model\\.safetensors|report\\.html|summary\\.json)", "OUT/$1"), ("[0-9]+(\\.[0-9]+)?", "#"),
                ("\\b[KM]B\\b", "BYTES"), (" +", " "),
            ] {
                line = line.replacingOccurrences(of: pattern, with: word, options: .regularExpression)
            }
            return line.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty && $0 != "# of # links" && !$0.contains("VOID") }
    }

    @Test func trainsUnderThePublisherAlone() throws {
        let (outcome, summary) = try run("--holders", "1,0")
        expectGates(summary)
        #expect(outcome.output.contains("publisher"))
    }

    @Test(arguments: ["before-manifest", "after-keys", "after-proposal"])
    func successorGoesOnWhenTheAggregatorIsKilled(_ point: String) throws {
        let (_, summary) = try run("--kill-aggregator", "2:\(point)")
        expectGates(summary)
        #expect(summary.restarted.count == 1)
    }

    @Test func roundClosesWithoutADroppedMiner() throws {
        let (_, summary) = try run("--drop-miner", "2")
        expectGates(summary)
        #expect(summary.restarted.count == 1)
    }

    @Test func impossibleOptionsAreRefusedTogether() throws {
        let outcome = try Program.run("testnet", "--nodes", "3", "--rounds", "0", "--partition", "nonsense")
        #expect(outcome.code == 64)
        for word in ["--nodes", "--rounds", "--partition"] { #expect(outcome.errors.contains(word)) }
    }

    @Test func killAndDropInOneRoundAreRefused() throws {
        let outcome = try Program.run("testnet", "--kill-aggregator", "2:after-keys", "--drop-miner", "2")
        #expect(outcome.code == 64)
        #expect(outcome.errors.contains("quorum"))
    }

    @Test func demoRunsInOneProcess() throws {
        let scratch = try Folder()
        let folder = scratch.path + "/demo"
        let outcome = try Program.run("demo", "--rounds", "2", "--out", folder, "--json")
        #expect(outcome.code == 0, "\(outcome.output)\n\(outcome.errors)")
        #expect(outcome.errors.contains("PASSED") && !outcome.errors.contains("registry height"))
        // The result is its summary, in one line; logs of five nodes are no business of the terminal's.
        struct Result: Decodable { let passed: Bool }
        #expect(outcome.output.split(separator: "\n").count == 1)
        #expect(try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8)).passed)
        #expect(try Summary(folder: folder).server == "fedavg")
        // The model that it leaves explains itself: rows alone are enough.
        let answers = try Program.run(
            "predict", folder + "/model.safetensors", "--data", folder + "/nodes/holdout.csv", "--out",
            folder + "/a.csv")
        #expect(answers.code == 0, "\(answers.errors)")
        // The task got its titles from its publisher's file, in order; a model is asked by title all the same.
        let rows = try String(contentsOfFile: folder + "/nodes/holdout.csv", encoding: .utf8).split(separator: "\n")
        let turned = rows.enumerated().map { number, row in
            (number == 0 ? "class," : "\(number),") + row.split(separator: ",").reversed().joined(separator: ",")
        }
        let other = scratch.path + "/turned.csv"
        try (turned.joined(separator: "\n") + "\n").write(toFile: other, atomically: true, encoding: .utf8)
        let again = try Program.run(
            "predict", folder + "/model.safetensors", "--data", other, "--out", folder + "/b.csv")
        func told(_ outcome: Program.Outcome) -> Substring? {
            outcome.output.split(separator: ".csv", maxSplits: 1).last
        }
        #expect(again.code == 0 && told(again) == told(answers), "\(again.output)\(again.errors)")
        // A label that is missing, or none of the model's, keeps no row from its answer.
        var gaps = turned
        gaps[3] = gaps[3].replacing(/,[0-9]+,/, with: ",?,", maxReplacements: 1)
        try (gaps.joined(separator: "\n") + "\n").write(
            toFile: scratch.path + "/gaps.csv", atomically: true, encoding: .utf8)
        let ask = ["predict", folder + "/model.safetensors", "--data", scratch.path + "/gaps.csv"]
        let gap = try Program.run(ask)
        #expect(gap.code == 65 && gap.errors.contains("field label") && gap.errors.contains("--no-labels"), "\(gap)")
        let unlabelled = try Program.run(ask + ["--no-labels", "--out", scratch.path + "/c.csv"])
        #expect(unlabelled.code == 0 && !unlabelled.output.contains("accuracy"), "\(unlabelled)")
        let answered = try String(contentsOfFile: scratch.path + "/c.csv", encoding: .utf8).split(separator: "\n")
        #expect(
            answered.count == rows.count && answered[0].hasPrefix("class_,label,class,probability,"), "\(answered[0])")
        #expect(answered[3].hasPrefix("3,?,"), "\(answered[3])")
        // A column called like an answer is told from it, and what is read is never written.
        let written = try String(contentsOfFile: folder + "/b.csv", encoding: .utf8)
        #expect(written.hasPrefix("class_,class,probability,"), "\(written.prefix(80))")
        for file in [other, folder + "/model.safetensors"] {
            let refused = try Program.run(
                "predict", folder + "/model.safetensors", "--data", other, "--force", "--out", file)
            #expect(refused.code == 65 && refused.errors.contains("is what this command reads"), "\(refused.errors)")
        }
        #expect(try String(contentsOfFile: folder + "/nodes/nodes.log", encoding: .utf8).contains("round 2"))
        #expect(try Program.run("chain", "verify", "--full", "--home", folder + "/nodes/node5").code == 0)
    }

    /// Rows of one's own dealt by class: some nodes hold one class alone, and train like the others.
    @Test func ownRowsOfOneClassAtANodeTrain() throws {
        let folder = try Folder()
        let rows = folder.path + "/own.csv"
        try LabNodes.expect(["data", "convert", "wdbc", "--out", rows])
        let (_, summary) = try run("--data", rows, "--label", "diagnosis", "--partition", "shards:1")
        #expect(summary.completed && summary.exact && summary.heads_equal && summary.rounds == 3)
    }

    /// What keeps a node from joining is said, and a task that lacks it is not waited for.
    @Test func aNodeThatCannotJoinEndsTheRun() throws {
        let folder = try Folder()
        let policy = folder.path + "/owner.toml"
        try Data("rounds = 1\n".utf8).write(to: URL(fileURLWithPath: policy))
        let outcome = try Program.run(
            "testnet", "--rounds", "3", "--owner", policy, "--out", folder.path + "/out")
        #expect(outcome.code == 65, "\(outcome.errors)")
        let told = outcome.output + outcome.errors
        #expect(told.contains("node 5: does not join: ") && told.contains("rounds allows 1"), "\(told)")
        #expect(outcome.errors.contains("1 of 5 nodes cannot join the task, which asks for 5"), "\(outcome.errors)")
    }

    /// What the numbers are decides, neither the path nor the form of their file.
    @Test func onlyPicturesOfBytesAreDividedBy255() throws {
        func rows(_ values: [Float], _ shape: [Int]) throws -> Dataset {
            try Dataset(
                name: "/data/midx-study/w.npz", features: values, labels: [0, 1], featureCount: 4, classCount: 2,
                sampleShape: shape)
        }
        #expect(TestnetOptions.holdsPixels(try rows([0, 255, 3, 9, 0, 0, 1, 7], [2, 2])))
        #expect(!TestnetOptions.holdsPixels(try rows([0, 255, 3, 9, 0, 0, 1, 7], [4])), "a table")
        #expect(!TestnetOptions.holdsPixels(try rows([0, 0.5, 0.25, 1, 0, 0, 1, 1], [2, 2])), "divided already")
        #expect(!TestnetOptions.holdsPixels(try rows([0, 1, 0, 1, 0, 0, 1, 1], [2, 2])), "black and white")
        #expect(!TestnetOptions.holdsPixels(try rows([0, 256, 3, 9, 0, 0, 1, 7], [2, 2])))
        #expect(!TestnetOptions.holdsPixels(try rows([0, -2, 3, 9, 0, 0, 1, 7], [2, 2])))
    }
}
