import Glibc

/// Paths as the kernel follows them. Foundation drops `..` from a path by its letters, and `link/../a` is another file than `a`
/// where the link leads to another folder: what a person named goes to the system as it stands, and where a path of our own is
/// needed, it comes from `realpath`.
public enum FilePath {
    /// Without links, `.` and `..`; nil where nothing is.
    public static func real(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(cString: found)
    }

    public static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    public static func name(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
    }
}
