public import Wire

/// Who may be in a sum: L from the voters' lists, then S by the nesting rule.
///
/// Every linear combination of keyed sums is constant on the atoms of the sets' algebra, so on one base model all
/// decided sets are nested, with differences of at least n_min less members proven bad (docs/protocol/rounds.md).
public enum SetSelection {
    /// L: ids named by lists of at least T weight. What all honest voters stored is in it; what no honest voter has
    /// is not.
    public static func listed(
        union: [SubmissionID], lists: [ReceivedList], electorate: Electorate
    ) -> [SubmissionID] {
        union.enumerated().filter { index, _ in
            let weight = electorate.weight(
                of: lists.filter { $0.bitmap[index / 8] >> UInt8(index % 8) & 1 == 1 }.map(\.signer))
            return weight >= electorate.third
        }.map(\.element)
    }

    /// S as keys, ascending; fewer than `smallestSet` means that there is no set.
    ///
    /// - Parameters:
    ///   - submitters: keys of L, ascending, without those that announced two different updates.
    ///   - decidedSets: sets already decided on this base model, in order.
    ///   - provenBad: members evicted by proof since.
    public static func select(
        submitters: [NodeID], decidedSets: [[NodeID]], provenBad: [NodeID], smallestSet: Int
    ) -> [NodeID] {
        guard let latest = decidedSets.last else { return submitters }
        let kept = latest.filter { !provenBad.contains($0) }
        let present = kept.filter { submitters.contains($0) }
        if present.count == kept.count { return kept }
        let lost = kept.count - present.count
        // Dropping one or two alone would expose them by subtraction: the rest of a full atom goes too.
        return Array(present.dropFirst(max(0, smallestSet - lost)))
    }
}
