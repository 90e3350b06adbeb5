internal import Foundation

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The process's open files against its limit.
enum OpenFiles {
    /// Databases, contents in transfer, the API's connections: kept free for what is no link.
    static let reserved = 40
    /// Above this nobody needs to count.
    private static let plenty = 1 << 14

    /// Files that links may open; nil where the limit is far away or cannot be read.
    static var free: Int? {
        var limit = rlimit()
        #if canImport(Glibc)
            let read = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        #else
            let read = getrlimit(RLIMIT_NOFILE, &limit)
        #endif
        guard read == 0, limit.rlim_cur < plenty else { return nil }
        let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 32
        return Int(limit.rlim_cur) - open - reserved
    }
}
