internal import Sodium

/// One owner's memory for a secret: on its own pages between guard pages, kept out of swap and core dumps where the limit on
/// locked memory allows, wiped when the owner goes. It cannot be copied; who shares it shares the owner.
///
/// Own pages matter: on the ordinary heap, unlocking one freed secret would unlock its neighbours on the same page.
@safe
struct LockedMemory: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer

    /// Zeroed memory.
    init(count: Int) {
        SodiumRuntime.ensure()
        guard let address = unsafe sodium_malloc(max(1, count)) else {
            fatalError("no memory for a secret of \(count) bytes")
        }
        unsafe sodium_memzero(address, count)
        unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit {
        // Checks the guards, wipes and unlocks.
        unsafe sodium_free(bytes.baseAddress)
    }

    var count: Int { unsafe bytes.count }

    /// The memory; it must not leave `body`.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(bytes)
    }
}
