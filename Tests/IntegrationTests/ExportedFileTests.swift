import Foundation
import Learn
import MeshCrypto
import Testing
import Wire

@testable import MeshNode

/// What somebody can prove who has a genesis, an exported file and a model, and no node.
@Suite(.serialized) final class ExportedFileTests {
    private static let source: Folder? = {
        guard let folder = try? Folder(),
            let run = try? Program.run("testnet", "--rounds", "2", "--server", "fedavgm", "--out", folder.path),
            run.code == 0,
            let export = try? Program.run(
                "chain", "export", "--contents", "--home", folder.path + "/nodes/node2", "--out", folder.path + "/full"),
            export.code == 0,
            let bare = try? Program.run(
                "chain", "export", "--home", folder.path + "/nodes/node2", "--out", folder.path + "/bare"),
            bare.code == 0
        else { return nil }
        return folder
    }()

    private let folder: Folder
    private let out: String

    init() throws {
        folder = try #require(Self.source, "the testnet run that makes the files did not pass")
        out = folder.path
    }

    private func lines(_ name: String = "full") throws -> [String] {
        try String(contentsOfFile: "\(out)/\(name)", encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func write(_ lines: [String]) throws -> String {
        let path = out + "/altered"
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func expect(
        _ outcome: Program.Outcome, _ code: Int32, _ words: String..., location: SourceLocation = #_sourceLocation
    ) {
        let text = outcome.output + outcome.errors
        #expect(outcome.code == code, "\(text)", sourceLocation: location)
        for word in words { #expect(text.contains(word), "\(word) is not in: \(text)", sourceLocation: location) }
    }

    @Test func aFileIsVerifiedWithoutAHome() throws {
        let genesis = out + "/genesis"
        let network = try Genesis(wireBytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: genesis)))).networkID
        let found = try Program.run("chain", "verify", out + "/full", "--genesis", genesis)
        expect(
            found, 0, "every block holds", network.hex, "2 results computed again, 2 block equations",
            "as of registry block", "UTC", "cannot be told apart")
        let line = try #require(found.output.split(separator: "\n").first { $0.hasPrefix("as of registry block ") })
        let block = String(line.dropFirst("as of registry block ".count).prefix { $0 != "," })
        expect(
            try Program.run("chain", "verify", out + "/full", "--network", network.hex, "--checkpoint", block), 0,
            "is in this history")
        expect(
            try Program.run("chain", "verify", out + "/full", "--genesis", "\(genesis)@\(block)"), 0,
            "is in this history")
        // Without contents the chains are proven and the sums are not: no whole proof, and the last lines say of what.
        let bare = try Program.run("chain", "verify", out + "/bare")
        expect(bare, 3, "NOT HERE", "nothing wrong was found", "chain export --contents")
        let last = try #require(bare.output.split(separator: "\n").last)
        #expect(last.contains("not checked: sums, equations and models of task"), "\(last)")
        expect(try Program.run("chain", "verify", "--full", out + "/bare"), 3, "NOT HERE", "nothing wrong was found")
    }

    @Test func anotherNetworkOrHistoryIsRefused() throws {
        let other = String(repeating: "0", count: 64)
        let wrong = try Program.run("chain", "verify", out + "/full", "--network", other)
        expect(wrong, 2, "not \(other)", "NOT the one that was asked for")
        #expect(!wrong.output.contains(", as asked") && !wrong.output.contains("--full"), "\(wrong.output)")
        let network = try Genesis(wireBytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: out + "/genesis"))))
            .networkID
        expect(try Program.run("chain", "verify", out + "/full", "--network", network.hex), 0, "as asked")
        expect(
            try Program.run("chain", "verify", out + "/full", "--checkpoint", "3:\(other)"), 2, "height 3",
            "another history of the network")
        expect(
            try Program.run("chain", "verify", out + "/full", "--checkpoint", "5000:\(other)"), 3,
            "up to the checkpoint at height 5000")
        expect(try Program.run("chain", "verify", out + "/full", "--checkpoint", "3"), 64, "HEIGHT:BLOCK")
    }

    /// The card says what the label column is: of a configuration that cannot be read no other one is written.
    @Test func aModelIsNotExportedWithAGuessedLabel() throws {
        let home = out + "/nodes/node2"
        let configuration = URL(fileURLWithPath: home + "/config.toml")
        let before = try Data(contentsOf: configuration)
        defer { try? before.write(to: configuration) }
        let export = ["model", "export", "digits", "--home", home, "--out", out + "/labelled.safetensors"]
        try (before + Data("[data\n".utf8)).write(to: configuration)
        expect(try Program.run(export), 78, "config.toml")
        #expect(!FileManager.default.fileExists(atPath: out + "/labelled.safetensors"))
        try before.write(to: configuration)
        expect(try Program.run(export), 0, "bytes")
    }

    /// One form for one value, and nothing that the writer did not write.
    @Test func anotherFormIsRefused() throws {
        let whole = try lines()
        let contents = whole.indices.filter { whole[$0].hasPrefix("{\"content\"") }
        let (first, second) = (contents[0], contents[1])
        func altered(_ change: (inout [String]) -> Void, _ words: String) throws {
            var copy = whole
            change(&copy)
            let outcome = try Program.run("chain", "verify", try write(copy))
            #expect(outcome.code == 2, "\(words): \(outcome.output)\(outcome.errors)")
            #expect((outcome.output + outcome.errors).contains(words), "\(words): \(outcome.errors)")
        }
        try altered({ $0.removeLast() }, "there is no last line")
        try altered({ $0.append($0[1]) }, "behind the last line")
        try altered({ $0.insert($0[0], at: 1) }, "a second head")
        try altered({ $0.remove(at: 3) }, "the next height is 3")
        try altered({ $0.swapAt(2, 3) }, "the next height is 2")
        try altered({ $0[2] = $0[2].replacing("\"height\":2", with: "\"height\":2,\"height\":2") }, "stands twice")
        try altered({ $0[2] = $0[2].replacing("{\"chain\"", with: "{\"note\":1,\"chain\"") }, "is unknown here")
        try altered({ $0[2] = $0[2].replacing("\"height\":2", with: "\"height\":02") }, "leading zeros")
        try altered({ $0[2] = $0[2].replacing("\"height\":2", with: "\"height\":\"2\"") }, "whole number")
        try altered(
            { $0[2] = $0[2].replacing("\"header\":\"02", with: "\"header\":\"0A") }, "lower case hexadecimal")
        try altered({ $0[2] = $0[2].replacing("\"chain\"", with: "\"ch\\u0061in\"") }, "escapes")
        try altered({ $0[0] = $0[0].replacing("export/1", with: "export/2") }, "another format")
        try altered({ $0.swapAt(first, second) }, "not in this order")
        try altered({ $0.insert($0[first], at: second) }, "stands twice")
        try altered({ $0.insert($0[1], at: first + 1) }, "a block behind contents")
        try altered({ $0[first] = $0[first].replacing("\"kind\":2", with: "\"kind\":5") }, "kind")
        let end = whole.count - 1
        try altered({ $0[end] = $0[end].replacing("\"missing\":0", with: "\"missing\":1") }, "contents are missing")
        try altered({ $0.remove(at: first) }, "were written")
    }

    /// Damage is a failure alone: neither the registry nor what rests on it is called missing because of it.
    @Test func damageIsNeverCalledMissing() throws {
        let whole = try lines()
        let registry = try #require(whole[1].firstRange(of: "\",\"height\""))
        let last = try #require(whole.lastIndex { $0.hasPrefix(whole[1][..<registry.lowerBound]) })
        for line in [1, last / 2, last] { try expectDamage(whole, line) }
    }

    private func expectDamage(_ whole: [String], _ line: Int) throws {
        var altered = whole
        let body = try #require(altered[line].firstRange(of: "\"body\":\""))
        let digit = altered[line].index(after: body.upperBound)
        altered[line].replaceSubrange(digit...digit, with: altered[line][digit] == "0" ? "1" : "0")
        let outcome = try Program.run("chain", "verify", try write(altered))
        expect(outcome, 2, "height \(line)  FAILED")
        #expect(!outcome.output.contains("NOT HERE"), "\(outcome.output)")
    }

    /// Whatever somebody hands over as an export costs no more memory than a line of the format.
    @Test func whatIsNoExportIsNotReadToItsEnd() throws {
        expect(try Program.run("chain", "verify", "/dev/null"), 78, "/dev/null is not a plain file")
        expect(try Program.run("chain", "verify", out), 78, "a directory")
        let path = out + "/endless"
        #expect(mkfifo(path, 0o600) == 0)
        // A writer of its own, so that opening it would return.
        let pipe = open(path, O_RDWR)
        expect(try Program.run("chain", "verify", path), 78, "a pipe or a device")
        close(pipe)
        #expect(unlink(path) == 0)
        // Twenty gigabytes of nothing, and a line that goes on with letters.
        for letters in [0, 130] {
            let head = Data((try lines()[0] + "\n").utf8)
            let piece = Data([UInt8](repeating: 0x61, count: letters << 20))
            try (head + piece).write(to: URL(fileURLWithPath: path))
            try #require(truncate(path, 20 << 30) == 0)
            expect(
                try Program.run("chain", "verify", path), 2,
                letters == 0 ? "line 2: other characters than ASCII" : "no line of this format is")
        }
        // The same for a model, whose file is named.
        let none = try Program.run("verify", path, "--export", out + "/full")
        expect(none, 65, path, "at most 2147483648 are read")
        expect(try Program.run("verify", "/dev/zero", "--export", out + "/full"), 65, "/dev/zero: it is a device")
        try Data("no model".utf8).write(to: URL(fileURLWithPath: path))
        expect(try Program.run("verify", path, "--export", out + "/full"), 65, path)
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func aCutFileNamesItsLine() throws {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: out + "/full"))
        // Within lines, and behind one.
        let end = try #require(bytes[(bytes.count / 2)...].firstIndex(of: 0x0a))
        for length in [0, 1, bytes.count / 3, end, end + 1, bytes.count - 2, bytes.count - 1] {
            let cut = bytes.prefix(length)
            try cut.write(to: URL(fileURLWithPath: out + "/cut"))
            let outcome = try Program.run("chain", "verify", out + "/cut")
            #expect(outcome.code == 2, "\(length): \(outcome.output)\(outcome.errors)")
            let words =
                cut.isEmpty || cut.last == 0x0a
                ? "there is no last line: the file was cut"
                : "line \(cut.count { $0 == 0x0a } + 1) has no end: the file was cut"
            #expect(outcome.errors.contains(words), "\(length), not \(words): \(outcome.errors)")
        }
    }

    @Test func aFileIsImportedIntoANewHomeAndContinuesAnOldOne() throws {
        let home = out + "/imported"
        expect(
            try Program.run("chain", "import", out + "/full", "--home", home, "--genesis", out + "/genesis"), 0,
            "blocks")
        expect(try Program.run("chain", "verify", "--full", "--home", home), 0, "every block holds")
        let heads = try Program.run("chain", "head", "--home", home)
        #expect(heads.output == (try Program.run("chain", "head", "--home", out + "/nodes/node2")).output)
        let tasks = try Program.run("task", "list", "--json", "--home", home)
        let first = try #require(tasks.output.split(separator: "\n").first)
        let fields = try JSONSerialization.jsonObject(with: Data(first.utf8)) as? [String: Any]
        let name = try #require(fields?["name"] as? String)
        #expect(heads.output.contains(" task ") && heads.output.contains(name), "\(heads.output)")
        try expectChainAlone(home)
        try expectReport(name, home)
        // Again: everything is there. From a file that ends earlier: nothing is lost.
        expect(try Program.run("chain", "import", out + "/full", "--home", home), 0, "0 of ")
        // Another network's home is refused before anything is written.
        let other = out + "/other"
        for arguments in [
            ["init", "--home", other],
            ["genesis", "create", "--name", "x", "--member", other, "--out", out + "/x.genesis"],
            ["init", "--home", other, "--genesis", out + "/x.genesis"],
        ] {
            let made = try Program.run(arguments)
            try #require(made.code == 0, "\(made.errors)")
        }
        expect(try Program.run("chain", "import", out + "/full", "--home", other), 78, "another network")
    }

    /// A home that was imported has lost nothing: what it is and what it can do is said, wherever a node is asked for.
    private func expectChainAlone(_ home: String) throws {
        let words = "\(home) holds a chain alone"
        let doctor = try Program.run("doctor", "--home", home)
        expect(doctor, 0, words, "pages sound")
        for command in [["status"], ["peers"]] { expect(try Program.run(command + ["--home", home]), 69, words) }
        for command in [["run"], ["init"]] { expect(try Program.run(command + ["--home", home]), 78, words) }
        for command in [["doctor"], ["status"], ["run"], ["init"]] {
            let outcome = try Program.run(command + ["--home", home])
            let text = outcome.output + outcome.errors
            for wrong in ["restore", "meshnode run", "config.toml"] { #expect(!text.contains(wrong), "\(text)") }
        }
        #expect(!FileManager.default.fileExists(atPath: home + "/durable.sqlite"))
    }

    /// Held-out rows are not on the chain: without them there is a report that says so.
    private func expectReport(_ task: String, _ home: String) throws {
        let folder = out + "/report"
        let made = try Program.run("task", "report", task, "--home", home, "--out", folder)
        expect(made, 0, "--evaluation", "2 rounds")
        let page = try String(contentsOfFile: folder + "/report.html", encoding: .utf8)
        #expect(page.contains("give --evaluation FILE"))
        let rounds = try String(contentsOfFile: folder + "/round_metrics.jsonl", encoding: .utf8).split(separator: "\n")
        #expect(rounds.count == 3 && rounds.allSatisfy { $0.contains("\"accuracy\":null,\"loss\":null") }, "\(rounds)")
        func measured(by rows: String) throws -> Program.Outcome {
            try Program.run("task", "report", task, "--home", home, "--force", "--evaluation", rows, "--out", folder)
        }
        let again = try measured(by: "digits")
        expect(again, 0, "2 rounds")
        #expect(!again.output.contains("--evaluation"))
        expect(try measured(by: out + "/none.csv"), 65, "there is no such file")
    }

    @Test func aModelIsFoundByItsTensors() throws {
        let model = out + "/model.safetensors"
        let genesis = out + "/genesis"
        expect(
            try Program.run("verify", model, "--export", out + "/full", "--genesis", genesis), 0, "round",
            "contributors", "as of registry block", "UTC")
        // As other programs save it: with metadata, and without the state that the server rule keeps in the decided file.
        let tensors = try Safetensors(bytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: model))))
        let weights = tensors.tensors.filter { !TrainingState.isState($0.name) }
        #expect(weights.count < tensors.tensors.count, "fedavgm keeps state in the decided file")
        func save(_ change: (inout [Float]) -> Void, named: (String) -> String = { $0 }) throws -> String {
            var values = try weights.map { try tensors.floats($0) }
            change(&values[0])
            let bytes = try Safetensors.encode(
                zip(weights, values).map { (named($0.name), $0.shape, $1) }, metadata: [("format", "pt")])
            try Data(bytes).write(to: URL(fileURLWithPath: out + "/saved"))
            return out + "/saved"
        }
        expect(try Program.run("verify", try save { _ in }, "--export", out + "/full"), 0, "contributors")
        expect(
            try Program.run("verify", try save { _ in }, "--home", out + "/nodes/node3"), 0, "contributors")
        // What was changed and what belongs elsewhere are two answers.
        expect(
            try Program.run("verify", try save { $0[0] += 1 }, "--export", out + "/full"), 2,
            "the tensors were changed", "nearest is round 2, 1 of 650 values differ")
        expect(
            try Program.run("verify", try save({ _ in }, named: { "x." + $0 }), "--export", out + "/full"), 2,
            "no chain here knows it")
    }
}
