import Glibc
internal import MeshSim

/// Every random byte of the process from one seed: libsodium asks whoever is named to it. Only this program does that;
/// it finds the function by name, so that nothing in a node can.
enum SeededRandomness {
    nonisolated(unsafe) private static var random = SimulationRandom(seed: 0)
    nonisolated(unsafe) private static var functions: UnsafeMutablePointer<Functions>?

    /// `randombytes_implementation` of libsodium.
    private struct Functions {
        var name: @convention(c) () -> UnsafePointer<CChar>?
        var word: @convention(c) () -> UInt32
        var stir: (@convention(c) () -> Void)?
        var uniform: (@convention(c) (UInt32) -> UInt32)?
        var fill: @convention(c) (UnsafeMutableRawPointer?, Int) -> Void
        var close: (@convention(c) () -> Int32)?
    }

    static func install(seed: UInt64) {
        random = SimulationRandom(seed: seed ^ 0x6d65_7368_7261_6e64)
        guard functions == nil else { return }
        let place = UnsafeMutablePointer<Functions>.allocate(capacity: 1)
        place.initialize(
            to: Functions(
                name: { UnsafePointer(strdup("simulated")) },
                word: { UInt32(truncatingIfNeeded: SeededRandomness.random.next()) },
                stir: nil, uniform: nil,
                fill: { buffer, count in
                    for index in 0..<count {
                        buffer?.storeBytes(
                            of: UInt8(truncatingIfNeeded: SeededRandomness.random.next()), toByteOffset: index,
                            as: UInt8.self)
                    }
                }, close: nil))
        functions = place
        typealias Set = @convention(c) (UnsafeMutableRawPointer) -> Int32
        guard let symbol = dlsym(nil, "randombytes_set_implementation") else {
            fatalError("this libsodium has no randombytes_set_implementation: layer B cannot run here")
        }
        _ = unsafeBitCast(symbol, to: Set.self)(UnsafeMutableRawPointer(place))
    }
}
