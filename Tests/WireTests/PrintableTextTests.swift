import Foundation
import Testing
import Wire

@Suite("Text of others as it is shown")
struct PrintableTextTests {
    @Test func plainTextStaysAsItIs() {
        for text in ["", "Brust/CT № 1?a=b#c%20", "läsion", "日本語", "a b", "<script>"] {
            #expect(text.isPrintable && text.printable == text)
        }
    }

    /// What others wrote goes into JSON as well, and JSON goes to terminals; its value stays the same.
    @Test func jsonKeepsItsValueAndShowsNoControls() throws {
        let remark = "c1 \u{9b}31m \u{202e}rtl\u{2028} \u{e0041} \u{7f} läsion \"q\" \\ 日本"
        let text = String(decoding: try JSONEncoder().encode(["a": remark]), as: UTF8.self)
        let shown = text.printableJSON
        #expect(
            shown.isPrintable && shown.contains("\\u009b31m \\u202ertl\\u2028 \\udb40\\udc41 \\u007f läsion"),
            "\(shown)")
        #expect(try JSONDecoder().decode([String: String].self, from: Data(shown.utf8)) == ["a": remark])
        #expect("{\n  \"a\" : 1\n}".printableJSON == "{\n  \"a\" : 1\n}")
    }

    @Test(arguments: [
        ("red\u{1b}[31m", "red\\u{1B}[31m"), ("a\nopinion of ffffffff", "a\\u{A}opinion of ffffffff"),
        ("\u{202e}gpj.exe", "\\u{202E}gpj.exe"), ("a\u{200b}b", "a\\u{200B}b"), ("bell\u{7}", "bell\\u{7}"),
        ("c1\u{9b}31m", "c1\\u{9B}31m"), ("line\u{2028}break", "line\\u{2028}break"),
        ("tag\u{e0041}", "tag\\u{E0041}"), ("\u{feff}bom", "\\u{FEFF}bom"), ("del\u{7f}", "del\\u{7F}"),
    ])
    func whatATerminalWouldObeyIsWrittenOut(_ text: String, _ shown: String) {
        #expect(!text.isPrintable)
        #expect(text.printable == shown)
        #expect(text.printable.isPrintable)
    }
}
