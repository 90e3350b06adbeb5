/// What is said of numbers that binary32 changes, by whoever writes or judges them.
public enum RoundedText {
    /// Columns that a message lists.
    private static let listed = 8

    /// Whole numbers that become other ones: nothing is written then.
    /// - Returns: nil where every whole number is kept.
    public static func refusal(_ data: Dataset) -> String? {
        text(data.rounded.columns.filter(\.isMerged), more: data.rounded.moreMerged, data.columnNames).map {
            $0
                + ": whole numbers beyond 16777216 (2^24) have neighbours that are one value in binary32; divide the column "
                + "(nanoseconds to seconds), or leave it out by naming the others with --column"
        }
    }

    /// Other numbers, which lose digits.
    /// - Returns: nil where every number is kept.
    public static func remark(_ data: Dataset) -> String? {
        rounded(data).map { "binary32 keeps seven digits: " + $0.text }
    }

    /// The same for an audit, with the number of columns.
    static func rounded(_ data: Dataset) -> (columns: Int, text: String)? {
        let columns = data.rounded.columns.filter { !$0.isMerged }
        let more = data.rounded.moreRounded
        return text(columns, more: more, data.columnNames).map { (columns.count + more, $0) }
    }

    private static func text(_ columns: [RoundedColumn], more: Int, _ titles: [String]) -> String? {
        var parts = columns.prefix(listed).map { column in
            let title = column.place < titles.count ? titles[column.place] : ""
            return "\(title.isEmpty ? "column \(column.place + 1)" : title.tomlWord) \(column.changed) of "
                + "\(column.count) numbers, the most in sample \(column.row), where \(column.from) becomes \(number(column.into))"
        }
        let rest = columns.count - parts.count + more
        if rest > 0 { parts.append(parts.isEmpty ? "\(rest) columns" : "and \(rest) more columns") }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private static func number(_ value: Float) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    }
}
