import Foundation
import Testing
import Wire

@Suite("Rules have a number")
struct RulesNumberTests {
    private static let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// Lines `number hex` of geneses that this release must not read.
    static func otherGeneses() throws -> [(number: UInt16, bytes: [UInt8])] {
        try String(contentsOf: tests.appending(path: "Vectors/wire/rules.txt"), encoding: .utf8)
            .split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                let parts = line.split(separator: " ").map(String.init)
                return (try #require(UInt16(parts[0])), try #require([UInt8](hex: parts[1])))
            }
    }

    @Test func aGenesisOfOtherRulesIsRefusedByItsNumber() throws {
        let others = try Self.otherGeneses()
        #expect(others.map(\.number) == [1, 9])
        for (number, bytes) in others {
            #expect(throws: WireError.otherRules(number)) { try Genesis(wireBytes: bytes) }
        }
        var samples = Samples(salt: 1)
        let own = samples.genesis().wireBytes
        #expect(Array(own[..<5]) == [5, 0, 2, UInt8(RulesNumber.current), 0])
        #expect(throws: Never.self) { try Genesis(wireBytes: own) }
    }

    /// Both numbers, and the release that reads the other one.
    @Test func theRefusalNamesBothNumbersAndARelease() {
        let own = "this program follows rules \(RulesNumber.current) (meshnode \(RulesNumber.table.last!.releases))"
        let old = "\(WireError.otherRules(1))"
        #expect(old.contains("rules 1 (meshnode 0.1.0)") && old.contains(own) && old.contains("use meshnode 0.1.0"))
        let new = "\(WireError.otherRules(9))"
        #expect(new.contains("it follows rules 9, ") && new.contains(own) && new.contains("follows rules 9: its docs"))
    }

    @Test func thePageHasEveryNumber() throws {
        let page = try String(
            contentsOf: Self.tests.deletingLastPathComponent().appending(path: "docs/protocol/README.md"),
            encoding: .utf8)
        let heading = try #require(page.range(of: "| rules | releases | what changed |\n|---|---|---|\n"))
        let rows = page[heading.upperBound...].split(separator: "\n", omittingEmptySubsequences: false)
            .prefix { $0.hasPrefix("|") }.map(String.init)
        #expect(rows == RulesNumber.table.map { "| \($0.number) | \($0.releases) | \($0.change) |" })
        #expect(RulesNumber.table.map(\.number) == Array(1...RulesNumber.current))
    }
}
