internal import Sodium

/// libsodium must be initialised once before any use; every entry point of this module touches this constant.
enum SodiumRuntime {
    static let ready: Bool = {
        guard sodium_init() >= 0 else { fatalError("libsodium could not be initialised") }
        return true
    }()

    @inline(__always) static func ensure() { precondition(ready) }
}

/// Bytes from the operating system's generator.
public func randomBytes(_ count: Int) -> [UInt8] {
    SodiumRuntime.ensure()
    var bytes = [UInt8](repeating: 0, count: count)
    if count > 0 { unsafe randombytes_buf(&bytes, count) }
    return bytes
}
