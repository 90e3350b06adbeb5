internal import Glibc
internal import Wire

/// The path of a node's API socket. Whatever keeps a node from listening there stands here alone: `run` asks before it
/// listens, `doctor` while no node runs.
enum APISocket {
    static let directoryAdvice = "; check that its directory exists and is yours"

    /// Whether a socket can be made: in a directory that lets nobody else in, and in no file's place.
    ///
    /// - Returns: whether a socket is there, which a killed process left behind. Anything else at that path is not ours to remove.
    @discardableResult
    static func require(_ path: String) throws(APIError) -> Bool {
        let directory = FileSystem.parent(of: path)
        guard let parent = try status(directory, of: path) else {
            throw .cannotListen(
                path: path, reason: "its directory does not exist; make it: `mkdir -m 700 \(directory.shellWord)`")
        }
        guard parent.isDirectory else {
            throw .cannotListen(
                path: path, reason: "\(directory) is not a directory; set api.socket to a path in one")
        }
        guard parent.mode & 0o077 == 0 else { throw .openDirectory(path: directory, mode: parent.permissions) }
        guard let found = try status(path, of: path) else { return false }
        guard found.mode & 0o170000 == 0o140000 else {
            throw .cannotListen(
                path: path,
                reason: "a file that is no socket is in the way; move it away, or set api.socket to another path")
        }
        return true
    }

    private static func status(_ path: String, of socket: String) throws(APIError) -> FileSystem.Status? {
        do {
            return try FileSystem.status(path)
        } catch {
            throw .cannotListen(path: socket, reason: error.description + directoryAdvice)
        }
    }
}
