import Foundation
import Testing

@testable import MeshNodeCLI

/// Numbers that are none, or not those that a command takes: said in the number's own terms.
@Suite struct NumberArgumentTests {
    private static let wait = "a time to wait is a whole number of seconds from 0 to 1000000"
    private static let amount = "an amount is a whole number of credits, at least 1"

    @Test(arguments: [
        (["ledger", "transfer", "8c41", "-5"], ["'-5'", amount]),
        (["ledger", "transfer", "8c41", "0"], ["'0'", amount]),
        (["ledger", "transfer", "8c41", "1.5"], ["'1.5'", amount]), (["ledger", "bond", "-1"], ["'-1'", amount]),
        (["ledger", "unbond", "-.5"], ["'-.5'", amount]), (["task", "join", "t", "--bond", "-3"], ["'-3'", amount]),
        (["rate", "t", "8c41", "-1"], ["'-1'", "from 1 (bad) to 5 (good)"]),
        (["rate", "t", "8c41", "6"], ["'6'", "from 1 (bad) to 5 (good)"]),
        (["round", "show", "t", "-1"], ["'-1'", "from 1 on"]), (["vote", "t", "0"], ["'0'", "from 1 on"]),
        (["chain", "show", "registry", "-1"], ["'-1'", "from 0 on"]),
        (["task", "commit", "-0.5"], ["'-0.5'", "a share from 0 to 1"]),
        (["reveal", "t", "-0.5", "00"], ["'-0.5'", "a share from 0 to 1"]),
        (["demo", "--rounds", "-3"], ["'-3'", "--rounds"]),
        (["store", "get", "00", "--out", "x", "--wait", "9223372036854775807"], ["--wait", wait]),
        (["store", "get", "00", "--out", "x", "--wait", "-1"], ["--wait", wait]),
        (["stop", "--wait", "1000001"], ["--wait", wait]), (["watch", "--wait", "1.5"], ["--wait", wait]),
        (["ledger", "bond", "5", "--wait", "9223372036854775807"], ["--wait", wait]),
        (["testnet", "--limit", "9223372036854775807"], ["--limit", wait]),
        (["testnet", "--rounds", "0", "--drop-miner", "1"], ["--rounds 0: 1 to 1000", "--drop-miner 1"]),
        (["testnet", "--divisor", "9223372036854775807"], ["--divisor", "1 to 1000000"]),
        (["data", "inspect", "digits", "--normalise", "--scale", "1e300"], ["--scale", "0.000001 to 1000000"]),
    ])
    func aWrongNumberIsNamed(_ arguments: [String], _ words: [String]) async throws {
        let outcome = try await Executable().run(arguments)
        #expect(outcome.status == 64, "\(outcome.status): \(outcome.errors)")
        for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
        #expect(!outcome.errors.contains("Missing"), "\(outcome.errors)")
    }

    /// What is wrong is not always the number.
    @Test func otherFaultsKeepTheirWords() {
        #expect(NegativeNumbers.refusal(of: ["status", "--bogus"]) == nil)
        #expect(NegativeNumbers.refusal(of: ["task", "show", "-5"]) == nil)
        #expect(NegativeNumbers.refusal(of: ["ledger", "bond", "-q"]) == nil)
    }

    /// What the sources of the program declare with `wrapper`: each declaration up to `var`, and the rest of that line.
    private func declarations(of wrapper: String) throws -> [(file: String, declaration: Substring, rest: Substring)] {
        let root = URL(fileURLWithPath: repository + "/Sources/MeshNodeCLI")
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        var found: [(file: String, declaration: Substring, rest: Substring)] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for piece in text.components(separatedBy: wrapper).dropFirst() {
                guard let place = piece.firstRange(of: "var ") else { continue }
                let rest = piece[place.upperBound...].prefix { $0 != "\n" }
                found.append((file.lastPathComponent, piece[..<place.lowerBound], rest))
            }
        }
        return found
    }

    /// Seconds are multiplied and added to a clock: each option that holds whole ones says its range where it is read, and its
    /// default, which the library does not show beside a transformation.
    @Test func everyTimeToWaitHasARange() throws {
        var found = 0
        for (file, declaration, rest) in try declarations(of: "@Option") {
            let isWhole = rest.contains("Int") || rest.last?.isNumber == true && !rest.contains(".")
            let words = declaration.lowercased().replacing("milliseconds", with: "")
            guard words.contains("seconds"), isWhole else { continue }
            found += 1
            #expect(declaration.contains("transform: NumberArgument.seconds"), "\(file): \(rest)")
            guard let sign = rest.firstRange(of: "= ") else { continue }
            #expect(declaration.contains("(default: \(rest[sign.upperBound...]))"), "\(file): \(rest)")
        }
        #expect(found >= 5, "\(found)")
    }

    /// Every number in a place of its own says its own rule.
    @Test func everyPositionalNumberHasARule() throws {
        var found = 0
        for (file, declaration, rest) in try declarations(of: "@Argument") {
            let type = rest.prefix { $0 != "=" }
            guard ["Int", "Double", "Float"].contains(where: { type.contains($0) }) else { continue }
            found += 1
            #expect(declaration.contains("transform: NumberArgument."), "\(file): \(type)")
        }
        #expect(found >= 8, "\(found)")
    }
}
