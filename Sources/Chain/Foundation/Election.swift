public import MeshCrypto
public import Wire

/// The beacon and the stake-weighted orders drawn from it.
///
/// R_h = H(R_{h−1} ‖ h ‖ β_h), β_h the VRF output of the block's author over its chain, R_{h−1} and h: nobody else can
/// compute it, and the author cannot choose it. Where a chain's proofs have length 0, β is empty: the draw is the same
/// for everybody but can be computed, and so ground, ahead of time.
public enum Election {
    /// Bytes of a proof where the chain's parameters ask for one.
    public static let proofBytes = ECVRF.proofBytes

    /// R after a block whose proof has been checked.
    static func beacon(after previous: Digest, header: BlockHeader) -> Digest {
        let output = header.electionProof.isEmpty ? [] : (try? ECVRF.output(proof: header.electionProof)) ?? []
        return beacon(after: previous, height: header.height, output: output)
    }

    public static func beacon(after previous: Digest, height: UInt64, output: [UInt8]) -> Digest {
        var transcript = Transcript("meshnode/beacon/1")
        transcript.append(previous)
        transcript.append(height)
        transcript.append(output)
        return transcript.identifier()
    }

    /// R of the block that the holder of `key` would author at `height`.
    static func ownBeacon(
        chain: ChainID, height: UInt64, after previous: Digest, key: RistrettoKey?, parameters: Genesis.Parameters
    ) -> Digest {
        let proof = proof(
            chain: chain, height: height, beacon: previous, key: key, bytes: parameters.electionProofBytes)
        let output = proof.isEmpty ? [] : (try? ECVRF.output(proof: proof)) ?? []
        return beacon(after: previous, height: height, output: output)
    }

    /// What the author of a height proves its output for.
    static func input(chain: ChainID, height: UInt64, beacon: Digest) -> [UInt8] {
        Transcript.hash("meshnode/election/1", chain.bytes, beacon.bytes, WireEncoder.bytes(height))
    }

    /// The proof of the author of `height`; empty where the chain has none.
    public static func proof(
        chain: ChainID, height: UInt64, beacon: Digest, key: RistrettoKey?, bytes: UInt8
    ) -> [UInt8] {
        guard bytes > 0, let key else { return [] }
        return ECVRF.prove(input(chain: chain, height: height, beacon: beacon), key: key)
    }

    /// Checks a header's proof against its author's election key.
    static func check(
        _ header: BlockHeader, beacon: Digest, key: Digest?, parameters: Genesis.Parameters
    ) throws(ChainError) {
        try require(
            header.electionProof.count == Int(parameters.electionProofBytes),
            "the election proof has \(header.electionProof.count) bytes, the chain asks for "
                + "\(parameters.electionProofBytes)")
        guard parameters.electionProofBytes > 0 else { return }
        guard let key,
            (try? ECVRF.verify(
                header.electionProof, input: input(chain: header.chain, height: header.height, beacon: beacon),
                publicKey: key.bytes)) != nil
        else { throw .invalid("the election proof is not that of \(header.author.short)'s election key") }
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

extension WireEncoder {
    static func bytes(_ number: UInt64) -> [UInt8] {
        var encoder = WireEncoder()
        encoder.u64(number)
        return encoder.bytes
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
