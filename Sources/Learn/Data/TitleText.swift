import Foundation

/// Titles of columns and names of classes as messages write them. Files choose them, so that a comma, a quote or a colon may
/// be in one: every list of them in a message, a page or a summary is written here, and nowhere by hand.
public enum TitleText {
    /// Longest title that a list writes whole, in characters of Unicode.
    private static let longest = 200

    /// A title or label of a file as everything here has it: composed (NFC), for an Ü of two scalars is shown and compared like
    /// one of one, but no task takes it, and sorting by bytes puts it elsewhere. Every reader calls this.
    static func composed(_ text: String) -> String {
        text.utf8.allSatisfy { $0 < 0x80 } ? text : text.precomposedStringWithCanonicalMapping
    }

    /// Strings of TOML apart by commas: what stands between the brackets of `columns = [...]`, and each of them one word of a
    /// shell behind `--column`.
    /// - Parameter most: how many are written, dots standing for the rest of a list or a title; nil for all, whole.
    public static func list(_ titles: [String], most: Int? = 8) -> String {
        guard let most else { return titles.map(\.tomlWord).joined(separator: ", ") }
        let shown = titles.prefix(most).map { title in
            title.unicodeScalars.count <= longest
                ? title.tomlWord
                : String(String.UnicodeScalarView(title.unicodeScalars.prefix(longest))).tomlWord + "..."
        }
        return shown.joined(separator: ", ") + (titles.count > most ? ", ..." : "")
    }

    /// One title inside a sentence: in quotes only where something in it could be taken for a part of the sentence.
    public static func word(_ title: String) -> String {
        let isPlain =
            !title.isEmpty && title.first != " " && title.last != " "
            && title.unicodeScalars.allSatisfy { !",:;\"\\".unicodeScalars.contains($0) && $0.isShown }
        return isPlain ? title : title.tomlWord
    }
}
