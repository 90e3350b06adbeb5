import Foundation
import Testing

/// Commands that write rows in another form: numbers that become other ones are told, or nothing is written.
@Suite struct RoundedNumberTests {
    private static let kept = (0..<40).map { "\($0 * 3).25,0.1234567\($0 % 10)89,\($0 % 2)" }

    @Test func digitsThatAreLostAreTold() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = try scratch.write("size,\"depth, all\",label\n" + Self.kept.map { $0 + "\n" }.joined(), "rows.csv")
        for (command, written) in [
            (["data", "convert", file, "--out", scratch.path + "/x.csv"], "x.csv"),
            (["data", "convert", file, "--out", scratch.path + "/x.npz"], "x.npz"),
            (["data", "partition", file, "--parts", "2", "--out", scratch.path + "/p"], "p/part-1.csv"),
        ] {
            let outcome = try await executable.run(command)
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(
                outcome.errors.contains("\"depth, all\" 40 of 40 numbers, the most in sample")
                    && !outcome.errors.contains("\"size\""), "\(command): \(outcome.errors)")
            #expect(FileManager.default.fileExists(atPath: "\(scratch.path)/\(written)"))
        }
        let audit = try await executable.run(["data", "audit", file])
        let told = "note  rounded: train: \"depth, all\" 40 of 40 numbers"
        #expect(audit.status == 0 && audit.output.contains(told), "\(audit.output)")
        // What binary32 keeps is written as it was, and nothing is told.
        let plain = try scratch.write("a,b,label\n0.1,1234567,0\n-2.25,16777216,1\n", "plain.csv")
        let same = try await executable.run(["data", "convert", plain, "--out", scratch.path + "/same.csv"])
        #expect(same.status == 0 && !same.errors.contains("binary32"), "\(same.errors)")
        #expect(
            FileManager.default.contents(atPath: scratch.path + "/same.csv")
                == FileManager.default.contents(atPath: plain))
    }

    /// A mean that no task takes ends a testnet with what to do, as it does `data inspect --normalise`.
    @Test func figuresThatNoTaskTakesAreRefused() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        for (name, cell) in [
            ("large", { "\(35_000_000_000_000 + $0 * 7_000_000).5" }), ("small", { "0.00000000\($0 + 1)" }),
        ]
            as [(String, (Int) -> String)]
        {
            let file = try scratch.write(
                "time,size,label\n" + (0..<200).map { "\(cell($0)),\($0 % 9).5,\($0 % 2)\n" }.joined(), "\(name).csv")
            let out = scratch.path + "/t-\(name)"
            for command in [
                ["testnet", "--data", file, "--rounds", "1", "--out", out], ["data", "inspect", file, "--normalise"],
            ] {
                let outcome = try await executable.run(command)
                #expect(outcome.status == 65, "\(command): \(outcome.status) \(outcome.errors)")
                let told = name == "large" ? "\"time\": a mean of" : "\"time\": a deviation of"
                for word in ["a task cannot take these rows as they are", told] {
                    #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)")
                }
            }
        }
    }

    @Test func wholeNumbersThatBecomeOthersAreRefused() async throws {
        let scratch = try Scratch()
        let executable = try Executable()
        let file = try scratch.write(
            "number,size,label\n" + (0..<40).map { "\(16_777_217 + 2 * $0),\($0).5,\($0 % 2)\n" }.joined(), "rows.csv")
        for (command, written) in [
            (["data", "convert", file, "--out", scratch.path + "/x.csv"], "x.csv"),
            (["data", "partition", file, "--parts", "2", "--out", scratch.path + "/p"], "p"),
            (["testnet", "--data", file, "--rounds", "1", "--out", scratch.path + "/t"], "t/nodes/node1"),
        ] {
            let outcome = try await executable.run(command)
            #expect(outcome.status == 65, "\(command): \(outcome.status) \(outcome.errors)")
            for word in ["\"number\" 40 of 40 numbers", "16777217 becomes 16777216", "2^24", "--column"] {
                #expect(outcome.errors.contains(word), "\(word): \(outcome.errors)")
            }
            #expect(!FileManager.default.fileExists(atPath: "\(scratch.path)/\(written)"), "\(command)")
        }
        let audit = try await executable.run(["data", "audit", file])
        #expect(audit.output.contains("merged: train: \"number\""), "\(audit.output)")
        // The way out that is named.
        let outcome = try await executable.run(
            ["data", "convert", file, "--column", "size", "--out", scratch.path + "/size.csv"])
        #expect(outcome.status == 0 && !outcome.errors.contains("binary32"), "\(outcome.errors)")
    }
}
