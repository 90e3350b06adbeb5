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
                "--evaluation", parts + "/holdout.csv",
            ])
        let fromSource = try await executable.run(
            common + [
                "--data", "digits", "--parts", "5", "--partition", "shards:2", "--seed", "3", "--out",
                scratch.path + "/b",
            ],
            environment: data)
        #expect(fromFiles.status == 0, "\(fromFiles.errors)")
        #expect(!fromFiles.output.isEmpty && fromFiles.output == fromSource.output)
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
