/// Bytes of a fuzzer as choices. Beyond the end every choice is 0, so that each prefix of an input is an input.
public struct FuzzInput: RandomNumberGenerator {
    private let bytes: [UInt8]
    private var offset = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var isAtEnd: Bool { offset >= bytes.count }

    public mutating func byte() -> UInt8 {
        guard offset < bytes.count else { return 0 }
        defer { offset += 1 }
        return bytes[offset]
    }

    public mutating func next() -> UInt64 {
        (0..<8).reduce(0) { word, _ in word << 8 | UInt64(byte()) }
    }

    /// One of `count` places.
    public mutating func pick(_ count: Int) -> Int {
        guard count > 1 else { return 0 }
        return count <= 256 ? Int(byte()) % count : Int(next() % UInt64(count))
    }

    public mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[pick(choices.count)]
    }

    public mutating func bool() -> Bool { byte() & 1 == 1 }

    /// An extreme, a power of two and its neighbours, a neighbour of what was there, or what the bytes say.
    public mutating func number<Number: FixedWidthInteger>(near old: Number = 0) -> Number {
        let choice = byte()
        let bit =
            Number(truncatingIfNeeded: Int(choice >> 3)) % Number(truncatingIfNeeded: Number.bitWidth)
        return switch choice & 7 {
        case 0: old
        case 1: .max
        case 2: .min
        case 3: (1 as Number) << bit
        case 4: ((1 as Number) << bit) &- 1
        case 5: old &+ 1
        case 6: old &- 1
        default: Number(truncatingIfNeeded: next())
        }
    }

    public mutating func list<Element>(upTo most: Int, _ element: (inout FuzzInput) -> Element)
        -> [Element]
    {
        let count = pick(most + 1)
        return (0..<count).map { _ in element(&self) }
    }

    /// Up to `count` bytes.
    public mutating func take(_ count: Int) -> [UInt8] {
        let end = min(bytes.count, offset + max(0, count))
        defer { offset = end }
        return Array(bytes[offset..<end])
    }

    public mutating func rest() -> [UInt8] { take(bytes.count) }

    /// A valid message with a few of its bytes replaced, doubled or left out: most of its structure survives.
    public mutating func edited(_ valid: [UInt8]) -> [UInt8] {
        var result = valid
        for _ in 0..<pick(4) {
            guard !result.isEmpty else { break }
            let place = Int(UInt64(byte()) << 8 | UInt64(byte())) % result.count
            switch pick(6) {
            case 0: result[place] = byte()
            case 1: result[place] ^= 1 << (byte() & 7)
            case 2:
                let word: UInt32 = number()
                for index in 0..<4 where place + index < result.count {
                    result[place + index] = UInt8(truncatingIfNeeded: word >> UInt32(8 * index))
                }
            case 3:
                let word: UInt64 = number()
                for index in 0..<8 where place + index < result.count {
                    result[place + index] = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
                }
            case 4: result.removeSubrange(place..<min(result.count, place + 1 + pick(64)))
            default: result.insert(contentsOf: take(pick(64)), at: place)
            }
        }
        return result
    }
}
