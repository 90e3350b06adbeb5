public import Wire

/// The proof that somebody holds the secret of a ristretto255 key (Schnorr), bound to a statement: T ‖ z with
/// z·G = T + c·P and c over P, the statement and T.
public enum KeyProof {
    public static let bytes = 64

    /// - Parameter statement: what the proof is about, hashed by its maker with a domain of its own.
    public static func make(_ key: RistrettoKey, statement: [UInt8]) -> Signature {
        let nonce = derivedNonce("meshnode/key-proof/1/nonce", secret: key.secret, [key.publicKey, statement])
        guard let announcement = ConstantTime.baseMultiple(nonce.bytes) else {
            preconditionFailure("a hash to Z_ℓ gave zero")
        }
        let c = challenge("meshnode/key-proof/1", [key.publicKey, statement, announcement])
        return Signature(announcement + key.withScalar { nonce + c * $0 }.bytes)
    }

    /// - Throws: `invalidPoint` for a key that is not canonical or the identity, `proofRejected` for another's.
    public static func check(_ proof: Signature, key: [UInt8], statement: [UInt8]) throws(NDDFEError) {
        let point = try requirePoint(key, "key")
        let announcement = try requirePoint(Array(proof.bytes[0..<32]), "key proof")
        let response = try requireScalar(Array(proof.bytes[32..<64]), "key proof")
        let c = challenge("meshnode/key-proof/1", [key, statement, Array(proof.bytes[0..<32])])
        let left = EdwardsPoint.base.vartimeMultiplied(by: response)
        guard left.isSameElement(as: announcement + point.vartimeMultiplied(by: c)) else {
            throw .proofRejected(what: "key proof")
        }
    }
}
