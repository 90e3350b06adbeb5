/// Whether a reader may take one name for another. Names of tasks, labels and columns come from whoever publishes, and a
/// person tells them apart by their looks.
///
/// The rule is that of UTS #39, section 5.2, "highly restrictive", for each word instead of the whole text, with two more
/// bounds: words of another script that look like Latin ones, and one Greek letter as a sign. It says nothing about letters
/// of one script that look alike (l, I and 1; rn and m): ids tell names apart, and ids beat names.
public enum LookAlikes {
    /// Most marks on one letter.
    public static let mostMarks = 4

    /// Letters of other scripts that look like a Latin one, and that one.
    public static let latin: [Unicode.Scalar: Unicode.Scalar] = Dictionary(
        uniqueKeysWithValues: pairs.flatMap { row in zip(row.letters.unicodeScalars, row.looksLike.unicodeScalars) })

    public static let pairs: [(script: Script, letters: String, looksLike: String)] = [
        (.cyrillic, "АВЕЅІЈКМНОРСТУХҮԚԜӀЁЇ", "ABESIJKMHOPCTYXYQWIËÏ"),
        (.cyrillic, "аеорсухіјѕԛԝһӏгьёїӓӧӑѐӗ", "aeopcyxijsqwhlrbëïäöăèĕ"),
        (.greek, "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧΪΫ", "ABEZHIKMNOPTYXÏŸ"),
        (.greek, "αγινορσυόάίύϊϋ", "ayivopouóáíúïü"),
        (.armenian, "ՍՕօհոսցզ", "UOohnugq"),
    ]

    /// Why `text` may be taken for another text, in words that say what is allowed; nil where it may not.
    ///
    /// - Parameter isName: it is what people call a thing by, so that even a text without any Latin letter must not look
    ///   like one.
    public static func fault(_ text: String, isName: Bool = false) -> String? {
        guard !isPlain(text) else { return isName && isWidelySpaced(text) ? Self.spacing : nil }
        return faultOfLetters(text, isName: isName)
    }

    /// Letters, digits and signs of ASCII alone: all are allowed, and none looks like a letter of another script. Most texts
    /// are, and a task may have ten thousand.
    static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { 0x20...0x7E ~= $0 } }

    private static let spacing = "spaces stand between words only, one at a time"

    /// By code points: what is one character is the library's word, which follows its version of Unicode.
    private static func isWidelySpaced(_ text: String) -> Bool {
        var previous: Unicode.Scalar = " "
        for scalar in text.unicodeScalars {
            if scalar == " ", previous == " " { return true }
            previous = scalar
        }
        return previous == " " && !text.isEmpty
    }

    /// The rule itself, for any text.
    static func faultOfLetters(_ text: String, isName: Bool) -> String? {
        var reader = Reader()
        for scalar in text.unicodeScalars {
            if let fault = reader.read(scalar) { return fault }
        }
        reader.endWord()
        for word in reader.words where word.isMixed {
            return
                "the word \"\(word.text)\" mixes \(word.scriptNames), whose letters look alike; write a word in one script"
        }
        let hasLatin = reader.words.contains { $0.scripts.contains(.latin) }
        let showsItself = reader.words.contains { !$0.scripts.contains(.latin) && !$0.looksLatin }
        for word in reader.words where word.looksLatin && (hasLatin || (isName && !showsItself)) {
            return
                "the word \"\(word.text)\" is \(word.scriptNames) and looks like Latin letters; write it in those, or "
                + "differently"
        }
        return isName && isWidelySpaced(text) ? Self.spacing : nil
    }

    /// What a reader sees: two texts of one list with the same looks are taken for each other.
    public static func looks(_ text: String) -> String {
        isPlain(text) && !isWidelySpaced(text) ? text : looksOfLetters(text)
    }

    static func looksOfLetters(_ text: String) -> String {
        var seen = ""
        for scalar in text.unicodeScalars { seen.unicodeScalars.append(latin[scalar] ?? twins[scalar] ?? scalar) }
        return seen.unicodeScalars.split(separator: " ").map { String(String.UnicodeScalarView($0)) }.joined(
            separator: " ")
    }

    /// Whether a hurried reader takes one name for the other, within one script, too. Advice to people, never a rule: case
    /// is folded by the library's tables.
    public static func areAlike(_ first: String, _ second: String) -> Bool {
        func folded(_ text: String) -> String {
            var letters = ""
            for letter in looks(text).lowercased() where !" -_.".contains(letter) {
                letters += letter == "0" ? "o" : letter == "1" || letter == "i" || letter == "|" ? "l" : String(letter)
            }
            return String(letters.split(separator: "rn", omittingEmptySubsequences: false).joined(separator: "m"))
        }
        return folded(first) == folded(second)
    }

    /// The micro sign and the letter mu; i without its dot.
    private static let twins: [Unicode.Scalar: Unicode.Scalar] = ["\u{B5}": "\u{3BC}", "\u{131}": "i"]

    /// Letters and marks without anything between them.
    private struct Word {
        var text = ""
        var scripts: Set<Script> = []
        /// Letters that look like Latin ones, and letters that are Greek.
        var alike = 0
        var greek = 0
        var letters = 0

        var looksLatin: Bool { letters > 0 && alike == letters }
        var scriptNames: String {
            Script.allCases.filter(scripts.contains).map(\.name).joined(separator: " and ")
        }

        var isMixed: Bool {
            guard scripts.count > 1 else { return false }
            // A Greek letter that looks like no other is a sign in a word of Latin letters: Δt, λmax.
            if scripts == [.latin, .greek] { return greek != 1 || alike > 0 }
            return !LookAlikes.together.contains { scripts.isSubset(of: $0) }
        }
    }

    /// Scripts that one word may mix: those that Japanese, Chinese and Korean are written in, and Latin letters.
    static let together: [Set<Script>] = [
        [.latin, .han, .hiragana, .katakana], [.latin, .han, .bopomofo], [.latin, .han, .hangul],
    ]

    private struct Reader {
        var words: [Word] = []
        private var word = Word()
        private var previous: Unicode.Scalar?
        private var previousScript: Script?
        private var marks = 0
        /// The last code point of class 0, and the class of the last one.
        private var starter: Unicode.Scalar?
        private var lastClass: UInt8 = 0

        mutating func endWord() {
            if word.letters > 0 { words.append(word) }
            word = Word()
        }

        mutating func read(_ scalar: Unicode.Scalar) -> String? {
            defer { previous = scalar }
            guard let kind = ScriptTable.kind(of: scalar) else {
                return "\(shown(scalar)) is not among the letters and signs that texts of a task are written with"
            }
            if let fault = normalise(scalar) { return fault }
            switch kind {
            case .common:
                endWord()
                previousScript = nil
            case .letter(let script):
                word.text.unicodeScalars.append(scalar)
                word.scripts.insert(script)
                word.letters += 1
                if script == .greek { word.greek += 1 }
                if LookAlikes.latin[scalar] != nil { word.alike += 1 }
                previousScript = script
                marks = 0
            case .mark(let script):
                marks += 1
                guard previousScript == script, previous != scalar, marks <= LookAlikes.mostMarks else {
                    return "the mark \(shown(scalar)) does not belong to the letter before it, or is one of too many"
                }
                word.text.unicodeScalars.append(scalar)
            }
            return nil
        }

        /// The quick check of normalisation form C, made exact by the pairs that compose.
        private mutating func normalise(_ scalar: Unicode.Scalar) -> String? {
            guard scalar.value >= ScriptTable.firstMark else {
                (starter, lastClass) = (scalar, 0)
                return nil
            }
            let own = ScriptTable.combiningClass(of: scalar)
            let isOrdered = own == 0 || own >= lastClass
            // What stands between has another class, or nothing stands between.
            let isNext = lastClass == 0 || own > lastClass
            let composes = isNext && starter.map { ScriptTable.composed.contains([$0.value, scalar.value]) } ?? false
            if own == 0 { starter = scalar }
            lastClass = own
            return isOrdered && !composes
                ? nil : "is not in Unicode's normalisation form C at \(shown(scalar)); write the composed letter"
        }

        private func shown(_ scalar: Unicode.Scalar) -> String {
            let digits = String(scalar.value, radix: 16, uppercase: true)
            return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
    }
}
