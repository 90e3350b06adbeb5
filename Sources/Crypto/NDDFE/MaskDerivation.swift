internal import Sodium

/// What a submission's secrets are bound to.
public struct SubmissionBinding: Sendable, Hashable {
    /// ctx: the hash of network, chain, task, round, attempt, roster, base model and policy. 32 bytes.
    public let context: [UInt8]
    /// The submitter's Ed25519 public key. 32 bytes.
    public let publicKey: [UInt8]
    /// Fresh for every submission. 32 bytes.
    public let nonce: [UInt8]

    public init(context: [UInt8], publicKey: [UInt8], nonce: [UInt8]) throws(NDDFEError) {
        try requireLength(context, 32, "context")
        try requireLength(publicKey, 32, "public key")
        try requireLength(nonce, 32, "nonce")
        self.context = context
        self.publicKey = publicKey
        self.nonce = nonce
    }
}

/// From seeds σ_a to commitments, mask keys and masks.
public enum MaskDerivation {
    /// com_a = BLAKE2b-256("com" ‖ a ‖ σ_a ‖ nonce ‖ ctx ‖ pk) as a transcript. 32 bytes.
    public static func componentCommitment(seed: SecretBytes, binding: SubmissionBinding, component: Int) -> [UInt8] {
        precondition(seed.count == 32 && (0...255).contains(component))
        return seed.withCopy { seed in
            Transcript.hash(
                "meshnode/nddfe/v1/com", [UInt8(component)], seed, binding.nonce, binding.context, binding.publicKey)
        }
    }

    /// K_a = BLAKE2b-256(key σ_a; "mask" ‖ ctx ‖ pk ‖ nonce ‖ a). 32 secret bytes.
    public static func maskKey(seed: SecretBytes, binding: SubmissionBinding, component: Int) -> SecretBytes {
        precondition(seed.count == 32 && (0...255).contains(component))
        let message = lengthPrefixed([
            Array("meshnode/nddfe/v1/mask".utf8), binding.context, binding.publicKey, binding.nonce,
            [UInt8(component)],
        ])
        return seed.withCopy { seed in
            var key = blake2b(message, length: 32, key: seed)
            defer { wipe(&key) }
            return SecretBytes(key)
        }
    }

    /// The keys of all components of one submission.
    public static func maskKeys(seeds: [SecretBytes], binding: SubmissionBinding) -> [SecretBytes] {
        seeds.indices.map { maskKey(seed: seeds[$0], binding: binding, component: $0) }
    }

    /// R_j of one component: bytes 32j…32j+31 of the ChaCha20 stream, top four bits cleared, hence below 2^252 < ℓ and
    /// canonical as a scalar. This is what blame publishes.
    public static func mask(key: SecretBytes, element: Int) -> [UInt8] {
        precondition(element >= 0 && element < 1 << 32)
        return masks(keys: [key], elements: element..<element + 1)
    }

    /// Σ over `keys` of R_j mod ℓ for every j of `elements`: 32 bytes each.
    ///
    /// With one client's keys of all components this is r_j; with all clients' keys of one component it is K^(a)_j.
    static func masks(keys: [SecretBytes], elements: Range<Int>) -> [UInt8] {
        precondition(elements.lowerBound >= 0 && elements.upperBound <= 1 << 32)
        let count = elements.count
        // A block of the stream holds two masks: start at an even one.
        let lead = elements.lowerBound & 1
        var stream = [UInt8](repeating: 0, count: (count + lead) * 32)
        let zeros = stream
        let nonce = [UInt8](repeating: 0, count: 8)
        var sums = [UInt64](repeating: 0, count: count * 5)
        for key in keys {
            precondition(key.count == 32)
            unsafe key.withBytes { key in
                _ = unsafe crypto_stream_chacha20_xor_ic(
                    &stream, zeros, UInt64(zeros.count), nonce, UInt64(elements.lowerBound / 2), key.baseAddress!)
            }
            for index in 0..<count {
                let w = loadWords(stream[...], at: (index + lead) * 32)
                let base = index * 5
                let r0 = UInt128(sums[base]) &+ UInt128(w.0)
                let r1 = UInt128(sums[base + 1]) &+ UInt128(w.1) &+ (r0 &>> 64)
                let r2 = UInt128(sums[base + 2]) &+ UInt128(w.2) &+ (r1 &>> 64)
                let r3 = UInt128(sums[base + 3]) &+ UInt128(w.3 & ((1 << 60) &- 1)) &+ (r2 &>> 64)
                sums[base] = UInt64(truncatingIfNeeded: r0)
                sums[base + 1] = UInt64(truncatingIfNeeded: r1)
                sums[base + 2] = UInt64(truncatingIfNeeded: r2)
                sums[base + 3] = UInt64(truncatingIfNeeded: r3)
                sums[base + 4] &+= UInt64(truncatingIfNeeded: r3 &>> 64)
            }
        }
        var result = [UInt8](repeating: 0, count: count * 32)
        for index in 0..<count {
            let base = index * 5
            let scalar = Scalar(
                reducingSum: sums[base], sums[base + 1], sums[base + 2], sums[base + 3], sums[base + 4])
            storeWords((scalar.w0, scalar.w1, scalar.w2, scalar.w3), into: &result, at: index * 32)
        }
        wipe(&stream)
        unsafe sums.withUnsafeMutableBytes { unsafe sodium_memzero($0.baseAddress, $0.count) }
        return result
    }
}

/// Every part behind its length as a u64, as in `Transcript`.
func lengthPrefixed(_ parts: [[UInt8]]) -> [UInt8] {
    var result: [UInt8] = []
    for part in parts {
        let length = UInt64(part.count)
        for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
            result.append(UInt8(truncatingIfNeeded: length >> shift))
        }
        result.append(contentsOf: part)
    }
    return result
}

/// Overwrites secret bytes; the compiler may not leave it out.
func wipe(_ bytes: inout [UInt8]) {
    if !bytes.isEmpty { unsafe sodium_memzero(&bytes, bytes.count) }
}
