import Foundation
import Testing

@Suite struct DataTests {
    private let data = ["MESHNODE_DATA": repository + "/data"]

    @Test func partsAndBaseline() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let parts = scratch.path + "/parts"
        let cut = try await executable.run(
            [
                "data", "partition", "digits", "--parts", "5", "--partition", "shards:2", "--seed", "3", "--out", parts,
                "--format", "json",
            ],
            environment: data)
        #expect(cut.status == 0, "\(cut.errors)")
        let files = try #require(try JSONSerialization.jsonObject(with: Data(cut.output.utf8)) as? [[String: Any]])
        #expect(
            files.compactMap { $0["rows"] as? Int } == [287, 287, 287, 288, 288, 360].sorted(by: { $0 < $1 })
                || files.count == 6)
        #expect(files.compactMap { $0["rows"] as? Int }.reduce(0, +) == 1797)

        // The files of the nodes and the same cut made in memory are the same experiment.
        let common = [
            "baseline", "run", "--task", repository + "/examples/digits.toml", "--set", "rounds=2", "--json", "-q",
        ]
        let fromFiles = try await executable.run(
            common + (0..<5).flatMap { ["--part", "\(parts)/part-\($0).csv"] } + [
                "--evaluation", parts + "/holdout.csv", "--seed", "3",
            ])
        let fromSource = try await executable.run(
            common + [
                "--data", "digits", "--parts", "5", "--partition", "shards:2", "--seed", "3", "--out",
                scratch.path + "/b",
            ],
            environment: data)
        #expect(fromFiles.status == 0, "\(fromFiles.errors)")
        // All but how the rows were dealt, which only the second knows.
        let dealt = fromSource.output.replacingOccurrences(of: "\"partition\":\"shards:2\",", with: "")
        #expect(!fromFiles.output.isEmpty && fromFiles.output == dealt && dealt != fromSource.output)
        let figures = try #require(
            try JSONSerialization.jsonObject(with: Data(fromFiles.output.utf8)) as? [String: Any])
        let central = try #require(figures["central_accuracy"] as? Double)
        let alone = try #require(figures["best_alone_accuracy"] as? Double)
        #expect(central > 0.85 && alone < 0.5, "\(central), \(alone)")
        #expect((figures["float"] as? [Any])?.count == 3)
        #expect(FileManager.default.fileExists(atPath: scratch.path + "/b/baseline.json"))
        let curves = try String(contentsOfFile: scratch.path + "/b/baseline.csv", encoding: .utf8)
        #expect(curves.split(separator: "\n").count == 4)
    }

    /// Titles and class names go through `partition` and `convert`, and nothing of the user's is overwritten.
    @Test func namesAreKeptAndFilesAreNotReplaced() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        var text = "a,b,c,d,kind\n"
        for row in 0..<40 { text += "\(row % 7),\(row % 5),\(row % 3),\(row),\(row % 2 == 0 ? "ill" : "well")\n" }
        let file = try scratch.write(text, "plain.csv")
        let source = [file, "--label", "kind"]
        let parts = scratch.path + "/parts"
        let partition = ["data", "partition"] + source + ["--parts", "4", "--out", parts]
        #expect(try await executable.run(partition).status == 0)
        for name in ["part-0", "part-3", "holdout"] {
            let part = try String(contentsOfFile: "\(parts)/\(name).csv", encoding: .utf8)
            #expect(part.hasPrefix("a,b,c,d,kind\n") && part.contains(",ill\n"), "\(part.prefix(80))")
        }
        let again = try await executable.run(partition)
        #expect(again.status == 65 && again.errors.contains("part-0.csv: exists already"), "\(again.errors)")
        #expect(try await executable.run(partition + ["--force"]).status == 0)
        let same = try await executable.run(["data", "convert"] + source + ["--out", file])
        #expect(same.status == 65 && same.errors.contains("exists already"), "\(same.errors)")
        #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
        let archive = scratch.path + "/x.npz"
        #expect(try await executable.run(["data", "convert"] + source + ["--out", archive]).status == 0)
        let shown = try await executable.run(["data", "inspect", archive])
        #expect(
            shown.output.contains("class ill: 20") && shown.output.contains("columns: \"a\", \"b\""), "\(shown.output)")
        let back = scratch.path + "/back.csv"
        #expect(try await executable.run(["data", "convert", archive, "--out", back]).status == 0)
        #expect(try String(contentsOfFile: back, encoding: .utf8) == text)
    }

    /// What `inspect --normalise` prints is TOML that a task takes, whatever the classes and columns are called.
    @Test func normalisedLinesAreATask() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        var text = "size,\"a \"\"b\"\" \\ c\",label\n"
        for row in 0..<40 { text += "\(row * 3),0.\(row),\(row % 2 == 0 ? "well" : "\"5\"\" \\ pipe\"")\n" }
        let file = try scratch.write(text, "quote.csv")
        let lines = try await executable.run(["data", "inspect", file, "--normalise", "-q"])
        #expect(lines.status == 0)
        let keys = ["shape", "labels", "columns", "scale", "mean", "deviation"]
        let printed = Dictionary(
            uniqueKeysWithValues: lines.output.split(separator: "\n").compactMap { line -> (String, String)? in
                let parts = line.components(separatedBy: " = ")
                return keys.contains(parts[0]) ? (parts[0], parts.dropFirst().joined(separator: " = ")) : nil
            })
        #expect(printed.count == keys.count, "\(lines.output)")
        let task = try await executable.run(
            ["task", "create", repository + "/examples/digits.toml"]
                + keys.flatMap { ["--set", "data.\($0)=\(printed[$0] ?? "")"] })
        #expect(task.status == 0, "\(task.errors)")
        // What a task cannot take is named with what to do about it.
        let large = try scratch.write(
            "ns,label\n" + (0..<40).map { "\(10_000_000_000 + $0 * 4096),\($0 % 2)\n" }.joined(), "ns.csv")
        let advice = try await executable.run(["data", "inspect", large, "--normalise"])
        #expect(advice.errors.contains("\"ns\"") && advice.errors.contains("divide the column"), "\(advice.errors)")
        #expect(advice.status == 65 && !advice.output.contains("deviation ="), "\(advice.output)")
    }

    /// Whoever only looks at a table is told what should not go into a task.
    @Test(arguments: [
        ("", "has no title of its own"), ("row", "counts with the rows"),
        ("patient", "another whole number in every row"),
    ])
    func inspectWarnsOfColumnsThatAreNoMeasurement(_ title: String, _ warning: String) async throws {
        let scratch = try Scratch()
        let rows = (0..<40).map { "\(title == "patient" ? 9_000 + $0 * 7 % 40 : $0),\($0 * 31 % 17).5,\($0 % 2)\n" }
        let file = try scratch.write("\(title),size,label\n" + rows.joined(), "rows.csv")
        let outcome = try await Executable().run(["data", "inspect", file, "--normalise"])
        #expect(outcome.status == 0 && outcome.errors.contains(warning), "\(outcome.errors)")
    }

    /// Parts whose columns differ are no experiment.
    @Test func partsWithOtherColumnsAreRefused() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        func rows(_ header: String, _ turned: Bool) -> String {
            header + "\n"
                + (0..<30).map { turned ? "\($0 % 4),\($0),\($0 % 2)\n" : "\($0),\($0 % 4),\($0 % 2)\n" }.joined()
        }
        let one = try scratch.write(rows("a,b,label", false), "one.csv")
        let other = try scratch.write(rows("b,a,label", true), "other.csv")
        let common = [
            "baseline", "run", "--task", repository + "/examples/digits.toml", "--set", "rounds=1", "--set",
            "data.shape=[2]", "--set", "data.labels=[\"0\", \"1\"]", "--part", one, "--part", other, "--evaluation",
            one,
        ]
        let refused = try await executable.run(common)
        #expect(
            refused.status == 65 && refused.errors.contains("column 1: is \"b\" here and \"a\""), "\(refused.errors)")
        let byName = try await executable.run(common + ["--set", "data.columns=[\"a\", \"b\"]"])
        #expect(byName.status == 0, "\(byName.errors)")
    }

    /// A column of names is one line of an audit, and the commands say how to leave it out.
    @Test func aColumnOfTextIsNamedWithTheWayOut() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let rows = (0..<40).map { "P\($0),\($0 * 31 % 17).5,\($0 == 7 ? "NA" : "\($0 * 13 % 19)"),\($0 % 2)\n" }
        let file = try scratch.write("patient id,size,\"mean, all\",label\n" + rows.joined(), "rows.csv")
        let audit = try await executable.run(["data", "audit", file])
        #expect(audit.status == 65, "\(audit.errors)")
        let lines = audit.output.split(separator: "\n").filter { $0.contains("patient id") }
        #expect(lines.count == 1 && lines[0].contains("no number in 40 rows") && lines[0].contains("row 2"), "\(lines)")
        #expect(audit.output.contains("row 9, field mean, all"), "\(audit.output)")
        for command in [
            ["data", "inspect", file], ["data", "convert", file, "--out", scratch.path + "/x.npz"],
            ["data", "partition", file, "--parts", "2", "--out", scratch.path + "/p"],
            ["testnet", "--data", file, "--rounds", "1", "--out", scratch.path + "/t"],
        ] {
            let refused = try await executable.run(command)
            #expect(refused.status == 65 && refused.errors.contains("--column size"), "\(command): \(refused.errors)")
        }
        let unknown = try await executable.run(["data", "inspect", file, "--column", "nix"])
        #expect(unknown.status == 65 && !unknown.errors.contains("task"), "\(unknown.errors)")
        let inspected = try await executable.run(["data", "inspect", file, "--column", "size"])
        #expect(inspected.status == 0, "\(inspected.errors)")
    }

    @Test func badDataIs65AndNamesTheRow() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = try scratch.write("a,b,label\n1,2,0\n1,x,1\n", "bad.csv")
        let outcome = try await executable.run([
            "data", "partition", file, "--parts", "2", "--out", scratch.path + "/p",
        ])
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("row 3"))
        #expect(
            try await executable.run(["data", "partition", file, "--parts", "0", "--out", scratch.path + "/p"]).status
                == 65)
        let unknown = try await executable.run(
            ["data", "partition", "digits", "--parts", "2", "--partition", "zip", "--out", "/dev/null/x"],
            environment: data)
        #expect(unknown.status == 65 && unknown.errors.contains("dirichlet"))
    }
}
