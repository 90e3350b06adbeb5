internal import Sodium
internal import Synchronization

/// One owner's memory for a secret: between guard pages, kept out of swap and core dumps where the limit on locked memory
/// allows, wiped when the owner goes. It cannot be copied; who shares it shares the owner.
///
/// Small secrets share pages that are never unlocked, because a node holds two for each link and one for each peer: a page
/// of its own is four mappings, of which Linux allows a process 65,530, and half of the 8 MiB that it usually lets a process
/// lock. Longer ones have pages of their own. On the ordinary heap, unlocking one freed secret would unlock its neighbours.
@safe
struct LockedMemory: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer

    /// Zeroed memory.
    init(count: Int) {
        let address = unsafe count <= SecretPlaces.size ? SecretPlaces.take() : Self.pages(count)
        unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit {
        if unsafe bytes.count <= SecretPlaces.size {
            unsafe SecretPlaces.giveBack(bytes.baseAddress!)
        } else {
            // Checks the guards, wipes and unlocks.
            unsafe sodium_free(bytes.baseAddress)
        }
    }

    var count: Int { unsafe bytes.count }

    /// The memory; it must not leave `body`.
    func withBytes<Result, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(bytes)
    }

    /// Zeroed memory between guard pages.
    fileprivate static func pages(_ count: Int) -> UnsafeMutableRawPointer {
        SodiumRuntime.ensure()
        guard let address = unsafe sodium_malloc(count) else { fatalError("no memory for a secret of \(count) bytes") }
        unsafe sodium_memzero(address, count)
        return unsafe address
    }
}

/// The places for small secrets. A page that once held secrets stays locked, and its places are used again.
@safe
private struct SecretPlaces: ~Copyable, @unchecked Sendable {
    /// Bytes of a place: a secret key of Ed25519 fits.
    static let size = 64
    /// On a page of 4,096 bytes, beside libsodium's 16 bytes that show an overrun.
    private static let placesPerPage = 63

    private static let places = Mutex(SecretPlaces())

    private var free: [UnsafeMutableRawPointer]

    private init() { unsafe free = [] }

    /// A zeroed place.
    static func take() -> UnsafeMutableRawPointer {
        let address = places.withLock { UInt(bitPattern: unsafe $0.taken()) }
        return unsafe UnsafeMutableRawPointer(bitPattern: address)!
    }

    /// Wipes a place and lets it be taken again.
    static func giveBack(_ place: UnsafeMutableRawPointer) {
        unsafe sodium_memzero(place, size)
        let address = UInt(bitPattern: place)
        places.withLock { unsafe $0.free.append(UnsafeMutableRawPointer(bitPattern: address)!) }
    }

    private mutating func taken() -> UnsafeMutableRawPointer {
        if unsafe free.isEmpty {
            let page = unsafe LockedMemory.pages(Self.placesPerPage * Self.size)
            for place in 0..<Self.placesPerPage { unsafe free.append(page + place * Self.size) }
        }
        return unsafe free.removeLast()
    }
}
