/// A number with what it counts: `1 row`, `2 rows`. Sentences for people take it from here, so that none says `1 rows`.
public enum Counted {
    /// - Parameter one: the word for one; several of it end in s.
    public static func text(_ count: some BinaryInteger, _ one: String) -> String {
        "\(count) \(one)\(count == 1 ? "" : "s")"
    }
}
