internal import Glibc

/// The few file operations whose durability matters, each with its fsyncs in one place.
enum FileSystem {
    struct Status: Equatable {
        let mode: UInt32
        let size: UInt64
        let owner: UInt32
        let isDirectory: Bool
        /// The file's number on its file system: another one at the same path is another file.
        let inode: UInt64

        /// Permission bits as `chmod` takes them.
        var permissions: String { "0" + String(mode & 0o777, radix: 8) }
    }

    /// Nil when nothing exists at `path`.
    static func status(_ path: String) throws(StorageError) -> Status? {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure(path, "lookup")
        }
        return Status(
            mode: UInt32(info.st_mode), size: UInt64(max(0, info.st_size)), owner: UInt32(info.st_uid),
            isDirectory: info.st_mode & S_IFMT == S_IFDIR, inode: UInt64(info.st_ino))
    }

    static func exists(_ path: String) throws(StorageError) -> Bool { try status(path) != nil }

    /// Makes the directory unless it exists; its parent must exist.
    static func makeDirectory(_ path: String) throws(StorageError) {
        if mkdir(path, 0o700) == 0 {
            try syncDirectory(parent(of: path))
            return
        }
        guard errno == EEXIST else { throw failure(path, "creation") }
        guard let status = try status(path), status.isDirectory || isDirectoryLink(path) else {
            throw .alreadyExists(path: path, next: "it is not a directory: move it away")
        }
    }

    /// The whole file, refused before reading when it is longer than `limit` bytes.
    static func read(_ path: String, limit: UInt64) throws(StorageError) -> [UInt8] {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        let size = try length(of: file, path)
        guard size <= limit else { throw .tooLarge(field: path, length: size, limit: limit) }
        return try read(file, path, offset: 0, count: Int(size))
    }

    /// The first bytes of a file.
    static func head(_ path: String, count: Int) throws(StorageError) -> [UInt8] {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        return try read(file, path, offset: 0, count: count)
    }

    /// Up to `count` bytes at `offset`; fewer only at the end of the file. What the disk cannot read is tried once more: a
    /// network's file system and a drive that was reset answer again.
    /// - Parameter fault: the error number that a test's own disk gives instead, nil where it reads.
    /// - Throws: `damaged` where the disk cannot read it twice.
    static func read(
        _ file: Int32, _ path: String, offset: UInt64, count: Int, fault: ReadFault? = nil
    ) throws(StorageError) -> [UInt8] {
        var (status, bytes) = attempt(file, path, offset, count, fault)
        if status == EIO { (status, bytes) = attempt(file, path, offset, count, fault) }
        guard status != EIO else {
            throw .damaged(path: path, reason: "the disk cannot read it", next: "check the disk")
        }
        guard status == 0 else { throw failure(path, "reading", code: status) }
        return bytes
    }

    private static func attempt(
        _ file: Int32, _ path: String, _ offset: UInt64, _ count: Int, _ fault: ReadFault?
    ) -> (status: Int32, bytes: [UInt8]) {
        if let code = fault?(path, offset) { return (code, []) }
        var status: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            guard let base = buffer.baseAddress else { return }
            while filled < count {
                let got = pread(file, base + filled, count - filled, off_t(offset) + off_t(filled))
                if got < 0 && errno == EINTR { continue }
                if got < 0 { status = errno }
                if got <= 0 { return }
                filled += got
            }
        }
        return (status, bytes)
    }

    /// Replaces `path` in one step: temporary file, fsync, rename, fsync of the directory.
    /// - Parameter ending: of the temporary file; one of its own where several may write at once.
    static func writeAtomically(
        _ path: String, _ parts: [[UInt8]], exclusive: Bool = false, ending: String = ".tmp"
    ) throws(StorageError) {
        let temporary = path + ending
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        do throws(StorageError) {
            defer { close(file) }
            guard fchmod(file, 0o600) == 0 else { throw failure(temporary, "chmod") }
            var offset: UInt64 = 0
            for part in parts {
                try write(file, temporary, part, offset: offset)
                offset += UInt64(part.count)
            }
            try sync(file, temporary)
        } catch {
            unlink(temporary)
            throw error
        }
        if exclusive {
            // link(2) never replaces an existing name, rename(2) does.
            guard link(temporary, path) == 0 else {
                let code = errno
                unlink(temporary)
                if code == EEXIST {
                    throw .alreadyExists(path: path, next: "move it away first; it is never overwritten")
                }
                throw failure(path, "creation", code: code)
            }
            unlink(temporary)
        } else {
            try rename(temporary, path)
            return
        }
        try syncDirectory(parent(of: path))
    }

    /// Moves a file over another name of the same directory; durable when it returns.
    static func rename(_ path: String, _ target: String) throws(StorageError) {
        try move(path, target)
        try syncDirectory(parent(of: target))
    }

    /// The same, durable only after a sync of the directory.
    static func move(_ path: String, _ target: String) throws(StorageError) {
        guard Glibc.rename(path, target) == 0 else { throw failure(target, "rename") }
    }

    static func write(_ file: Int32, _ path: String, _ bytes: [UInt8], offset: UInt64) throws(StorageError) {
        var code: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let put = pwrite(file, buffer.baseAddress! + done, buffer.count - done, off_t(offset) + off_t(done))
                if put < 0 && errno == EINTR { continue }
                guard put > 0 else {
                    code = put < 0 ? errno : EIO
                    return
                }
                done += put
            }
        }
        guard code == 0 else { throw failure(path, "writing", code: code) }
    }

    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(StorageError) -> Int32 {
        let file = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard file >= 0 else {
            if errno == ENOENT { throw .missing(path: path, next: "check the path, or create it first") }
            if errno == EIO { throw .damaged(path: path, reason: "the disk cannot open it", next: "check the disk") }
            throw failure(path, "opening")
        }
        return file
    }

    /// Opens a file that a person named, for reading: a pipe or a device would wait or never end.
    static func openPlain(_ path: String) throws(StorageError) -> Int32 {
        // Without waiting: opening a pipe that nobody writes to would not return.
        let file = try open(path, O_RDONLY | O_NONBLOCK)
        var info = stat()
        let isKnown = fstat(file, &info) == 0
        guard isKnown, info.st_mode & S_IFMT == S_IFREG else {
            close(file)
            throw .wrongFile(
                path: path, expected: "plain file",
                found: info.st_mode & S_IFMT == S_IFDIR ? "a directory" : "a pipe or a device")
        }
        return file
    }

    static func length(of file: Int32, _ path: String) throws(StorageError) -> UInt64 {
        var info = stat()
        guard fstat(file, &info) == 0 else { throw failure(path, "lookup") }
        return UInt64(max(0, info.st_size))
    }

    static func sync(_ file: Int32, _ path: String) throws(StorageError) {
        guard fsync(file) == 0 else { throw failure(path, "fsync") }
    }

    static func syncDirectory(_ path: String) throws(StorageError) {
        let directory = try open(path, O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        try sync(directory, path)
    }

    /// Removes a file if it exists; the removal is durable when this returns.
    static func remove(_ path: String) throws(StorageError) {
        if try unlinkIfThere(path) { try syncDirectory(parent(of: path)) }
    }

    /// The same, durable only after a sync of the directory.
    /// - Returns: whether it was there.
    @discardableResult
    static func unlinkIfThere(_ path: String) throws(StorageError) -> Bool {
        if unlink(path) == 0 { return true }
        guard errno == ENOENT else { throw failure(path, "removal") }
        return false
    }

    /// The names in a directory, sorted by their bytes.
    static func list(_ path: String) throws(StorageError) -> [String] {
        guard let directory = opendir(path) else { throw failure(path, "listing") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Bytes that this user may still write beside `path`; nil when the system does not say.
    static func freeBytes(_ path: String) -> UInt64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0 else { return nil }
        return UInt64(info.f_bavail) * UInt64(info.f_frsize)
    }

    /// Files that this user may still make beside `path`; nil where the file system does not count them.
    static func freeFiles(_ path: String) -> UInt64? {
        var info = statvfs()
        guard statvfs(path, &info) == 0, info.f_files > 0 else { return nil }
        return UInt64(info.f_favail)
    }

    /// Whether a file of `count` bytes can be written and synced in a directory; it is removed again.
    static func hasRoom(in directory: String, for count: Int) -> Bool { obstacle(in: directory, to: count) == nil }

    /// Whether such a file is refused because the disk or a quota is full. A directory that is gone or may only be read is
    /// not full.
    static func isFull(_ directory: String, for count: Int) -> Bool {
        if case .full? = obstacle(in: directory, to: count) { true } else { false }
    }

    private static func obstacle(in directory: String, to count: Int) -> StorageError? {
        let path = directory + "/.room"
        do throws(StorageError) {
            let file = try open(path, O_WRONLY | O_CREAT | O_TRUNC)
            defer {
                close(file)
                unlink(path)
            }
            try write(file, path, [UInt8](repeating: 0xA5, count: count), offset: 0)
            try sync(file, path)
            return nil
        } catch { return error }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func failure(_ path: String, _ operation: String, code: Int32 = errno) -> StorageError {
        let reason = String(cString: strerror(code))
        // A file that reached the process's limit of file sizes waits for its operator like a full disk does.
        if [ENOSPC, EDQUOT, EFBIG].contains(code) {
            return .full(path: path, reason: "\(operation) failed: \(reason)")
        }
        if code == EROFS { return .unwritable(path: path, reason: "\(operation) failed: \(reason)") }
        return .operation(path: path, operation: operation, reason: reason)
    }

    private static func isDirectoryLink(_ path: String) -> Bool {
        var info = stat()
        return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
    }
}

/// What a test's own disk answers to a read of a file at an offset: an error number, or nil where it reads.
package typealias ReadFault = @Sendable (_ path: String, _ offset: UInt64) -> Int32?

/// A file that stays open as long as somebody uses it: its number is never given away under a writer.
final class OpenFile: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
