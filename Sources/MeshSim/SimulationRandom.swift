/// The one source of chance of a simulation: xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64.
public struct SimulationRandom: Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64) {
        var mixed = seed
        func next() -> UInt64 {
            mixed &+= 0x9E37_79B9_7F4A_7C15
            var word = mixed
            word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
            return word ^ word >> 31
        }
        state = (next(), next(), next(), next())
    }

    public mutating func next() -> UInt64 {
        func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }
        let result = rotated(state.1 &* 5, 7) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = rotated(state.3, 45)
        return result
    }

    /// Uniform in 0..<bound, by rejection.
    public mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0)
        let limit = UInt64.max - UInt64.max % bound
        while true {
            let value = next()
            if value < limit { return value % bound }
        }
    }

    public mutating func below(_ bound: Int) -> Int { Int(below(UInt64(bound))) }

    /// Uniform in the closed range.
    public mutating func within(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    /// True with `ppm` chances in a million.
    public mutating func chance(_ ppm: UInt64) -> Bool { ppm > 0 && below(1_000_000) < ppm }

    public mutating func shuffled<Element>(_ values: [Element]) -> [Element] {
        var values = values
        for index in values.indices.reversed() where index > 0 { values.swapAt(index, below(index + 1)) }
        return values
    }
}
