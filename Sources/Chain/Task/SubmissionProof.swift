internal import MeshCrypto
public import Wire

/// The part of a submission header that must hold before any holder computes with its ephemeral point.
public enum SubmissionProof {
    /// Whether the header proves knowledge of t for E = t·G, bound to context, key, nonce, commitments and boxes.
    /// Without it a copied E would turn holders into a decryption oracle.
    public static func isValid(_ header: SubmissionHeader) -> Bool {
        guard
            let binding = try? SubmissionBinding(
                context: header.context.bytes, publicKey: header.submitter.bytes, nonce: header.nonce.bytes)
        else { return false }
        return
            (try? SealedSeeds.verifyProof(
                ephemeral: header.ephemeral.bytes, commitments: header.componentCommitments.map(\.bytes),
                boxesHash: header.boxesHash.bytes, proof: header.proof.bytes, binding: binding)) != nil
    }
}
