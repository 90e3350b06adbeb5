internal import Sodium
internal import Synchronization

/// What the system did not let this process lock of the memory that its secrets lie in. Nothing stops for it: whoever runs a
/// node is told (`status`, `doctor`), because such memory may be written to swap and to core dumps.
public enum SecretMemory {
    fileprivate static let unlocked = Atomic<Int>(0)

    /// Bytes of secrets' memory that are not locked now.
    public static var unlockedBytes: Int { unlocked.load(ordering: .relaxed) }

    /// Whether this process may lock so much more.
    public static func canLock(_ count: Int) -> Bool { LockedMemory(count: count).isLocked }
}

/// One owner's memory for a secret: between guard pages, kept out of swap and core dumps where the limit on locked memory
/// allows, wiped when the owner goes. It cannot be copied; who shares it shares the owner.
///
/// Small secrets share pages that are never unlocked, because a node holds two for each link and one for each peer: a page
/// of its own is four mappings, of which Linux allows a process 65,530, and half of the 8 MiB that it usually lets a process
/// lock. Longer ones have pages of their own. On the ordinary heap, unlocking one freed secret would unlock its neighbours.
@safe
struct LockedMemory: ~Copyable {
    private let bytes: UnsafeMutableRawBufferPointer
    /// Of memory with pages of its own.
    let isLocked: Bool

    /// Zeroed memory.
    init(count: Int) { unsafe self.init(count: count, lock: Self.systemLock) }

    init(count: Int, lock: Lock) {
        if count <= SecretPlaces.size {
            isLocked = true
            unsafe bytes = UnsafeMutableRawBufferPointer(start: SecretPlaces.take(), count: count)
        } else {
            let (address, isLocked) = unsafe Self.pages(count, lock)
            self.isLocked = isLocked
            unsafe bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
        }
    }

    deinit {
        if unsafe bytes.count <= SecretPlaces.size {
            unsafe SecretPlaces.giveBack(bytes.baseAddress!)
        } else {
            if !isLocked { unsafe SecretMemory.unlocked.subtract(bytes.count, ordering: .relaxed) }
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

    /// Locks pages: 0 if it could.
    typealias Lock = (UnsafeMutableRawPointer, Int) -> Int32
    fileprivate static var systemLock: Lock { { unsafe sodium_mlock($0, $1) } }

    /// Zeroed memory between guard pages. libsodium locks it and does not say whether it could: so it is asked again, which
    /// costs nothing where it is locked.
    fileprivate static func pages(_ count: Int, _ lock: Lock) -> (UnsafeMutableRawPointer, isLocked: Bool) {
        SodiumRuntime.ensure()
        guard let address = unsafe sodium_malloc(count) else { fatalError("no memory for a secret of \(count) bytes") }
        unsafe sodium_memzero(address, count)
        let isLocked = unsafe lock(address, count) == 0
        if !isLocked { SecretMemory.unlocked.add(count, ordering: .relaxed) }
        return unsafe (address, isLocked)
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
            // Never given back: what could not be locked stays counted.
            let (page, _) = unsafe LockedMemory.pages(Self.placesPerPage * Self.size, LockedMemory.systemLock)
            for place in 0..<Self.placesPerPage { unsafe free.append(page + place * Self.size) }
        }
        return unsafe free.removeLast()
    }
}
