import Testing
import Wire

@testable import MeshNode

@Suite struct TOMLTests {
    /// Editors put a mark before a text, and nobody sees it.
    @Test func aByteOrderMarkIsSkipped() {
        let document = TOMLDocument("\u{FEFF}rounds = 3\n")
        #expect(document.root == ["rounds": .integer(3)] && document.faults.isEmpty, "\(document.faults)")
    }

    @Test func valuesOfEveryKind() {
        let document = TOMLDocument(
            """
            # comment
            a = 1_000   # comment
            b.c = "x\\t\\u00e9\\U0001F600\\"\\\\"
            b.'d e' = 'raw \\n'
            "q.r" = -3
            f = [ 1.5, -2e3, +0.5E-1, inf,
                  # inside
                  0, ]
            g = { h = true, i.j = [], k = {} }
            l = ""\"
            one \\
               two "" three""\"
            m = '''
            a\\b'''
            n = [0xff, 0o17, 0b101, -9223372036854775808, 9223372036854775807]
            [t.u]
            v = false
            [t]
            w = 1
            [[x]]
            y = 1
            [[x]]
            [x.z]
            y = 2

            """)
        #expect(document.faults == [])
        #expect(
            document.root == [
                "a": .integer(1000), "b": .table(["c": .text("x\té😀\"\\"), "d e": .text("raw \\n")]),
                "q.r": .integer(-3),
                "f": .list([.number(1.5), .number(-2000), .number(0.05), .number(.infinity), .integer(0)]),
                "g": .table(["h": .flag(true), "i": .table(["j": .list([])]), "k": .table([:])]),
                "l": .text("one two \"\" three"), "m": .text("a\\b"),
                "n": .list([.integer(255), .integer(15), .integer(5), .integer(.min), .integer(.max)]),
                "t": .table(["u": .table(["v": .flag(false)]), "w": .integer(1)]),
                "x": .list([.table(["y": .integer(1)]), .table(["z": .table(["y": .integer(2)])])]),
            ])
    }

    @Test func windowsLinesAndNoLastNewline() {
        let document = TOMLDocument("a = 1\r\n# c\r\n[b]\r\nc = [1,\r\n2]\r\nd = 2")
        #expect(document.faults == [])
        #expect(
            document.root == [
                "a": .integer(1), "b": .table(["c": .list([.integer(1), .integer(2)]), "d": .integer(2)]),
            ])
    }

    @Test(arguments: [
        ("a", 1, 2), ("a =", 1, 4), ("= 1", 1, 1), ("a = = 3", 1, 5), ("a = 1 b = 2", 1, 7), ("a = 01", 1, 5),
        ("a = 1__0", 1, 5), ("a = _1", 1, 5), ("a = 1.", 1, 5), ("a = .5", 1, 5), ("a = 0x", 1, 5), ("a = 0x1g", 1, 5),
        ("a = 9223372036854775808", 1, 5), ("a = yes", 1, 5), ("a = 2026-01-01", 1, 5), ("a = \"x", 1, 7),
        ("a = 'x\n", 1, 7), ("a = \"\\q\"", 1, 8), ("a = \"\\ud800\"", 1, 8), ("a = \"\\u12\"", 1, 8),
        ("a = [1 2]", 1, 8), ("a = [1, , 2]", 1, 9), ("a = {b = 1,}", 1, 12), ("a = {b = 1\n", 1, 11), ("[a", 1, 3),
        ("[]", 1, 2), ("[a.]", 1, 4), ("[[a]", 1, 5), ("\n\nx = \u{1}", 3, 5), ("a = 1 # \u{1}", 1, 9),
        ("a\u{e9} = 1", 1, 2),
        ("a = \u{201c}x\u{201d}", 1, 5),
    ])
    func faultsNameTheirPlace(_ text: String, _ line: Int, _ column: Int) {
        let faults = TOMLDocument(text).faults
        #expect(faults.map(\.path) == ["line \(line), column \(column)"], "\(text): \(faults)")
    }

    @Test(arguments: [
        "a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "a.b = 1\na.b = 2", "a.b = 1\n[a]", "[a.b]\n[a]\nb.c = 1",
        "a = {b = 1}\na.c = 2",
        "a = {b = 1}\n[a.c]", "a = [1]\n[[a]]", "[[a]]\n[a]", "[a]\n[[a]]", "a = {b = 1, b = 2}",
    ])
    func nothingIsDefinedTwice(_ text: String) {
        #expect(TOMLDocument(text).faults.count == 1, "\(text)")
    }

    @Test func everyWrongLineIsTold() {
        let document = TOMLDocument("a = \nb = 2\nc = yes\n[d\ne = 5\nf == 6\n")
        #expect(
            document.faults.map(\.path) == [
                "line 1, column 5", "line 3, column 5", "line 4, column 3", "line 6, column 4",
            ])
        #expect(document.root["b"] == .integer(2) && document.root["e"] == .integer(5))
        #expect(TOMLDocument(String(repeating: "?\n", count: 1000)).faults.count == TOMLParser.mostFaults)
    }

    @Test func depthAndLengthAreBounded() {
        for text in [
            String(repeating: "[", count: 500_000), "a = " + String(repeating: "[", count: 500_000),
            "a = " + String(repeating: "{b=", count: 200_000), String(repeating: "a.", count: 400_000) + "a = 1",
            "[" + String(repeating: "a.", count: 400_000) + "a]", String(repeating: "#", count: 2 << 20), "a = \"",
            "a = \"\"\"" + String(repeating: "\n", count: 100_000),
        ] {
            #expect(TOMLDocument(text).faults.count == 1, "\(text.prefix(20))")
        }
    }

    /// Any bytes give a tree or a fault, never a trap.
    @Test func mutatedDocumentsNeverTrap() throws {
        let seeds = [
            Array(try Repository.text("examples/digits.toml").utf8),
            Array(try Repository.text("examples/config.toml").utf8),
            Array("a = {b = [1, {c = \"\\u0041\"}]}\n[[t]]\nx.y = '''z'''\nl = \"\"\"\\\n  m\"\"\"\n".utf8),
        ]
        var generator = SystemRandomNumberGenerator()
        let letters = Array("[]{}\"'\\=.,#\n\r\t_-+eu0x1 \u{0}\u{7f}é".utf8)
        for seed in seeds {
            for _ in 0..<1_500 {
                var bytes = seed
                for _ in 0..<Int.random(in: 1...8, using: &generator) where !bytes.isEmpty {
                    let place = Int.random(in: bytes.indices, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[place] = letters.randomElement(using: &generator)!
                    case 1: bytes.insert(letters.randomElement(using: &generator)!, at: place)
                    default:
                        bytes.removeSubrange(
                            place..<min(bytes.count, place + Int.random(in: 1...20, using: &generator)))
                    }
                }
                let document = TOMLDocument(String(decoding: bytes, as: UTF8.self))
                #expect(document.faults.count <= TOMLParser.mostFaults)
            }
        }
    }
}
