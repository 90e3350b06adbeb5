internal import Sodium
public import Wire

/// An Ed25519 key pair (RFC 8032). The secret lives in locked memory and is wiped when the last reference goes.
public final class SigningKey: Sendable {
    private let secret: SecretBytes
    public let nodeID: NodeID

    /// - Parameter seed: 32 bytes; the same seed gives the same key.
    public init(seed: SecretBytes) throws(CryptoError) {
        SodiumRuntime.ensure()
        guard seed.count == 32 else { throw .wrongLength(field: "seed", expected: 32, found: seed.count) }
        var publicKey = [UInt8](repeating: 0, count: 32)
        let expanded = SecretBytes(count: 64)
        unsafe seed.withBytes { seedBytes in
            unsafe expanded.withMutableBytes { secretBytes in
                _ = unsafe crypto_sign_seed_keypair(&publicKey, secretBytes.baseAddress!, seedBytes.baseAddress!)
            }
        }
        self.secret = expanded
        self.nodeID = NodeID(publicKey)
    }

    public static func generate() -> SigningKey {
        // A fresh 32-byte seed always has the right length.
        try! SigningKey(seed: SecretBytes.random(32))
    }

    public func sign(_ message: [UInt8]) -> Signature {
        var signature = [UInt8](repeating: 0, count: 64)
        unsafe secret.withBytes { key in
            _ = unsafe crypto_sign_detached(&signature, nil, message, UInt64(message.count), key.baseAddress!)
        }
        return Signature(signature)
    }
}

/// Whether `signature` is `signer`'s over `message`.
public func verifySignature(_ signature: Signature, _ message: [UInt8], signer: NodeID) -> Bool {
    SodiumRuntime.ensure()
    return unsafe crypto_sign_verify_detached(signature.bytes, message, UInt64(message.count), signer.bytes) == 0
}

/// Whether the bytes can be somebody's Ed25519 key: canonical, on the curve and of prime order. The identity and the other
/// points of small order are not, because whoever likes could sign for them.
public func isSigningKey(_ node: NodeID) -> Bool {
    SodiumRuntime.ensure()
    return unsafe crypto_core_ed25519_is_valid_point(node.bytes) == 1
}
