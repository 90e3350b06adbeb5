#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Limits that the system sets this process. The C libraries name them by different types, so they are read here alone.
package enum ProcessLimit {
    case openFiles
    case lockedMemory
    case stack
    case fileSize
    case addressSpace

    /// The one that holds now; nil if it cannot be read. Without a limit it is `UInt64.max`.
    var current: UInt64? { read().map { UInt64($0.rlim_cur) } }

    /// As high as the system lets it, for what opens many files on purpose.
    ///
    /// - Returns: whether it is so high now.
    @discardableResult
    package func raise() -> Bool {
        guard var limit = read() else { return false }
        limit.rlim_cur = limit.rlim_max
        return setrlimit(resource, &limit) == 0
    }

    private func read() -> rlimit? {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? limit : nil
    }

    #if canImport(Glibc)
        private var resource: __rlimit_resource_t {
            switch self {
            case .openFiles: __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
            case .lockedMemory: __rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue)
            case .stack: __rlimit_resource_t(RLIMIT_STACK.rawValue)
            case .fileSize: __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
            case .addressSpace: __rlimit_resource_t(RLIMIT_AS.rawValue)
            }
        }
    #else
        private var resource: Int32 {
            switch self {
            case .openFiles: RLIMIT_NOFILE
            case .lockedMemory: RLIMIT_MEMLOCK
            case .stack: RLIMIT_STACK
            case .fileSize: RLIMIT_FSIZE
            case .addressSpace: RLIMIT_AS
            }
        }
    #endif
}
