/// Numbers as text files write them.
enum NumberText {
    /// A finite decimal number and nothing else.
    ///
    /// The standard library's conversion stops at a NUL, which half-written files hold, and takes hexadecimal digits and
    /// words: every byte is looked at first.
    static func finite(_ text: some StringProtocol) -> Float? {
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x2b, 0x2d, 0x2e, 0x45, 0x65: continue
            default: return nil
            }
        }
        guard let value = Float(text), value.isFinite else { return nil }
        return value
    }

    /// What stands there instead of a number, in words that name the usual causes.
    static func found(_ text: String) -> String {
        guard !text.isEmpty else { return "nothing" }
        let shown = shown(text)
        if text.utf8.contains(0) { return "\(shown), which holds a NUL byte, as half-written files do" }
        let pieces = text.split(separator: ",", omittingEmptySubsequences: false)
        guard pieces.count >= 2, pieces.allSatisfy({ finite($0) != nil && !$0.isEmpty }) else { return shown }
        // A point in its place would make a thousandth of it.
        if pieces.dropFirst().allSatisfy({ $0.utf8.count == 3 }) {
            let whole = pieces.joined()
            return "\(shown): write \(whole) if the comma parts thousands"
                + (pieces.count == 2 ? ", \(pieces.joined(separator: ".")) if it is a decimal comma" : "")
        }
        if pieces.count == 2 { return "\(shown), a decimal comma; write a point" }
        return shown
    }

    /// A text of a file in quotes, cut, control characters as escapes.
    static func shown(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(40) {
            if scalar.properties.generalCategory == .control {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return "\"\(result)\""
    }

    /// Without the blanks around it; those of spreadsheets do not break (U+00A0, U+202F).
    static func trimmed(_ text: String) -> String {
        var view = Substring(text)
        while let first = view.first, isBlank(first) { view.removeFirst() }
        while let last = view.last, isBlank(last) { view.removeLast() }
        return String(view)
    }

    private static func isBlank(_ character: Character) -> Bool {
        character == " " || character == "\t" || character == "\u{a0}" || character == "\u{202f}"
    }

    /// Whether a title or label can be shown and compared: no control characters.
    static func isPlain(_ text: String) -> Bool {
        !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
