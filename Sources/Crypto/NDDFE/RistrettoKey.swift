internal import Sodium

/// A secret scalar and its public element P = p·G: the key of a holder's sealing box or of the VRF.
public struct RistrettoKey: Sendable {
    /// 32 bytes, a canonical non-zero scalar.
    let secret: SecretBytes
    /// The canonical encoding of P. 32 bytes.
    public let publicKey: [UInt8]

    /// Derives a key from 64 uniform secret bytes.
    /// - Throws: `invalidScalar` if they reduce to zero.
    public init(uniform: SecretBytes) throws(NDDFEError) {
        precondition(uniform.count == 64)
        try self.init(scalar: uniform.withCopy { Scalar(reducing: $0) })
    }

    /// Restores a key from its 32 secret bytes.
    public init(secret: SecretBytes) throws(NDDFEError) {
        let scalar = try secret.withCopy { (bytes) throws(NDDFEError) in try requireScalar(bytes, "secret key") }
        try self.init(scalar: scalar)
    }

    init(scalar: Scalar) throws(NDDFEError) {
        guard !scalar.isZero else { throw .invalidScalar(field: "secret key") }
        var bytes = scalar.bytes
        defer { wipe(&bytes) }
        guard let element = ConstantTime.baseMultiple(bytes) else { throw .invalidScalar(field: "secret key") }
        secret = SecretBytes(bytes)
        publicKey = element
    }

    /// A fresh key from the operating system's generator.
    public static func generate() -> RistrettoKey {
        while true {
            if let key = try? RistrettoKey(uniform: .random(64)) { return key }
        }
    }

    /// For the key file.
    public var secretBytes: SecretBytes { secret }

    func withScalar<Result>(_ body: (Scalar) -> Result) -> Result {
        secret.withCopy { bytes in
            let w = loadWords(bytes[...], at: 0)
            return body(Scalar(unchecked: w.0, w.1, w.2, w.3))
        }
    }
}

/// Multiplications by secret scalars, through libsodium because its time does not depend on the scalar. Encodings must
/// have been decoded strictly before: libsodium 1.0.18 ignores bit 255 and takes scalars above ℓ.
enum ConstantTime {
    /// scalar·G, or `nil` if that is the identity.
    static func baseMultiple(_ scalar: [UInt8]) -> [UInt8]? {
        SodiumRuntime.ensure()
        precondition(scalar.count == 32)
        var output = [UInt8](repeating: 0, count: 32)
        return unsafe crypto_scalarmult_ristretto255_base(&output, scalar) == 0 ? output : nil
    }

    /// scalar·point, or `nil` if that is the identity.
    static func multiple(_ scalar: [UInt8], _ point: [UInt8]) -> [UInt8]? {
        SodiumRuntime.ensure()
        precondition(scalar.count == 32 && point.count == 32)
        var output = [UInt8](repeating: 0, count: 32)
        return unsafe crypto_scalarmult_ristretto255(&output, scalar, point) == 0 ? output : nil
    }
}

/// A challenge in Z_ℓ: the wide hash of a transcript, reduced.
func challenge(_ domain: String, _ parts: [[UInt8]]) -> Scalar {
    Scalar(reducing: blake2b(lengthPrefixed([Array(domain.utf8)] + parts), length: 64))
}

/// A nonce in Z_ℓ that is a function of a secret and of everything the proof is about, so that no proof depends on a
/// generator and a restart repeats the same bytes.
func derivedNonce(_ domain: String, secret: SecretBytes, _ parts: [[UInt8]]) -> Scalar {
    secret.withCopy { key in
        var wide = blake2b(lengthPrefixed([Array(domain.utf8)] + parts), length: 64, key: key)
        defer { wipe(&wide) }
        return Scalar(reducing: wide)
    }
}
