/// A TOML text as its lines, for changes that leave comments and order as they are. It knows the forms that people write;
/// whoever changes a text so reads the result, and refuses what does not say what was wanted.
enum TOMLLines {
    /// The name in `[name]`; nil for any other line.
    static func table(of line: String) -> String? {
        let text = line[...].trimmingSpaces
        guard text.first == "[", let close = text.firstIndex(of: "]") else { return nil }
        return String(text[text.index(after: text.startIndex)..<close].trimmingSpaces)
    }

    /// What stands before `=`; nil for a comment, and for a line without one.
    static func key(of line: String) -> String? {
        let text = line[...].trimmingSpaces
        guard text.first != "#", let sign = text.firstIndex(of: "=") else { return nil }
        return String(text[..<sign].trimmingSpaces)
    }

    /// What stands behind `key =`.
    /// - Parameter isShown: behind `# key =`, as the template shows a default.
    static func value(of key: String, in line: String, isShown: Bool) -> String? {
        var text = line[...].trimmingSpaces
        if isShown {
            guard text.first == "#" else { return nil }
            text = text.dropFirst().trimmingSpaces
        }
        guard text.hasPrefix(key) else { return nil }
        text = text.dropFirst(key.count).trimmingSpaces
        return text.first == "=" ? String(text.dropFirst().trimmingSpaces) : nil
    }

    /// The last line of a value that begins with `text` in line `first`: a list may span lines.
    /// - Returns: also the value as it stands, with its lines.
    static func end(of text: String, at first: Int, in lines: [String], before end: Int) -> (last: Int, text: String) {
        var (last, whole) = (first, text)
        var isOpen = TOMLDocument.value(whole) == nil
        while isOpen, last + 1 < end {
            last += 1
            whole += "\n" + lines[last]
            // Only such a line can close it; the value of a list of thousands of lines is not read at each of them.
            let closes = ["]", "}", "\"\"\"", "'''"].contains { lines[last].contains($0) }
            if closes { isOpen = TOMLDocument.value(whole) == nil }
        }
        return (last, whole)
    }

    /// The comment behind a value on its line, with the blanks before it.
    static func comment(behind text: String) -> String {
        for place in text.indices where text[place] == "#" {
            if TOMLDocument.value(String(text[..<place])) != nil { return "  " + text[place...] }
        }
        return ""
    }
}
