import Testing
import Wire

@Suite("Text of others as it is shown")
struct PrintableTextTests {
    @Test func plainTextStaysAsItIs() {
        for text in ["", "Brust/CT № 1?a=b#c%20", "läsion", "日本語", "a b", "<script>"] {
            #expect(text.isPrintable && text.printable == text)
        }
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
