import Foundation
import Testing

@testable import Learn

/// Titles in messages can be pasted back.
@Suite struct TitleTextTests {
    @Test func aListIsWhatStandsBetweenTheBracketsOfTOML() {
        #expect(TitleText.list(["a", "mean, all", "5\" \\ pipe"]) == #""a", "mean, all", "5\" \\ pipe""#)
        #expect(TitleText.list((0..<9).map { "c\($0)" }).hasSuffix("\"c7\", ..."))
        #expect(TitleText.list((0..<9).map { "c\($0)" }, most: nil).hasSuffix("\"c7\", \"c8\""))
        // What a terminal obeys or hides is written out, in escapes that TOML reads.
        #expect("\u{202e}a\u{1b}\u{e0001}".tomlWord == #""\u202ea\u001b\U000e0001""#)
        #expect(TitleText.list([String(repeating: "x", count: 300)]).utf8.count == 205)
    }

    @Test func aWordIsQuotedWhereItCouldBeMisread() {
        #expect(TitleText.word("mean radius") == "mean radius" && TitleText.word("grün") == "grün")
        for title in ["mean, all", "a: b", "a\"b", " a", "a ", "", "a;b", "a\\b", "a\u{200b}b"] {
            #expect(TitleText.word(title) == title.tomlWord, "\(title)")
        }
    }

    /// Wherever a reader or a look at a table names columns.
    @Test func everyMessageQuotesTitlesThatHoldCommas() throws {
        let header = Array("\"mean, all\",b,label\n1,2,0\n3,4,1\n".utf8)
        func refused(_ reader: TableReader) -> String {
            failure { _ = try reader.read(bytes: header, file: "t.csv", name: "t") }?.description ?? "taken"
        }
        let label = refused(TableReader(labelColumn: "kind"))
        #expect(label.contains("3 columns: \"mean, all\", \"b\", \"label\""), "\(label)")
        let column = refused(TableReader(labelColumn: "label", featureColumns: ["c, d"]))
        #expect(column.contains("field \"c, d\"") && column.contains(": \"mean, all\", \"b\""), "\(column)")
        let missing = failure {
            _ = try ColumnOrder.places(of: ["c"], in: ["mean, all", "b"], inOrder: false, file: "t.csv")
        }
        #expect(missing?.description.contains("2 columns: \"mean, all\", \"b\"") == true)
        let rows = try TableReader(labelColumn: "label").read(bytes: header, file: "t.csv", name: "t")
        #expect(DataInspection(rows).text.contains("columns: \"mean, all\", \"b\""))
        let named = try rows.renumbered(["0", "1", "ill, acute"])
        let absent = DataAudit(DataSplits(train: named)).findings.first { $0.kind == "absent-class" }
        #expect(absent?.message == "train: no rows of \"ill, acute\"", "\(String(describing: absent))")
    }
}
