/// Why the API could not be served or reached.
public enum APIError: Error, Equatable, Sendable {
    /// The directory of the socket lets others in.
    case openDirectory(path: String, mode: String)
    /// The socket cannot be made.
    case cannotListen(path: String, reason: String)
    /// Nobody listens.
    case unreachable(path: String, reason: String)
    /// The socket is another user's.
    case notAllowed(path: String)
    /// The node answered with something that is no answer of this API.
    case malformed(path: String, reason: String)
    /// The node did not answer in time.
    case timedOut(path: String, seconds: Int)
    /// The node refused or failed.
    case problem(Problem)
}

extension APIError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .openDirectory(let path, let mode):
            // Whose directory this is nobody knows here: closing it could lock out a whole system.
            "the directory \(path) of the API socket has mode \(mode), which lets others in; give the socket one of its own: run "
                + "`mkdir -m 700 \((path + "/meshnode").shellWord)`, then set api.socket to \(path)/meshnode/api.sock"
        case .cannotListen(let path, let reason):
            "cannot listen on the API socket \(path): \(reason)"
        case .unreachable(let path, let reason): "no node answers at \(path): \(reason)"
        case .notAllowed(let path):
            "this user may not use \(path): only the user whose node it is may; run this command as that user"
        case .malformed(let path, let reason):
            "what answers at \(path) is no meshnode of this release, or was cut off: \(reason); try again, and use the same "
                + "release on both sides"
        case .timedOut(let path, let seconds):
            "the node at \(path) did not answer within \(seconds) s; look at its log and try again"
        case .problem(let problem): problem.message
        }
    }
}
