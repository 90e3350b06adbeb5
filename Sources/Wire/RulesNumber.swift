/// The number of the rules that a network is decided by: what is valid, what is hashed, and every stored or sent form.
///
/// Whoever changes one of these raises ``current`` and adds a row to ``table`` and to docs/protocol/README.md. The number
/// stands in the genesis, so that it is part of the network id, in the first message of every link and in the first line
/// of an export. Bytes of another number are refused; they are never read by the rules of this one.
public enum RulesNumber {
    public static let current: UInt16 = 2
    /// The number of the release that wrote none: its geneses have none, and its links say 1.
    public static let unwritten: UInt16 = 1

    /// Every number with the releases that follow it and what it changed, ascending.
    public static let table: [(number: UInt16, releases: String, change: String)] = [
        (1, "0.1.0", "the first rules; no number in genesis and export"),
        (2, "0.2.0", "the number itself; registry, sets, orders and texts of that release"),
    ]

    /// Why a genesis, export or peer of another number is refused, and what to do.
    public static func refusal(_ found: UInt16, own: UInt16 = current) -> String {
        let next =
            releases(found).map { "use meshnode \($0) for it" }
            ?? "use the release that follows rules \(found): its docs/protocol/README.md has the table"
        return "it follows rules \(found)\(named(found)), this program follows rules \(own)\(named(own)); \(next)"
    }

    private static func releases(_ number: UInt16) -> String? { table.first { $0.number == number }?.releases }

    private static func named(_ number: UInt16) -> String { releases(number).map { " (meshnode \($0))" } ?? "" }
}
