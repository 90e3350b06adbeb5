internal import Synchronization
public import Wire

extension ContentStore.State {
    /// Whatever changes pins of what is listed goes through here: what they keep is counted.
    mutating func changePins(_ id: ContentID, _ change: (inout [String]) -> Void) {
        guard let entry = entries[id] else { return }
        var pins = entry.pins
        change(&pins)
        entries[id]!.pins = pins
        if entry.pins.isEmpty, !pins.isEmpty { pinnedBytes += entry.reserved }
        if !entry.pins.isEmpty, pins.isEmpty { pinnedBytes -= entry.reserved }
    }
}

/// What is kept, and for whom.
extension ContentStore {
    /// Bytes that ``hold(_:label:)`` keeps at most. What chains name is pinned for rounds or for ever, and anybody may publish
    /// a task: without this its bodies would fill the quota and keep the node from every other one. An eighth of the quota
    /// stays for what nothing pins: block bodies, submissions and sums of running rounds.
    public var pinQuota: UInt64 { quota - quota / 8 }

    /// Bytes on disk that a pin keeps.
    public var pinnedBytes: UInt64 { state.withLock { state in state.pinnedBytes } }

    /// Keeps a content, whole or unfinished, until the same label is unpinned.
    /// - Parameter label: 1 to 64 of `a-z 0-9 -`, for example a task's id.
    public func pin(_ id: ContentID, label: String) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        let path = try pinPath(id, label)
        guard let length = state.withLock({ state in state.entries[id]?.length }) else { throw .unknownContent(id) }
        // What it takes to fetch the content where its own file cannot tell any more.
        if try FileSystem.status(path)?.size ?? 0 == 0 {
            try FileSystem.writeAtomically(path, [PinFile.bytes(length: length)])
        }
        state.withLock { state in
            state.changePins(id) { pins in if !pins.contains(label) { pins.append(label) } }
        }
    }

    /// The same in memory: from now on nothing collects it, and ``writePin(_:label:)`` makes that last.
    /// - Throws: `full` where pins keep as much as they may already; the content stays and may be collected.
    package func hold(_ id: ContentID, label: String) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        _ = try pinPath(id, label)
        try state.withLock { (state) throws(StorageError) in
            guard let entry = state.entries[id] else { throw .unknownContent(id) }
            let added = entry.pins.isEmpty ? entry.reserved : 0
            guard added <= pinQuota, state.pinnedBytes <= pinQuota - added else {
                throw .full(
                    path: directory,
                    reason:
                        "\(added) bytes more cannot be pinned: pins keep \(state.pinnedBytes) bytes, and at most seven eighths "
                        + "of the quota of \(quota) (storage.quota)")
            }
            state.changePins(id) { pins in if !pins.contains(label) { pins.append(label) } }
        }
    }

    /// Writes what ``hold(_:label:)`` began; nothing where it was unpinned or removed since. It and what ends the pin go
    /// through one queue, so that no file of a pin outlives it.
    package func writePin(_ id: ContentID, label: String) throws(StorageError) {
        let isHeld = state.withLock { state in state.entries[id]?.pins.contains(label) == true }
        if isHeld { try pin(id, label: label) }
    }

    public func unpin(_ id: ContentID, label: String) throws(StorageError) {
        guard !isReadOnly else { throw .readOnly(path: directory) }
        try FileSystem.remove(try pinPath(id, label))
        state.withLock { state in
            state.changePins(id) { pins in pins.removeAll { $0 == label } }
            state.absent[id]?.pins.removeAll { $0 == label }
            if state.absent[id]?.pins.isEmpty == true { state.absent[id] = nil }
        }
    }

    /// Takes back every pin whose label begins so: what no other keeps may be collected, and stays until room is needed.
    package func unpinAll(prefix: String) throws(StorageError) {
        let pins = state.withLock { state in
            state.entries.flatMap { id, entry in entry.pins.filter { $0.hasPrefix(prefix) }.map { (id, $0) } }
                + state.absent.flatMap { id, absent in absent.pins.filter { $0.hasPrefix(prefix) }.map { (id, $0) } }
        }
        for (id, label) in pins { try unpin(id, label: label) }
    }

    private func pinned(by label: String) -> [ContentID] {
        state.withLock { state in
            let present = state.entries.filter { $0.value.pins.contains(label) }.map(\.key)
            return (present + state.absent.filter { $0.value.pins.contains(label) }.keys).sorted()
        }
    }

    /// Unpins everything that carries the label: the end of a task.
    public func unpinAll(label: String) throws(StorageError) {
        for id in pinned(by: label) { try unpin(id, label: label) }
    }

    /// Unpins everything that carries the label and removes what no other label keeps.
    /// - Returns: what was removed.
    @discardableResult
    public func release(label: String) throws(StorageError) -> [ContentID] {
        var removed: [ContentID] = []
        for id in pinned(by: label) {
            try unpin(id, label: label)
            // Looked at and removed at once: it may be pinned or fetched anew on another thread.
            let isRemoved = try state.withLock { (state) throws(StorageError) in
                guard state.entries[id]?.pins.isEmpty == true else { return false }
                try removeFiles(id, &state)
                return true
            }
            if isRemoved { removed.append(id) }
        }
        if !removed.isEmpty { try FileSystem.syncDirectory(directory) }
        return removed
    }
}
