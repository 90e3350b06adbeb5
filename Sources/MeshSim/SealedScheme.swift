internal import Chain
internal import MeshCrypto
internal import Wire

/// Really sealed seeds, for runs in which complaints have to be proven: the boxes follow the 33 bytes of a body.
enum SealedScheme {
    static func key(of node: NodeID) -> RistrettoKey { key("sim/sealing", node.bytes) }

    private static func key(_ domain: String, _ parts: [UInt8]...) -> RistrettoKey {
        let seed = parts.flatMap { $0 }
        // 64 hashed bytes reduce to zero never.
        return try! RistrettoKey(
            uniform: SecretBytes(Transcript.hash(domain, seed, [0]) + Transcript.hash(domain, seed, [1])))
    }

    /// The seeds of a submission.
    ///
    /// - Parameter isFlawed: the box of the first holder is sealed to somebody else.
    static func seal(
        submitter: NodeID, context: Digest, nonce: UInt8, state: TaskState, isFlawed: Bool
    ) -> SealedSeeds? {
        guard let profile = state.holderProfile,
            let binding = try? SubmissionBinding(
                context: context.bytes, publicKey: submitter.bytes,
                nonce: NullScheme.nonce(submitter: submitter, context: context, nonce).bytes)
        else { return nil }
        var keys = state.holders.map(\.key.bytes)
        if isFlawed { keys[0] = key("sim/stranger", submitter.bytes).publicKey }
        let seeds = (0..<profile.componentCount).map {
            SecretBytes(Transcript.hash("sim/seed", submitter.bytes, context.bytes, [nonce, UInt8($0)]))
        }
        return try? SealedSeeds.seal(
            seeds: seeds, profile: profile, holderKeys: keys, binding: binding,
            ephemeral: key("sim/ephemeral", submitter.bytes, context.bytes, [nonce]))
    }

    /// Opens the boxes of a holder; nil where the body holds none.
    ///
    /// - Parameter lies: complains about a box that opens.
    static func examine(
        _ body: [UInt8], header: SubmissionHeader, place: Int, key: RistrettoKey, profile: HolderProfile, lies: Bool
    ) -> (isComplete: Bool, complaint: Complaint.Entry?)? {
        let boxes = stride(from: 33, to: body.count, by: SealedSeeds.boxBytes).map {
            Array(body[$0..<min(body.count, $0 + SealedSeeds.boxBytes)])
        }
        let sealed = SealedSeeds(
            ephemeral: header.ephemeral.bytes, commitments: header.componentCommitments.map(\.bytes), boxes: boxes,
            proof: header.proof.bytes)
        guard
            let binding = try? SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes),
            let opened = try? sealed.open(holder: place, key: key, profile: profile, binding: binding)
        else { return nil }
        guard let component = opened.failed.first ?? (lies ? opened.seeds.first?.component : nil) else {
            return (true, nil)
        }
        let id = SubmissionID.of(headerBytes: header.wireBytes)
        let complaint = try? HolderComplaint.make(
            about: sealed, component: component, holder: place, key: key, submission: id.bytes)
        return (
            opened.failed.isEmpty,
            complaint.map {
                Complaint.Entry(
                    submission: id, component: UInt8(component), sharedPoint: Digest($0.sharedPoint),
                    proof: Signature($0.proof), boxes: boxes)
            }
        )
    }
}
