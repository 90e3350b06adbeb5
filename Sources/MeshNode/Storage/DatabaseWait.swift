internal import Foundation
internal import Synchronization

/// How long a connection waits for whoever holds its file: a backup program may for a while. A process that waits in silence
/// looks like one that hangs, so that after a second it says for what.
public enum DatabaseWait {
    /// Milliseconds between two tries: short ones in the first second.
    private static let first = 10
    private static let later = 50
    /// Tries in the first second.
    private static let early = 100

    private static let saying = Mutex<@Sendable (String) -> Void>({ text in
        FileHandle.standardError.write(Data("meshnode: \(text)\n".utf8))
    })

    /// Where it is said from now on; stderr without it.
    public static func say(_ body: @escaping @Sendable (String) -> Void) { saying.withLock { $0 = body } }

    /// Milliseconds before try `number`, from 0.
    static func waited(before number: Int) -> Int {
        min(number, early) * first + max(0, number - early) * later
    }

    /// What SQLite asks before each try.
    /// - Parameter sleep: milliseconds; a test's own does not.
    static func handler(
        of path: String, seconds: Int, say: (@Sendable (String) -> Void)? = nil,
        sleep: @escaping @Sendable (Int) -> Void = { usleep(UInt32($0) * 1_000) }
    ) -> @Sendable (Int) -> Bool {
        { number in
            guard waited(before: number) < seconds * 1_000 else { return false }
            if number == early {
                let text =
                    "waiting up to \(seconds) s for \(path), which "
                    + (FileHolder.of(path)?.words ?? "another process") + " holds"
                (say ?? saying.withLock { $0 })(text)
            }
            sleep(number < early ? first : later)
            return true
        }
    }
}

/// A process that holds a file which SQLite locks, as far as the system tells.
struct FileHolder: Equatable {
    let process: Int32
    /// As it calls itself; nil where it has ended, or is another user's.
    let name: String?

    var words: String { "process \(process)\(name.map { " (\($0))" } ?? "")" }

    /// Nothing is opened: closing a file gives back every lock that this process has on it.
    static func of(_ path: String) -> FileHolder? {
        guard let bytes = FileManager.default.contents(atPath: "/proc/locks") else { return nil }
        let files = [path, path + "-shm"].compactMap(Self.file)
        let found = process(in: String(decoding: bytes, as: UTF8.self), files: files, except: getpid())
        return found.map { number in
            let name = FileManager.default.contents(atPath: "/proc/\(number)/comm")
            return FileHolder(
                process: number,
                name: name.map { String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .newlines) })
        }
    }

    /// The first that has a lock for writing on one of the files, in the words of /proc/locks:
    /// `67: POSIX  ADVISORY  WRITE 24346 fe:00:16236580 120 120`. Those behind an arrow only wait for one.
    /// - Parameter files: as there, device and number.
    static func process(in locks: String, files: [String], except own: Int32) -> Int32? {
        for line in locks.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count >= 6, words[3] == "WRITE", files.contains(String(words[5])),
                let process = Int32(words[4]), process > 0, process != own
            else { continue }
            return process
        }
        return nil
    }

    private static func file(_ path: String) -> String? {
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        func two(_ number: UInt64) -> String { (number < 16 ? "0" : "") + String(number, radix: 16) }
        // As the system's own macros take a device number apart.
        let device = UInt64(info.st_dev)
        let major = (device >> 8) & 0xfff | (device >> 32) & ~0xfff
        let minor = device & 0xff | (device >> 12) & ~0xff
        return "\(two(major)):\(two(minor)):\(info.st_ino)"
    }
}
