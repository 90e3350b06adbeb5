/// A key vector on its way from a holder to the aggregator: ECIES on ristretto255, XChaCha20-Poly1305.
///
/// Layout: E (32 bytes) ‖ sealed box. The key is bound to E, the recipient's key and the context, so that a vector
/// sealed for one place opens at no other.
public enum SealedVector {
    /// - Parameters:
    ///   - key: the recipient's public sealing key, 32 bytes.
    ///   - context: what the vector belongs to: network, manifest, component, sender.
    public static func seal(_ plaintext: [UInt8], to key: [UInt8], context: [UInt8]) throws(NDDFEError) -> [UInt8] {
        _ = try requirePoint(key, "recipient key")
        let ephemeral = RistrettoKey.generate()
        let shared = try SealedSeeds.sharedPoint(ephemeral, key, "recipient key")
        let boxKey = derive(shared, ephemeral.publicKey, key, context)
        return ephemeral.publicKey + SealedBox.seal(plaintext, key: boxKey, associated: context)
    }

    /// - Throws: `proofRejected` where the box does not open.
    public static func open(_ sealed: [UInt8], key: RistrettoKey, context: [UInt8]) throws(NDDFEError) -> [UInt8] {
        guard sealed.count > 32 else { throw .wrongLength(field: "sealed vector", expected: 33, found: sealed.count) }
        let point = Array(sealed[0..<32])
        _ = try requirePoint(point, "ephemeral key")
        let shared = try SealedSeeds.sharedPoint(key, point, "ephemeral key")
        let boxKey = derive(shared, point, key.publicKey, context)
        do {
            return try SealedBox.open(Array(sealed[32...]), key: boxKey, associated: context)
        } catch {
            throw .proofRejected(what: "sealed vector")
        }
    }

    private static func derive(
        _ shared: SecretBytes, _ ephemeral: [UInt8], _ recipient: [UInt8], _ context: [UInt8]
    ) -> SecretBytes {
        shared.withCopy { point in
            SecretBytes(Transcript.hash("meshnode/nddfe/v1/sealed-vector", point, ephemeral, recipient, context))
        }
    }
}
