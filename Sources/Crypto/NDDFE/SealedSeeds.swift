internal import Sodium

/// The seeds of one submission, each sealed to every holder of its component (ECIES on ristretto255).
///
/// One E = t·G a submission; the key of a box is BLAKE2b-256(t·P ‖ E ‖ P ‖ ctx ‖ pk ‖ a) as a transcript, the box is
/// XChaCha20-Poly1305 under a zero nonce (each key serves one box). A Schnorr proof of t, bound to everything in the
/// header, keeps a copied E from turning holders into a decryption oracle.
public struct SealedSeeds: Sendable, Hashable {
    /// E, 32 bytes.
    public let ephemeral: [UInt8]
    /// com_a of every component, 32 bytes each.
    public let commitments: [[UInt8]]
    /// `profile.boxCount` boxes of 48 bytes, by component, then holder.
    public let boxes: [[UInt8]]
    /// T ‖ z, 64 bytes: z·G = T + c·E.
    public let proof: [UInt8]

    public static let boxBytes = 48
    public static let proofBytes = 64

    /// Takes what a header and its boxes carried; `verify` decides whether it counts.
    public init(ephemeral: [UInt8], commitments: [[UInt8]], boxes: [[UInt8]], proof: [UInt8]) {
        self.ephemeral = ephemeral
        self.commitments = commitments
        self.boxes = boxes
        self.proof = proof
    }

    /// The hash of the boxes that the header carries. 32 bytes.
    public var boxesHash: [UInt8] { SealedSeeds.hash(boxes: boxes) }

    public static func hash(boxes: [[UInt8]]) -> [UInt8] {
        var transcript = Transcript("meshnode/nddfe/v1/boxes")
        for box in boxes { transcript.append(box) }
        return transcript.hash()
    }

    /// Seals `seeds`.
    ///
    /// - Parameters:
    ///   - seeds: 32 secret bytes a component.
    ///   - holderKeys: the holders' public sealing keys, in the profile's order; one that is no key stops only its own
    ///     boxes.
    ///   - ephemeral: t, fresh for this submission and erased after it.
    public static func seal(
        seeds: [SecretBytes], profile: HolderProfile, holderKeys: [[UInt8]], binding: SubmissionBinding,
        ephemeral: RistrettoKey
    ) throws(NDDFEError) -> SealedSeeds {
        guard seeds.count == profile.componentCount else {
            throw .wrongCount(field: "seeds", expected: profile.componentCount, found: seeds.count)
        }
        guard holderKeys.count == profile.holders else {
            throw .wrongCount(field: "holder keys", expected: profile.holders, found: holderKeys.count)
        }
        for seed in seeds where seed.count != 32 {
            throw .wrongLength(field: "seed", expected: 32, found: seed.count)
        }
        // A holder whose key is no key gets boxes that nobody opens; the others of its components serve. Only where a
        // component would have no holder at all nothing may be sealed.
        let shared = holderKeys.enumerated().map { index, key in
            (try? requirePoint(key, "sealing key of holder \(index)")).flatMap { _ in
                try? sharedPoint(ephemeral, key, "sealing key of holder \(index)")
            }
        }
        for component in 0..<profile.componentCount
        where profile.holders(of: component).allSatisfy({ shared[$0] == nil }) {
            throw .invalidPoint(field: "sealing keys of every holder of component \(component)")
        }
        var boxes: [[UInt8]] = []
        for component in 0..<profile.componentCount {
            for holder in profile.holders(of: component) {
                guard let point = shared[holder] else {
                    boxes.append([UInt8](repeating: 0, count: boxBytes))
                    continue
                }
                let key = point.withCopy {
                    boxKey(
                        shared: $0, ephemeral: ephemeral.publicKey, holderKey: holderKeys[holder], binding: binding,
                        component: component)
                }
                boxes.append(seeds[component].withCopy { sealBox($0, key: key) })
            }
        }
        let commitments = seeds.indices.map {
            MaskDerivation.componentCommitment(seed: seeds[$0], binding: binding, component: $0)
        }
        let statement = proofStatement(
            ephemeral: ephemeral.publicKey, commitments: commitments, boxesHash: hash(boxes: boxes), binding: binding)
        let nonce = derivedNonce("meshnode/nddfe/v1/seal-nonce", secret: ephemeral.secret, statement)
        guard let announcement = ConstantTime.baseMultiple(nonce.bytes) else {
            throw .invalidScalar(field: "proof nonce")
        }
        let c = challenge("meshnode/nddfe/v1/seal-proof", statement + [announcement])
        let response = ephemeral.withScalar { nonce + c * $0 }
        return SealedSeeds(
            ephemeral: ephemeral.publicKey, commitments: commitments, boxes: boxes,
            proof: announcement + response.bytes)
    }

    /// Checks shape, E and the proof; must succeed before any secret touches E. Not secret: everybody checks it.
    public func verify(profile: HolderProfile, binding: SubmissionBinding) throws(NDDFEError) {
        guard commitments.count == profile.componentCount else {
            throw .wrongCount(field: "commitments", expected: profile.componentCount, found: commitments.count)
        }
        for commitment in commitments { try requireLength(commitment, 32, "commitment") }
        guard boxes.count == profile.boxCount else {
            throw .wrongCount(field: "boxes", expected: profile.boxCount, found: boxes.count)
        }
        for box in boxes { try requireLength(box, SealedSeeds.boxBytes, "box") }
        try SealedSeeds.verifyProof(
            ephemeral: ephemeral, commitments: commitments, boxesHash: boxesHash, proof: proof, binding: binding)
    }

    /// The proof alone, for those who hold the header but not the boxes.
    public static func verifyProof(
        ephemeral: [UInt8], commitments: [[UInt8]], boxesHash: [UInt8], proof: [UInt8], binding: SubmissionBinding
    ) throws(NDDFEError) {
        let point = try requirePoint(ephemeral, "ephemeral key")
        try requireLength(proof, proofBytes, "seal proof")
        let announcement = try requirePoint(Array(proof[0..<32]), "seal proof announcement")
        let response = try requireScalar(Array(proof[32..<64]), "seal proof response")
        let statement = proofStatement(
            ephemeral: ephemeral, commitments: commitments, boxesHash: boxesHash, binding: binding)
        let c = challenge("meshnode/nddfe/v1/seal-proof", statement + [Array(proof[0..<32])])
        let left = EdwardsPoint.base.vartimeMultiplied(by: response)
        let right = announcement + point.vartimeMultiplied(by: c)
        guard left.isSameElement(as: right) else { throw .proofRejected(what: "seal proof") }
    }

    /// What a holder finds in its boxes.
    public struct Opened: Sendable {
        /// The components this holder knows, ascending, each with its seed, or `nil` where the box does not open to what
        /// com_a commits to: a reason to complain.
        public let seeds: [(component: Int, seed: SecretBytes?)]

        public var failed: [Int] { seeds.filter { $0.seed == nil }.map(\.component) }
    }

    /// Opens the boxes of holder `holder`. Verifies first.
    public func open(
        holder: Int, key: RistrettoKey, profile: HolderProfile, binding: SubmissionBinding
    ) throws(NDDFEError) -> Opened {
        try verify(profile: profile, binding: binding)
        guard (0..<profile.holders).contains(holder) else { throw .notAHolder(component: 0, holder: holder) }
        let shared = try SealedSeeds.sharedPoint(key, ephemeral, "ephemeral key")
        return Opened(
            seeds: profile.components(of: holder).map { component in
                let seed = shared.withCopy {
                    openBox(
                        shared: $0, holder: holder, holderKey: key.publicKey, component: component, profile: profile,
                        binding: binding)
                }
                return (component, seed)
            })
    }

    /// The seed in the box of (component, holder), given the shared point; `nil` if it does not open or is not what com_a
    /// commits to. With a published shared point anybody can evaluate this.
    func openBox(
        shared: [UInt8], holder: Int, holderKey: [UInt8], component: Int, profile: HolderProfile,
        binding: SubmissionBinding
    ) -> SecretBytes? {
        guard let index = profile.boxIndex(component: component, holder: holder), boxes.indices.contains(index),
            boxes[index].count == SealedSeeds.boxBytes, commitments.indices.contains(component)
        else { return nil }
        let key = SealedSeeds.boxKey(
            shared: shared, ephemeral: ephemeral, holderKey: holderKey, binding: binding, component: component)
        guard var bytes = SealedSeeds.unsealBox(boxes[index], key: key) else { return nil }
        defer { wipe(&bytes) }
        let seed = SecretBytes(bytes)
        let commitment = MaskDerivation.componentCommitment(seed: seed, binding: binding, component: component)
        return commitment == commitments[component] ? seed : nil
    }

    // MARK: Parts

    static func sharedPoint(_ key: RistrettoKey, _ point: [UInt8], _ field: String) throws(NDDFEError) -> SecretBytes {
        guard var shared = key.secret.withCopy({ ConstantTime.multiple($0, point) }) else {
            throw .invalidPoint(field: field)
        }
        defer { wipe(&shared) }
        return SecretBytes(shared)
    }

    private static func boxKey(
        shared: [UInt8], ephemeral: [UInt8], holderKey: [UInt8], binding: SubmissionBinding, component: Int
    ) -> SecretBytes {
        var key = Transcript.hash(
            "meshnode/nddfe/v1/box", shared, ephemeral, holderKey, binding.context, binding.publicKey,
            [UInt8(component)])
        defer { wipe(&key) }
        return SecretBytes(key)
    }

    private static func proofStatement(
        ephemeral: [UInt8], commitments: [[UInt8]], boxesHash: [UInt8], binding: SubmissionBinding
    ) -> [[UInt8]] {
        [ephemeral, binding.context, binding.publicKey, binding.nonce, boxesHash] + commitments
    }

    private static func sealBox(_ seed: [UInt8], key: SecretBytes) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: boxBytes)
        let nonce = [UInt8](repeating: 0, count: 24)
        unsafe key.withBytes { key in
            _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                &output, nil, seed, UInt64(seed.count), nil, 0, nil, nonce, key.baseAddress!)
        }
        return output
    }

    private static func unsealBox(_ box: [UInt8], key: SecretBytes) -> [UInt8]? {
        var output = [UInt8](repeating: 0, count: 32)
        let nonce = [UInt8](repeating: 0, count: 24)
        let status = unsafe key.withBytes { key in
            unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
                &output, nil, nil, box, UInt64(box.count), nil, 0, nonce, key.baseAddress!)
        }
        return status == 0 ? output : nil
    }
}
