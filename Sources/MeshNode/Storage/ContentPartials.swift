internal import Glibc
public import Gossip
internal import Synchronization
public import Wire

/// Unfinished contents.
extension ContentStore {
    /// Finds or makes the file of a content that is being fetched.
    /// - Returns: the chunks that are there already, each checked against its hash.
    /// - Throws: `full` when the content does not fit in the quota.
    public func openPartial(_ id: ContentID, _ manifest: ContentManifest) throws(StorageError) -> ChunkBitmap {
        guard manifest.kind != .manifest, manifest.contentID == id else {
            throw .invalid(field: "manifest", reason: "it does not belong to content \(id.short)")
        }
        if has(id) {
            var whole = ChunkBitmap(count: manifest.chunks.count)
            for index in manifest.chunks.indices { whole.insert(index) }
            return whole
        }
        if let arrived = state.withLock({ state in state.partials[id]?.arrived }) { return arrived }
        let path = path(id, "part")
        try state.withLock { (state) throws(StorageError) in
            let isNew = state.entries[id] == nil
            try reserve(manifest, id, &state)
            // A file that was not listed for its head: the chunks in it are kept.
            if isNew, try !FileSystem.exists(path) { try? FileSystem.move(self.path(id, "data"), path) }
        }
        let file: OpenFile
        let arrived: ChunkBitmap
        do throws(StorageError) {
            setAside(path)
            file = OpenFile(try ContentFile.open(id, path, O_RDWR | O_CREAT))
            arrived = try resume(id, manifest, file.descriptor, path)
        } catch {
            state.withLock { state in release(id, &state) }
            throw error
        }
        state.withLock { state in
            state.partials[id] = Partial(file: nil, manifest: manifest, arrived: arrived)
            keepOpen(file, of: id, &state)
        }
        return arrived
    }

    /// The file of an unfinished content, opened again if others were used since.
    func partialFile(_ id: ContentID) throws(StorageError) -> OpenFile {
        let known = state.withLock { (state) -> OpenFile? in
            if let file = state.partials[id]?.finishing { return file }
            guard let file = state.partials[id]?.file else { return nil }
            keepOpen(file, of: id, &state)
            return file
        }
        if let known { return known }
        let file: OpenFile
        do throws(StorageError) {
            file = OpenFile(try ContentFile.open(id, path(id, "part"), O_RDWR))
        } catch .missing {
            throw .damagedContent(id, reason: "its file is gone")
        } catch {
            throw error
        }
        state.withLock { state in keepOpen(file, of: id, &state) }
        return file
    }

    /// The one that was used longest ago is closed where too many are open; whoever reads it just now keeps it that long.
    private func keepOpen(_ file: OpenFile, of id: ContentID, _ state: inout State) {
        guard state.partials[id] != nil else { return }
        state.partials[id]!.file = file
        state.openPartials.removeAll { $0 == id || state.partials[$0] == nil }
        state.openPartials.append(id)
        guard state.openPartials.count > partialFilesMax else { return }
        state.partials[state.openPartials.removeFirst()]?.file = nil
    }

    /// Chunks found in a file that a former run left, or that was found damaged; a head that is not whole is written anew.
    private func resume(
        _ id: ContentID, _ manifest: ContentManifest, _ file: Int32, _ path: String
    ) throws(StorageError) -> ChunkBitmap {
        let header = ContentFile.header(manifest)
        let length = ContentFile.dataOffset(manifest) + manifest.length
        if try FileSystem.length(of: file, path) > length {
            guard ftruncate(file, off_t(length)) == 0 else { throw FileSystem.failure(path, "truncation") }
        }
        if try !isHead(header, file, path) { try FileSystem.write(file, path, header, offset: 0) }
        return try ContentFile.scan(manifest, file, path, fault: fault)
    }

    /// False also where the disk cannot read it: written anew, it may.
    private func isHead(_ header: [UInt8], _ file: Int32, _ path: String) throws(StorageError) -> Bool {
        do throws(StorageError) {
            return try FileSystem.read(file, path, offset: 0, count: header.count, fault: fault) == header
        } catch .damaged {
            return false
        } catch {
            throw error
        }
    }

    /// Writes one chunk of an open partial content after checking it.
    /// - Throws: `invalid` if it does not match; `unknownContent` if ``openPartial(_:_:)`` did not come before.
    public func store(_ id: ContentID, chunk index: Int, _ bytes: [UInt8]) throws(StorageError) {
        if has(id) { return }
        guard let manifest = state.withLock({ state in state.partials[id]?.manifest }) else {
            throw .unknownContent(id)
        }
        guard manifest.matches(bytes, chunk: index) else {
            throw .invalid(field: "chunk \(index)", reason: "it does not match content \(id.short)")
        }
        try store(id, verifiedChunk: index, bytes)
    }

    /// Writes one chunk that was checked against this content's manifest already.
    func store(_ id: ContentID, verifiedChunk index: Int, _ bytes: [UInt8]) throws(StorageError) {
        if has(id) { return }
        guard let manifest = state.withLock({ state in state.partials[id]?.manifest }) else {
            throw .unknownContent(id)
        }
        let file = try partialFile(id)
        try FileSystem.write(file.descriptor, path(id, "part"), bytes, offset: ContentFile.offset(index, manifest))
        state.withLock { state in _ = state.partials[id]?.arrived.insert(index) }
    }

    /// Makes a content visible whose chunks are all there; on disk when this returns. It takes as long as the disk needs for
    /// the whole content, so an actor calls ``NodeWorker/finish(_:in:)``; all other calls go on meanwhile.
    /// - Throws: `unknownContent` if it was removed meanwhile.
    public func finish(_ id: ContentID) throws(StorageError) { try finish(id, sync: FileSystem.sync) }

    /// - Parameter sync: a test's own disk.
    package func finish(
        _ id: ContentID, sync: (Int32, String) throws(StorageError) -> Void
    ) throws(StorageError) {
        if has(id) { return }
        guard let partial = state.withLock({ state in state.partials[id] }) else { throw .unknownContent(id) }
        guard partial.arrived.isComplete, partial.finishing == nil else {
            throw .invalid(
                field: "content \(id.short)",
                reason: partial.finishing == nil
                    ? "\(partial.arrived.count - partial.arrived.present) chunks are missing"
                    : "it is made durable just now")
        }
        let file = try partialFile(id)
        state.withLock { state in
            guard state.partials[id] != nil else { return }
            state.partials[id]!.finishing = file
        }
        var isMoved = false
        do throws(StorageError) {
            // Without the lock: whoever reads or serves contents must not wait for the disk.
            try sync(file.descriptor, path(id, "part"))
            try state.withLock { (state) throws(StorageError) in
                // Under it: a content that is removed meanwhile leaves no file.
                guard isFinishing(id, file, state) else { throw .unknownContent(id) }
                try FileSystem.move(path(id, "part"), path(id, "data"))
            }
            isMoved = true
            try FileSystem.syncDirectory(directory)
            try state.withLock { (state) throws(StorageError) in
                guard isFinishing(id, file, state) else { throw .unknownContent(id) }
                state.partials[id] = nil
                markComplete(id, &state)
            }
        } catch {
            state.withLock { state in
                guard isFinishing(id, file, state) else { return }
                state.partials[id]!.finishing = nil
                if isMoved { try? FileSystem.move(path(id, "data"), path(id, "part")) }
            }
            // Whole bytes came another way meanwhile.
            if has(id) { return }
            throw error
        }
    }

    /// Whether the unfinished content is still the one whose file this is.
    private func isFinishing(_ id: ContentID, _ file: OpenFile, _ state: borrowing State) -> Bool {
        state.entries[id] != nil && state.partials[id]?.finishing === file
    }

    /// Which chunks of an unfinished content are here; nil if it is not being fetched.
    public func arrived(_ id: ContentID) -> ChunkBitmap? { state.withLock { state in state.partials[id]?.arrived } }

    /// Gives up an unfinished content and its bytes.
    public func abandon(_ id: ContentID) throws(StorageError) {
        guard state.withLock({ state in state.entries[id]?.isComplete == false }) else { return }
        try remove(id)
    }

    /// After whole bytes came another way.
    func dropPartialFile(_ id: ContentID) throws(StorageError) {
        let wasThere = state.withLock { state in
            // Found damaged since: then the file is all that there is of it.
            guard state.entries[id]?.isComplete == true else { return false }
            state.partials[id] = nil
            return unlink(path(id, "part")) == 0
        }
        if wasThere { try FileSystem.syncDirectory(directory) }
    }
}
