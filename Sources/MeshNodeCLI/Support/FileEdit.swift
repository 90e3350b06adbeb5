internal import Glibc
internal import Learn

/// The one way to change a file by what is in it: nobody else changes it between the reading and the replacing, so that of many
/// commands at once each finds what the one before has written. Whoever reads alone needs no lock, since the file is replaced
/// whole.
enum FileEdit {
    /// - Parameter change: reads the file, as the lock is held, and returns what it shall be.
    @discardableResult
    static func run<Value>(
        _ path: String, _ change: () throws -> (bytes: [UInt8], value: Value)
    ) throws -> Value {
        // Whatever name the file goes by, its lock lies beside the file itself.
        let folder = FilePath.folder(of: FilePath.real(path) ?? path)
        let lock = (folder == "/" ? "" : folder) + "/.editing"
        let descriptor = try take(lock, for: path)
        defer {
            // While it is held: whoever waits for this one sees that it has no name any more, and makes another.
            unlink(lock)
            close(descriptor)
        }
        let (bytes, value) = try change()
        try Files.write(bytes, to: path)
        return value
    }

    private static func take(_ lock: String, for path: String) throws(FileError) -> Int32 {
        while true {
            let flags = O_CREAT | O_CLOEXEC | O_NOFOLLOW
            var file = open(lock, O_RDWR | flags, 0o666)
            if file < 0, errno == EACCES { file = open(lock, O_RDONLY | flags, 0o666) }
            guard file >= 0 else { throw failure(path) }
            while flock(file, LOCK_EX) != 0 {
                guard errno == EINTR else {
                    let error = failure(path)
                    close(file)
                    throw error
                }
            }
            var (held, named) = (stat(), stat())
            if fstat(file, &held) == 0, lstat(lock, &named) == 0, held.st_ino == named.st_ino,
                held.st_dev == named.st_dev
            {
                return file
            }
            close(file)
        }
    }

    private static func failure(_ path: String) -> FileError {
        FileError(
            path: path, reason: "cannot be written: no lock beside it: \(String(cString: strerror(errno)))",
            next: "see who may write into its folder")
    }
}
