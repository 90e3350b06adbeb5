internal import MeshCrypto
internal import Wire

/// Answers of signature checks that were made before, for one run of the simulator: many nodes in one process check the
/// same signatures. It is asked with signature, signer and the whole message, so its answers are those of the real check.
/// Nodes have none.
public final class SignatureMemory: @unchecked Sendable {
    /// The memory of the run that the present call belongs to.
    @TaskLocal public static var current: SignatureMemory?

    private struct Answer {
        let message: [UInt8]
        let signer: NodeID
        let isValid: Bool
    }

    // Used by one thread at a time: a simulation is one call.
    private var answers: [Signature: [Answer]] = [:]
    private let believes: Bool

    public init() { believes = false }

    /// One that takes every signature for valid: for the fuzzer alone, whose inputs enter behind this check. Nothing outside
    /// of this module can make one, unless it is built for tests.
    init(believing: Void) { believes = true }

    fileprivate func verify(_ signature: Signature, _ message: [UInt8], signer: NodeID) -> Bool {
        if believes { return true }
        if let known = answers[signature]?.first(where: { $0.signer == signer && $0.message == message }) {
            return known.isValid
        }
        let isValid = MeshCrypto.verifySignature(signature, message, signer: signer)
        answers[signature, default: []].append(Answer(message: message, signer: signer, isValid: isValid))
        return isValid
    }
}

/// Whether `signature` is `signer`'s over `message`: every check of this module goes through here.
func verifySignature(_ signature: Signature, _ message: [UInt8], signer: NodeID) -> Bool {
    if let memory = SignatureMemory.current { return memory.verify(signature, message, signer: signer) }
    return MeshCrypto.verifySignature(signature, message, signer: signer)
}
