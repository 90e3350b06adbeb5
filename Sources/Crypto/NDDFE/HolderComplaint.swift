/// A holder's provable complaint that a box does not open: the shared point of that submission and a proof of equal
/// logarithms (Chaum–Pedersen) that it is the right one.
///
/// It counts only if the box then really fails against com_a; otherwise the complaint itself is the lie. It reveals the
/// boxes of this one submission to this one holder, nothing else.
public struct HolderComplaint: Sendable, Hashable {
    public let component: Int
    public let holder: Int
    /// D = p·E, 32 bytes.
    public let sharedPoint: [UInt8]
    /// c ‖ z, 64 bytes, for log_G P = log_E D.
    public let proof: [UInt8]

    public init(component: Int, holder: Int, sharedPoint: [UInt8], proof: [UInt8]) {
        self.component = component
        self.holder = holder
        self.sharedPoint = sharedPoint
        self.proof = proof
    }

    /// Makes a complaint about (component, holder).
    ///
    /// - Parameter submission: the submission id (hash of the header), 32 bytes; the challenge is bound to it.
    public static func make(
        about sealed: SealedSeeds, component: Int, holder: Int, key: RistrettoKey, submission: [UInt8]
    ) throws(NDDFEError) -> HolderComplaint {
        try requireLength(submission, 32, "submission")
        let ephemeral = try requirePoint(sealed.ephemeral, "ephemeral key")
        let shared = try SealedSeeds.sharedPoint(key, sealed.ephemeral, "ephemeral key").withCopy { $0 + [] }
        let statement = statement(
            submission: submission, component: component, holder: holder, holderKey: key.publicKey,
            ephemeral: sealed.ephemeral, shared: shared)
        let nonce = derivedNonce("meshnode/nddfe/v1/complaint-nonce", secret: key.secret, statement)
        guard let first = ConstantTime.baseMultiple(nonce.bytes),
            let second = ConstantTime.multiple(nonce.bytes, ephemeral.ristrettoBytes)
        else { throw .invalidScalar(field: "proof nonce") }
        let c = challenge("meshnode/nddfe/v1/complaint", statement + [first, second])
        let response = key.withScalar { nonce + c * $0 }
        return HolderComplaint(
            component: component, holder: holder, sharedPoint: shared, proof: c.bytes + response.bytes)
    }

    public enum Verdict: Sendable, Hashable {
        /// The box fails: the submission is left out with this reason, or evicted.
        case boxIsBad
        /// The box opens to the committed seed: the complaint is false.
        case boxIsGood
    }

    /// Judges the complaint.
    ///
    /// - Throws: `proofRejected` where the shared point is not proven: such a complaint is no statement of anybody.
    public func judge(
        sealed: SealedSeeds, profile: HolderProfile, binding: SubmissionBinding, holderKey: [UInt8],
        submission: [UInt8]
    ) throws(NDDFEError) -> Verdict {
        try requireLength(submission, 32, "submission")
        guard profile.boxIndex(component: component, holder: holder) != nil else {
            throw .notAHolder(component: component, holder: holder)
        }
        let ephemeral = try requirePoint(sealed.ephemeral, "ephemeral key")
        let publicPoint = try requirePoint(holderKey, "holder key")
        let shared = try requirePoint(sharedPoint, "shared point")
        try requireLength(proof, 64, "complaint proof")
        let c = try requireScalar(Array(proof[0..<32]), "complaint challenge")
        let z = try requireScalar(Array(proof[32..<64]), "complaint response")
        let first = EdwardsPoint.base.vartimeMultiplied(by: z) - publicPoint.vartimeMultiplied(by: c)
        let second = ephemeral.vartimeMultiplied(by: z) - shared.vartimeMultiplied(by: c)
        let statement = HolderComplaint.statement(
            submission: submission, component: component, holder: holder, holderKey: holderKey,
            ephemeral: sealed.ephemeral, shared: sharedPoint)
        let expected = challenge(
            "meshnode/nddfe/v1/complaint", statement + [first.ristrettoBytes, second.ristrettoBytes])
        guard expected == c else { throw .proofRejected(what: "complaint") }
        let seed = sealed.openBox(
            shared: sharedPoint, holder: holder, holderKey: holderKey, component: component, profile: profile,
            binding: binding)
        return seed == nil ? .boxIsBad : .boxIsGood
    }

    private static func statement(
        submission: [UInt8], component: Int, holder: Int, holderKey: [UInt8], ephemeral: [UInt8], shared: [UInt8]
    ) -> [[UInt8]] {
        [
            submission, [UInt8(truncatingIfNeeded: component)], [UInt8(truncatingIfNeeded: holder)],
            EdwardsPoint.base.ristrettoBytes, holderKey, ephemeral, shared,
        ]
    }
}
