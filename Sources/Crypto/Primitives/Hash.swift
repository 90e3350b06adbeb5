internal import Sodium
public import Wire

/// BLAKE2b (RFC 7693) over length-prefixed parts.
///
/// Everything that is hashed is a transcript: a domain string, then each part behind a `u64` length, so that two
/// different lists of parts never give the same input.
public struct Transcript: Sendable {
    private var input: [UInt8] = []

    public init(_ domain: String) {
        append(Array(domain.utf8))
    }

    public mutating func append(_ part: [UInt8]) {
        var length = UInt64(part.count)
        for _ in 0..<8 {
            input.append(UInt8(truncatingIfNeeded: length))
            length >>= 8
        }
        input.append(contentsOf: part)
    }

    public mutating func append<Kind>(_ part: Identifier<Kind>) { append(part.bytes) }

    public mutating func append(_ part: UInt64) {
        var encoder = WireEncoder(reservingCapacity: 8)
        encoder.u64(part)
        append(encoder.bytes)
    }

    /// 32 bytes.
    public func hash() -> [UInt8] { blake2b(input, length: 32) }
    /// 64 bytes, for uniform scalars and group elements.
    public func wideHash() -> [UInt8] { blake2b(input, length: 64) }

    public func identifier<Kind>(_ kind: Identifier<Kind>.Type = Identifier<Kind>.self) -> Identifier<Kind> {
        Identifier<Kind>(hash())
    }

    /// The hash of one domain string and its parts.
    public static func hash(_ domain: String, _ parts: [UInt8]...) -> [UInt8] {
        // Part by part: a chunk of content is not copied to be hashed.
        SodiumRuntime.ensure()
        var output = [UInt8](repeating: 0, count: 32)
        let status = unsafe withUnsafeTemporaryAllocation(
            byteCount: crypto_generichash_statebytes(), alignment: 64
        ) { memory in
            let state = unsafe OpaquePointer(memory.baseAddress!)
            var status = unsafe crypto_generichash_init(state, nil, 0, 32)
            func absorb(_ part: [UInt8]) {
                let length = (0..<8).map { UInt8(truncatingIfNeeded: part.count >> (8 * $0)) }
                status |= unsafe crypto_generichash_update(state, length, 8)
                status |= unsafe crypto_generichash_update(state, part, UInt64(part.count))
            }
            absorb(Array(domain.utf8))
            for part in parts { absorb(part) }
            return unsafe status | crypto_generichash_final(state, &output, 32)
        }
        precondition(status == 0)
        return output
    }
}

/// BLAKE2b of `input`, optionally keyed.
/// - Parameters:
///   - length: 16…64 bytes of output.
///   - key: empty, or 16…64 bytes.
public func blake2b(_ input: [UInt8], length: Int = 32, key: [UInt8] = []) -> [UInt8] {
    SodiumRuntime.ensure()
    precondition((16...64).contains(length) && (key.isEmpty || (16...64).contains(key.count)))
    var output = [UInt8](repeating: 0, count: length)
    let status = unsafe crypto_generichash(
        &output, length, input, UInt64(input.count), key.isEmpty ? nil : key, key.count)
    precondition(status == 0)
    return output
}
