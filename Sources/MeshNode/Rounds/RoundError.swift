/// Why a piece of round work was refused or failed. The text is for logs and for people.
public enum RoundError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Somebody's bytes are not what they must be.
    case rejected(String)
    /// This node cannot do it now.
    case failed(String)

    public var description: String {
        switch self {
        case .rejected(let reason), .failed(let reason): reason
        }
    }
}
