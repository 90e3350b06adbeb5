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

    /// Opens the boxes and, where one does not open to what the header commits to, proves it.
    ///
    /// - Parameter lies: complains about a box that opens, for test networks only.
    static func examine(
        _ content: SubmissionContent, header: SubmissionHeader, place: Int, key: RistrettoKey, policy: RoundPolicy,
        lies: Bool
    ) throws(RoundError) -> (isComplete: Bool, complaint: Complaint.Entry?) {
        let seeds = try open(content, header: header, place: place, key: key, policy: policy)
        let known = policy.profile.components(of: place).sorted()
        let isComplete = seeds.count == known.count
        let failed = known.first { component in !seeds.contains { $0.component == component } }
        guard let component = failed ?? (lies ? known.first : nil) else { return (isComplete, nil) }
        do {
            let id = SubmissionID.of(headerBytes: header.wireBytes)
            let complaint = try HolderComplaint.make(
                about: header.sealedSeeds(boxes: content.boxes), component: component, holder: place, key: key,
                submission: id.bytes)
            return (
                isComplete,
                Complaint.Entry(
                    submission: id, component: UInt8(component), sharedPoint: Digest(complaint.sharedPoint),
                    proof: Signature(complaint.proof), boxes: content.boxes)
            )
        } catch { throw .failed("complaint: \(error)") }
    }

    struct Vector: Sendable {
        let component: Int
        /// K^(a)_j, 32 bytes each.
        let bytes: [UInt8]
        let root: Digest
    }

    typealias Member = (header: SubmissionHeader, content: SubmissionContent)

    /// K_{i,a} of every member, by component of this holder.
    static func maskKeys(
        members: [Member], place: Int, key: RistrettoKey, policy: RoundPolicy
    ) throws(RoundError) -> [Int: [SecretBytes]] {
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
        return maskKeys
    }

    /// K^(a)_j = Σ_i R^(a)_ij over the members of each sum, for every component of this holder: the vectors of all sums
    /// stand one after the other, under one root a component.
    ///
    /// - Parameters:
    ///   - sums: places in `members`.
    ///   - lies: adds one to the first element of the first component, for test networks only.
    static func derive(
        members: [Member], sums: [[Int]], place: Int, key: RistrettoKey, policy: RoundPolicy, lies: Bool = false
    ) throws(RoundError) -> [Vector] {
        let maskKeys = try maskKeys(members: members, place: place, key: key, policy: policy)
        guard let round = members.first?.header.round else { throw .failed("an empty set") }
        let count = policy.elementCount(round: round)
        return policy.profile.components(of: place).sorted().enumerated().map { index, component in
            let known = maskKeys[component] ?? []
            var vector: [UInt8] = []
            for sum in sums { vector += KeyVector.sum(maskKeys: sum.map { known[$0] }, count: count) }
            if lies, index == 0 { Cheating.addOne(to: &vector) }
            return Vector(component: component, bytes: vector, root: Digest(KeyVector.tree(vector).root))
        }
    }

    /// R_ij^(a) of one element for these components.
    static func disclose(
        members: [Member], place: Int, key: RistrettoKey, element: Int, components: [Int], policy: RoundPolicy,
        lies: Bool = false
    ) throws(RoundError) -> [Disclosure.Masks] {
        let maskKeys = try maskKeys(members: members, place: place, key: key, policy: policy)
        let first = policy.profile.components(of: place).min()
        return components.sorted().map { component in
            var values = (maskKeys[component] ?? []).map { MaskDerivation.mask(key: $0, element: element) }
            // A liar that thinks: its masks add up to the vector that it signed.
            if lies, component == first, element == 0, !values.isEmpty { Cheating.addOne(to: &values[0]) }
            return Disclosure.Masks(component: UInt8(component), values: values.map { Digest($0) })
        }
    }

    /// What a sealed vector is bound to.
    static func sealingContext(network: NetworkID, manifest: BlockID, component: Int, holder: NodeID) -> [UInt8] {
        Transcript.hash(
            "meshnode/key-release/1", network.bytes, manifest.bytes, [UInt8(component)], holder.bytes)
    }
}
