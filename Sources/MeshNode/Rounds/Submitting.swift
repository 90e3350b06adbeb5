internal import Chain
internal import Learn
internal import MeshCrypto
internal import Wire

/// A miner's part of a round: train, clip, quantise, encrypt.
enum Submitting {
    /// - Parameters:
    ///   - memory: what this node kept of earlier rounds, see `MemberMemory`.
    ///   - seed: the round's seed and this node's key: order of rows and rounding.
    static func train(
        policy: RoundPolicy, base: [UInt8], memory: [Float]?, data: Dataset, enrolledRows: UInt32, round: UInt32,
        seed: [UInt8], isCancelled: (() -> Bool)? = nil
    ) throws(RoundError) -> LocalUpdate {
        let state = try policy.state(of: base)
        do {
            return try policy.recipe.train(
                state, memory: memory, data: data, round: Int(round), share: policy.weight(rows: enrolledRows),
                seed: seed,
                noise: systemWord, isCancelled: isCancelled)
        } catch { throw .failed("training: \(error)") }
    }

    /// The operating system's generator: noise that somebody could draw again would hide nothing.
    static func systemWord() -> UInt64 {
        var system = SystemRandomNumberGenerator()
        return system.next()
    }

    /// The seed of one member's training in a round, the same in every attempt.
    static func trainingSeed(round: Digest, node: NodeID) -> [UInt8] {
        Transcript.hash("meshnode/training-seed/1", round.bytes, node.bytes)
    }

    struct Sealed: Sendable {
        let header: SubmissionHeader
        let content: [UInt8]
        /// One a component: what a rebuttal or a score would open. Kept as long as the body.
        let seeds: [SecretBytes]
    }

    /// Encrypts under a fresh nonce: own mask per coordinate and component, seeds sealed to each component's holders.
    static func encrypt(
        policy: RoundPolicy, values: [Int32], job: RoundJob, node: NodeID, holderKeys: [SealingKey]
    ) throws(RoundError) -> Sealed {
        do {
            let nonce = Digest(randomBytes(32))
            let binding = try SubmissionBinding(
                context: job.context.bytes, publicKey: node.bytes, nonce: nonce.bytes)
            let seeds = (0..<policy.profile.componentCount).map { _ in SecretBytes.random(32) }
            let sealed = try SealedSeeds.seal(
                seeds: seeds, profile: policy.profile, holderKeys: holderKeys.map(\.bytes), binding: binding,
                ephemeral: .generate())
            let packed = try policy.packing.pack(values.map { Int64($0) })
            let elements = try Encryptor.encrypt(
                values: packed, maskKeys: MaskDerivation.maskKeys(seeds: seeds, binding: binding),
                encoding: policy.encoding)
            let content = SubmissionContent(boxes: sealed.boxes, elements: elements).wireBytes
            let header = SubmissionHeader(
                context: job.context, round: job.round, attempt: job.attempt, submitter: node, nonce: nonce,
                componentCommitments: sealed.commitments.map { Digest($0) }, ephemeral: Digest(sealed.ephemeral),
                proof: Signature(sealed.proof), boxesHash: Digest(sealed.boxesHash),
                elementCount: UInt32(packed.count), elementsRoot: Digest(SubmissionBody.tree(elements).root),
                body: .of(content, kind: .submission))
            return Sealed(header: header, content: content, seeds: seeds)
        } catch { throw .failed("encryption: \(error)") }
    }
}

extension SubmissionHeader {
    func binding() throws(NDDFEError) -> SubmissionBinding {
        try SubmissionBinding(context: context.bytes, publicKey: submitter.bytes, nonce: nonce.bytes)
    }

    func sealedSeeds(boxes: [[UInt8]]) -> SealedSeeds {
        SealedSeeds(
            ephemeral: ephemeral.bytes, commitments: componentCommitments.map(\.bytes), boxes: boxes, proof: proof.bytes
        )
    }
}
