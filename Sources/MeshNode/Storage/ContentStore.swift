internal import Glibc
public import Gossip
internal import Synchronization
public import Wire

/// One content as it is listed.
public struct StoredContent: Sendable, Equatable {
    public let id: ContentID
    public let kind: ContentManifest.Kind
    /// Bytes of the content.
    public let length: UInt64
    /// False while chunks are missing.
    public let isComplete: Bool
    /// Why it is kept; empty for what may be collected.
    public let pins: [String]
}

/// Content-addressed files under `content/`: whole ones, and unfinished ones that survive a crash.
///
/// Everything read is checked against its hash. Calls block; they may come from several threads.
public final class ContentStore: Sendable {
    struct Entry {
        let kind: ContentManifest.Kind
        let length: UInt64
        /// Bytes on disk that are counted against the quota; an unfinished content counts in full.
        let reserved: UInt64
        var isComplete: Bool
        /// Unfinished, and nobody has fetched it since the start or since it was found damaged: it may be collected.
        var isIdle: Bool
        /// Order of last use, for collection; larger is later.
        var lastUse: UInt64
        /// Another number for every file that the content has had here: what was read of one says nothing of the next.
        var generation: UInt64 = 0
        var pins: [String]
    }

    struct Partial {
        /// Nil for all but those that were written to last: many may be on their way at once.
        var file: OpenFile?
        let manifest: ContentManifest
        var arrived: ChunkBitmap
        /// Its file while it is made durable: open all that time, whatever its name is just then.
        var finishing: OpenFile?
    }

    /// A whole content that is being read.
    struct Served {
        let id: ContentID
        let manifest: ContentManifest
        /// Nil for all but the newest: their manifests save reading them again.
        var file: OpenFile?
    }

    struct Absent {
        var pins: [String]
        /// Nil where only pins of a version that did not write it tell of the content.
        let length: UInt64?
    }

    struct State {
        var entries: [ContentID: Entry] = [:]
        /// Pinned contents that are not here any more: their files were damaged. The pins keep them again once they come.
        var absent: [ContentID: Absent] = [:]
        var partials: [ContentID: Partial] = [:]
        /// Partials with an open file, the last used one last.
        var openPartials: [ContentID] = []
        var uses: UInt64 = 0
        var usedBytes: UInt64 = 0
        /// Those of them that a pin keeps.
        var pinnedBytes: UInt64 = 0
        /// Newest last.
        var served: [Served] = []
        /// Files that were not listed, and why.
        var skipped: [String] = []
    }

    private static let servedMax = 16
    /// Files that are kept open: unfinished contents, and whole ones that are served.
    let partialFilesMax: Int
    private let servedFilesMax: Int

    let directory: String
    /// Nothing is made, removed or touched: another process may own the folder.
    let isReadOnly: Bool
    /// Bytes on disk; contents without a pin are collected to stay below.
    public let quota: UInt64
    let state = Mutex(State())
    /// Nil but for a test's own disk.
    let fault: ReadFault?

    /// Opens the folder and lists what is in it. Files of other names are left alone.
    public convenience init(
        _ home: HomeDirectory, quota: UInt64 = HomeDirectory.usualQuota, openFiles: Int = 24
    ) throws(StorageError) {
        try self.init(directory: home.content, quota: quota, openFiles: openFiles)
    }

    /// - Parameter openFiles: that are kept open between calls, two at least.
    public convenience init(
        directory: String, quota: UInt64 = HomeDirectory.usualQuota, openFiles: Int = 24
    ) throws(StorageError) {
        try self.init(directory: directory, quota: quota, openFiles: openFiles, fault: nil)
    }

    package init(
        directory: String, quota: UInt64 = HomeDirectory.usualQuota, openFiles: Int = 24, fault: ReadFault?
    ) throws(StorageError) {
        self.fault = fault
        servedFilesMax = max(1, openFiles / 2)
        partialFilesMax = max(1, openFiles - servedFilesMax)
        self.directory = directory
        self.quota = quota
        isReadOnly = false
        try FileSystem.makeDirectory(directory)
        try FileSystem.makeDirectory(directory + "/pins")
        try readDirectory()
    }

    /// What is in a home's folder, beside the node that may run in it. A folder that is not there holds nothing.
    public init(reading home: HomeDirectory) throws(StorageError) {
        (servedFilesMax, partialFilesMax) = (1, 1)
        directory = home.content
        quota = .max
        isReadOnly = true
        fault = nil
        if try FileSystem.exists(directory) { try readDirectory() }
    }

    // MARK: Whole contents

    /// Stores bytes and returns their name; on disk when this returns. Stored bytes again cost nothing.
    /// - Parameter label: pins it before it can be collected; see ``pin(_:label:)``.
    /// - Throws: `full` when the quota or the disk is exhausted.
    @discardableResult
    public func put(
        _ bytes: [UInt8], kind: ContentManifest.Kind, codec: ContentManifest.Codec = .none, rawLength: UInt64? = nil,
        pinnedBy label: String? = nil
    ) throws(StorageError) -> ContentID {
        guard kind != .manifest else {
            throw .invalid(field: "kind", reason: "manifests are stored with their content")
        }
        guard bytes.count <= ContentLimits.longestContent, rawLength ?? 0 <= ContentLimits.longestContent else {
            throw .tooLarge(
                field: "content", length: max(UInt64(bytes.count), rawLength ?? 0), limit: ContentLimits.longestContent)
        }
        guard codec != .none || rawLength ?? UInt64(bytes.count) == UInt64(bytes.count) else {
            throw .invalid(field: "raw length", reason: "it differs from the length without a codec")
        }
        let manifest = ContentManifest(of: bytes, kind: kind, codec: codec, rawLength: rawLength)
        let id = manifest.contentID
        if has(id), try isKept(id, label) { return id }
        let (isNew, number) = try state.withLock { (state) throws(StorageError) in
            let isNew = state.entries[id] == nil
            try reserve(manifest, id, &state)
            state.uses += 1
            return (isNew, state.uses)
        }
        do throws(StorageError) {
            // While it is unfinished: nothing collects it.
            if let label { try pin(id, label: label) }
            setAside(path(id, "data"))
            // Another name than a partial's, whose chunks may be arriving at the same time, and than another writer's.
            try FileSystem.writeAtomically(
                path(id, "data"), [ContentFile.header(manifest), bytes], ending: ".\(number).tmp")
        } catch {
            state.withLock { state in
                // What was listed before, or has come another way, stays.
                if isNew, state.entries[id]?.isComplete == false, state.partials[id] == nil { release(id, &state) }
            }
            if let label, isNew, !has(id) { try? unpin(id, label: label) }
            throw error
        }
        try state.withLock { (state) throws(StorageError) in
            // Removed while it was written: it is there again.
            try reserve(manifest, id, &state)
            state.partials[id] = nil
            markComplete(id, &state)
        }
        try dropPartialFile(id)
        return id
    }

    /// Pins what is here; false if it is not here any more.
    private func isKept(_ id: ContentID, _ label: String?) throws(StorageError) -> Bool {
        guard let label else { return true }
        do throws(StorageError) { try pin(id, label: label) } catch .unknownContent { return false } catch {
            throw error
        }
        return has(id)
    }

    public func has(_ id: ContentID) -> Bool {
        state.withLock { state in state.entries[id]?.isComplete == true }
    }

    /// The manifest of a whole or unfinished content.
    public func manifest(_ id: ContentID) throws(StorageError) -> ContentManifest? {
        let known = state.withLock { state in
            state.partials[id]?.manifest ?? state.served.first { $0.id == id }?.manifest
        }
        if let known { return known }
        return try serving(id)?.manifest
    }

    /// Opens a content for reading and remembers it; nil if it is not here.
    private func serving(_ id: ContentID) throws(StorageError) -> (manifest: ContentManifest, file: OpenFile)? {
        let known = state.withLock { state in state.served.first { $0.id == id } }
        if let known, let file = known.file { return (known.manifest, file) }
        let (listed, generation) = state.withLock { state in (pathOfEntry(id, state), state.entries[id]?.generation) }
        guard let path = listed else { return nil }
        let file = OpenFile(try openListed(id, path))
        let manifest =
            if let known { known.manifest } else {
                try ContentFile.manifest(of: id, file.descriptor, path, fault: fault)
            }
        state.withLock { state in
            // Removed or finished meanwhile: then this file is not the content's any more.
            guard state.entries[id]?.generation == generation else { return }
            state.served.removeAll { $0.id == id }
            state.served.append(Served(id: id, manifest: manifest, file: file))
            if state.served.count > Self.servedMax { state.served.removeFirst() }
            let closing = state.served.count - 1 - servedFilesMax
            if closing >= 0 { state.served[closing].file = nil }
        }
        return (manifest, file)
    }

    /// A whole content whose file is gone is damaged like any other: it was listed here.
    private func openListed(_ id: ContentID, _ path: String) throws(StorageError) -> Int32 {
        do throws(StorageError) {
            return try ContentFile.open(id, path)
        } catch {
            if has(id), try !FileSystem.exists(path) { throw .damagedContent(id, reason: "its file is gone") }
            throw error
        }
    }

    /// The bytes, or nil if they are not (all) here.
    /// - Parameter limit: refused before reading when the content is longer.
    /// - Throws: `damagedContent`, `tooLarge`.
    public func get(_ id: ContentID, limit: UInt64 = ContentLimits.longestContent) throws(StorageError) -> [UInt8]? {
        guard has(id), let manifest = try manifest(id) else { return nil }
        guard manifest.length <= limit else {
            throw .tooLarge(field: "content \(id.short)", length: manifest.length, limit: limit)
        }
        touch(id)
        let path = path(id, "data")
        let file = try openListed(id, path)
        defer { close(file) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(manifest.length))
        for index in manifest.chunks.indices {
            bytes += try ContentFile.chunk(index, manifest, of: id, file, path, fault: fault)
        }
        return bytes
    }

    /// One chunk, verified; nil if it is not here.
    public func chunk(_ id: ContentID, _ index: Int) throws(StorageError) -> [UInt8]? {
        let partial = state.withLock { state in state.partials[id] }
        if let partial {
            guard partial.arrived.contains(index) else { return nil }
            return try ContentFile.chunk(
                index, partial.manifest, of: id, try partialFile(id).descriptor, path(id, "part"), fault: fault)
        }
        guard has(id), let (manifest, file) = try serving(id), manifest.chunks.indices.contains(index) else {
            return nil
        }
        if index == 0 { touch(id) }
        return try ContentFile.chunk(index, manifest, of: id, file.descriptor, path(id, "data"), fault: fault)
    }

    // MARK: House-keeping

    /// In order of their names.
    public func list() -> [StoredContent] {
        state.withLock { state in
            state.entries.keys.sorted().map { id in
                let entry = state.entries[id]!
                return StoredContent(
                    id: id, kind: entry.kind, length: entry.length, isComplete: entry.isComplete, pins: entry.pins)
            }
        }
    }

    /// Bytes counted against the quota.
    public var usedBytes: UInt64 { state.withLock { state in state.usedBytes } }

    /// Removes a content whether it is pinned or not, and its pins.
    public func remove(_ id: ContentID) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        let pins = try state.withLock { (state) throws(StorageError) in
            try removeFiles(id, &state)
            return state.absent.removeValue(forKey: id)?.pins ?? []
        }
        try FileSystem.syncDirectory(directory)
        for label in pins { try FileSystem.remove(try pinPath(id, label)) }
    }

    /// Removes what nothing pins, unsynced: what a crash brings back can be collected again.
    package func removeUnpinned(_ id: ContentID) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        try state.withLock { (state) throws(StorageError) in
            guard state.entries[id]?.pins.isEmpty == true else { return }
            try removeFiles(id, &state)
        }
    }

    /// Under the lock, so that a file that comes anew stays.
    func removeFiles(_ id: ContentID, _ state: inout State) throws(StorageError) {
        state.partials[id] = nil
        release(id, &state)
        try FileSystem.unlinkIfThere(path(id, "data"))
        try FileSystem.unlinkIfThere(path(id, "part"))
    }

    /// Does what reads a content, and gives the content up if it is damaged.
    ///
    /// - Parameter damaged: gets what was given up, and why; not called where somebody else has given it up.
    /// - Throws: what `read` throws, damage included.
    func giveUpIfDamaged<Success>(
        _ id: ContentID, _ damaged: (ContentReference, String) -> Void, _ read: () throws(StorageError) -> Success
    ) throws(StorageError) -> Success {
        let generation = generation(id)
        do throws(StorageError) {
            return try read()
        } catch {
            if case .damagedContent(_, let reason) = error, let lost = discard(id, ifStill: generation) {
                damaged(lost, reason)
            }
            throw error
        }
    }

    /// Which file of a content is here now; taken before a read, it tells ``discard(_:ifStill:)`` what was read.
    public func generation(_ id: ContentID) -> UInt64? { state.withLock { state in state.entries[id]?.generation } }

    /// Gives up a content whose bytes are damaged: from now on it is unfinished, and whoever needs it fetches what is
    /// damaged. Nothing is deleted: a disk may read again what it does not read now, and this may be the only copy. The
    /// file becomes that of an unfinished content, of which ``openPartial(_:_:)`` keeps each chunk that matches. Its pins
    /// stay.
    /// - Parameter generation: of what was read; a file that came since is left as it is.
    /// - Returns: what was lost; nil if it was given up already, or is another file by now.
    public func discard(_ id: ContentID, ifStill generation: UInt64?) -> ContentReference? {
        state.withLock { state in
            guard let entry = state.entries[id], entry.generation == generation,
                entry.isComplete || state.partials[id] != nil
            else { return nil }
            guard !isReadOnly else {
                release(id, &state)
                return ContentReference(id: id, length: entry.length)
            }
            // While it is made durable it may have its final name already.
            let isNamedWhole = entry.isComplete || state.partials[id]?.finishing != nil
            state.partials[id] = nil
            state.served.removeAll { $0.id == id }
            state.uses += 1
            state.entries[id]!.isComplete = false
            state.entries[id]!.isIdle = true
            state.entries[id]!.generation = state.uses
            // Under the lock, so that the name is that of the file that was read.
            if isNamedWhole { try? FileSystem.move(path(id, "data"), path(id, "part")) }
            if (try? FileSystem.exists(path(id, "part"))) != true { release(id, &state) }
            return ContentReference(id: id, length: entry.length)
        }
    }

    public func discard(_ id: ContentID) -> ContentReference? { discard(id, ifStill: generation(id)) }

    /// Whether a content is pinned and not (all) here.
    public func isMissed(_ id: ContentID) -> Bool {
        state.withLock { state in
            state.absent[id] != nil || state.entries[id].map { !$0.isComplete && !$0.pins.isEmpty } == true
        }
    }

    /// Pinned contents that are not (all) here, in order of their names.
    ///
    /// - Returns: what can be fetched, and the names of those whose length nobody wrote down.
    public func missed() -> (known: [ContentReference], unknown: [ContentID]) {
        state.withLock { state in
            var lengths = state.entries.filter { !$0.value.isComplete && !$0.value.pins.isEmpty }
                .mapValues { Optional($0.length) }
            for (id, absent) in state.absent { lengths[id] = absent.length }
            let ids = lengths.keys.sorted()
            return (
                ids.compactMap { id in lengths[id]!.map { ContentReference(id: id, length: $0) } },
                ids.filter { lengths[$0]! == nil }
            )
        }
    }

    /// A content that is listed, whole or not.
    func reference(_ id: ContentID) -> ContentReference? {
        state.withLock { state in state.entries[id].map { ContentReference(id: id, length: $0.length) } }
    }

    /// Files that could not be listed when the store was opened, each with the reason; they were left as they are.
    public var skippedFiles: [String] { state.withLock { state in state.skipped } }

    /// Removes whole contents without a pin, longest unused first, until at most `target` bytes are used.
    /// - Parameter kept: stay as if they were pinned.
    /// - Returns: what was removed.
    @discardableResult
    public func collect(downTo target: UInt64, keeping kept: Set<ContentID> = []) throws(StorageError) -> [ContentID] {
        try state.withLock { (state) throws(StorageError) in try collect(downTo: target, keeping: kept, &state) }
    }
}
