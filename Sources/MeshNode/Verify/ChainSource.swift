internal import Chain
internal import Gossip
internal import Wire

/// Decided blocks in order of height, wherever they lie.
protocol BlockSource {
    /// Up to `limit` blocks in order of height, starting at `from`.
    func blocks(chain: ChainID, from: UInt64, limit: Int) throws(StorageError) -> [StoredBlock]
}

extension ChainStore: BlockSource {}

/// What a verifier reads: the databases and files of a home, or an exported file. Nothing is written.
protocol ChainSource: BlockSource, Sendable {
    /// What messages call it.
    var name: String { get }
    func genesis() throws(StorageError) -> [UInt8]?
    /// Every chain of which a block or a record is here.
    func chainIDs() throws(StorageError) -> [ChainID]
    /// The greatest height, for progress; nil for a chain without blocks.
    func highest(_ chain: ChainID) throws(StorageError) -> UInt64?
    /// A whole content; nil where there is nothing of this name.
    /// - Throws: `damagedContent` for a file of this name that does not hold these bytes.
    func content(_ id: ContentID) throws(StorageError) -> [UInt8]?
    /// What the form of the source promises beyond its chains, once these hold.
    /// - Parameter tasks: those that the registry opens, in order.
    /// - Throws: `RoundError` with what is wrong.
    func checkForm(tasks: [TaskGenesis]) throws
}

extension ChainSource {
    func checkForm(tasks: [TaskGenesis]) throws {}
}

/// A home, read without changing it, also while its node runs.
struct HomeSource: ChainSource {
    let name: String
    private let store: ChainStore
    private let folder: String

    init(_ home: HomeDirectory) throws(StorageError) {
        name = home.path
        folder = home.content
        store = try ChainStore.openReadOnly(path: home.chainDatabase)
    }

    func genesis() throws(StorageError) -> [UInt8]? { try store.genesis() }
    func chainIDs() throws(StorageError) -> [ChainID] { try store.chains().map(\.id) }
    func highest(_ chain: ChainID) throws(StorageError) -> UInt64? { try store.head(chain: chain)?.height }

    func blocks(chain: ChainID, from: UInt64, limit: Int) throws(StorageError) -> [StoredBlock] {
        try store.blocks(chain: chain, from: from, limit: limit)
    }

    /// The store of a running node lists a file with a damaged head as absent and fetches it again. Whoever checks a
    /// home must see the damage: absent is only what has no file.
    func content(_ id: ContentID) throws(StorageError) -> [UInt8]? {
        let path = "\(folder)/\(id.hex).data"
        // Opened without a look before: the running node may remove it in between, and what is gone is no damage. A link that
        // leads nowhere is no absence either: the disk behind it is not there.
        do throws(StorageError) { return try ContentFile.whole(id, path) } catch {
            if case .missing = error, FileSystem.deadLink(path) == nil { return nil }
            throw error
        }
    }
}

extension ContentFile {
    /// The bytes of a whole content; longer files than the manifest says are damaged, too.
    static func whole(_ id: ContentID, _ path: String) throws(StorageError) -> [UInt8] {
        let file = OpenFile(try open(id, path))
        let manifest = try manifest(of: id, file.descriptor, path)
        guard try FileSystem.length(of: file.descriptor, path) == dataOffset(manifest) + manifest.length else {
            throw .damagedContent(id, reason: "the file has another length than its head says")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(manifest.length))
        for index in manifest.chunks.indices { bytes += try chunk(index, manifest, of: id, file.descriptor, path) }
        return bytes
    }
}
