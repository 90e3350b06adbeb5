import Testing

@testable import MeshCrypto

@Suite("ECVRF-RISTRETTO255-SHA512")
struct ECVRFTests {
    @Test func thePublishedVector() throws {
        let lines = try vectorLines("crypto-vrf-r255.txt")
        let vector = Dictionary(uniqueKeysWithValues: lines.map { ($0[0], hex($0[1])) })
        let key = try RistrettoKey(secret: SecretBytes(vector["sk"]!))
        #expect(key.publicKey == vector["pk"])
        let hashed = ECVRF.encodeToCurve(salt: key.publicKey, vector["alpha"]!)
        #expect(hashed.ristrettoBytes == vector["H"])
        let nonce = ECVRF.nonce(key: key, vector["H"]!)
        #expect(nonce.bytes == vector["k"])
        #expect(EdwardsPoint.base.vartimeMultiplied(by: nonce).ristrettoBytes == vector["U"])
        #expect(hashed.vartimeMultiplied(by: nonce).ristrettoBytes == vector["V"])
        let proof = ECVRF.prove(vector["alpha"]!, key: key)
        #expect(proof == vector["pi"])
        #expect(try ECVRF.verify(proof, input: vector["alpha"]!, publicKey: key.publicKey) == vector["beta"])
        #expect(try ECVRF.output(proof: proof) == vector["beta"])
    }

    @Test func alteredProofsInputsAndKeysAreRefused() throws {
        var random = SplitMix(7)
        let key = try RistrettoKey(uniform: SecretBytes(random.bytes(64)))
        let input = random.bytes(40)
        let proof = ECVRF.prove(input, key: key)
        _ = try ECVRF.verify(proof, input: input, publicKey: key.publicKey)
        for position in 0..<ECVRF.proofBytes {
            var other = proof
            other[position] ^= 1 << UInt8(position % 8)
            #expect(throws: NDDFEError.self) { try ECVRF.verify(other, input: input, publicKey: key.publicKey) }
        }
        #expect(throws: NDDFEError.self) { try ECVRF.verify(proof, input: input + [0], publicKey: key.publicKey) }
        #expect(throws: NDDFEError.self) { try ECVRF.verify(proof, input: [], publicKey: key.publicKey) }
        let stranger = RistrettoKey.generate().publicKey
        #expect(throws: NDDFEError.self) { try ECVRF.verify(proof, input: input, publicKey: stranger) }
        let identity = [UInt8](repeating: 0, count: 32)
        #expect(throws: NDDFEError.self) { try ECVRF.verify(proof, input: input, publicKey: identity) }
        #expect(throws: NDDFEError.self) {
            try ECVRF.verify(Array(proof.dropLast()), input: input, publicKey: key.publicKey)
        }
        #expect(throws: NDDFEError.self) { try ECVRF.verify([], input: input, publicKey: key.publicKey) }
    }

    @Test func secretKeysMustBeCanonicalAndNonZero() {
        let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010")
        for bytes in [order, [UInt8](repeating: 0xff, count: 32), [UInt8](repeating: 0, count: 32)] {
            #expect(throws: NDDFEError.invalidScalar(field: "secret key")) {
                try RistrettoKey(secret: SecretBytes(bytes))
            }
        }
        #expect(throws: NDDFEError.self) { try RistrettoKey(secret: SecretBytes([1, 2, 3])) }
    }
}
