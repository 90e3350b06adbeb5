internal import Learn
internal import MeshCrypto
internal import Wire

/// What a node of a test network does wrong on purpose as a client (`debug.attack`), so that the real program is seen to
/// prove and survive it.
enum Cheating: Sendable {
    /// Seals a seed to one holder under a key that is not that holder's.
    case badBox
    /// Adds far more than the range to one coordinate.
    case outOfRange
    /// Gives each integer of the update a random sign.
    case noise
    /// Negates the update.
    case flip
    /// Negates it twenty times as long, within the range, so that nothing about it can be proven.
    case boostedFlip

    /// What it trains to, before anything is kept or encrypted: its scores are those of what it sends.
    func twisted(_ values: [Int32], bound: Int64) -> [Int32] {
        switch self {
        case .badBox, .outOfRange: return values
        case .flip: return values.map { -$0 }
        case .boostedFlip:
            let bound = Int64(Int32(clamping: bound))
            return values.map { Int32(max(-bound, min(bound, -20 * Int64($0)))) }
        case .noise:
            var system = SystemRandomNumberGenerator()
            return values.map { Bool.random(using: &system) ? $0 : -$0 }
        }
    }

    func sealed(
        _ keys: [SealingKey], _ seal: ([SealingKey]) throws -> SealedSeeds
    ) rethrows -> SealedSeeds {
        guard self == .badBox, !keys.isEmpty else { return try seal(keys) }
        var others = keys
        others[others.count - 1] = SealingKey(RistrettoKey.generate().publicKey)
        return try seal(others)
    }

    func change(_ packed: inout [Int64]) {
        if self == .outOfRange, !packed.isEmpty { packed[packed.count / 2] += 1 << 40 }
    }

    /// Adds one to a little-endian scalar at the start of `bytes`. No carry leaves the lowest 31 bytes of a mask.
    static func addOne(to bytes: inout [UInt8]) {
        for index in 0..<31 {
            bytes[index] &+= 1
            if bytes[index] != 0 { return }
        }
    }
}
