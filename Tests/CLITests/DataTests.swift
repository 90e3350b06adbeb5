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
        // In the order in which they are written: the parts, the holdout last. Ten shards of 1437 rows, two a part; three have 143 and seven 144.
        #expect(files.compactMap { $0["rows"] as? Int } == [286, 288, 288, 287, 288, 360], "\(cut.output)")
        #expect(
            files.compactMap { ($0["file"] as? String)?.split(separator: "/").last.map(String.init) }
                == (0..<5).map { "part-\($0).csv" } + ["holdout.csv"], "\(cut.output)")

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

    /// A shipped set and the file that it is are the same rows, wherever a task prepares them.
    @Test func aShippedNameIsItsFile() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = scratch.path + "/digits.csv"
        let made = try await executable.run(["data", "convert", "digits", "--out", file], environment: data)
        #expect(made.status == 0 && made.output.contains("1797 rows"), "\(made.errors)")
        func baseline(_ source: String) async throws -> String {
            let outcome = try await executable.run(
                [
                    "baseline", "run", "--task", repository + "/examples/digits.toml", "--set", "rounds=1", "--json",
                    "-q", "--part", source, "--part", source, "--evaluation", source,
                ], environment: data)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome.output
        }
        let (named, read) = (try await baseline("digits"), try await baseline(file))
        #expect(!named.isEmpty && named == read)
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
        #expect(same.status == 65 && same.errors.contains("is what this command reads"), "\(same.errors)")
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

    /// Lists of a task file that go over several lines are replaced as a whole, comments and the rest stay, and what comes out is a
    /// task; a file that cannot be edited so is refused.
    @Test func linesOfATaskFileAreReplacedAsValues() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let rows = try scratch.write(
            "size,depth,label\n"
                + (0..<40).map { "\($0 % 7).5,\($0 % 11).25,\($0 % 2 == 0 ? "ill" : "well")\n" }.joined(),
            "rows.csv")
        let example = try String(contentsOfFile: repository + "/examples/digits.toml", encoding: .utf8)
        let labels = #"labels = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]"#
        try #require(example.contains("\n\(labels)\n") && example.contains("\nscale = 16\n"))
        let spread = example.replacing(
            "\n\(labels)\n", with: "\nlabels = [\n  \"0\", # zero ]\n  \"[data]\",\n  \"scale = 3\",\n]\n"
        ).replacing("\nscale = 16\n", with: "\nscale = 16 # pixels\n")
        let file = try scratch.write(spread, "task.toml")
        let outcome = try await executable.run(["data", "inspect", rows, "--normalise", "-q", "--task", file])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("\nlabels = [\"ill\", \"well\"]\ntargets = 0\n"), "\(outcome.output)")
        #expect(outcome.output.contains("\nscale = 1  # pixels\n") && outcome.output.contains("# The label map"))
        let written = try scratch.write(outcome.output, "written.toml")
        let task = try await executable.run(["task", "create", written])
        #expect(task.status == 0, "\(task.errors)")
        for (text, word) in [
            (spread.replacing("\nscale = 16 # pixels\n", with: "\n"), "data.scale"),
            (spread.replacing("\nscale = 16 # pixels\n", with: "\nscale = [\n"), "line "),
            ("data.scale = 1\n[model]\nhidden = []\n", "data.shape"),
        ] {
            let broken = try scratch.write(text, "broken.toml")
            let refused = try await executable.run(["data", "inspect", rows, "--normalise", "-q", "--task", broken])
            #expect(refused.status == 65 && refused.output.isEmpty, "\(refused.status): \(refused.output)")
            #expect(refused.errors.contains(word), "\(word): \(refused.errors)")
        }
    }

    /// A table holds names of classes alone: where they give other numbers, converting tells.
    @Test func classNumbersThatATableLosesAreTold() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        for (first, second, isTold) in [
            ("1", "0", true), ("5", "7", true), ("well", "ill", true), ("ill", "well", false),
        ] {
            let file = try scratch.write("a,label\n1,\(first)\n2,\(second)\n", "rows.csv")
            let named = ["--class", first, "--class", second]
            for form in ["csv", "npz"] {
                let outcome = try await executable.run(
                    ["data", "convert", file, "--out", scratch.path + "/x.\(form)", "--force"] + named)
                let told = outcome.errors.contains("a table has no class numbers: class")
                #expect(outcome.status == 0 && told == (isTold && form == "csv"), "\(first): \(outcome.errors)")
            }
        }
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
        // Without a title there are no lines that a task takes.
        #expect(outcome.status == (title.isEmpty ? 65 : 0) && outcome.errors.contains(warning), "\(outcome.errors)")
        #expect(outcome.output.contains("columns = [") == !title.isEmpty, "\(outcome.output)")
        #expect(
            !title.isEmpty || outcome.errors.contains("column 1, \"\": a name of 1 to 255 bytes"), "\(outcome.errors)")
    }

    /// No task has one label; who holds one names the others.
    @Test func oneLabelIsNoTask() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = try scratch.write("a,label\n" + (0..<30).map { "\($0 % 7),well\n" }.joined(), "one.csv")
        let refused = try await executable.run(["data", "inspect", file, "--normalise"])
        #expect(refused.status == 65 && refused.errors.contains("--class LABEL"), "\(refused.errors)")
        #expect(!refused.output.contains("labels ="), "\(refused.output)")
        let named = try await executable.run([
            "data", "inspect", file, "--normalise", "--class", "ill", "--class", "well",
        ])
        #expect(named.status == 0 && named.output.contains("labels = [\"ill\", \"well\"]"), "\(named.errors)")
    }

    /// Parts of two dealings hold the same rows twice: the earlier ones go, or nothing is written.
    @Test func aNewDealingLeavesNothingOfTheOld() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = try scratch.write(
            "a,b,label\n" + (0..<60).map { "\($0 % 7),\($0),\($0 % 2)\n" }.joined(), "rows.csv")
        let parts = scratch.path + "/parts"
        func deal(_ source: String, _ count: Int, _ more: String...) async throws -> Executable.Outcome {
            try await executable.run(["data", "partition", source, "--parts", "\(count)", "--out", parts] + more)
        }
        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: parts).sorted() }
        #expect(try await deal(file, 5).status == 0)
        _ = try scratch.write("mine", "parts/part-x.csv")
        let before = try names()
        let other = try await deal(file, 3, "--as", "npz")
        #expect(other.status == 65 && other.errors.contains("part-0.csv: exists already"), "\(other.errors)")
        let own = try await deal(parts + "/part-4.csv", 3, "--force")
        #expect(own.status == 65 && own.errors.contains("is what this command reads"), "\(own.errors)")
        #expect(try names() == before)
        let forced = try await deal(file, 3, "--as", "npz", "--force")
        #expect(forced.status == 0 && forced.errors.contains("part-4.csv"), "\(forced.errors)")
        #expect(try names() == ["holdout.npz", "part-0.npz", "part-1.npz", "part-2.npz", "part-x.csv"])
        let fewer = try await deal(file, 2, "--as", "npz", "--force")
        #expect(try fewer.status == 0 && names() == ["holdout.npz", "part-0.npz", "part-1.npz", "part-x.csv"])
    }

    /// Forced or not, and whatever the file is called.
    @Test func whatIsReadIsNeverWritten() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let rows = try scratch.write("a,label\n1,0\n2,1\n", "rows.csv")
        let link = scratch.path + "/link.csv"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: rows)
        let task = try scratch.write(
            String(contentsOfFile: repository + "/examples/digits.toml", encoding: .utf8), "task.toml")
        for (input, output, command) in [
            (rows, rows, ["data", "convert"]), (link, rows, ["data", "convert"]), (rows, link, ["data", "convert"]),
            (task, task, ["task", "create"]),
        ] {
            let before = try String(contentsOfFile: input, encoding: .utf8)
            let refused = try await executable.run(command + [input, "--out", output, "--force"])
            #expect(refused.status == 65 && refused.errors.contains("is what this command reads"), "\(refused.errors)")
            #expect(try String(contentsOfFile: input, encoding: .utf8) == before)
        }
    }

    /// What an audit advises about another order of columns works.
    @Test func columnsInAnotherOrderAreNamed() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let one = try scratch.write(
            "a,b,label\n" + (0..<40).map { "\($0 * 31 % 17).5,\($0 * 7 % 23),\($0 % 2)\n" }.joined(), "one.csv")
        let other = try scratch.write(
            "b,label,a\n" + (0..<40).map { "\($0 * 5 % 19),\($0 % 2),\($0 * 3 % 13).25\n" }.joined(), "other.csv")
        let audit = ["data", "audit", one, "--evaluation", other]
        let refused = try await executable.run(audit)
        #expect(refused.status == 65 && refused.errors.contains(": --column a --column b"), "\(refused.errors)")
        let named = try await executable.run(audit + ["--column", "a", "--column", "b"])
        #expect(named.status == 0, "\(named.output)\(named.errors)")
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
        #expect(audit.output.contains("row 9, field \"mean, all\""), "\(audit.output)")
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

    /// `..` behind a link leads above the folder that the link leads to: for the size and the bytes that are read, and for the
    /// file that is replaced.
    @Test func aPathThroughALinkLeadsWhereTheSystemSays() async throws {
        let scratch = try Scratch()
        let manager = FileManager.default
        try manager.createDirectory(atPath: scratch.path + "/other/dir", withIntermediateDirectories: true)
        try manager.createSymbolicLink(atPath: scratch.path + "/link", withDestinationPath: "other/dir")
        _ = try scratch.write("a,label\n1,x\n", "rows.csv")
        _ = try scratch.write(
            "a,label\n" + (0..<9).map { "\($0),\($0 % 2 == 0 ? "x" : "y")\n" }.joined(), "other/rows.csv")
        _ = try scratch.write("mine", "out.csv")
        _ = try scratch.write("old", "other/out.csv")
        let converted = try await Executable().run(
            ["data", "convert", "link/../rows.csv", "--out", "link/../out.csv", "--force"], folder: scratch.path)
        #expect(converted.status == 0 && converted.output.contains("9 rows"), "\(converted)")
        #expect(try String(contentsOfFile: scratch.path + "/out.csv", encoding: .utf8) == "mine")
        let written = try String(contentsOfFile: scratch.path + "/other/out.csv", encoding: .utf8)
        #expect(written.split(separator: "\n").count == 10, "\(written)")
    }
}
