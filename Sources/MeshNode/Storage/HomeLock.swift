internal import Glibc

/// Holds a home for one process. The kernel releases it when the process ends, however it ends.
public final class HomeLock: Sendable {
    private let file: Int32
    public let home: HomeDirectory

    /// - Throws: `StorageError.locked` with the process id of the holder.
    public init(_ home: HomeDirectory) throws(StorageError) {
        let path = home.lockFile
        let file = try FileSystem.open(path, O_RDWR | O_CREAT)
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let text = (try? FileSystem.read(file, path, offset: 0, count: 20)) ?? []
            close(file)
            guard code == EWOULDBLOCK else { throw FileSystem.failure(path, "locking", code: code) }
            let digits = text.prefix { (0x30...0x39).contains($0) }
            throw .locked(path: home.path, pid: Int32(String(decoding: digits, as: UTF8.self)))
        }
        do throws(StorageError) {
            guard ftruncate(file, 0) == 0 else { throw FileSystem.failure(path, "truncation") }
            try FileSystem.write(file, path, Array("\(getpid())\n".utf8), offset: 0)
        } catch {
            close(file)
            throw error
        }
        self.file = file
        self.home = home
    }

    deinit { close(file) }
}
