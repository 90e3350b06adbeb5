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

    /// The submission of this node in the latest set of the round, whose vector is submitted again.
    struct Earlier: Sendable {
        let id: SubmissionID
        let header: SubmissionHeader
        let seeds: [SecretBytes]
    }

    /// Encrypts under a fresh nonce: own mask per coordinate and component, seeds sealed to each component's holders.
    ///
    /// - Parameters:
    ///   - earlier: proves that the vector is the same.
    ///   - cheat: for test networks only.
    static func encrypt(
        policy: RoundPolicy, values: [Int32], job: RoundJob, node: NodeID, holderKeys: [SealingKey],
        earlier: Earlier? = nil, cheat: Cheating? = nil
    ) throws(RoundError) -> Sealed {
        do {
            let nonce = Digest(randomBytes(32))
            let binding = try SubmissionBinding(
                context: job.context.bytes, publicKey: node.bytes, nonce: nonce.bytes)
            let seeds = (0..<policy.profile.componentCount).map { _ in SecretBytes.random(32) }
            let ephemeral = RistrettoKey.generate()
            func seal(_ keys: [SealingKey]) throws -> SealedSeeds {
                try SealedSeeds.seal(
                    seeds: seeds, profile: policy.profile, holderKeys: keys.map(\.bytes), binding: binding,
                    ephemeral: ephemeral)
            }
            let sealed = try cheat?.sealed(holderKeys, seal) ?? seal(holderKeys)
            var packed = try policy.packing.pack(values.map { Int64($0) })
            cheat?.change(&packed)
            let maskKeys = MaskDerivation.maskKeys(seeds: seeds, binding: binding)
            let elements = try Encryptor.encrypt(values: packed, maskKeys: maskKeys, encoding: policy.encoding)
            let content = SubmissionContent(boxes: sealed.boxes, elements: elements).wireBytes
            var header = SubmissionHeader(
                context: job.context, round: job.round, attempt: job.attempt, submitter: node, nonce: nonce,
                componentCommitments: sealed.commitments.map { Digest($0) }, ephemeral: Digest(sealed.ephemeral),
                proof: Signature(sealed.proof), boxesHash: Digest(sealed.boxesHash),
                elementCount: UInt32(packed.count), elementsRoot: Digest(SubmissionBody.tree(elements).root),
                body: .of(content, kind: .submission))
            if let earlier {
                let proof = SameVectorProof.make(
                    previousKeys: MaskDerivation.maskKeys(seeds: earlier.seeds, binding: try earlier.header.binding()),
                    replacementKeys: maskKeys, count: packed.count,
                    statement: header.sameVectorStatement(previous: earlier.id))
                header.resubmission = .init(previous: earlier.id, lambda: Digest(proof.lambda))
            }
            return Sealed(header: header, content: content, seeds: seeds)
        } catch { throw .failed("encryption: \(error)") }
    }
}

extension SubmissionHeader {
    func binding() throws(NDDFEError) -> SubmissionBinding {
        try SubmissionBinding(context: context.bytes, publicKey: submitter.bytes, nonce: nonce.bytes)
    }

    /// What seeds ρ: the header's own id is taken with λ = 0, because λ is part of the header.
    func sameVectorStatement(previous: SubmissionID) -> SameVectorProof.Statement {
        var draft = self
        draft.resubmission = .init(previous: previous, lambda: .zero)
        return SameVectorProof.Statement(
            previous: previous.bytes, replacement: SubmissionID.of(headerBytes: draft.wireBytes).bytes,
            context: context.bytes, nonce: nonce.bytes, root: elementsRoot.bytes)
    }

    func sealedSeeds(boxes: [[UInt8]]) -> SealedSeeds {
        SealedSeeds(
            ephemeral: ephemeral.bytes, commitments: componentCommitments.map(\.bytes), boxes: boxes, proof: proof.bytes
        )
    }
}
