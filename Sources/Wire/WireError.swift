/// Why bytes were not accepted. Every case names the field, so that a counted drop can be explained.
public enum WireError: Error, Equatable, Sendable, CustomStringConvertible {
    case truncated(field: String)
    case trailingBytes(count: Int)
    case tooLong(field: String, length: UInt64, limit: Int)
    case invalid(field: String, reason: String)
    /// The genesis of a network that follows other rules than this program.
    case otherRules(UInt16)

    public var description: String {
        switch self {
        case .truncated(let field): "\(field): the message ends before this field does"
        case .trailingBytes(let count): "\(count) bytes follow the last field"
        case .tooLong(let field, let length, let limit): "\(field): length \(length) exceeds the limit of \(limit)"
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .otherRules(let found): "the network cannot be read here: \(RulesNumber.refusal(found))"
        }
    }
}
