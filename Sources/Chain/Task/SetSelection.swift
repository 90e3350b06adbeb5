internal import MeshCrypto
public import Wire

/// Who may be in a sum: L from the voters' lists, then S by the nesting rule.
///
/// Every linear combination of keyed sums is constant on the atoms of the sets' algebra, so on one base model all decided
/// sets are nested, and where one is smaller than the one before, n_min members or more who were present left it beside those
/// who dropped out or were proven bad (docs/protocol/rounds.md, docs/adr/0019).
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

    /// S as keys, ascending; empty means that there is no set. The rule itself is `NestingRule`.
    ///
    /// - Parameters:
    ///   - submitters: keys of L, ascending, without those that announced two different updates.
    ///   - decidedSets: sets already decided on this base model, in order.
    ///   - provenBad: members evicted by proof since.
    ///   - beacon: R of the MANIFEST block, which draws who leaves where somebody is missing.
    public static func select(
        submitters: [NodeID], decidedSets: [[NodeID]], provenBad: [NodeID], smallestSet: Int, beacon: Digest
    ) -> [NodeID] {
        guard let latest = decidedSets.last else { return submitters }
        let present = Set(submitters.map(\.bytes))
        let left = NestingRule.next(
            after: latest.filter { !provenBad.contains($0) }.map(\.bytes), isPresent: present.contains,
            smallest: smallestSet, beacon: beacon.bytes)
        return (left ?? []).map { NodeID($0) }
    }
}
