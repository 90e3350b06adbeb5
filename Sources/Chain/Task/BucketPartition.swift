internal import MeshCrypto
public import Wire

/// The buckets of a round under a robust rule: one partition a base model, drawn from the beacon once the set is decided,
/// later only restricted. The argument that no atom of keyed sums is small: docs/adr/0013.
public enum BucketPartition {
    /// Cuts a decided set into as many buckets of at least `smallest` members as it fills, at most `most`, whose sizes
    /// differ by at most one.
    ///
    /// The order is by H(beacon, key): nobody's place depends on who else is in the set, so leaving somebody out moves
    /// borders and draws nothing anew.
    ///
    /// - Parameters:
    ///   - set: at least `smallest` keys.
    ///   - beacon: R of the MANIFEST block, which nobody but its author could compute before.
    /// - Returns: each ascending by key.
    public static func draw(_ set: [NodeID], most: Int, smallest: Int, beacon: Digest) -> [[NodeID]] {
        let count = max(1, min(most, set.count / max(1, smallest)))
        let order = set.map { node in (Transcript.hash("meshnode/bucket/1", beacon.bytes, node.bytes), node) }
            .sorted { $0.0 == $1.0 ? $0.1 < $1.1 : $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
        var buckets: [[NodeID]] = []
        var start = 0
        for index in 0..<count {
            let size = set.count / count + (index < set.count % count ? 1 : 0)
            buckets.append(order[start..<start + size].sorted())
            start += size
        }
        return buckets
    }

    /// The same buckets without whom the set has not; empty ones vanish.
    static func restrict(_ buckets: [[NodeID]], to set: [NodeID]) -> [[NodeID]] {
        let members = Set(set)
        return buckets.map { $0.filter { members.contains($0) } }.filter { !$0.isEmpty }
    }
}

extension SetSelection {
    /// S on a base model that has buckets: each keeps its members, or loses its own first places by the rule of a whole
    /// set, and goes as a whole where fewer than `smallestSet` would be left. None is ever cut anew.
    ///
    /// - Parameters:
    ///   - buckets: those of the latest decided set.
    ///   - least: fewer buckets than this make no set.
    ///   - beacon: R of the MANIFEST block.
    /// - Returns: ascending; empty means that there is no set.
    static func select(
        submitters: [NodeID], buckets: [[NodeID]], provenBad: [NodeID], smallestSet: Int, least: Int,
        beacon: Digest
    ) -> [NodeID] {
        let kept = buckets.map { bucket in
            select(
                submitters: submitters, decidedSets: [bucket], provenBad: provenBad, smallestSet: smallestSet,
                beacon: beacon)
        }.filter { $0.count >= smallestSet }
        return kept.count >= least ? kept.flatMap { $0 }.sorted() : []
    }
}

extension TaskState {
    /// The buckets of a set that a MANIFEST decides, given those before it on this base model.
    func buckets(of set: [NodeID]) -> [[NodeID]] {
        guard spec.training.server.isRobust else { return [] }
        guard buckets.isEmpty else { return BucketPartition.restrict(buckets, to: set) }
        return BucketPartition.draw(
            set, most: Int(spec.training.robust.buckets), smallest: Int(spec.participants.smallestSet), beacon: beacon)
    }

    /// Everybody who is proven bad: evicted already, or as soon as the present attempt ends.
    public var provenBad: [NodeID] { Set(evicted).union(condemned).sorted() }

    /// The sums of a decided set, as places in it: one of everybody, or one a bucket.
    public func sums(of set: [SetMember]) -> [[Int]] {
        guard !buckets.isEmpty else { return [Array(set.indices)] }
        return buckets.map { bucket in set.indices.filter { bucket.contains(set[$0].node) } }
    }

    /// Elements of e and of each key vector of the decided set: every sum's, one after the other.
    var summedElements: Int { max(1, buckets.count) * spec.elementCount(round: round) }

    /// The sum that an element of e belongs to, and its place in a member's vector.
    func place(ofElement element: UInt32) -> (sum: Int, element: Int) {
        let count = max(1, spec.elementCount(round: round))
        return (Int(element) / count, Int(element) % count)
    }
}
