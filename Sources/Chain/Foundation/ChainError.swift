public import Wire

/// Why a block, certificate or transaction does not follow the rules. The text is for logs and for people.
public enum ChainError: Error, Equatable, Sendable, CustomStringConvertible {
    case malformed(WireError)
    case invalid(String)

    public var description: String {
        switch self {
        case .malformed(let error): "malformed: \(error)"
        case .invalid(let reason): reason
        }
    }
}

/// Throws `ChainError.invalid` unless `condition` holds.
func require(_ condition: Bool, _ reason: @autoclosure () -> String) throws(ChainError) {
    guard condition else { throw .invalid(reason()) }
}

/// Decodes a whole message, turning the codec's error into ours.
func decoded<Value: WireCodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(ChainError) -> Value {
    do { return try Value(wireBytes: bytes) } catch { throw .malformed(error) }
}
