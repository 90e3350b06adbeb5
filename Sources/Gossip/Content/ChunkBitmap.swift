/// Which chunks of a content are there. Bit `i` of byte `i / 8`, lowest bit first.
public struct ChunkBitmap: Sendable, Equatable {
    public let count: Int
    /// How many chunks are there.
    public private(set) var present = 0
    private var words: [UInt64]
    /// Every chunk below is there, so that looking for the next missing one does not start from the beginning.
    private var floor = 0

    /// - Precondition: `count >= 0`.
    public init(count: Int) {
        precondition(count >= 0)
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
    }

    public var isComplete: Bool { present == count }

    /// False for an index beyond the end.
    public func contains(_ index: Int) -> Bool {
        guard index >= 0, index < count else { return false }
        return words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    /// - Returns: whether the chunk is new; false for an index beyond the end.
    @discardableResult
    public mutating func insert(_ index: Int) -> Bool {
        guard index >= 0, index < count, !contains(index) else { return false }
        words[index / 64] |= 1 << UInt64(index % 64)
        present += 1
        if index == floor { floor = firstMissing(from: index + 1) ?? count }
        return true
    }

    public mutating func remove(_ index: Int) {
        guard contains(index) else { return }
        words[index / 64] &= ~(1 << UInt64(index % 64))
        present -= 1
        floor = min(floor, index)
    }

    /// The first missing chunk at or after `start`.
    public func firstMissing(from start: Int) -> Int? {
        var index = max(floor, start)
        while index < count {
            let rest = ~words[index / 64] >> UInt64(index % 64)
            if rest != 0 {
                let found = index + rest.trailingZeroBitCount
                return found < count ? found : nil
            }
            index = (index / 64 + 1) * 64
        }
        return nil
    }

    /// Bits `first ..< first + 8·bytes` as bytes, cut at the end of the content.
    public func slice(from first: Int, bytes: Int) -> [UInt8] {
        guard first >= 0, first < count, bytes > 0 else { return [] }
        let length = min(bytes, (count - first + 7) / 8)
        return (0..<length).map { byte in
            (0..<8).reduce(UInt8(0)) { $0 | (contains(first + byte * 8 + $1) ? 1 << UInt8($1) : 0) }
        }
    }

    /// The indices that are set in a bitmap which starts at `first`, ascending; those at or beyond `end` are left out.
    public static func indices(_ bitmap: [UInt8], first: UInt32, end: Int) -> [Int] {
        var indices: [Int] = []
        for (offset, byte) in bitmap.enumerated() where byte != 0 {
            for bit in 0..<8 where byte >> UInt8(bit) & 1 == 1 {
                let index = Int(first) + offset * 8 + bit
                if index < end { indices.append(index) }
            }
        }
        return indices
    }

    /// The shortest bitmap, starting at the first index, that holds `indices`.
    /// - Precondition: `indices` ascend and span at most `8 * ContentLimits.haveBitmapBytes`.
    public static func bitmap(_ indices: [Int]) -> (first: UInt32, bytes: [UInt8]) {
        guard let first = indices.first, let last = indices.last else { return (0, []) }
        var bytes = [UInt8](repeating: 0, count: (last - first) / 8 + 1)
        for index in indices { bytes[(index - first) / 8] |= 1 << UInt8((index - first) % 8) }
        return (UInt32(first), bytes)
    }
}
