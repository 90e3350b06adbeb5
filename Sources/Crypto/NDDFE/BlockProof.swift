internal import Sodium

/// The proof that decoded values are what the submissions commit to: one scalar for a whole round.
///
/// Anybody checks 8·Σ_j ρ_j Σ_i U_ij = 8·((Σ_j ρ_j e_j)·G + k̂·H) from public bytes. A wrong e passes only with
/// probability 2^−128 or by giving log_G H. The factor 8 makes the equation one over the prime-order group, so torsion in
/// affine elements has no effect.
public enum BlockProof {
    /// The key of the ρ stream: H(ctx ‖ decided MANIFEST ‖ H(e)). 32 bytes.
    public static func seed(context: [UInt8], manifest: [UInt8], values: [Int64]) -> [UInt8] {
        Transcript.hash("meshnode/nddfe/v1/rho", context, manifest, valuesHash(values))
    }

    /// H(e): BLAKE2b-256 of the values as little-endian 64-bit integers. 32 bytes.
    public static func valuesHash(_ values: [Int64]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: values.count * 8)
        for (index, value) in values.enumerated() {
            for shift in 0..<8 { bytes[index * 8 + shift] = UInt8(truncatingIfNeeded: value >> Int64(8 * shift)) }
        }
        return blake2b(bytes)
    }

    /// ρ_j: sixteen bytes a coefficient of the ChaCha20 stream under `seed`, little-endian.
    static func rho(seed: [UInt8], elements: Range<Int>) -> [(low: UInt64, high: UInt64)] {
        precondition(seed.count == 32 && elements.lowerBound >= 0 && elements.upperBound <= 1 << 32)
        SodiumRuntime.ensure()
        // A block of the stream holds four coefficients, 32 bytes two: read words in pairs.
        let lead = elements.lowerBound & 3
        let size = ((elements.count + lead + 1) / 2) * 32
        var stream = [UInt8](repeating: 0, count: size)
        let zeros = stream
        let nonce = [UInt8](repeating: 0, count: 8)
        unsafe crypto_stream_chacha20_xor_ic(
            &stream, zeros, UInt64(size), nonce, UInt64(elements.lowerBound / 4), seed)
        return (0..<elements.count).map { index in
            let position = index + lead
            let w = loadWords(stream[...], at: (position / 2) * 32)
            return position & 1 == 0 ? (w.0, w.1) : (w.2, w.3)
        }
    }

    /// k̂ = Σ_j ρ_j·K_j mod ℓ. 32 bytes.
    ///
    /// - Parameter keyVectors: K^(a) of every component, 32·count bytes each.
    public static func kHat(seed: [UInt8], keyVectors: [[UInt8]], count: Int) throws(NDDFEError) -> [UInt8] {
        try requireLength(seed, 32, "seed")
        let keys = try KeyVector.combine(keyVectors, count: count)
        let ranges = Workers.ranges(count)
        let parts = Workers.map(ranges.count) { piece in
            let rho = rho(seed: seed, elements: ranges[piece])
            var sum = WideSum()
            for (position, element) in ranges[piece].enumerated() {
                let key = loadWords(keys[...], at: element * 32)
                sum.add(rho[position], times: key)
            }
            return sum.reduced
        }
        return parts.reduce(Scalar.zero, +).bytes
    }

    /// Whether bytes are a canonical scalar, which every opening must be.
    public static func isScalar(_ bytes: [UInt8]) -> Bool { bytes.count == 32 && Scalar(canonical: bytes) != nil }

    /// Whether `values` are the sums that `bodies` commit to.
    ///
    /// - Parameters:
    ///   - bodies: the canonical bytes of every submission of the manifest, as fetched.
    ///   - values: e, one an element.
    ///   - kHat: the RESULT's scalar, 32 bytes.
    ///   - seed: from `seed(context:manifest:values:)` over the *same* values.
    /// - Returns: `false` where the equation does not hold.
    /// - Throws: what `Aggregate.sum` throws for malformed bodies; `invalidScalar` for k̂.
    public static func verify(
        bodies: [[UInt8]], encoding: ElementEncoding, values: [Int64], kHat: [UInt8], seed: [UInt8]
    ) throws(NDDFEError) -> Bool {
        for (index, body) in bodies.enumerated() {
            try requireLength(body, values.count * encoding.width, "body \(index)")
        }
        return try verify(values: values, kHat: kHat, seed: seed) { range in
            Aggregate.sumPiece(bodies, range: range, encoding: encoding)
        }
    }

    /// One share's Σ ρ_j·S_j and Σ ρ_j·e_j.
    private struct Part: Sendable {
        var point: EdwardsPoint
        var value: Scalar
    }

    /// The equation over sums that are produced a range at a time.
    static func verify(
        values: [Int64], kHat: [UInt8], seed: [UInt8], kernel: any GroupKernel = NDDFEBases.kernel,
        sums: @Sendable (Range<Int>) -> Result<[EdwardsPoint], NDDFEError>
    ) throws(NDDFEError) -> Bool {
        let mask = try requireScalar(kHat, "k̂")
        try requireLength(seed, 32, "seed")
        // One sum for each core, over pieces that are small enough to stay in its cache.
        let shares = Workers.shares(values.count)
        let pieces: [Result<Part, NDDFEError>] = Workers.map(shares.count) { share in
            let sum = kernel.pointSum(count: shares[share].count)
            var positive = WideSum()
            var negative = WideSum()
            var refusals: [Result<Part, NDDFEError>] = []
            for piece in Workers.ranges(shares[share].count, size: kernel.name == "swift" ? 16_384 : Workers.chunk) {
                let range = shares[share].lowerBound + piece.lowerBound..<shares[share].lowerBound + piece.upperBound
                let rho = rho(seed: seed, elements: range)
                switch sums(range) {
                case .success(let points): if refusals.isEmpty { sum.add(points, scalars: rho) }
                case .failure(let error): refusals.append(.failure(error))
                }
                for (position, element) in range.enumerated() {
                    let magnitude = (values[element].magnitude, 0 as UInt64, 0 as UInt64, 0 as UInt64)
                    if values[element] < 0 {
                        negative.add(rho[position], times: magnitude)
                    } else {
                        positive.add(rho[position], times: magnitude)
                    }
                }
            }
            if let error = refusals.lowestRefusal() { return .failure(error) }
            return .success(Part(point: sum.total, value: positive.reduced - negative.reduced))
        }
        if let error = pieces.lowestRefusal() { throw error }
        var left = EdwardsPoint.identity
        var value = Scalar.zero
        for case .success(let part) in pieces {
            left = left + part.point
            value = value + part.value
        }
        let right =
            EdwardsPoint.base.vartimeMultiplied(by: value) + NDDFEBases.maskBase.vartimeMultiplied(by: mask)
        return (left - right).isSmallOrder
    }
}

/// Σ of 128 × 256-bit products without reduction: room for 2^64 terms below 2^64·2^384.
struct WideSum {
    private var words: InlineArray<8, UInt64> = [0, 0, 0, 0, 0, 0, 0, 0]

    @inline(__always)
    mutating func add(_ a: (low: UInt64, high: UInt64), times b: (UInt64, UInt64, UInt64, UInt64)) {
        var carry: UInt64 = 0
        (words[0], carry) = Scalar.multiplyAdd(a.low, b.0, words[0], 0)
        (words[1], carry) = Scalar.multiplyAdd(a.low, b.1, words[1], carry)
        (words[2], carry) = Scalar.multiplyAdd(a.low, b.2, words[2], carry)
        (words[3], carry) = Scalar.multiplyAdd(a.low, b.3, words[3], carry)
        propagate(carry, from: 4)
        (words[1], carry) = Scalar.multiplyAdd(a.high, b.0, words[1], 0)
        (words[2], carry) = Scalar.multiplyAdd(a.high, b.1, words[2], carry)
        (words[3], carry) = Scalar.multiplyAdd(a.high, b.2, words[3], carry)
        (words[4], carry) = Scalar.multiplyAdd(a.high, b.3, words[4], carry)
        propagate(carry, from: 5)
    }

    @inline(__always)
    private mutating func propagate(_ carry: UInt64, from index: Int) {
        var carry = carry
        for position in index..<8 {
            let sum = UInt128(words[position]) &+ UInt128(carry)
            words[position] = UInt64(truncatingIfNeeded: sum)
            carry = UInt64(truncatingIfNeeded: sum &>> 64)
        }
    }

    var reduced: Scalar { Scalar(reducingWords: words) }
}
