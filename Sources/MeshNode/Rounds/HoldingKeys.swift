internal import Chain
internal import MeshCrypto
internal import Wire

/// A holder's part of a round: open sealed seeds, derive the key of exactly the decided sum.
enum HoldingKeys {
    /// The seeds that this holder finds in a submission, by component; fewer than its components mean a bad box.
    static func open(
        _ content: SubmissionContent, header: SubmissionHeader, place: Int, key: RistrettoKey, policy: RoundPolicy
    ) throws(RoundError) -> [(component: Int, seed: SecretBytes)] {
        do {
            let opened = try header.sealedSeeds(boxes: content.boxes).open(
                holder: place, key: key, profile: policy.profile, binding: header.binding())
            return opened.seeds.compactMap { entry in entry.seed.map { (entry.component, $0) } }
        } catch { throw .rejected("\(error)") }
    }

    struct Vector: Sendable {
        let component: Int
        /// K^(a)_j, 32 bytes each.
        let bytes: [UInt8]
        let root: Digest
    }

    /// K^(a)_j = Σ_{i∈S} R^(a)_ij for every component of this holder.
    static func derive(
        members: [(header: SubmissionHeader, content: SubmissionContent)], place: Int, key: RistrettoKey,
        policy: RoundPolicy
    ) throws(RoundError) -> [Vector] {
        var maskKeys: [Int: [SecretBytes]] = [:]
        for member in members {
            let seeds = try open(member.content, header: member.header, place: place, key: key, policy: policy)
            guard seeds.count == policy.profile.components(of: place).count else {
                throw .failed("a seed of \(member.header.submitter.short) does not open")
            }
            do {
                let binding = try member.header.binding()
                for (component, seed) in seeds {
                    maskKeys[component, default: []].append(
                        MaskDerivation.maskKey(seed: seed, binding: binding, component: component))
                }
            } catch { throw .failed("\(error)") }
        }
        guard let round = members.first?.header.round else { throw .failed("an empty set") }
        let count = policy.elementCount(round: round)
        return policy.profile.components(of: place).sorted().map { component in
            let vector = KeyVector.sum(maskKeys: maskKeys[component] ?? [], count: count)
            return Vector(component: component, bytes: vector, root: Digest(KeyVector.tree(vector).root))
        }
    }

    /// What a sealed vector is bound to.
    static func sealingContext(network: NetworkID, manifest: BlockID, component: Int, holder: NodeID) -> [UInt8] {
        Transcript.hash(
            "meshnode/key-release/1", network.bytes, manifest.bytes, [UInt8(component)], holder.bytes)
    }
}
