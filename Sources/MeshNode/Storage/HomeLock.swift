internal import Dispatch
internal import Foundation
internal import Glibc
internal import Synchronization

/// Holds a home for one process. The kernel releases it when the process ends, however it ends.
public final class HomeLock: Sendable {
    /// Nil once it was released.
    private let file: Mutex<Int32?>
    public let home: HomeDirectory

    /// - Throws: `StorageError.locked` with the process id of the holder.
    public init(_ home: HomeDirectory) throws(StorageError) {
        let path = home.lockFile
        let file = try FileSystem.openPlain(path, O_RDWR | O_CREAT)
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
        self.file = Mutex(file)
        self.home = home
    }

    /// Gives the home up before the process ends, for a node that starts anew in this process.
    public func release() {
        file.withLock { file in
            if let descriptor = file { close(descriptor) }
            file = nil
        }
    }

    /// Holds the home on until the process has ended, whatever becomes of this value: whoever waits for the home then finds its
    /// databases closed.
    func keepUntilProcessEnds() { file.withLock { $0 = nil } }

    /// Returns when no process holds the home any more.
    /// - Returns: whether that came within `seconds`.
    /// - Throws: where the lock cannot be opened, so that nobody knows.
    public static func waitUntilFree(_ home: HomeDirectory, seconds: Int) async throws(StorageError) -> Bool {
        let file = try FileSystem.openPlain(home.lockFile)
        let (answers, answer) = AsyncStream.makeStream(of: Bool.self)
        Thread.detachNewThread {
            while flock(file, LOCK_SH) != 0, errno == EINTR {}
            close(file)
            answer.yield(true)
            answer.finish()
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(seconds)) {
            answer.yield(false)
            answer.finish()
        }
        for await isFree in answers { return isFree }
        return false
    }

    deinit { release() }
}
