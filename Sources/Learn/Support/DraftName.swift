import Foundation
import Glibc
import Synchronization

/// Names of files that are being written: `.unfinished-BOOT.NAMESPACE-PROCESS-NUMBER`, so that whoever writes into the same
/// folder later can tell those whose process was killed, and removes them. The number of a process says something only within
/// its process namespace and until the machine starts again: containers that share a folder have the same numbers. Of a draft
/// from elsewhere its age decides.
enum DraftName {
    private static let prefix = ".unfinished-"
    /// Seconds after which a draft that nobody has written to is left over, whoever began it.
    private static let longest = 86_400
    /// Folders that were looked through by this process.
    private static let seen = Mutex<Set<String>>([])

    /// This machine since its start, and this process namespace; "0" where the system does not tell, which nobody believes.
    static let place: String = {
        guard let boot = FileManager.default.contents(atPath: "/proc/sys/kernel/random/boot_id"),
            let space = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return "0" }
        return String(decoding: boot.prefix(8), as: UTF8.self) + "." + space.filter { ("0"..."9").contains($0) }
    }()

    static func own(_ number: Int) -> String { "\(prefix)\(place)-\(getpid())-\(number)" }

    /// Once for each folder.
    static func removeLeft(in folder: String) {
        guard seen.withLock({ $0.insert(folder).inserted }) else { return }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix(prefix) {
            if isLeft(name, in: folder) { unlink(folder + "/" + name) }
        }
    }

    private static func isLeft(_ name: String, in folder: String) -> Bool {
        let parts = name.split(separator: "-")
        if place != "0", parts.count >= 4, parts[1] == place, let process = Int32(parts[2]), process > 0 {
            if process == getpid() { return false }
            if kill(process, 0) != 0, errno == ESRCH { return true }
        }
        var info = stat()
        return lstat(folder + "/" + name, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
            && time(nil) - info.st_mtim.tv_sec > longest
    }
}
