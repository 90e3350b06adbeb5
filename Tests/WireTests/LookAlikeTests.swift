import Foundation
import Testing

@testable import Wire

@Suite("Names that look like others")
struct LookAlikeTests {
    @Test(arguments: [
        "", "digits", "digits v2 (old)", "läsion", "Größe", "yaşı", "面積", "データ", "年齢 (Age)", "Tバック", "나이",
        "возраст", "возраст_лет", "pH почвы", "сахар в крови", "ηλικία", "Δt", "λmax", "area (mm²)", "temp °C",
        "µm", "उम्र", "வயது", "อายุ", "العمر", "גיל", "CT № 1?a=b#c%20",
    ])
    func whatPeopleWriteIsTaken(_ text: String) {
        #expect(LookAlikes.fault(text, isName: true) == nil)
        #expect(text.shownFault(isName: true) == nil && text.isPrintable)
    }

    /// Texts of ASCII are judged without a table: the same as by the tables.
    @Test func plainTextsAreJudgedAlike() {
        let letters = (0x20...0x7E).map { Character(Unicode.Scalar($0)!) }
        for first in letters {
            for second in letters {
                for text in ["\(first)\(second)", "a\(first) \(second)b"] {
                    #expect(LookAlikes.isPlain(text))
                    for isName in [false, true] {
                        #expect(
                            LookAlikes.fault(text, isName: isName) == LookAlikes.faultOfLetters(text, isName: isName))
                    }
                    #expect(LookAlikes.looks(text) == LookAlikes.looksOfLetters(text), "\(text)")
                }
            }
        }
        #expect(!LookAlikes.isPlain("a\u{7F}") && !LookAlikes.isPlain("\u{1F}") && !LookAlikes.isPlain("ä"))
        let lowest = ScriptTable.classes.flatMap(\.marks).min()
        #expect(lowest == ScriptTable.firstMark && ScriptTable.composed.allSatisfy { $0[1] >= ScriptTable.firstMark })
    }

    @Test(arguments: [
        // Mixed words: Cyrillic а, Greek ο, Armenian о, two Greek signs.
        "d\u{456}gits", "p\u{430}rt", "Λ\u{6F}γος", "digit\u{455}", "f\u{585}rest", "Δx\u{3A9}", "\u{3B1}HL",
        // Whole words that look Latin.
        "digits \u{430}", "\u{441}\u{43E}\u{440}\u{435}", "\u{3A1}\u{39F}\u{3A7}", "\u{585}\u{578}",
        // Not shown, or shown over another letter.
        "dig\u{200B}its", "dig\u{200D}its", "dig\u{AD}its", "dig\u{34F}its", "digits\u{FE0F}", "\u{3164}",
        "digi\u{307}ts", "e\u{301}", "a\u{20DD}", "\u{2800}", "\u{115F}", "\u{E0061}",
        // Not in form C, marks in a wrong place or order.
        "\u{928}\u{93C}", "\u{B95}\u{BC6}\u{BBE}", "\u{915}\u{94D}\u{93C}", "\u{C15}\u{C46}\u{C4D}\u{C56}", "\u{94D}",
        "a\u{94D}",
        "\u{E01}\u{E34}\u{E34}", "\u{212B}", "\u{958}",
        // Letters of other widths and alphabets of mathematics; signs, pictures, other digits.
        "\u{FF41}", "\u{1D41A}", "\u{24D0}", "\u{2113}", "\u{17F}", "\u{FB01}", "\u{13AA}", "\u{2C9E}", "\u{661}",
        "a\u{2010}b", "a\u{2013}b", "a\u{2044}b", "a\u{A0}b", "\u{1F600}", "\u{10FFFF}", "\u{378}",
        // Spaces of a name.
        " digits", "digits ", "a  b",
    ])
    func whatLooksLikeAnotherIsRefused(_ text: String) throws {
        let fault = try #require(LookAlikes.fault(text, isName: true), "\(text.unicodeScalars.map(\.value))")
        #expect(fault.unicodeScalars.allSatisfy { $0.value != 0x200B && $0.value != 0xAD })
        #expect(text.shownFault(isName: true) != nil)
    }

    /// Titles of columns are not chosen to deceive: alone, a word may consist of look-alikes; beside Latin ones it may not.
    @Test func aTitleMayLookLatinWhereNothingElseIsLatin() {
        let sugar = "\u{441}\u{430}\u{445}\u{430}\u{440}"
        #expect(LookAlikes.fault(sugar) == nil && LookAlikes.fault(sugar, isName: true) != nil)
        #expect(LookAlikes.fault(sugar + "_mean") != nil)
        #expect(LookAlikes.fault(" sugar ") == nil)
    }

    @Test func listsHoldNoTwoOfTheSameLooks() {
        #expect(LookAlikes.looks("\u{430}") == LookAlikes.looks("a"))
        #expect(LookAlikes.looks("\u{B5}m") == LookAlikes.looks("\u{3BC}m"))
        #expect(LookAlikes.looks(" a  b") == "a b")
        #expect(LookAlikes.looks("l") != LookAlikes.looks("1"), "letters are told apart where they are the labels")
        #expect(LookAlikes.areAlike("digits", "D1gits") && LookAlikes.areAlike("modern", "modem"))
        #expect(!LookAlikes.areAlike("digits", "wdbc"))
    }

    @Test func thePairsAreWhatTheySay() {
        for row in LookAlikes.pairs {
            #expect(row.letters.unicodeScalars.count == row.looksLike.unicodeScalars.count)
            for scalar in row.letters.unicodeScalars {
                #expect(ScriptTable.kind(of: scalar) == .letter(row.script), "\(scalar)")
            }
            for scalar in row.looksLike.unicodeScalars {
                #expect(ScriptTable.kind(of: scalar) == .letter(.latin), "\(scalar)")
            }
        }
    }

    /// The table is held against the library's Unicode, which may be newer but never contradicts it: whatever the rule takes
    /// is in form C, printable and not ignorable.
    @Test func theTableAgreesWithTheLibrary() {
        var wrong: [UInt32] = []
        for value in UInt32(0x20)...0x323AF {
            guard let scalar = Unicode.Scalar(value), let kind = ScriptTable.kind(of: scalar) else { continue }
            let properties = scalar.properties
            let isShown = !properties.isDefaultIgnorableCodePoint && String(scalar).isPrintable
            let isOfItsClass =
                properties.canonicalCombiningClass.rawValue == ScriptTable.combiningClass(of: scalar)
            var isWhole = true
            if case .letter = kind {
                isWhole = String(scalar).precomposedStringWithCanonicalMapping.unicodeScalars.elementsEqual([scalar])
            }
            if !isShown || !isOfItsClass || !isWhole { wrong.append(value) }
        }
        #expect(wrong.isEmpty)
    }

    /// Two marks after whatever composes with one, of every script that has marks.
    @Test func whatIsTakenIsInFormC() {
        let firsts = Set(ScriptTable.composed.map { $0[0] })
        var wrong: [[UInt32]] = []
        var taken = 0
        for row in ScriptTable.letters {
            let marks = ScriptTable.marks.filter { $0.script == row.script }.flatMap { scalars($0.ranges) }
            guard let base = scalars(row.ranges).first, !marks.isEmpty else { continue }
            let letters = scalars(row.ranges).filter { firsts.contains($0.value) } + [base]
            for letter in letters {
                for first in marks {
                    for second in marks {
                        let text = String.UnicodeScalarView([letter, first, second])
                        guard LookAlikes.fault(String(text)) == nil else { continue }
                        taken += 1
                        let normal = String(text).precomposedStringWithCanonicalMapping.unicodeScalars
                        if !normal.elementsEqual(text) { wrong.append(text.map(\.value)) }
                    }
                }
            }
        }
        #expect(wrong.isEmpty && taken > 1_000)
    }

    private func scalars(_ ranges: [UInt32]) -> [Unicode.Scalar] {
        stride(from: 0, to: ranges.count, by: 2).flatMap { index in
            (ranges[index]...ranges[index + 1]).compactMap(Unicode.Scalar.init)
        }
    }

    /// The page holds the table that a second implementation needs. To print these rows anew: MESHNODE_PRINT_TABLES=1.
    @Test func thePageHoldsTheTable() throws {
        func text(_ ranges: [UInt32]) -> String {
            stride(from: 0, to: ranges.count, by: 2).map { index in
                let (first, last) = (hex(ranges[index]), hex(ranges[index + 1]))
                return first == last ? first : "\(first)-\(last)"
            }.joined(separator: " ")
        }
        func hex(_ value: UInt32) -> String { String(value, radix: 16, uppercase: true) }
        var rows = LookAlikes.pairs.map { "| \($0.script.name) | \($0.letters) | \($0.looksLike) |" }
        rows.append("Signs: \(ScriptTable.symbols.map(hex).joined(separator: " ")).")
        for row in ScriptTable.letters {
            let marks = ScriptTable.marks.filter { $0.script == row.script }.flatMap(\.ranges)
            rows.append("| \(row.script.name) | \(text(row.ranges)) | \(text(marks)) |")
        }
        rows += ScriptTable.classes.map { "| \($0.combining) | \($0.marks.map(hex).joined(separator: " ")) |" }
        if ProcessInfo.processInfo.environment["MESHNODE_PRINT_TABLES"] != nil { print(rows.joined(separator: "\n")) }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: root.appendingPathComponent("docs/protocol/text.md"), encoding: .utf8)
        let lines = page.split(separator: "\n").map(String.init)
        for row in rows { #expect(lines.contains(row), "\(row)") }
        let written = lines.first { $0.hasPrefix("Pairs that form C composes: ") }?.dropFirst(28).dropLast()
        let pairs = Set((written ?? "").split(separator: " ").map(String.init))
        #expect(pairs == Set(ScriptTable.composed.map { hex($0[0]) + "+" + hex($0[1]) }))
    }
}
