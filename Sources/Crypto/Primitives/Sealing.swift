internal import Sodium

/// XChaCha20-Poly1305 with a random 24-byte nonce in front: `nonce ‖ ciphertext ‖ tag`.
public enum SealedBox {
    public static var overhead: Int { 24 + 16 }

    /// - Parameters:
    ///   - key: 32 bytes.
    ///   - associated: authenticated, not sent.
    public static func seal(_ plaintext: [UInt8], key: SecretBytes, associated: [UInt8]) -> [UInt8] {
        precondition(key.count == 32)
        let nonce = randomBytes(24)
        var output = [UInt8](repeating: 0, count: plaintext.count + 16)
        unsafe key.withBytes { keyBytes in
            _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
                &output, nil, plaintext, UInt64(plaintext.count), associated, UInt64(associated.count), nil, nonce,
                keyBytes.baseAddress!)
        }
        return nonce + output
    }

    public static func open(_ sealed: [UInt8], key: SecretBytes, associated: [UInt8]) throws(CryptoError) -> [UInt8] {
        precondition(key.count == 32)
        SodiumRuntime.ensure()
        guard sealed.count >= overhead else {
            throw .wrongLength(field: "sealed box", expected: overhead, found: sealed.count)
        }
        let nonce = Array(sealed[0..<24])
        let body = Array(sealed[24...])
        var output = [UInt8](repeating: 0, count: max(1, body.count - 16))
        var status: Int32 = -1
        unsafe key.withBytes { keyBytes in
            unsafe status = crypto_aead_xchacha20poly1305_ietf_decrypt(
                &output, nil, nil, body, UInt64(body.count), associated, UInt64(associated.count), nonce,
                keyBytes.baseAddress!)
        }
        guard status == 0 else { throw .authenticationFailed(what: "sealed box") }
        if body.count == 16 { return [] }
        return output
    }
}
