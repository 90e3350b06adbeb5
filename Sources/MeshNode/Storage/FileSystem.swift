internal import Glibc

/// The few file operations whose durability matters, each with its fsyncs in one place.
enum FileSystem {
    struct Status: Equatable {
        let mode: UInt32
        let size: UInt64
        let owner: UInt32
        let isDirectory: Bool
        let isPlain: Bool
        /// The file's number on its file system: another one at the same path is another file.
        let inode: UInt64

        /// Permission bits as `chmod` takes them.
        var permissions: String { "0" + String(mode & 0o777, radix: 8) }
        /// What messages call the kind.
        var found: String { isPlain ? "a plain file" : isDirectory ? "a directory" : "a pipe or a device" }

        init(_ info: stat) {
            (mode, size) = (UInt32(info.st_mode), UInt64(max(0, info.st_size)))
            (owner, inode) = (UInt32(info.st_uid), UInt64(info.st_ino))
            isDirectory = info.st_mode & S_IFMT == S_IFDIR
            isPlain = info.st_mode & S_IFMT == S_IFREG
        }
    }

    /// Nil when nothing exists at `path`. A link is a link: its mode and its kind say nothing of what it leads to.
    static func status(_ path: String) throws(StorageError) -> Status? {
        var info = stat()
        guard lstat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure(path, "lookup")
        }
        return Status(info)
    }

    /// What `path` leads to, through links; nil where it leads to nothing.
    static func target(_ path: String) throws(StorageError) -> Status? {
        var info = stat()
        guard stat(path, &info) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure(path, "lookup")
        }
        return Status(info)
    }

    /// What was opened.
    static func status(of file: Int32, _ path: String) throws(StorageError) -> Status {
        var info = stat()
        guard fstat(file, &info) == 0 else { throw failure(path, "lookup") }
        return Status(info)
    }

    static func exists(_ path: String) throws(StorageError) -> Bool { try status(path) != nil }

    /// Makes the directory unless it exists; its parent must exist.
    static func makeDirectory(_ path: String) throws(StorageError) {
        if mkdir(path, 0o700) == 0 {
            try syncDirectory(parent(of: path))
            return
        }
        guard errno == EEXIST else { throw failure(path, "creation") }
        guard try target(path)?.isDirectory == true else {
            throw .alreadyExists(path: path, next: "it is not a directory: move it away")
        }
    }

    /// The whole file, refused before reading when it is longer than `limit` bytes.
    static func read(_ path: String, limit: UInt64) throws(StorageError) -> [UInt8] {
        let file = try openPlain(path)
        defer { close(file) }
        let size = try length(of: file, path)
        guard size <= limit else { throw .tooLarge(field: path, length: size, limit: limit) }
        return try read(file, path, offset: 0, count: Int(size))
    }

    /// The first bytes of a file.
    static func head(_ path: String, count: Int) throws(StorageError) -> [UInt8] {
        let file = try openPlain(path)
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
                    throw .alreadyExists(path: path, next: "it is never overwritten; look what it is")
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
            if errno == ENOENT {
                throw .missing(path: path, next: deadLink(path) ?? "check the path")
            }
            if errno == EIO { throw .damaged(path: path, reason: "the disk cannot open it", next: "check the disk") }
            throw failure(path, "opening")
        }
        return file
    }

    /// What to do about a link that leads nowhere; nil for everything else. Whoever put it there keeps the file elsewhere, on
    /// a disk that is not mounted perhaps: nothing may be made in its place.
    static func deadLink(_ path: String) -> String? {
        var info = stat()
        guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFLNK else { return nil }
        let target = withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer -> String in
            let length = readlink(path, buffer.baseAddress!, buffer.count)
            return String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return
            "it is a link to \(target), where nothing is: mount or bring back what holds it, and make nothing in its place"
    }

    /// The one opener of files that are read, whether a person named them or they lie in a home, which others may have made: a
    /// pipe or a device would wait or never end. What it is, is asked of what was opened, not of the path.
    static func openPlain(_ path: String, _ flags: Int32 = O_RDONLY) throws(StorageError) -> Int32 {
        // Without waiting: opening a pipe that nobody writes to would not return.
        let file = try open(path, flags | O_NONBLOCK)
        do throws(StorageError) {
            let status = try status(of: file, path)
            guard status.isPlain else { throw .wrongFile(path: path, expected: "plain file", found: status.found) }
        } catch {
            close(file)
            throw error
        }
        return file
    }

    static func length(of file: Int32, _ path: String) throws(StorageError) -> UInt64 {
        try status(of: file, path).size
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

    /// Removes a file that a killed process left half written. A directory of that name is nobody's draft.
    static func removeDraft(_ path: String) throws(StorageError) {
        if try status(path)?.isDirectory == false { try remove(path) }
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
}

/// What a test's own disk answers to a read of a file at an offset: an error number, or nil where it reads.
package typealias ReadFault = @Sendable (_ path: String, _ offset: UInt64) -> Int32?

/// A file that stays open as long as somebody uses it: its number is never given away under a writer.
final class OpenFile: Sendable {
    let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }
}
