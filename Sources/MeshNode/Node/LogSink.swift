internal import Foundation
internal import Glibc
internal import Synchronization

/// Where a process that must stay up writes its log lines: a thread of its own behind a bounded queue.
///
/// A line that cannot be written (disk full, reader gone, pipe full for a second) is dropped and counted; whoever logs
/// never waits and never ends because of it. The next line that can be written is preceded by one that says how many
/// were lost and why.
public final class LogSink: Sendable {
    /// Lines that wait to be written; beyond, newer ones are dropped.
    static let waitingMax = 4_096
    /// Milliseconds that a pipe may stay full before a line is dropped.
    private static let patienceMs: Int32 = 1_000

    private struct State {
        var file: Int32
        var waiting = 0
        var lost: UInt64 = 0
        var isTold = true
        var reason = ""
    }

    /// Absolute path of the log file; nil is stderr.
    public let path: String?
    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "meshnode.log")

    /// - Parameter path: absolute path of a file that is appended to, made with mode 0600; nil writes to stderr.
    /// - Throws: `StorageError` when the file cannot be opened.
    public init(path: String? = nil) throws(StorageError) {
        self.path = path
        state = Mutex(State(file: try path.map { path throws(StorageError) in try Self.open(path) } ?? 2))
    }

    /// Lines that nobody can read any more.
    public var lost: UInt64 { state.withLock { $0.lost } }

    /// Queues a line; returns at once.
    public func write(_ line: String) {
        let isRoom = state.withLock { state in
            guard state.waiting < Self.waitingMax else {
                state.lost += 1
                state.isTold = false
                state.reason = "\(Self.waitingMax) lines were waiting already"
                return false
            }
            state.waiting += 1
            return true
        }
        guard isRoom else { return }
        queue.async { [self] in
            put(line)
            state.withLock { $0.waiting -= 1 }
        }
    }

    /// Opens the file of this path anew, after a tool has renamed it; keeps the old one if that fails. No effect on stderr.
    public func reopen() {
        guard let path else { return }
        queue.async { [self] in
            do throws(StorageError) {
                let fresh = try Self.open(path)
                let old = state.withLock { state in
                    defer { state.file = fresh }
                    return state.file
                }
                close(old)
            } catch { lose("\(error)") }
        }
    }

    /// Waits until every line queued so far was written or dropped, at most `seconds`.
    public func flush(seconds: Int = 2) {
        let done = DispatchSemaphore(value: 0)
        queue.async { done.signal() }
        _ = done.wait(timeout: .now() + .seconds(seconds))
    }

    private func lose(_ reason: String) {
        state.withLock { state in
            state.lost += 1
            state.isTold = false
            state.reason = reason
        }
    }

    private func put(_ line: String) {
        let (file, remark) = state.withLock { state in
            (state.file, state.isTold ? nil : "\(state.lost) log lines were lost so far: \(state.reason)")
        }
        if let remark {
            guard Self.write(Array((remark + "\n").utf8), to: file) == nil else { return lose(remarkReason) }
            state.withLock { $0.isTold = true }
        }
        if let reason = Self.write(Array((line + "\n").utf8), to: file) { lose(reason) }
    }

    private var remarkReason: String { state.withLock { $0.reason } }

    /// - Returns: why the bytes could not be written; nil when they were.
    private static func write(_ bytes: [UInt8], to file: Int32) -> String? {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, bytes.count - done) }
            if put > 0 {
                done += put
                continue
            }
            let reason = errno
            if put < 0, reason == EINTR { continue }
            if put < 0, reason == EAGAIN || reason == EWOULDBLOCK {
                var waiting = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                if poll(&waiting, 1, patienceMs) > 0 { continue }
                return "its reader took nothing for \(patienceMs) ms"
            }
            return String(cString: strerror(reason))
        }
        return nil
    }

    private static func open(_ path: String) throws(StorageError) -> Int32 {
        let file = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw .operation(path: path, operation: "opening", reason: String(cString: strerror(errno)))
        }
        return file
    }
}
