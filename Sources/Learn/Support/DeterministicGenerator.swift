/// xoshiro256** (Blackman, Vigna 2018, "Scrambled linear pseudorandom number generators").
///
/// Used for shuffling, initial weights and stochastic rounding, where a run must repeat exactly. It is not a
/// cryptographic generator: nothing that must stay secret may be derived from it.
/// Deviation from the reference code: the state is absorbed from a seed of any length through SplitMix64, so that
/// an all-zero seed is allowed.
public struct DeterministicGenerator: RandomNumberGenerator, Sendable {
    private var s0: UInt64
    private var s1: UInt64
    private var s2: UInt64
    private var s3: UInt64

    /// - Parameter seed: any bytes, usually 32; different lengths give different streams.
    public init(seed: [UInt8]) {
        var mixer = SplitMix64(state: 0x6d65_7368_6e6f_6465 ^ UInt64(seed.count))
        var lanes: (UInt64, UInt64, UInt64, UInt64) = (mixer.next(), mixer.next(), mixer.next(), mixer.next())
        var index = 0
        while index < seed.count {
            var word: UInt64 = 0
            for offset in 0..<min(8, seed.count - index) {
                word |= UInt64(seed[index + offset]) << UInt64(8 * offset)
            }
            mixer.state ^= word
            lanes.0 ^= mixer.next()
            lanes.1 ^= mixer.next()
            lanes.2 ^= mixer.next()
            lanes.3 ^= mixer.next()
            index += 8
        }
        if lanes.0 | lanes.1 | lanes.2 | lanes.3 == 0 { lanes.0 = 1 }
        (s0, s1, s2, s3) = lanes
    }

    /// The stream named by `label` and `index` under `seed`; streams of different names do not overlap in practice.
    public init(seed: [UInt8], label: String, index: UInt64 = 0) {
        self.init(seed: Seed.derive(seed, label: label, index: index))
    }

    public mutating func next() -> UInt64 {
        let scrambled = s1 &* 5
        let result = ((scrambled << 7) | (scrambled >> 57)) &* 9
        let shifted = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = (s3 << 45) | (s3 >> 19)
        return result
    }

    /// Uniform in 0..<bound without bias (Lemire 2019). Own code, so that a new standard library changes no run.
    public mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0, "bound \(bound) must be positive")
        let limit = UInt64(bound)
        var product = next().multipliedFullWidth(by: limit)
        if product.low < limit {
            let threshold = (0 &- limit) % limit
            while product.low < threshold { product = next().multipliedFullWidth(by: limit) }
        }
        return Int(product.high)
    }

    /// Uniform in [0, 1) on the grid of 2^-53.
    public mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform in [0, 1) on the grid of 2^-24.
    public mutating func unitFloat() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Fisher-Yates, from the last index downwards.
    public mutating func shuffle<Element>(_ values: inout [Element]) {
        guard values.count > 1 else { return }
        for last in stride(from: values.count - 1, to: 0, by: -1) { values.swapAt(last, below(last + 1)) }
    }

    /// A permutation of 0..<count.
    public mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        shuffle(&order)
        return order
    }
}

/// Child seeds by name. Not a cryptographic derivation: it separates streams, it hides nothing.
public enum Seed {
    /// A 32-byte seed from a small number, as people write it on a command line.
    public static func number(_ value: UInt64) -> [UInt8] {
        derive([], label: "number", index: value)
    }

    /// 32 bytes that depend on every byte of `seed`, on `label` and on `index`.
    public static func derive(_ seed: [UInt8], label: String, index: UInt64 = 0) -> [UInt8] {
        var bytes = seed
        bytes.append(contentsOf: littleEndian(UInt64(seed.count)))
        bytes.append(contentsOf: Array(label.utf8))
        bytes.append(contentsOf: littleEndian(index))
        var generator = DeterministicGenerator(seed: bytes)
        var result: [UInt8] = []
        for _ in 0..<4 { result.append(contentsOf: littleEndian(generator.next())) }
        return result
    }

    private static func littleEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}

struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
