import Glibc

/// Why a file was not read, in words of its reader.
public enum InputFault: Error, Equatable, Sendable {
    /// Nothing has this name, not even a link that leads nowhere.
    case missing
    case wrongKind(InputFile.Kind)
    /// What the system says.
    case unreadable(String)
    /// It has, or grew to, more than the limit; the number of bytes that is known of it.
    case tooLong(Int)
}

/// A file that is read: opened once and without waiting. What it is and how long it is, is asked of what was opened and never of
/// the path, which may be another file by then; a pipe in the place of a file would otherwise hold its reader for ever.
public final class InputFile {
    public enum Kind: Equatable, Sendable { case plain, pipe, directory, device }

    public let kind: Kind
    /// Bytes that a plain file had when it was opened.
    public let size: Int
    let descriptor: Int32

    public init(_ path: String) throws(InputFault) {
        let file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw Self.fault(path, errno) }
        var info = stat()
        guard fstat(file, &info) == 0 else {
            let code = errno
            close(file)
            throw .unreadable(String(cString: strerror(code)))
        }
        descriptor = file
        size = Int(info.st_size)
        kind =
            switch info.st_mode & S_IFMT {
            case S_IFREG: .plain
            case S_IFDIR: .directory
            case S_IFIFO, S_IFSOCK: .pipe
            default: .device
            }
    }

    deinit { close(descriptor) }

    private static func fault(_ path: String, _ code: Int32) -> InputFault {
        guard code == ENOENT else { return .unreadable(String(cString: strerror(code))) }
        var info = stat()
        return lstat(path, &info) == 0 ? .unreadable("it is a link that leads nowhere") : .missing
    }

    /// A whole plain file.
    /// - Parameter limit: bytes; a longer file is refused before it is read.
    public static func plain(_ path: String, limit: Int) throws(InputFault) -> [UInt8] {
        let file = try InputFile(path)
        guard file.kind == .plain else { throw .wrongKind(file.kind) }
        return try file.bytes(limit: limit)
    }

    /// All bytes, of a pipe those that come until its writers have closed it.
    public func bytes(limit: Int) throws(InputFault) -> [UInt8] {
        if kind == .plain, size > limit { throw .tooLong(size) }
        if kind == .pipe {
            // The person named it: its first writer may come later, as where it is opened the plain way.
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&wanted, 1, -1) < 0, errno == EINTR {}
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
        }
        var result: [UInt8] = []
        if kind == .plain { result.reserveCapacity(size) }
        while true {
            let wanted = min(1 << 20, limit - result.count + 1)
            var code: Int32 = 0
            let part = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                let got = read(descriptor, buffer.baseAddress!, wanted)
                code = got < 0 ? errno : 0
                filled = max(0, got)
            }
            if code == EINTR { continue }
            guard code == 0 else { throw .unreadable(String(cString: strerror(code))) }
            if part.isEmpty { return result }
            result += part
            guard result.count <= limit else { throw .tooLong(result.count) }
        }
    }
}
