/// Words that a caller brings, as a generator: this module draws no noise of its own.
struct NoiseWords: RandomNumberGenerator {
    private let word: () -> UInt64

    init(next: @escaping () -> UInt64) { word = next }

    mutating func next() -> UInt64 { word() }
}
