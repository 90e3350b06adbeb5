internal import Sodium

/// Bytes that are kept out of swap (where the limit on locked memory allows) and wiped when released.
@safe public final class SecretBytes: @unchecked Sendable {
    // Immutable after initialisation except inside this module's own initialisers, hence safe to share.
    private let storage: UnsafeMutableRawBufferPointer

    init(count: Int) {
        SodiumRuntime.ensure()
        unsafe storage = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        _ = unsafe sodium_mlock(storage.baseAddress!, count)
        unsafe sodium_memzero(storage.baseAddress!, count)
    }

    /// Copies `bytes`; wipe the source if it was secret.
    public convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        unsafe storage.copyBytes(from: bytes)
    }

    public static func random(_ count: Int) -> SecretBytes {
        let secret = SecretBytes(count: count)
        unsafe randombytes_buf(secret.storage.baseAddress!, count)
        return secret
    }

    deinit {
        // sodium_munlock wipes before it unlocks.
        unsafe sodium_memzero(storage.baseAddress!, storage.count)
        _ = unsafe sodium_munlock(storage.baseAddress!, storage.count)
        unsafe storage.deallocate()
    }

    public var count: Int { unsafe storage.count }

    /// Runs `body` with a copy that is wiped afterwards.
    public func withCopy<Result, Failure: Error>(_ body: ([UInt8]) throws(Failure) -> Result) throws(Failure) -> Result {
        var copy = unsafe [UInt8](storage)
        defer { unsafe sodium_memzero(&copy, copy.count) }
        return try body(copy)
    }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        unsafe body(UnsafeBufferPointer(storage.bindMemory(to: UInt8.self)))
    }

    func withMutableBytes(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        unsafe body(storage.bindMemory(to: UInt8.self))
    }
}
