internal import Foundation

/// Whether the secrets of this process lie on locked pages, which are never swapped out. The system decides that by a limit
/// (`ulimit -l`), and libsodium says nothing where it refuses.
enum LockedPages {
    /// KiB that this process has locked; nil where the system does not tell.
    static func locked(_ status: String? = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) -> Int? {
        guard let line = status?.split(separator: "\n").first(where: { $0.hasPrefix("VmLck:") }) else { return nil }
        return line.split(separator: " ").compactMap { Int($0.filter { $0.isNumber }) }.first
    }

    /// Of a process that holds a key by now.
    static func check(_ locked: Int? = locked()) -> HealthCheck {
        switch locked {
        case nil:
            HealthCheck("secrets", .unknown, "the system does not say whether their pages are locked")
        case 0?:
            HealthCheck(
                "secrets", .unknown, fault,
                next: "allow locked memory (`ulimit -l 8192`, LimitMEMLOCK= of a service), or have no swap")
        case let kibibytes?:
            HealthCheck("secrets", .ok, "\(kibibytes) KiB of this process are locked, its keys among them")
        }
    }

    static let fault = "no page of this process is locked: keys and masks may be written to swap"
}
