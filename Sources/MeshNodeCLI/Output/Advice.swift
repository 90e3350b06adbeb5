internal import Wire

/// Commands that messages name.
///
/// Each stands in backticks and in one literal, with capitals for what the reader puts in: `` `meshnode task join TASK` ``.
/// A test takes them all out of the sources and parses them as the program does, so that no message names a command or an
/// option that does not exist. Words of a path are quoted for a shell (`String.shellWord`).
enum Advice {
    /// Commands of no home.
    private static let homeless: Set<String> = [
        "data", "baseline", "profile", "predict", "genesis", "bench", "demo", "testnet",
    ]

    /// The same text with the home that this command was given, in every command that works on one and names none: a
    /// person who gave `--home` would else be sent to the default home.
    static func addressed(_ text: String, home: String?) -> String {
        guard let home, !home.isEmpty else { return text }
        var result = ""
        var rest = text[...]
        let opening = "`meshnode "
        while let start = rest.firstRange(of: opening) {
            guard let end = rest[start.upperBound...].firstIndex(where: { $0 == "`" || $0 == "\n" }),
                rest[end] == "`"
            else { break }
            let words = rest[start.upperBound..<end]
            let verb = String(words.prefix { $0 != " " })
            result += rest[..<end]
            if !homeless.contains(verb), words.firstRange(of: "--home") == nil { result += " --home \(home.shellWord)" }
            result += "`"
            rest = rest[rest.index(after: end)...]
        }
        return result + rest
    }
}
