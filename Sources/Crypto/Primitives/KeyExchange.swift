internal import Sodium

/// An ephemeral X25519 pair: for one link handshake, or for the datagrams of one process run.
public final class ExchangeKey: Sendable {
    private let secret: SecretBytes
    /// 32 bytes.
    public let publicKey: [UInt8]

    public init() {
        SodiumRuntime.ensure()
        var publicKey = [UInt8](repeating: 0, count: 32)
        let secret = SecretBytes(count: 32)
        unsafe secret.withMutableBytes { bytes in
            _ = unsafe crypto_kx_keypair(&publicKey, bytes.baseAddress!)
        }
        self.secret = secret
        self.publicKey = publicKey
    }

    /// The two directions' keys of a link (`crypto_kx`): 32 bytes each.
    /// - Parameter dialled: whether this side opened the connection.
    public func sessionKeys(peer: [UInt8], dialled: Bool) throws(CryptoError) -> (
        receive: SecretBytes, send: SecretBytes
    ) {
        guard peer.count == 32 else { throw .wrongLength(field: "ephemeral key", expected: 32, found: peer.count) }
        let receive = SecretBytes(count: 32)
        let send = SecretBytes(count: 32)
        var status: Int32 = -1
        unsafe secret.withBytes { key in
            unsafe receive.withMutableBytes { rx in
                unsafe send.withMutableBytes { tx in
                    unsafe status =
                        dialled
                        ? crypto_kx_client_session_keys(
                            rx.baseAddress!, tx.baseAddress!, publicKey, key.baseAddress!, peer)
                        : crypto_kx_server_session_keys(
                            rx.baseAddress!, tx.baseAddress!, publicKey, key.baseAddress!, peer)
                }
            }
        }
        guard status == 0 else { throw .invalidPublicKey(field: "ephemeral key") }
        return (receive, send)
    }

    /// The X25519 shared point, 32 bytes; never used as a key without hashing it with both public keys.
    public func sharedSecret(peer: [UInt8]) throws(CryptoError) -> SecretBytes {
        guard peer.count == 32 else { throw .wrongLength(field: "exchange key", expected: 32, found: peer.count) }
        let shared = SecretBytes(count: 32)
        var status: Int32 = -1
        unsafe secret.withBytes { key in
            unsafe shared.withMutableBytes { out in
                unsafe status = crypto_scalarmult(out.baseAddress!, key.baseAddress!, peer)
            }
        }
        guard status == 0 else { throw .invalidPublicKey(field: "exchange key") }
        return shared
    }
}
