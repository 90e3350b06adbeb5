internal import Sodium

/// Bytes in memory that is kept out of swap (where the limit on locked memory allows) and wiped with the last reference.
///
/// References are copied, the bytes never are, except by `withCopy`. What is computed from them on the stack or in
/// registers is wiped where this module holds it in arrays, not where the compiler spills it.
@safe public final class SecretBytes: @unchecked Sendable {
    // Immutable after initialisation except inside this module's own initialisers, hence safe to share.
    private let memory: LockedMemory

    init(count: Int) { memory = LockedMemory(count: count) }

    /// Copies `bytes`; wipe the source if it was secret.
    public convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        unsafe memory.withBytes { unsafe $0.copyBytes(from: bytes) }
    }

    public static func random(_ count: Int) -> SecretBytes {
        let secret = SecretBytes(count: count)
        unsafe secret.memory.withBytes { unsafe randombytes_buf($0.baseAddress!, count) }
        return secret
    }

    public var count: Int { memory.count }

    /// Runs `body` with a copy that is wiped afterwards.
    public func withCopy<Result, Failure: Error>(_ body: ([UInt8]) throws(Failure) -> Result) throws(Failure) -> Result
    {
        var copy = unsafe memory.withBytes { unsafe [UInt8]($0) }
        defer { unsafe sodium_memzero(&copy, copy.count) }
        return try body(copy)
    }

    func withBytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        unsafe memory.withBytes { unsafe body(UnsafeBufferPointer($0.bindMemory(to: UInt8.self))) }
    }

    func withMutableBytes(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Void) {
        unsafe memory.withBytes { unsafe body($0.bindMemory(to: UInt8.self)) }
    }
}
