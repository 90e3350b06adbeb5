/// Who leaves a keyed set when not all of its members come back: the one rule that proposers, voters, holders and verifiers
/// share (docs/protocol/rounds.md, "S, the nesting rule").
///
/// The difference of two keyed sums on one base model is the sum over who left. Members that dropped out hide nobody: they may
/// all be one colluder's, who knows their updates. So as many members as hide each other leave beside them, drawn by the
/// beacon of the MANIFEST block from those who are present.
public enum NestingRule {
    /// p: how many of `present` members leave once one is missing; nil when fewer than `smallest` would be left.
    ///
    /// A third of those present: with fewer, colluders below a third fill all places but one sooner or later.
    public static func leaving(present: Int, smallest: Int) -> Int? {
        let count = max(smallest, (present + 2) / 3)
        return present - count >= smallest ? count : nil
    }

    /// The place of a member in the order of leaving: its own hash, so that neither who else is there nor the key's order
    /// moves anybody.
    public static func place(of key: [UInt8], beacon: [UInt8]) -> [UInt8] {
        Transcript.hash("meshnode/leave/1", beacon, key)
    }

    /// What is left of a set or bucket that was decided before on the same base model.
    ///
    /// - Parameters:
    ///   - latest: its members, ascending, without those proven bad since.
    ///   - isPresent: whether a member has announced exactly one update that counts.
    ///   - beacon: R of the MANIFEST block that decides.
    /// - Returns: all of them where nobody is missing; else those present without the first p by place, ascending; nil
    ///   where too few would be left: then there is no set, or this bucket vanishes.
    public static func next(
        after latest: [[UInt8]], isPresent: ([UInt8]) -> Bool, smallest: Int, beacon: [UInt8]
    ) -> [[UInt8]]? {
        let present = latest.filter(isPresent)
        if present.count == latest.count { return latest.count >= smallest ? latest : nil }
        guard let count = leaving(present: present.count, smallest: smallest) else { return nil }
        let places = present.map { (place: place(of: $0, beacon: beacon), key: $0) }.sorted {
            $0.place == $1.place
                ? $0.key.lexicographicallyPrecedes($1.key) : $0.place.lexicographicallyPrecedes($1.place)
        }
        return places.dropFirst(count).map(\.key).sorted { $0.lexicographicallyPrecedes($1) }
    }
}
