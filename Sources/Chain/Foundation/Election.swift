internal import MeshCrypto
public import Wire

/// The beacon and the stake-weighted orders drawn from it.
///
/// R_h = H(R_{h−1} ‖ h ‖ β_h), β_h from the block author's VRF proof. While a chain's proofs have length 0, β is
/// empty: the draw is the same for everybody but can be computed, and so ground, ahead of time.
public enum Election {
    public static func beacon(after previous: Digest, height: UInt64, output: [UInt8]) -> Digest {
        var transcript = Transcript("meshnode/beacon/1")
        transcript.append(previous)
        transcript.append(height)
        transcript.append(output)
        return transcript.identifier()
    }

    /// A shuffle without replacement in which each next place goes to a member with probability weight / remaining
    /// weight. Integers only: every node draws the same order.
    public static func order(_ members: [Electorate.Member], seed: Digest, domain: String) -> [NodeID] {
        var stream = DrawStream(seed: seed, domain: domain)
        var left = members.sorted { $0.node < $1.node }
        var total = left.reduce(0) { $0 + $1.weight }
        var order: [NodeID] = []
        while !left.isEmpty {
            var ticket = total == 0 ? 0 : stream.below(total)
            var chosen = left.count - 1
            for (index, member) in left.enumerated() {
                if ticket < member.weight {
                    chosen = index
                    break
                }
                ticket -= member.weight
            }
            let member = left.remove(at: chosen)
            total -= member.weight
            order.append(member.node)
        }
        return order
    }

    /// Views 0, 1, … of a height belong to slots 0, 1, … of this order, modulo its length. Key holders stand last:
    /// whoever sums should know no mask.
    public static func proposers(electorate: Electorate, beacon: Digest, holders: [NodeID]) -> [NodeID] {
        let drawn = order(electorate.members, seed: beacon, domain: "proposers")
        return drawn.filter { !holders.contains($0) } + drawn.filter { holders.contains($0) }
    }
}

/// Uniform integers from BLAKE2b in counter mode, by rejection.
struct DrawStream {
    private let seed: Digest
    private let domain: String
    private var counter: UInt64 = 0

    init(seed: Digest, domain: String) {
        self.seed = seed
        self.domain = domain
    }

    /// Uniform in 0..<bound.
    mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        // The largest multiple of bound: what lies beyond would favour small values.
        let limit = UInt64.max - UInt64.max % bound
        while true {
            var transcript = Transcript("meshnode/draw/1")
            transcript.append(Array(domain.utf8))
            transcript.append(seed)
            transcript.append(counter)
            counter += 1
            let value = transcript.hash().prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
            if value < limit { return value % bound }
        }
    }
}
