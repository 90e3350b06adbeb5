/// The honest cheaper alternative, for comparison only: coordinates under a one-time pad mod 2^32 and one Pedersen vector
/// commitment C = Σ x_j·G_j + t·H.
///
/// Thirty times less work for a client and 4 bytes a coordinate, but pad and commitment may disagree, which is seen only
/// at the end; the encrypted element of NDD-FE/R *is* the commitment.
struct PlainMaskBaseline {
    /// G_j = from_hash(BLAKE2b-512(domain ‖ j)), affine.
    let generators: [AffineNielsPoint]

    /// Client (pad and commitment) and voter (one commitment to the sum), both on the calling thread.
    static func run(elements: Int, _ context: inout BenchContext) {
        let baseline = PlainMaskBaseline(count: elements)
        let values = CryptoBench.values(elements)
        let keys = CryptoBench.keys(3)
        let client = context.best(units: elements) {
            _ = baseline.pad(values, keys: keys)
            _ = baseline.commit(values, mask: .half, bits: 8)
        }
        context.row("plain_masks_client", kernel: "swift", d: elements, time: client, bytes: 4)
        let sums = values.map { $0 * 10 }
        let check = context.best(units: elements) { _ = baseline.commit(sums, mask: .half, bits: 12) }
        context.row("plain_masks_voter", kernel: "swift", n: 10, d: elements, time: check)
    }

    init(count: Int) {
        let ranges = Workers.ranges(count, size: 1024)
        generators = Workers.map(ranges.count) { piece in
            BatchArithmetic.nielsPoints(
                ranges[piece].map { index in
                    EdwardsPoint(
                        uniform: blake2b(
                            lengthPrefixed([
                                Array("meshnode/bench/vector-generator".utf8),
                                [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: index >> $0) },
                            ]), length: 64))
                })
        }.flatMap { $0 }
    }

    /// c_j = x_j + pad_j mod 2^32.
    func pad(_ values: [Int64], keys: [SecretBytes]) -> [UInt32] {
        var result = values.map { UInt32(truncatingIfNeeded: $0) }
        for key in keys {
            // Eight pads from the 32 bytes of a mask: the same stream, a quarter of it a coordinate.
            let stream = MaskDerivation.masks(keys: [key], elements: 0..<(values.count + 7) / 8)
            for index in result.indices {
                let word = loadWords(stream[...], at: index / 8 * 32)
                let halves = [word.0, word.1, word.2, word.3][index % 8 / 2]
                result[index] &+= UInt32(truncatingIfNeeded: halves >> UInt64(index % 2 * 32))
            }
        }
        return result
    }

    /// Σ x_j·G_j + t·H for |x_j| < 2^(bits − 1): signed digits of eight bits, one bucket addition each.
    func commit(_ values: [Int64], mask: Scalar, bits: Int) -> EdwardsPoint {
        let windows = (bits + 8) / 8
        var result = EdwardsPoint.identity
        var carried = values.map(\.magnitude)
        for window in (0..<windows).reversed() {
            var buckets = [EdwardsPoint](repeating: .identity, count: 256)
            for index in values.indices {
                let digit = Int((carried[index] >> UInt64(8 * window)) & 0xff)
                guard digit != 0 else { continue }
                if values[index] < 0 {
                    buckets[digit].subtract(generators[index])
                } else {
                    buckets[digit].add(generators[index])
                }
            }
            var running = EdwardsPoint.identity
            var total = EdwardsPoint.identity
            for bucket in stride(from: 255, through: 1, by: -1) {
                running = running + buckets[bucket]
                total = total + running
            }
            result = result.doubled(times: 8) + total
        }
        carried.removeAll()
        return result + NDDFEBases.maskBase.vartimeMultiplied(by: mask)
    }
}
