internal import Foundation
internal import Logging

/// A full disk: nothing is signed that could not be stored first. The node says so, goes on answering its operator, and
/// starts anew from what is durable when there is room again.
extension Node {
    /// Below this many free bytes the node stops by itself, before a database does.
    private static let leastFree: UInt64 = 256 << 10
    /// What must be writable before it starts anew: a round's files, not just one message.
    static let roomToStart = 4 << 20
    /// The same of files, for disks whose inodes end before their bytes: a database has three, a content one or two.
    private static let leastFiles: UInt64 = 4
    static let filesToStart: UInt64 = 16

    /// A commit whose outcome is unknown: a full disk is waited for, everything else ends the node.
    func storageFailed(_ error: StorageError, _ what: String) {
        if case .full = error { return degrade("\(what): \(error)") }
        // SQLite names some of its failures on a full disk otherwise.
        if FileSystem.isFull(home.path, for: Int(Self.leastFree)) { return degrade("\(what): \(error)") }
        halt("\(what): \(error)")
    }

    func checkRoom() {
        guard degraded == nil else { return }
        if let free = FileSystem.freeBytes(home.path), free < Self.leastFree {
            degrade("the disk of \(home.path) is full: \(free) bytes are left")
        } else if let free = FileSystem.freeFiles(home.path), free < Self.leastFiles {
            degrade("the disk of \(home.path) is full: \(free) inodes are left (df -i)")
        }
    }

    private func degrade(_ reason: String) {
        guard degraded == nil, !isStopped else { return }
        let text =
            "degraded: \(reason); nothing is signed until \(Self.roomToStart >> 20) MiB and \(Self.filesToStart) inodes are free"
        degraded = text
        isStopped = true
        logger.critical("\(text)")
        // Kept in memory: there is no room for it.
        _ = events.append(timeMs: now.wallMs, kind: "degraded", text: text)
        Task { await transport.shutdown() }
    }

    func requireRoom() throws(ServiceError) {
        if let alarm { throw .unavailable(reason: alarm, next: Self.twinAdvice) }
        if let degraded {
            throw .unavailable(reason: degraded, next: "free space; the node then goes on by itself")
        }
    }

    /// Returns when the home can be written to again; the system tells nobody, so it is tried.
    func waitForRoom() async throws {
        while FileSystem.freeFiles(home.path) ?? .max < Self.filesToStart
            || !FileSystem.hasRoom(in: home.path, for: Self.roomToStart)
        {
            try await Task.sleep(for: .milliseconds(500))
        }
        logger.notice("there is room in \(home.path) again: the node starts anew")
    }

    /// Gives the home up for the node that follows in this process.
    func leaveHome() async {
        // What is on its way to the disk would change files under it.
        await finishWriting()
        lock.release()
    }

    /// The last node of this process: the home is free once the process has ended.
    func keepHome() async {
        await finishWriting()
        lock.keepUntilProcessEnds()
    }

    private func finishWriting() async {
        for writer in [disk, operatorDisk, background] { _ = await writer.run { .success(()) } }
    }
}
