internal import Glibc
internal import Gossip
internal import Synchronization
internal import Wire

/// A pin on disk: the length of its content, u64; empty in homes of former versions.
enum PinFile {
    static func bytes(length: UInt64) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: 8)
        encoder.u64(length)
        return encoder.bytes
    }

    /// Nil where it does not say, or cannot be read.
    static func length(_ path: String) -> UInt64? {
        guard let bytes = try? FileSystem.read(path, limit: 8), bytes.count == 8 else { return nil }
        let length = bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
        return length <= ContentLimits.longestContent ? length : nil
    }
}

/// What the content store knows about its folder.
extension ContentStore {
    func path(_ id: ContentID, _ suffix: String) -> String { "\(directory)/\(id.hex).\(suffix)" }

    func pathOfEntry(_ id: ContentID) -> String? { state.withLock { state in pathOfEntry(id, state) } }

    func pathOfEntry(_ id: ContentID, _ state: borrowing State) -> String? {
        (state.entries[id]?.isComplete).map { path(id, $0 ? "data" : "part") }
    }

    func pinPath(_ id: ContentID, _ label: String) throws(StorageError) -> String {
        let allowed = label.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
        }
        guard (1...64).contains(label.utf8.count), allowed else {
            throw .invalid(field: "pin label", reason: "\"\(label)\": 1 to 64 of a-z 0-9 -")
        }
        return "\(directory)/pins/\(id.hex).\(label)"
    }

    /// Lists the folder. A file whose head cannot be read as its name says is left on disk and not listed: asking
    /// for it fetches again what is not in it. No file of a content keeps a store from opening.
    func readDirectory() throws(StorageError) {
        var found: [(id: ContentID, isComplete: Bool, entry: Entry)] = []
        var skipped: [String] = []
        for name in try FileSystem.list(directory) {
            if name.hasSuffix(".tmp") {
                if !isReadOnly { try FileSystem.removeDraft(directory + "/" + name) }
                continue
            }
            guard let id = ContentID(hex: String(name.prefix(64))), ["data", "part"].contains(name.dropFirst(65)) else {
                continue
            }
            let isComplete = name.hasSuffix(".data")
            do throws(StorageError) {
                found.append((id, isComplete, try readEntry(id, isComplete: isComplete)))
            } catch .damagedContent(_, let reason), .damaged(_, let reason, _) {
                skipped.append("\(name): \(reason)")
                setAside(directory + "/" + name)
            } catch .missing {
                // Beside a running node a file may be gone, or have its other name, since it was listed.
                if !isReadOnly { skipped.append("\(name): it is a link that leads nowhere") }
                continue
            } catch {
                throw error
            }
        }
        var pins: [ContentID: [String]] = [:]
        let pinned = directory + "/pins"
        let hasPins = try FileSystem.exists(pinned)
        let labels = isReadOnly && !hasPins ? [] : try FileSystem.list(pinned)
        for name in labels {
            guard let id = ContentID(hex: String(name.prefix(64))), !name.hasSuffix(".tmp") else { continue }
            pins[id, default: []].append(String(name.dropFirst(65)))
        }
        // The oldest file is the first to be collected.
        found.sort { ($0.entry.lastUse, $0.id) < ($1.entry.lastUse, $1.id) }
        state.withLock { state in
            for (id, isComplete, entry) in found {
                if let known = state.entries[id] {
                    guard isComplete, !known.isComplete else { continue }
                    state.usedBytes -= known.reserved
                    state.changePins(id) { $0 = [] }
                }
                state.uses += 1
                var entry = entry
                entry.lastUse = state.uses
                entry.generation = state.uses
                state.entries[id] = entry
                state.usedBytes += entry.reserved
                let labels = pins[id] ?? []
                state.changePins(id) { $0 = labels }
            }
            state.skipped = skipped
        }
        for (id, labels) in pins where pathOfEntry(id) == nil {
            let files = labels.sorted().map { "\(directory)/pins/\(id.hex).\($0)" }
            let length = files.lazy.compactMap { PinFile.length($0) }.first
            state.withLock { state in state.absent[id] = Absent(pins: labels, length: length) }
        }
    }

    /// What is no plain file cannot become one: it gives up its name to the content, and nothing of it is lost.
    func setAside(_ path: String) {
        guard !isReadOnly, let status = try? FileSystem.target(path), !status.isPlain else { return }
        try? FileSystem.move(path, path + ".aside")
    }

    /// - Throws: `damagedContent` for a file whose head is damaged.
    private func readEntry(_ id: ContentID, isComplete: Bool) throws(StorageError) -> Entry {
        let path = path(id, isComplete ? "data" : "part")
        let file = try ContentFile.open(id, path)
        defer { close(file) }
        var info = stat()
        guard fstat(file, &info) == 0 else { throw FileSystem.failure(path, "lookup") }
        let manifest = try ContentFile.manifest(of: id, file, path, fault: fault)
        let reserved = ContentFile.dataOffset(manifest) + manifest.length
        // A file that was cut short is no whole content, whatever its name says.
        if isComplete && UInt64(max(0, info.st_size)) != reserved {
            throw .damagedContent(id, reason: "\(info.st_size) bytes of \(reserved)")
        }
        return Entry(
            kind: manifest.kind, length: manifest.length, reserved: reserved, isComplete: isComplete,
            isIdle: !isComplete, lastUse: UInt64(max(0, info.st_mtim.tv_sec)), pins: [])
    }

    /// Makes room for a content and lists it as unfinished.
    func reserve(_ manifest: ContentManifest, _ id: ContentID, _ state: inout State) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        if state.entries[id] != nil {
            state.entries[id]!.isIdle = false
            return
        }
        let needed = ContentFile.dataOffset(manifest) + manifest.length
        if needed > quota || state.usedBytes > quota - needed {
            try collect(downTo: quota - min(needed, quota), &state)
        }
        guard needed <= quota, state.usedBytes <= quota - needed else {
            throw .full(
                path: directory,
                reason:
                    "\(needed) bytes do not fit: \(state.usedBytes) of the quota of \(quota) (storage.quota) are pinned or being fetched"
            )
        }
        state.uses += 1
        state.usedBytes += needed
        state.entries[id] = Entry(
            kind: manifest.kind, length: manifest.length, reserved: needed, isComplete: false, isIdle: false,
            lastUse: state.uses, generation: state.uses, pins: [])
        let labels = state.absent.removeValue(forKey: id)?.pins ?? []
        state.changePins(id) { $0 = labels }
    }

    /// Takes a content from the list; its pins wait for it.
    func release(_ id: ContentID, _ state: inout State) {
        if let entry = state.entries.removeValue(forKey: id) {
            if !entry.pins.isEmpty { state.pinnedBytes -= entry.reserved }
            state.usedBytes -= entry.reserved
            if !entry.pins.isEmpty { state.absent[id] = Absent(pins: entry.pins, length: entry.length) }
        }
        state.served.removeAll { $0.id == id }
    }

    func markComplete(_ id: ContentID, _ state: inout State) {
        // What was open is the unfinished file.
        state.served.removeAll { $0.id == id }
        state.uses += 1
        state.entries[id]?.isComplete = true
        state.entries[id]?.isIdle = false
        state.entries[id]?.lastUse = state.uses
        state.entries[id]?.generation = state.uses
    }

    /// Remembers a use for the order of collection, across restarts by the file's time.
    func touch(_ id: ContentID) {
        state.withLock { state in
            state.uses += 1
            state.entries[id]?.lastUse = state.uses
        }
        if !isReadOnly { _ = utimensat(AT_FDCWD, path(id, "data"), nil, 0) }
    }

    @discardableResult
    func collect(
        downTo target: UInt64, keeping kept: Set<ContentID> = [], _ state: inout State
    ) throws(StorageError) -> [ContentID] {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        let candidates = state.entries
            .filter { ($0.value.isComplete || $0.value.isIdle) && $0.value.pins.isEmpty && !kept.contains($0.key) }
            .sorted { ($0.value.lastUse, $0.key) < ($1.value.lastUse, $1.key) }
        var removed: [ContentID] = []
        for (id, _) in candidates where state.usedBytes > target {
            // Unsynced: others wait for the lock, and what a crash brings back is whole and can be collected again.
            try FileSystem.unlinkIfThere(path(id, state.entries[id]?.isComplete == true ? "data" : "part"))
            release(id, &state)
            removed.append(id)
        }
        return removed
    }
}
