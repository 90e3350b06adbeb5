internal import Sodium

/// ECVRF-RISTRETTO255-SHA512 (c2sp.org/vrf-r255), a ciphersuite of RFC 9381: a keyed hash whose output anybody can check
/// with the public key and which the owner cannot choose.
public enum ECVRF {
    /// Γ ‖ c ‖ s: 32 + 16 + 32 bytes.
    public static let proofBytes = 80
    /// 64 bytes.
    public static let outputBytes = 64

    private static let suite: [UInt8] = [0xff] + Array("c2sp.org/vrf-r255".utf8)

    /// The proof for `input`; deterministic.
    public static func prove(_ input: [UInt8], key: RistrettoKey) -> [UInt8] {
        let hashed = encodeToCurve(salt: key.publicKey, input).ristrettoBytes
        let nonce = nonce(key: key, hashed)
        guard let gamma = key.secret.withCopy({ ConstantTime.multiple($0, hashed) }),
            let first = ConstantTime.baseMultiple(nonce.bytes), let second = ConstantTime.multiple(nonce.bytes, hashed)
        else { preconditionFailure("a hash to the group gave the identity") }
        let c = challenge([key.publicKey, hashed, gamma, first, second])
        let s = key.withScalar { nonce + c * $0 }
        return gamma + Array(c.bytes[0..<16]) + s.bytes
    }

    /// The output that a proof claims; meaningful only after `verify`, or for one's own proof.
    public static func output(proof: [UInt8]) throws(NDDFEError) -> [UInt8] {
        sha512(suite + [0x03] + (try parse(proof)).gamma.ristrettoBytes + [0x00])
    }

    /// The 64-byte output for `input`, if `proof` is right.
    ///
    /// - Throws: `invalidPoint`, `invalidScalar`, `wrongLength` or `proofRejected`.
    public static func verify(_ proof: [UInt8], input: [UInt8], publicKey: [UInt8]) throws(NDDFEError) -> [UInt8] {
        let y = try requirePoint(publicKey, "VRF public key")
        let (gamma, c, s) = try parse(proof)
        let hashed = encodeToCurve(salt: publicKey, input)
        let first = EdwardsPoint.base.vartimeMultiplied(by: s) - y.vartimeMultiplied(by: c)
        let second = hashed.vartimeMultiplied(by: s) - gamma.vartimeMultiplied(by: c)
        let expected = challenge(
            [
                publicKey, hashed.ristrettoBytes, Array(proof[0..<32]), first.ristrettoBytes, second.ristrettoBytes,
            ])
        guard expected == c else { throw .proofRejected(what: "VRF proof") }
        return try output(proof: proof)
    }

    private static func parse(_ proof: [UInt8]) throws(NDDFEError) -> (gamma: EdwardsPoint, c: Scalar, s: Scalar) {
        try requireLength(proof, proofBytes, "VRF proof")
        guard let gamma = EdwardsPoint(ristretto: proof[0..<32]) else { throw .invalidPoint(field: "VRF proof") }
        // Sixteen bytes are always below ℓ.
        let c = try requireScalar(Array(proof[32..<48]) + [UInt8](repeating: 0, count: 16), "VRF challenge")
        return (gamma, c, try requireScalar(Array(proof[48..<80]), "VRF response"))
    }

    static func encodeToCurve(salt: [UInt8], _ input: [UInt8]) -> EdwardsPoint {
        EdwardsPoint(uniform: sha512(suite + [0x82] + salt + input))
    }

    static func nonce(key: RistrettoKey, _ hashed: [UInt8]) -> Scalar {
        key.secret.withCopy { secret in
            var wide = sha512(suite + [0x81] + secret + hashed)
            defer { wipe(&wide) }
            return Scalar(reducing: wide)
        }
    }

    private static func challenge(_ points: [[UInt8]]) -> Scalar {
        let hash = sha512(suite + [0x02] + points.flatMap { $0 } + [0x00])
        let w = loadWords(hash[...], at: 0)
        return Scalar(unchecked: w.0, w.1, 0, 0)
    }

    private static func sha512(_ input: [UInt8]) -> [UInt8] {
        SodiumRuntime.ensure()
        var output = [UInt8](repeating: 0, count: 64)
        _ = unsafe crypto_hash_sha512(&output, input, UInt64(input.count))
        return output
    }
}
