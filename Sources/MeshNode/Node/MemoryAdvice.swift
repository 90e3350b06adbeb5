internal import MeshCrypto

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// What is said where keys cannot be kept out of swap. Nothing stops for it, so that saying it is all there is.
enum MemoryAdvice {
    static let next =
        "raise the limit before the node starts: `ulimit -l unlimited`, LimitMEMLOCK=infinity in its systemd unit, "
        + "--ulimit memlock=-1 for a container; or turn swap and core dumps off"

    /// Of a process in which so many bytes of secrets are not locked; nil where all are.
    static func warning(unlocked bytes: Int) -> String? {
        guard bytes > 0 else { return nil }
        return "\(bytes) bytes of keys are not locked in memory and may be written to swap or into a core dump; this "
            + "process may lock \(limit)"
    }

    private static var limit: String {
        var limit = rlimit()
        #if canImport(Glibc)
            let read = getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &limit)
        #else
            let read = getrlimit(RLIMIT_MEMLOCK, &limit)
        #endif
        guard read == 0 else { return "an unknown number of bytes" }
        return limit.rlim_cur > UInt64(Int64.max) ? "as much as there is" : "\(limit.rlim_cur) bytes"
    }

    /// - Parameter unlocked: bytes in the process that is looked at.
    static func check(unlocked bytes: Int) -> HealthCheck {
        guard let warning = warning(unlocked: bytes) else {
            return HealthCheck("memory", .ok, "keys are locked in memory")
        }
        return HealthCheck("memory", .warning, warning, next: next)
    }

    /// Of a process that has not many secrets yet: whether it could lock what some thousand peers need.
    static func probe() -> HealthCheck {
        let needed = 1 << 20
        return check(unlocked: SecretMemory.canLock(needed) ? SecretMemory.unlockedBytes : needed)
    }
}
