import Foundation
import Sodium

/// libsodium's random bytes, the same ones for each input: what an input did when it was found it does again.
enum FixedRandom {
    /// Before anything has asked libsodium for a byte.
    static func install() { randombytes_set_implementation(&implementation) }

    static func restart() { state = 0 }

    nonisolated(unsafe) private static var state: UInt64 = 0

    /// SplitMix64.
    private static func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    nonisolated(unsafe) private static let name = strdup("fixed")
    nonisolated(unsafe) private static var implementation = randombytes_implementation(
        implementation_name: { UnsafePointer(name) },
        random: { UInt32(truncatingIfNeeded: next()) },
        stir: nil, uniform: nil,
        buf: { memory, count in
            guard let memory else { return }
            for place in 0..<count {
                memory.storeBytes(of: UInt8(truncatingIfNeeded: next()), toByteOffset: place, as: UInt8.self)
            }
        },
        close: nil)
}
