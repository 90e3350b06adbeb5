/// MT19937 (Matsumoto, Nishimura 1998) with NumPy's legacy integer seeding and shuffle.
///
/// Only there so that the fixed split of the shipped data sets is row for row the one that
/// `train_test_split(test_size=0.2, random_state=seed)` of scikit-learn gives.
struct MersenneTwister {
    private var state: [UInt32]
    private var index: Int

    init(seed: UInt32) {
        state = [seed]
        for position in 1..<624 {
            let previous = state[position - 1]
            state.append(1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(position))
        }
        index = 624
    }

    mutating func next() -> UInt32 {
        if index == 624 { refill() }
        var word = state[index]
        index += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9d2c_5680
        word ^= (word << 15) & 0xefc6_0000
        return word ^ (word >> 18)
    }

    /// `RandomState(seed).permutation(count)`: masked rejection, last index first.
    mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        guard count > 1 else { return order }
        for last in stride(from: count - 1, to: 0, by: -1) {
            let mask = UInt32.max >> UInt32(UInt32(last).leadingZeroBitCount)
            var drawn = next() & mask
            while drawn > UInt32(last) { drawn = next() & mask }
            order.swapAt(last, Int(drawn))
        }
        return order
    }

    private mutating func refill() {
        for position in 0..<624 {
            let joined = (state[position] & 0x8000_0000) | (state[(position + 1) % 624] & 0x7fff_ffff)
            let twisted = joined & 1 == 0 ? 0 : UInt32(0x9908_b0df)
            state[position] = state[(position + 397) % 624] ^ (joined >> 1) ^ twisted
        }
        index = 0
    }
}
