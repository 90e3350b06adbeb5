/// A number with what it counts: `1 row`, `2 rows`. Sentences for people take it from here, so that none says `1 rows`.
public enum Counted {
    /// - Parameters:
    ///   - one: the word for one; several of it end in s.
    ///   - verb: what they do, as several do it: `repeat` becomes `1 row repeats`, `are` becomes `1 row is`.
    public static func text(_ count: some BinaryInteger, _ one: String, _ verb: String? = nil) -> String {
        let isOne = count == 1
        let counted = "\(count) \(one)\(isOne ? "" : "s")"
        guard let verb else { return counted }
        return counted + " " + (!isOne ? verb : verb == "are" ? "is" : verb + "s")
    }
}
