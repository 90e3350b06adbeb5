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
    /// Turns its update round.
    case flip

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

    /// Integers that pull the other way, within the range, so that nothing about them can be proven.
    func change(_ update: LocalUpdate, bound: Int64) -> LocalUpdate {
        guard self == .flip else { return update }
        let bound = Int32(clamping: bound)
        return LocalUpdate(resending: update.values.map { max(-bound, min(bound, -20 * $0)) })
    }

    /// Adds one to a little-endian scalar at the start of `bytes`. No carry leaves the lowest 31 bytes of a mask.
    static func addOne(to bytes: inout [UInt8]) {
        for index in 0..<31 {
            bytes[index] &+= 1
            if bytes[index] != 0 { return }
        }
    }
}
