import Foundation
import Gossip
import Sodium

/// libsodium's random bytes, the same ones for each input: what an input did when it was found it does again.
enum FixedRandom {
    /// Before anything has asked libsodium for a byte.
    static func install() { randombytes_set_implementation(&implementation) }

    static func restart() { generator = MeshGenerator(seed: 0) }

    nonisolated(unsafe) private static var generator = MeshGenerator(seed: 0)

    nonisolated(unsafe) private static let name = strdup("fixed")
    nonisolated(unsafe) private static var implementation = randombytes_implementation(
        implementation_name: { UnsafePointer(name) },
        random: { UInt32(truncatingIfNeeded: generator.next()) },
        stir: nil, uniform: nil,
        buf: { memory, count in
            guard let memory else { return }
            for place in 0..<count {
                memory.storeBytes(of: UInt8(truncatingIfNeeded: generator.next()), toByteOffset: place, as: UInt8.self)
            }
        },
        close: nil)
}
