internal import MeshCrypto
public import Wire

/// Who votes at a height, and with which weight. Order is ascending by key; certificates name voters by place in it.
public struct Electorate: Hashable, Sendable, WireCodable {
    public struct Member: Hashable, Sendable, WireCodable {
        public let node: NodeID
        /// The bond, at least 1.
        public let weight: UInt64

        public init(node: NodeID, weight: UInt64) {
            self.node = node
            self.weight = weight
        }

        public func encode(into encoder: inout WireEncoder) {
            encoder.value(node)
            encoder.u64(weight)
        }

        public init(from decoder: inout WireDecoder) throws(WireError) {
            node = try decoder.value()
            weight = try decoder.u64("weight")
        }
    }

    public let members: [Member]
    /// W. Genesis bounds all credits below 2^63, so sums of weights fit.
    public let totalWeight: UInt64

    /// Takes the `Limits.voters` largest bonds of at least 1; ties go to the smaller key. Bonds of a decided state, whose sum
    /// the genesis bounds; never what a message carries.
    public init(bonds: [Member]) {
        let largest = bonds.filter { $0.weight >= 1 }
            .sorted { ($1.weight, $0.node) < ($0.weight, $1.node) }
            .prefix(Limits.voters)
        members = largest.sorted { $0.node < $1.node }
        totalWeight = members.reduce(0) { $0 + $1.weight }
    }

    /// Q = ⌊2W/3⌋ + 1.
    public var quorum: UInt64 { totalWeight / 3 * 2 + (totalWeight % 3) * 2 / 3 + 1 }
    /// T = ⌊W/3⌋ + 1: at least one honest voter is in it.
    public var third: UInt64 { totalWeight / 3 + 1 }

    /// The voter of the largest weight, where it matters alone: without a third or more of the weight nothing is decided, and a
    /// quorum decides without the others.
    public var dominant: (member: Member, decides: Bool)? {
        guard let first = members.max(by: { $0.weight < $1.weight }), first.weight >= third else { return nil }
        return (first, first.weight >= quorum)
    }

    public var hash: Digest { Digest(Transcript.hash("meshnode/electorate/1", wireBytes)) }

    /// Place of `node`, by binary search.
    public func index(of node: NodeID) -> Int? {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle].node < node { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].node == node ? low : nil
    }

    public func contains(_ node: NodeID) -> Bool { index(of: node) != nil }
    public func weight(of node: NodeID) -> UInt64 { index(of: node).map { members[$0].weight } ?? 0 }
    public func weight(of nodes: some Sequence<NodeID>) -> UInt64 { nodes.reduce(0) { $0 + weight(of: $1) } }

    public func encode(into encoder: inout WireEncoder) { encoder.list(members) }
    public init(from decoder: inout WireDecoder) throws(WireError) {
        let members: [Member] = try decoder.list(limit: Limits.voters, "electorate")
        guard let electorate = Electorate(carried: members) else {
            throw .invalid(
                field: "electorate", reason: "members ascend, weights are at least 1 and add up to less than 2^63")
        }
        self = electorate
    }

    /// What a peer's message carries as an electorate; nil for what none can be: members that do not ascend, a weight of 0,
    /// weights whose sum the genesis's bound excludes. `init(bonds:)` is for the state's own numbers alone: it would
    /// trap on these.
    init?(carried members: [Member]) {
        guard members.count <= Limits.voters,
            zip(members, members.dropFirst()).allSatisfy({ $0.node < $1.node })
        else { return nil }
        var total: UInt64 = 0
        for member in members {
            let (sum, overflow) = total.addingReportingOverflow(member.weight)
            guard member.weight >= 1, !overflow, sum <= UInt64(Int64.max) else { return nil }
            total = sum
        }
        self.members = members
        totalWeight = total
    }
}
