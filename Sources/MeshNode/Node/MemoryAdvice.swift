internal import MeshCrypto

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
        guard let bytes = ProcessLimit.lockedMemory.current else { return "an unknown number of bytes" }
        return bytes > UInt64(Int64.max) ? "as much as there is" : "\(bytes) bytes"
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
